"""The audit of the user simulator: does it play its persona? Computed from the dialogues alone, without a model.

Facts are recognised by their content words, so a fact revealed in other words is missed, and a share is a lower bound.
With an offline user no fact is missed: it never uses the content words of a fact without meaning the fact. What a user
claims of its life without support is found by rules (`scenarios.claims`), in stock lines as in any other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from evaluation.cases import USER
from i2a.jsonl import JsonObject
from i2a.simulator.language.text import stems
from i2a.simulator.persona.evidence import revealed, wordings
from i2a.simulator.persona.facts import Fact, facts
from i2a.trees.tree import Inference, Tree
from scenarios.claims import unsupported_claim
from scenarios.people import ENGLISH
from scenarios.user_audit import LEAVING, REVERSAL, alike, language, script

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class AuditCounts:
    """Counts over the user's messages of some dialogues; they can be added up.

    `not_english`: messages of dialogues in another language, in which only repetition can be seen; the other counts are
    of the rest. `revealed` and `facts`, by turn: facts of the profile that the messages so far reveal, and facts of
    the profile.
    `inferred`, `correct`: items of the profile that the Inducer inferred, and how many of them were revealed.
    `inferable`, `found`: items that were revealed, and how many of them the Inducer inferred. `examples`: a few
    messages for each fault.
    """

    dialogues: int = 0
    messages: int = 0
    not_english: int = 0
    revealed: tuple[int, ...] = ()
    facts: tuple[int, ...] = ()
    invented: int = 0
    reversed: int = 0
    repeated: int = 0
    ended_early: int = 0
    inductions: int = 0
    failed_inductions: int = 0
    inferred: int = 0
    correct: int = 0
    inferable: int = 0
    found: int = 0
    examples: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __add__(self, other: "AuditCounts") -> "AuditCounts":
        sums: dict[str, Any] = {}
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, tuple):
                sums[name] = tuple(a + b for a, b in zip_longest(mine, theirs, fillvalue=0))
            elif isinstance(mine, dict):
                kinds = dict.fromkeys([*mine, *theirs])
                sums[name] = {kind: (mine.get(kind, ()) + theirs.get(kind, ()))[:EXAMPLES] for kind in kinds}
            else:
                sums[name] = mine + theirs
        return AuditCounts(**sums)

    def as_json(self) -> JsonObject:
        """Shares are of messages, but `ended_early` of dialogues; None where there is nothing to take a share of."""
        judged = self.messages - self.not_english
        unseen = {"not_english": self.not_english} if self.not_english else {}
        return {
            "dialogues": self.dialogues,
            "messages": self.messages,
            **unseen,
            "revealed_by_turn": [share(a, b) for a, b in zip(self.revealed, self.facts, strict=True)],
            "invented": share(self.invented, judged),
            "role_reversal": share(self.reversed, judged),
            "repetition": share(self.repeated, self.messages),
            "early_ending": share(self.ended_early, self.dialogues),
            "inducer": {
                "asked": self.inductions + self.failed_inductions,
                "failed": self.failed_inductions,
                "precision": share(self.correct, self.inferred),
                "recall": share(self.found, self.inferable),
            },
            "examples": {kind: list(messages) for kind, messages in self.examples.items()},
        }


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def audit_counts(tree: Tree, turns: int) -> AuditCounts:
    """The counts of one evaluated dialogue of `turns` planned turns, each message by the persona that holds there."""
    asked = [node for node in tree if node.speaker == USER]
    if not asked:
        return AuditCounts(dialogues=1, ended_early=turns > 0)
    messages = [node.content for node in asked]
    persona = tree.persona
    repeated = [m for i, m in enumerate(messages) if any(alike(m, before) for before in messages[:i])]
    if not_english(messages, persona.language):
        return AuditCounts(
            dialogues=1,
            messages=len(messages),
            not_english=len(messages),
            repeated=len(repeated),
            ended_early=len(messages) < turns,
            examples={"repetition": tuple(repeated[:EXAMPLES])} if repeated else {},
        )
    people = [tree.persona_at(node) for node in asked]
    known = facts(people[-1].profile)
    faults = {
        "invented": [
            m for m, one in zip(messages, people, strict=True) if unsupported_claim(m, one.profile, one.personality)
        ],
        "role_reversal": [m for m in messages if REVERSAL.search(m)],
        "repetition": repeated,
        "early_ending": [m for m in messages[: turns - 1] if LEAVING.search(m)],
    }
    inferences = [(i, node.inference) for i, node in enumerate(asked) if node.inference is not None]
    marks = [induced(known, messages[: i + 1], inference) for i, inference in inferences]
    inferred, correct, inferable, found = (
        (sum(column) for column in zip(*marks, strict=True)) if marks else (0, 0, 0, 0)
    )
    return AuditCounts(
        dialogues=1,
        messages=len(messages),
        revealed=tuple(len(revealed(facts(one.profile), messages[: i + 1])) for i, one in enumerate(people)),
        facts=tuple(len(facts(one.profile)) for one in people),
        invented=len(faults["invented"]),
        reversed=len(faults["role_reversal"]),
        repeated=len(faults["repetition"]),
        ended_early=bool(faults["early_ending"]) or len(messages) < turns,
        inductions=len(inferences),
        failed_inductions=sum("inducer" in node.metadata for node in asked),
        inferred=inferred,
        correct=correct,
        inferable=inferable,
        found=found,
        examples={kind: tuple(faulty[:EXAMPLES]) for kind, faulty in faults.items() if faulty},
    )


def not_english(messages: Sequence[str], told: str) -> bool:
    """Whether a dialogue is in another language, as its persona or its letters and words tell; the rules that look for
    facts, claims and an assistant's talk know English."""
    said = "\n".join(messages)
    if script(said) not in ("", "LATIN") or language(said) not in ("", "English"):
        return True
    return bool(told) and told.lower() not in ENGLISH and language(said) != "English"


def induced(known: Sequence[Fact], messages: Sequence[str], inference: Inference) -> tuple[int, int, int, int]:
    """The numbers of items inferred, of those correct, of items inferable, and of those found.

    An item is correct if the user's messages have all its content words, or if it is the part of a fact that they
    support.
    """
    supported = [stems(text) for text in wordings(known, messages)]
    used = frozenset[str]().union(*(stems(message) for message in messages))
    items = [stems(item) for item in inference.profile]
    correct = sum(item <= used or any(item <= fact for fact in supported) for item in items)
    found = sum(any(fact <= item for item in items) for fact in supported)
    return len(items), correct, len(supported), found


class Audit:
    """The counts of an evaluation: over all dialogues and, unless users were replayed, by candidate."""

    def __init__(self, turns: int, *, replayed: bool) -> None:
        self._turns, self._replayed = turns, replayed
        self._by_candidate: dict[str, AuditCounts] = {}

    def add(self, tree: Tree) -> None:
        candidate = tree.options["candidate"]
        # Replayed users say the same to every candidate.
        if self._replayed and self._by_candidate.keys() - {candidate}:
            return
        before = self._by_candidate.get(candidate, AuditCounts())
        self._by_candidate[candidate] = before + audit_counts(tree, self._turns)

    @property
    def all(self) -> AuditCounts:
        return total(self._by_candidate.values())

    def as_json(self) -> JsonObject:
        by_candidate = {} if self._replayed else self._by_candidate
        return self.all.as_json() | {
            "candidates": {name: found.as_json() for name, found in by_candidate.items()},
        }


def total(parts: Iterable[AuditCounts]) -> AuditCounts:
    return sum(parts, AuditCounts())
