"""The offline engine in the place of the models of a plan, to see what its conversations will ask for. Costs nothing.

Prompts are those of the run, answers the simulator's. How many calls come one after another is counted in rounds: the
calls that are out at the same time are answered together.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from i2a.jsonl import JsonMapping
from i2a.models.model import REPLIES, Completion, Message, Model, estimate_tokens
from i2a.models.spec import ModelSpec
from i2a.runs.simulated import OFFLINE, simulated_by_name

SETTLED = 20  # steps of the event loop without a new call, after which all that can be asked has been


@dataclass(slots=True)
class StandInLog:
    """What stand-ins share. By (role, model): the characters of all prompts, and of these the ones that somebody had
    said before. `rounds`: how many times calls were answered."""

    prompts: Counter[tuple[str, str]] = field(default_factory=Counter)
    quoted: Counter[tuple[str, str]] = field(default_factory=Counter)
    utterances: list[int] = field(default_factory=list)  # lengths, in characters
    rounds: int = 0
    _said: set[str] = field(default_factory=set)
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)
    _answering: asyncio.Task[None] | None = None

    def begins(self) -> None:
        """Another conversation: what was said before is not quoted in it."""
        self._said.clear()

    def note(self, who: tuple[str, str], prompt: str, content: str, *, utterance: bool) -> None:
        self.prompts[who] += len(prompt)
        self.quoted[who] += sum(len(said) * prompt.count(said) for said in self._said)
        if utterance:
            self.utterances.append(len(content))
            if content:
                self._said.add(content)

    async def turn(self) -> None:
        """Return with the other calls that are out."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer_all())
        await turn

    async def _answer_all(self) -> None:
        seen, steps = 0, 0
        while steps < SETTLED:
            await asyncio.sleep(0)
            steps, seen = (0 if len(self._waiting) > seen else steps + 1), len(self._waiting)
        waiting, self._waiting, self._answering = self._waiting, [], None
        self.rounds += 1
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)


class StandIn(Model):
    """Answers for the model that `spec` names."""

    in_process = True

    def __init__(self, spec: ModelSpec, log: StandInLog, role: str = "") -> None:
        self._spec, self._log, self._role = spec, log, role
        self.simulated = simulated_by_name(str(spec))
        self._engine = (spec if spec.kind == OFFLINE else ModelSpec.parse(OFFLINE)).open()

    def for_role(self, role: str) -> "StandIn":
        return StandIn(self._spec, self._log, role)

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        text = "\n".join(message.content for message in messages)
        if REPLIES in parameters:
            return await self._scored(text, parameters[REPLIES])
        found = await self._engine.complete(messages, parameters)
        utterance = "response_format" not in parameters
        self._log.note((self._role, str(self._spec)), text, found.content.strip(), utterance=utterance)
        await self._log.turn()
        return found

    async def _scored(self, prompt: str, replies: Sequence[str]) -> Completion:
        """Likelihoods as a server gives them: a request more than there are replies."""
        lengths = list(map(estimate_tokens, replies))
        await self._log.turn()
        tokens = (1 + len(replies)) * estimate_tokens(prompt) + sum(lengths)
        return Completion(
            json.dumps([(-float(length), length) for length in lengths]), "stop", tokens, 1 + len(replies)
        )


def stand_ins(models: Mapping[str, ModelSpec], log: StandInLog) -> dict[ModelSpec, Model]:
    """One for each model."""
    return {spec: StandIn(spec, log) for spec in dict.fromkeys(models.values())}
