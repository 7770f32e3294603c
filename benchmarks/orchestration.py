"""What a call costs beside the model: roles, journal and runner, against a bare AutoGen `AssistantAgent.run`.

Both get answers at once, in the same process, in turns. Run: python benchmarks/orchestration.py
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import CreateResult, LLMMessage, RequestUsage

from i2a.models.autogen import ModelClient
from i2a.models.model import FREE, Completion, Message, Model, Price
from scenarios import Simulation, simulate

ANSWERS = {
    "Inference": '{"reason": "They said so.", "profile": ["two cats named Tib and Tom"], "personality": ["dry"]}',
    "Preference": '{"reason": "It is closer to what was said.", "winner": "1"}',
    None: "I had a long day at the yard and the bus was late again, but the cats were pleased to see me at least.",
}


class InstantModel(Model):
    """Answers what the role could have answered, with no work of its own."""

    async def complete(self, messages: Sequence[Message], parameters: Mapping[str, Any]) -> Completion:
        schema = parameters.get("response_format", {}).get("json_schema", {}).get("name")
        await asyncio.sleep(0)
        return Completion(ANSWERS[schema], "stop", 300, 30)

    def price(self) -> Price:
        return FREE


class InstantClient(ModelClient):
    """The same as AutoGen takes it, with as little between."""

    async def create(self, messages: Sequence[LLMMessage], **_: Any) -> CreateResult:
        await asyncio.sleep(0)
        return CreateResult(finish_reason="stop", content=ANSWERS[None], usage=RequestUsage(300, 30), cached=False)


def ours(conversations: int, turns: int) -> float:
    """CPU seconds per call of a whole simulation: personas, roles, journal, runner, trees on disk."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        result = simulate(
            Simulation(out=Path(folder) / "run", conversations=conversations, turns=turns, concurrency=64),
            clients={"*": InstantModel()},
        )
        spent = time.process_time() - start
    return spent / sum(used.calls for used in result.usage.by_role().values())


def assistant_agents(conversations: int, turns: int) -> float:
    """CPU seconds per call of one `AssistantAgent` for each conversation, `run` once a turn, nothing stored."""

    async def conversation(number: int) -> None:
        client = InstantClient(InstantModel())
        agent = AssistantAgent(f"agent{number}", client, system_message="You chat with a person.")
        for _ in range(turns):
            await agent.run(task=str(ANSWERS[None]))

    async def all_of_them() -> None:
        waiting = iter(range(conversations))

        async def work() -> None:
            for number in waiting:
                await conversation(number)

        await asyncio.gather(*(work() for _ in range(64)))

    start = time.process_time()
    asyncio.run(all_of_them())
    return (time.process_time() - start) / (conversations * turns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    ours(5, 2), assistant_agents(5, 2)
    rows = []
    for _ in range(args.rounds):
        gc.collect()
        rows.append((ours(args.conversations, args.turns), assistant_agents(args.conversations * 6, args.turns)))
        print(f"i2a {rows[-1][0] * 1e6:6.1f} us/call   AssistantAgent.run {rows[-1][1] * 1e6:6.1f} us/call")
    ratio = statistics.median(mine / theirs for mine, theirs in rows)
    print(f"ratio i2a / AssistantAgent.run: {ratio:.2f} (median of {args.rounds} rounds)")


if __name__ == "__main__":
    main()
