"""Which share of a prompt a provider's prefix cache can know, by role: tokens that equal the beginning of an earlier
prompt of the same role.

python benchmarks/prefix_share.py --conversations 8 --turns 10
python benchmarks/prefix_share.py --prompt judge=other.txt

conversation: of an earlier call in the same conversation. anywhere: of any earlier call. OpenAI: what its cache would
read of that, which begins at 1,024 tokens and goes in steps of 128. Messages are lengthened to about 50 tokens, as a
language model writes them; a token is 4 characters.
"""

import argparse
import asyncio
import bisect
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from i2a.jsonl import JsonMapping
from i2a.models.model import Completion, Message, Model
from i2a.models.spec import ModelSpec
from scenarios.settings import Simulation
from scenarios.simulation import simulate_async

CHARACTERS, FIRST, STEP = 4, 1024, 128
LENGTH = 50 * CHARACTERS
MORE = " So it goes on with that, much as it did the week before, and nobody I know has ever said a word about it."


@dataclass
class Shares:
    """Characters of one role's prompts, and of these the ones that an earlier prompt began with."""

    calls: int = 0
    size: int = 0
    conversation: int = 0
    anywhere: int = 0
    cached: int = 0
    earlier: list[str] = field(default_factory=list)
    here: list[str] = field(default_factory=list)

    def add(self, prompt: str) -> None:
        known = longest(prompt, self.earlier)
        tokens = known // CHARACTERS
        self.calls += 1
        self.size += len(prompt)
        self.conversation += longest(prompt, self.here)
        self.anywhere += known
        self.cached += (tokens - tokens % STEP) * CHARACTERS if tokens >= FIRST else 0
        bisect.insort(self.earlier, prompt)
        bisect.insort(self.here, prompt)


def longest(prompt: str, earlier: Sequence[str]) -> int:
    """Of how many characters the longest beginning is that the prompt shares with one of these, which are sorted."""
    place = bisect.bisect(earlier, prompt)
    return max((common(prompt, other) for other in earlier[max(0, place - 1) : place + 1]), default=0)


def common(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


class Recorder(Model):
    """The offline engine, with longer messages; notes what each role is shown."""

    def __init__(self, shares: dict[str, Shares], role: str = "") -> None:
        self._shares, self._role = shares, role
        self._engine = ModelSpec.parse("offline").open()
        self.simulated = True

    def for_role(self, role: str) -> "Recorder":
        return Recorder(self._shares, role)

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        self._shares[self._role].add("".join(f"\x02{role}\n{content}\x03" for role, content in messages))
        found = await self._engine.complete(messages, parameters)
        short = max(0, LENGTH - len(found.content)) if "response_format" not in parameters else 0
        return found._replace(content=found.content + (MORE * 2)[:short])


async def measured(conversations: int, turns: int, prompts: dict[str, Path]) -> dict[str, Shares]:
    """One conversation after another, so that what is shared follows from the prompts alone."""
    shares: dict[str, Shares] = defaultdict(Shares)
    for number in range(conversations):
        for role in shares.values():
            role.here.clear()
        with tempfile.TemporaryDirectory() as folder:
            config = Simulation(
                out=Path(folder) / "run", conversations=1, turns=turns, seed=number, role_prompt=prompts, concurrency=1
            )
            (await simulate_async(config, clients={"*": Recorder(shares)})).raise_for_status()
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=8)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--prompt", action="append", default=[], metavar="ROLE=FILE")
    args = parser.parse_args()
    prompts = {role: Path(file) for role, _, file in (text.partition("=") for text in args.prompt)}
    shares = asyncio.run(measured(args.conversations, args.turns, prompts))
    print(f"{'role':12}{'calls':>7}{'tokens a call':>15}{'conversation':>14}{'anywhere':>10}{'OpenAI':>8}")
    total = Shares()
    for role, of in [*sorted(shares.items()), ("all", total)]:
        numbers = f"{of.conversation / of.size:14.1%}{of.anywhere / of.size:10.1%}{of.cached / of.size:8.1%}"
        print(f"{role:12}{of.calls:7}{of.size / of.calls / CHARACTERS:15.0f}{numbers}")
        for name in ("calls", "size", "conversation", "anywhere", "cached"):
            setattr(total, name, getattr(total, name) + getattr(of, name))


if __name__ == "__main__":
    main()
