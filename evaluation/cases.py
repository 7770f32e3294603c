"""Cases: whom the candidates meet. A persona and a seed and, for replay, the dialogue that was held with it.

They follow from the personas (or a stored run) and the seed of the evaluation, never from a candidate.
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2a.digests import digest
from i2a.errors import UsageError
from i2a.personas.pool import PersonaPool
from i2a.trees.json import read
from i2a.trees.persona import Persona
from i2a.trees.tree import Node, Tree

USER = "user"


@dataclass(frozen=True, slots=True)
class Case:
    """`seed` is that of every tree of this case, whoever the candidate. `dialogue`: the stored path, for replay."""

    id: str
    persona: Persona
    seed: int
    dialogue: tuple[Node, ...] = ()

    @property
    def messages(self) -> int:
        """How many messages of the user the stored dialogue has."""
        return sum(node.speaker == USER for node in self.dialogue)


@dataclass(frozen=True, slots=True)
class Cases:
    """All cases of an evaluation, in order, and where they come from, in words."""

    all: tuple[Case, ...]
    provenance: str
    notes: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """16 hex digits of all personas and stored dialogues, in order."""
        contents = [
            [case.id, case.persona.id, case.persona.profile, case.persona.personality]
            + [f"{node.speaker}: {node.content}" for node in case.dialogue]
            for case in self.all
        ]
        return digest(json.dumps(contents))

    @property
    def described(self) -> dict[str, Any]:
        """The cases as they stand in a result: where they come from, how many, fingerprint."""
        personas = [case.persona for case in self.all]
        return {
            "provenance": self.provenance,
            "cases": len(self.all),
            "profiles": len({persona.profile_id for persona in personas}),
            "personalities": len({persona.personality_id for persona in personas}),
            "fingerprint": self.fingerprint,
        }

    def stranger(self, case: Case, seed: int) -> Case:
        """A case of another profile and another personality, the same for every candidate. Raises `UsageError`."""
        mine = case.persona
        others = [
            other
            for other in self.all
            if other.persona.profile_id != mine.profile_id and other.persona.personality_id != mine.personality_id
        ]
        if not others:
            raise UsageError("shuffled needs cases with two profiles and two personalities at least; add cases")
        return random.Random(f"{seed}/{case.id}/stranger").choice(others)


def crossed(profiles: Path | None, personalities: Path | None, count: int | None, seed: int) -> Cases:
    """Every profile with every personality, or `count` of these drawn. None and None: the benchmark that comes with
    i2a, 20 profiles x 5 personalities. A file of whole personas, given for both, is taken as it is.
    """
    if (profiles is None) is not (personalities is None):
        raise UsageError("--profiles and --personalities go together: the seeds of i2a are no test cases")
    if profiles is None:
        pool, provenance = PersonaPool.benchmark(), "the benchmark of i2a, written by hand"
    else:
        pool = PersonaPool.read(profiles, personalities)
        provenance = " x ".join(dict.fromkeys(file.name for file in (profiles, personalities) if file))
    personas = product(pool) if count is None else pool.draw(count, seed)
    return Cases(tuple(Case(p.id, p, seed_of(p.id, seed)) for p in personas), provenance, pool.warnings)


def product(pool: PersonaPool) -> Sequence[Persona]:
    """All personas of the pool: those listed or, if there are none, every profile with every personality."""
    return pool.personas or [
        Persona("", profile, personality, profile_id, personality_id)
        for profile_id, profile in pool.profiles.items()
        for personality_id, personality in pool.personalities.items()
    ]


def recorded(run: Path, count: int | None, seed: int) -> Cases:
    """A case for each stored dialogue of a run, or for `count` of them; a tree gives one, the first that was held."""
    file = run if run.is_file() else run / "trees.jsonl"
    found = [Case(tree.id, tree.persona, seed_of(tree.id, seed), path) for tree in read(file) if (path := held(tree))]
    if not found:
        raise UsageError(f"{file}: no dialogue in it has a speaker {USER!r}, whose messages could be replayed")
    if count is not None:
        if count > len(found):
            raise UsageError(f"{file} holds {len(found)} dialogues with a {USER}; ask for no more --cases than these")
        chosen = set(shuffled((case.id for case in found), seed)[:count])
        found = [case for case in found if case.id in chosen]
    return Cases(tuple(found), f"dialogues stored in {run.name}")


def held(tree: Tree) -> tuple[Node, ...]:
    """The first dialogue of the tree that was held with its user, from the opening on: users and assistants, no more.

    Who else answered (preferred, rejected, a candidate) stands as assistant.
    """
    paths = (end.path for end in tree.ends)
    path: list[Node] = []
    for node in next((path for path in paths if any(node.speaker == USER for node in path)), ()):
        speaker = USER if node.speaker == USER else "assistant"
        path.append(Node(path[-1] if path else None, speaker, node.content, inference=node.inference))
    return tuple(path)


def shuffled(ids: Iterable[str], seed: int) -> list[str]:
    """An order that follows from the ids and the seed; a shorter draw is the beginning of a longer one."""
    order = list(ids)
    random.Random(f"{seed}/cases").shuffle(order)
    return order


def seed_of(case: str, seed: int) -> int:
    """The seed of a case: the same in every run with this seed, whatever the other cases; 31 bits, as servers take."""
    return random.Random(f"{seed}/{case}").getrandbits(31)
