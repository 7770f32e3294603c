"""Cases: the users that every candidate meets. A persona, a seed and, for replay, a stored dialogue.

They follow from the personas (or a stored run) and the seed of the evaluation, never from a candidate.
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from i2a.digests import digest
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.personas.pool import PersonaPool
from i2a.trees.json import read, trees_of
from i2a.trees.persona import KINDS, Persona
from i2a.trees.tree import PERSONA, SESSION, Node, Tree
from scenarios.drift import Exchange, exchanged

USER = "user"


@dataclass(frozen=True, slots=True)
class Case:
    """`seed` is that of the trees of all candidates. `dialogue`: the stored path, for replay."""

    id: str
    persona: Persona
    seed: int
    dialogue: tuple[Node, ...] = ()

    @property
    def messages(self) -> int:
        """The number of messages of the user in the stored dialogue."""
        return sum(node.speaker == USER for node in self.dialogue)


@dataclass(frozen=True, slots=True)
class Cases:
    """All cases of an evaluation, in order, and in words where they come from."""

    all: tuple[Case, ...]
    provenance: str
    warnings: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """16 hex digits of all personas and stored dialogues, in order."""
        contents: list[list[object]] = [
            [case.id, case.persona.id, case.persona.profile, case.persona.personality]
            + ([json.dumps(case.persona.fields, sort_keys=True)] if case.persona.fields else [])
            + [f"{node.speaker}: {node.content}" for node in case.dialogue]
            + [list(node.prompt) for node in case.dialogue if node.prompt]
            for case in self.all
        ]
        return digest(json.dumps(contents))

    @property
    def described(self) -> JsonObject:
        """The cases as they stand in a result: where they come from, how many, fingerprint."""
        personas = [case.persona for case in self.all]
        return {
            "provenance": self.provenance,
            "cases": len(self.all),
            "profiles": len({persona.profile_id for persona in personas}),
            "personalities": len({persona.personality_id for persona in personas}),
            "fingerprint": self.fingerprint,
        }

    def donor(self, case: Case, seed: int, later: Persona | None = None) -> Case:
        """A case of another profile and another personality, the same for every candidate. Raises `UsageError`.

        `later`: whom the person becomes, with whom the donor shares nothing either.
        """
        mine = [case.persona, *([later] if later else [])]
        others = [
            other
            for other in self.all
            if other.persona.profile_id not in {each.profile_id for each in mine}
            and other.persona.personality_id not in {each.personality_id for each in mine}
        ]
        if not others:
            few = "three" if later else "two"
            raise UsageError(f"shuffled needs cases with at least {few} profiles and {few} personalities; add cases")
        return random.Random(f"{seed}/{case.id}/stranger").choice(others)  # the text of version 0.1, for the same draw

    def becoming(self, exchange: Exchange, seed: int) -> dict[str, Persona]:
        """By case, whom its person becomes: the next profile, personality or both, in an order drawn for all cases.

        Who has the same half becomes the same, so that cases that share the old half or the new one stand together in a
        bootstrap over the old ones. Raises `UsageError` where there is no other half to become.
        """
        by_id = {case.id: case.persona for case in self.all}
        drawn = [by_id[id] for id in shuffled(by_id, seed)]
        profiles, personalities = (_next_level(drawn, f"{kind}_id") for kind in KINDS)
        found = {}
        for id, persona in by_id.items():
            profile, personality = profiles[persona.profile_id], personalities[persona.personality_id]
            halves = personality.personality, profile.profile_id, personality.personality_id
            later = exchanged(persona, Persona("", profile.profile, *halves), exchange)
            if (exchange != "profile" and later.personality_id == persona.personality_id) or (
                exchange != "personality" and later.profile_id == persona.profile_id
            ):
                raise UsageError(f"nobody has another {exchange} to become; add cases of other people")
            found[id] = later
        return found


def _next_level(personas: Sequence[Persona], name: str) -> dict[str, Persona]:
    """By the id of a half, the first persona that has the next one; after the last half comes the first."""
    first: dict[str, Persona] = {}
    for persona in personas:
        first.setdefault(getattr(persona, name), persona)
    return dict(zip(first, [*list(first.values())[1:], *list(first.values())[:1]], strict=True))


def listed(personas: Path, count: int | None, seed: int) -> Cases:
    """Every persona of a file of whole ones, or a draw of `count` of these. Raises `UsageError`."""
    pool = PersonaPool.read_file(personas, any_fields=True)
    return _cases(pool, personas.name, count, seed)


def crossed(profiles: Path | None, personalities: Path | None, count: int | None, seed: int) -> Cases:
    """Every profile with every personality, or a draw of `count` of these. None and None: the benchmark that comes with
    i2a, 20 profiles x 5 personalities. A file of whole personas, given as both, is used as it is.
    """
    if (profiles is None) is not (personalities is None):
        raise UsageError("--profiles and --personalities go together: i2a's seeds are not for testing")
    if profiles is None:
        pool, provenance = PersonaPool.benchmark(), "the benchmark of i2a, written by hand"
    else:
        pool = PersonaPool.read(profiles, personalities)
        provenance = " x ".join(dict.fromkeys(file.name for file in (profiles, personalities) if file))
    return _cases(pool, provenance, count, seed)


def _cases(pool: PersonaPool, provenance: str, count: int | None, seed: int) -> Cases:
    personas = pool.all() if count is None else pool.draw(count, seed)
    return Cases(tuple(Case(p.id, p, case_seed(p.id, seed)) for p in personas), provenance, pool.warnings)


def recorded(run: Path, count: int | None, seed: int, role: str | None = None) -> Cases:
    """A case for each stored dialogue of a run, or for `count` of them; each tree gives its first dialogue.

    `role`: whose place the candidates take, see `first_dialogue`. Raises `UsageError` if nobody has that one.
    """
    file = trees_of(run)
    found: list[Case] = []
    speakers: dict[str, None] = {}
    for tree in read(file):
        speakers |= dict.fromkeys(node.speaker for node in tree)
        if any(PERSONA in node.metadata for node in tree):
            raise UsageError(
                f"{file}: the persona of {tree.id} changes, and replies to it would be judged by the old one"
            )
        if any(SESSION in root.metadata for root in tree.roots):
            raise UsageError(
                f"{file}: {tree.id} holds several sessions, and a reply to a later one follows from a note"
            )
        if path := first_dialogue(tree, role):
            found.append(Case(tree.id, tree.persona, case_seed(tree.id, seed), path))
    who = role or USER
    if not found:
        why = "answers anybody in it" if role else "speaks in it, whose messages could be replayed"
        raise UsageError(
            f"{file}: nobody called {who!r} {why}; --role NAME says whose place candidates take: {', '.join(speakers)}"
        )
    if count is not None:
        if count > len(found):
            raise UsageError(f"{file} holds {len(found)} dialogues with a {who}; ask for no more --cases than these")
        chosen = set(shuffled((case.id for case in found), seed)[:count])
        found = [case for case in found if case.id in chosen]
    strangers = sum(not (case.persona.profile or case.persona.personality) for case in found)
    warning = f"of {strangers} of {len(found)} users nothing is known: judges rate what suits somebody they cannot know"
    return Cases(tuple(found), f"dialogues stored in {run.name}", (warning,) if strangers else ())


def first_dialogue(tree: Tree, role: str | None = None) -> tuple[Node, ...]:
    """The first dialogue of the tree that has a user, from its opening on.

    Whoever answered the user (preferred, rejected, a candidate) is called assistant. With a `role`, that one is, each
    of its replies with the prompt that it was sent, and all others together are the user.
    """
    if role is not None:
        return _dialogue_with(tree, role)
    paths = (end.path for end in tree.ends)
    path: list[Node] = []
    for node in next((path for path in paths if any(node.speaker == USER for node in path)), ()):
        speaker = USER if node.speaker == USER else "assistant"
        path.append(Node(path[-1] if path else None, speaker, node.content, inference=node.inference))
    return tuple(path)


def _dialogue_with(tree: Tree, role: str) -> tuple[Node, ...]:
    """The first dialogue in which the role answers somebody; what others say in a row is one message."""
    for end in tree.ends:
        path: list[Node] = []
        for node in end.path:
            if node.speaker == role:
                path.append(Node(path[-1] if path else None, "assistant", node.content, prompt=node.prompt))
            elif path and path[-1].speaker == USER:
                path[-1].content += f"\n\n{node.content}"
            else:
                path.append(Node(path[-1] if path else None, USER, node.content, inference=node.inference))
        if any(node.speaker == "assistant" and node.parent is not None for node in path):
            return tuple(path)
    return ()


def shuffled(ids: Iterable[str], seed: int) -> list[str]:
    """An order that follows from the ids and the seed; a shorter draw is a prefix of a longer one."""
    order = list(ids)
    random.Random(f"{seed}/cases").shuffle(order)
    return order


def case_seed(case: str, seed: int) -> int:
    """The seed of a case: the same in every run with this `seed`, whatever the other cases; 31 bits, as servers take.

    Not `i2a.digests.seed_of`: the seeds of version 0.1 stay as they were.
    """
    return random.Random(f"{seed}/{case}").getrandbits(31)
