"""Whom the conversations of a simulation are with: the personas of each tree and, where they have one, of roles."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.models.spec import ModelSpec
from i2a.personas.pool import PersonaPool
from i2a.runs.simulated import simulated_by_name
from i2a.trees.persona import KINDS, Persona
from i2a.trees.tree import Tree
from scenarios.script import Scenario
from scenarios.settings import Simulation

LATER = "later"  # among the personas of a tree: whom the person becomes, see `agents.role.Role.changes`
ENGLISH = frozenset({"english", "en", "eng", "en-us", "en-gb", "en_us", "en_gb"})


@dataclass(frozen=True, slots=True)
class People:
    """Pools of personas. `main` is for all roles without one of their own, whose pools are `by_role`.

    Roles with the same pool get different people. `asked_for`: whether somebody named a file, and not the default.
    `lead`: the role whose persona is that of the tree, where only roles have pools.
    """

    main: PersonaPool
    by_role: Mapping[str, PersonaPool]
    asked_for: bool
    lead: str = ""

    @classmethod
    def read(cls, config: Simulation) -> "People":
        """Raises `UsageError` for files that cannot be read."""
        files: dict[Path, PersonaPool] = {}

        def whole(file: Path) -> PersonaPool:
            if file not in files:
                files[file] = PersonaPool.read_file(file, any_fields=True)
            return files[file]

        by_role = {role: whole(file) for role, file in config.role_personas.items()}
        halves = config.profiles or config.personalities
        lead = next(iter(by_role), "") if not (config.personas or halves) else ""
        if config.personas:
            main = whole(config.personas)
        elif lead:
            main = by_role[lead]
        else:
            main = PersonaPool.read(config.profiles, config.personalities)
        return cls(main, by_role, bool(config.personas or halves or by_role), lead)

    @property
    def fields(self) -> frozenset[str]:
        """What is known of people beside profile and personality."""
        return frozenset(name for pool in self._pools for name in pool.field_names)

    @property
    def fingerprint(self) -> JsonObject:
        by_role = {role: pool.fingerprint for role, pool in self.by_role.items()}
        return {"fingerprint": self.main.fingerprint, **({"by_role": by_role} if by_role else {})}

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line for pool in self._pools for line in pool.warnings))

    @property
    def _pools(self) -> Sequence[PersonaPool]:
        return self.main, *self.by_role.values()

    def draw(self, scenario: Scenario, count: int, seed: int) -> Iterator[tuple[Persona, dict[str, Persona]]]:
        """For each of `count` trees its persona, and those of roles. Where no role is told of anybody, it is nobody or,
        if there are fewer people than trees, each person several times. Raises `UsageError` for too few."""
        used = self.uses(scenario)
        if not used and not self.asked_for:
            yield from ((Persona(""), {}) for _ in range(count))
            return
        if not used and not self.by_role:
            drawn = self.main.draw(min(count, self.main.pairs), seed)
            yield from ((persona, {}) for persona in islice(cycle(drawn), count))
            return
        dealt: dict[str, list[Persona]] = {}
        for pool, mine in self._seated:
            drawn = pool.draw(count * len(mine), seed)
            dealt |= {seat: drawn[place :: len(mine)] for place, seat in enumerate(mine)}
        for number in range(count):
            yield dealt[self.lead][number], {role: dealt[role][number] for role in self.by_role}

    def successors(self, scenario: Scenario, trees: Sequence[Tree], seed: int) -> Iterator[Persona]:
        """For each of the trees whom its person becomes: the next one in the draw who shares no half with them,
        whether or not the run comes to that one. Raises `UsageError` if there is nobody."""
        drawn = [tree.persona for tree in trees]
        most = min(pool.pairs // len(seats) for pool, seats in self._seated)
        for place, persona in enumerate(drawn[:]):
            mine = {persona.profile_id, persona.personality_id}
            for at in (further % most for further in range(place + 1, place + most)):
                if at >= len(drawn):
                    drawn = [person for person, _ in self.draw(scenario, min(2 * at, most), seed)]
                if mine.isdisjoint((drawn[at].profile_id, drawn[at].personality_id)):
                    yield drawn[at]
                    break
            else:
                raise UsageError(
                    f"nobody among the personas shares neither profile nor personality with {persona.id}, whose "
                    "persona changes: add personas"
                )

    @property
    def _seated(self) -> list[tuple[PersonaPool, list[str]]]:
        """Each pool, and the roles that it is for; "" is the tree."""
        seats = list(self.by_role) if self.lead else ["", *self.by_role]
        return [
            (pool, [seat for seat in seats if (self.by_role[seat] if seat else self.main) is pool])
            for pool in {id(pool): pool for pool in self._pools}.values()
        ]

    def uses(self, scenario: Scenario) -> bool:
        """Whether anybody is told whom a tree is with."""
        named = any(self.fields & role.prompt.names for role in scenario.roles.values())
        return scenario.uses_personas or bool(named)


def check_values(scenario: Scenario, trees: Sequence[Tree], fields: frozenset[str]) -> None:
    """Raises `UsageError` for a persona without something that a prompt names."""
    for tree in trees:
        for role, kind in scenario.roles.items():
            known = tree.persona_of(role).values
            if lacking := sorted(name for name in kind.prompt.names & {*KINDS, *fields} if not known.get(name)):
                raise UsageError(
                    f"persona {tree.persona_of(role).id} has no {lacking[0]}, which the prompt of {role} names: add it "
                    "to the file, give --profiles and --personalities, or change the prompt: "
                    f"--role-prompt {role}=FILE"
                )


def unspoken(models: Iterable[ModelSpec], trees: Sequence[Tree]) -> list[str]:
    """A warning, if the offline engine is to write a language that it does not know."""
    found = languages(trees)
    if not found or not any(simulated_by_name(str(spec)) for spec in models):
        return []
    return [f"the offline engine writes English only, and some personas write {', '.join(found)}"]


def languages(trees: Sequence[Tree]) -> list[str]:
    """The languages other than English that personas of the trees write."""
    people = [persona for tree in trees for persona in tree.people]
    found = dict.fromkeys(persona.language for persona in people)
    return [name for name in found if name and name.lower() not in ENGLISH]
