"""How a candidate is asked which of four replies it prefers: by their likelihoods, or for a letter.

A letter is asked for in four orders, in which each reply has each place once: whoever always takes the same letter
chooses every reply equally often.
"""

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict

from agents.prompt import Prompt
from agents.responders import describe
from agents.role import Role
from evaluation.candidates import Candidate, Oracle, Plain
from evaluation.cases import USER
from evaluation.choice.baselines import Shares, preferred
from evaluation.choice.items import OPTIONS, ChoiceItem, OptionKind
from i2a.errors import ModelError, UsageError
from i2a.jsonl import JsonObject
from i2a.models.model import Message, Model
from i2a.trees.persona import Persona
from i2a.trees.tree import Inference, Node

LETTERS = "ABCD"
Method = Literal["logprobs", "letters"]
PLAIN, SHUFFLED, LAST, ORACLE = "plain", "shuffled", "last", "oracle"
WRAPPED = (PLAIN, SHUFFLED, LAST, ORACLE)


class PickedLetter(BaseModel):
    """The letter of a reply."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    letter: Literal["A", "B", "C", "D"]

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """A model that writes B, (b) or "B." means the same."""
        bare = re.fullmatch(r"\W*([A-Da-d])\W*", json_data) if isinstance(json_data, str) else None
        return cls(letter=bare[1].upper()) if bare else super().model_validate_json(json_data, **options)


class Chooser(Role[PickedLetter]):
    """Says which of four replies suits the person. Values: `a`, `b`, `c`, `d`."""

    prompt = Prompt.beside(__file__, "choice.txt")


class InformedChooser(Chooser):
    """The same, told the whole persona. Values: also `known`."""

    prompt = Prompt.beside(__file__, "known.txt", "choice.txt")


class Asking(Protocol):
    """A way to have a candidate choose."""

    async def ask(self, history: Sequence[str], item: ChoiceItem) -> JsonObject:
        """The choice after `history`, the messages of user and assistant in turn, as `choices.jsonl` holds it."""
        ...


def choice(share: Shares | None, reason: str = "", **details: Any) -> JsonObject:
    """`share`: which part of the choice falls on which reply; None if there is no usable answer, and `reason` why."""
    return {"share": share, "reason": reason, **details}


@dataclass(frozen=True, slots=True)
class ByLikelihood:
    """The reply that is likeliest per token; with a `reference`, the one of the highest implicit reward.

    The implicit reward of DPO (arXiv 2305.18290) is, but for a factor, log p(reply) under the candidate minus log
    p(reply) under the model before its training.
    """

    model: Model
    reference: Model | None = None
    instructions: str = ""

    async def ask(self, history: Sequence[str], item: ChoiceItem) -> JsonObject:
        messages = [Message("system", self.instructions)] if self.instructions else []
        messages += [Message("assistant" if place % 2 else "user", text) for place, text in enumerate(history)]
        replies = [item.options[kind] for kind in OPTIONS]
        models = [self.model, *([self.reference] if self.reference else [])]
        try:
            own, *before = await asyncio.gather(*(model.likelihoods(messages, replies) for model in models))
        except ModelError as problem:
            return choice(None, str(problem))
        if before:
            values = [a.logprob - b.logprob for a, b in zip(own, before[0], strict=True)]
        else:
            values = [each.logprob / each.tokens for each in own]
        scores = dict(zip(OPTIONS, values, strict=True))
        return choice(preferred(scores), scores=scores)


@dataclass(frozen=True, slots=True)
class ByLetter:
    """The letters of four answers. If one of them cannot be used, no choice is known: places would not cancel."""

    chooser: Chooser
    seed: str

    async def ask(self, history: Sequence[str], item: ChoiceItem) -> JsonObject:
        here: Node | None = None
        for place, text in enumerate(history):
            here = Node(here, "assistant" if place % 2 else USER, text)
        orders = rotations(self.seed, item)
        answers = await asyncio.gather(
            *(self.chooser(here, **places(order, item)) for order in orders), return_exceptions=True
        )
        picked: list[OptionKind] = []
        for order, answer in zip(orders, answers, strict=True):
            if isinstance(answer, ModelError):
                return choice(None, str(answer))
            if isinstance(answer, BaseException):
                raise answer
            picked.append(order[LETTERS.index(answer.letter)])
        share: Shares = {kind: picked.count(kind) / len(orders) for kind in OPTIONS}
        return choice(share, letters="".join(answer.letter for answer in answers if isinstance(answer, PickedLetter)))


def rotations(seed: str, item: ChoiceItem) -> list[list[OptionKind]]:
    """Four orders of the replies, each one place further than the one before; the first is drawn."""
    order = list(OPTIONS)
    random.Random(f"{seed}/{item.turn}/order").shuffle(order)
    return [order[start:] + order[:start] for start in range(len(order))]


def places(order: Sequence[OptionKind], item: ChoiceItem) -> dict[str, str]:
    """The replies under the names that the prompt has for their places."""
    return {letter.lower(): item.options[kind] for letter, kind in zip(LETTERS, order, strict=True)}


def parse(text: str) -> Candidate:
    """`[NAME=][WRAPPER:]MODEL` with a wrapper of `WRAPPED`. Raises `UsageError`."""
    candidate = Candidate.parse(text)
    if candidate.wrapper not in WRAPPED:
        raise UsageError(f"{text!r}: {candidate.wrapper}: says how to write, and nothing is written here")
    return candidate


def asking(wrapper: str, method: Method, model: Model, reference: Model | None, persona: Persona, seed: str) -> Asking:
    """How a candidate is asked about a dialogue. `seed` draws the orders of the replies."""
    known = None
    if wrapper == ORACLE:
        known = describe(Inference(reason="", profile=[persona.profile], personality=[persona.personality]))
    if method == "letters":
        chooser = InformedChooser("candidate", model, known=known) if known else Chooser("candidate", model)
        return ByLetter(chooser, seed)
    return ByLikelihood(model, reference, Oracle.prompt.instructions({"known": known}) if known else "")


def prompts(wrapper: str, method: Method) -> str:
    """The fingerprint of what such a candidate is told."""
    if method == "letters":
        return (InformedChooser if wrapper == ORACLE else Chooser).prompt.fingerprint
    return (Oracle if wrapper == ORACLE else Plain).prompt.fingerprint


def shown(wrapper: str, history: Sequence[str], donor: Sequence[str]) -> Sequence[str]:
    """What a candidate is shown of a dialogue: all, the last message, or it after the history of a `donor`."""
    if wrapper == LAST:
        return history[-1:]
    if wrapper == SHUFFLED:
        before = donor[: len(history) - 1]
        return [*before[: len(before) - len(before) % 2], history[-1]]
    return history
