"""The corpus of a training: the trees of one or many runs, read one at a time, and the rows that are made of them.

No text of a dialogue stays in memory: a first reading checks, counts and fingerprints, and each further one makes the
rows again. The rows of a conversation stand together. It knows no tokenizer and writes nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Self

from i2a.digests import digest, digest_of_file
from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.personas.pool import PersonaPool
from i2a.runs.run_folder import RunFolder
from i2a.runs.simulated import is_simulated
from i2a.text import counted
from i2a.trees.formats import Rows
from i2a.trees.json import read, trees_of
from i2a.trees.persona import Kind
from i2a.trees.tree import Tree
from training.leaks import Halves, Keys, Part, keys_of, refuse, split
from training.role_rows import BARE, RoleFilter, speakers
from training.rows import NOT_COMPARED, PairFilter

Make = Callable[[Tree, PairFilter], Rows]


@dataclass(frozen=True)
class TreeFile:
    """A file of trees. `name`: unique in its corpus. `manifest`: that of its run; empty if it is in none."""

    file: Path
    name: str
    manifest: JsonMapping


@dataclass
class Share:
    """What belongs to one part. `left_out`: how many pairs make no row, by the reason. `bare`: how many rows of a role
    are without its prompt."""

    trees: int = 0
    rows: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    bare: int = 0

    def add(self, other: "Share") -> None:
        self.trees += other.trees
        self.rows += other.rows
        self.left_out.update(other.left_out)
        self.bare += other.bare


@dataclass(frozen=True)
class Corpus:
    """Trees, and how each becomes rows: `make` is `sft_rows` or `dpo_rows`.

    `shares` has the parts; `mixed` trees are in neither, as only a half of a persona, or one of several people, is held
    out. Fingerprints are 16 hex digits: `fingerprint` of the trees, wherever and in whichever order their files are,
    `personas` of the words of the personas. `trained_on`: the distinct profiles and personalities of the part "train".
    """

    sources: tuple[TreeFile, ...]
    make: Make
    pairs: PairFilter
    shares: Mapping[Part, Share]
    mixed: int
    fingerprint: str
    personas: str
    parts: Mapping[Keys, Part]
    trained_on: Mapping[Kind, Sequence[str]]

    @classmethod
    def read(
        cls,
        runs: Sequence[Path],
        make: Make,
        pairs: PairFilter,
        *,
        validation: float = 0.0,
        seed: int = 0,
        held_out: PersonaPool | None = None,
    ) -> Self:
        """The corpus in these run folders or files of trees.

        `validation`: the share of the profiles, and of the personalities, that is kept for validation, see
        `leaks.split`. Raises `UsageError`: a file that cannot be read, no tree, no labelled pair, a part without rows,
        or a persona of `held_out` (default: the benchmark) in it.
        """
        sources = find_sources(runs)
        found: dict[tuple[Keys, ...], Share] = defaultdict(Share)  # by all whom a tree is with
        halves = Halves({}, {})
        said: Counter[str] = Counter()
        for source in sources:
            for tree in read(source.file):
                made = make(tree, pairs)
                share = Share(1, len(made.rows), Counter(made.left_out), made.written.get(BARE, 0))
                found[tuple(map(halves.add, tree.people))].add(share)
                said.update(speakers(tree))
        refuse(halves, held_out or PersonaPool.benchmark())
        _refuse_nothing(found.values(), sources, pairs.role, said)
        everybody = {keys for people in found for keys in people}
        parts = split(everybody, halves, validation, seed)
        shares: dict[Part, Share] = defaultdict(Share)
        mixed = 0
        for people, share in found.items():
            if whole := part_of(people, parts):
                shares[whole].add(share)
            else:
                mixed += share.trees
        for part, share in shares.items():
            if not share.rows:
                raise UsageError(f"the split leaves no row for {part}; hold out another share, or change the seed")
        personas = digest("\n".join(map("+".join, sorted(everybody))))
        trained_on = halves.of(keys for keys in sorted(parts) if parts[keys] == "train")
        return cls(sources, make, pairs, dict(shares), mixed, _fingerprint(sources), personas, parts, trained_on)

    def rows(self, part: Part = "train") -> Iterator[JsonMapping]:
        """The rows of a part, from the files: each time the same, in the same order.

        `tree` names the run as well, if there are several, because two runs can have trees of the same id.
        """
        for source in self.sources:
            prefix = f"{source.name}/" if len(self.sources) > 1 else ""
            for tree in read(source.file):
                if part_of(map(keys_of, tree.people), self.parts) == part:
                    for row in self.make(tree, self.pairs).rows:
                        yield {**row, "tree": f"{prefix}{tree.id}"}

    @property
    def simulated(self) -> bool:
        """Whether the offline engine spoke in it."""
        return any(is_simulated(source.manifest) for source in self.sources)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of it is not trained on, in sentences."""
        left_out = (counted(count, reason) for reason, count in self.shares["train"].left_out.items() if count)
        mixed = (
            [f"{self.mixed:,} trees with a half of a persona, or one of several people, in validation"]
            if self.mixed
            else []
        )
        bare = self.shares["train"].bare
        without = f"{counted(bare, BARE)}: it is private, or was not kept (`i2a simulate --keep-prompts` keeps it)"
        return (*left_out, *([without] if bare else ()), *mixed)

    @property
    def metadata(self) -> JsonObject:
        """What it is, as JSON: for a manifest or a model card."""
        return {
            "fingerprint": self.fingerprint,
            "personas": self.personas,
            "sources": [{"run": source.name, **source.manifest.get("identity", {})} for source in self.sources],
            "simulated": self.simulated,
            "parts": {
                part: {"trees": share.trees, "rows": share.rows, "left_out": dict(share.left_out)}
                for part, share in self.shares.items()
            },
            "trees_in_no_part": self.mixed,
        }


def part_of(people: Iterable[Keys], parts: Mapping[Keys, Part]) -> Part | None:
    """The part that all of them are in; None if there is none."""
    found = {parts.get(keys) for keys in people}
    return found.pop() if len(found) == 1 else None


def find_sources(runs: Sequence[Path]) -> tuple[TreeFile, ...]:
    """The file of trees of each run, with a name of its own. Raises `UsageError`."""
    sources: list[TreeFile] = []
    for run in runs:
        file = trees_of(run)
        if any(file.samefile(other.file) for other in sources):
            raise UsageError(f"{run} is named twice; name each run once")
        name = (file.parent.resolve() if file.name == "trees.jsonl" else file.with_suffix("")).name
        taken = {source.name for source in sources}
        name = next(free for free in chain([name], (f"{name}-{i}" for i in count(2))) if free not in taken)
        folder = RunFolder(file.parent)
        sources.append(TreeFile(file, name, folder.manifest() if folder.manifest_file.exists() else {}))
    return tuple(sources)


def _refuse_nothing(
    shares: Iterable[Share], sources: Sequence[TreeFile], role: RoleFilter | None, said: Counter[str]
) -> None:
    """Raise `UsageError` if there is no tree, or none that makes a row. `said`: who can be learnt, and how often."""
    total = Share()
    for share in shares:
        total.add(share)
    where = ", ".join(str(source.file) for source in sources)
    if not total.trees:
        raise UsageError(f"no conversation in {where or 'no run'}; `i2a simulate` grows some")
    if total.rows:
        return
    why = "; ".join(counted(pairs, reason) for reason, pairs in total.left_out.items()) or "nothing was compared"
    roles = ", ".join(f"{name} ({count:,})" for name, count in said.items())
    if role is None:
        hint = f"; the roles: {roles}" if NOT_COMPARED in total.left_out else ""
        raise UsageError(f"no labelled pair to train on in {where}: {why}{hint}")
    if role.name not in said:
        raise UsageError(f"nobody called {role.name!r} says anything in {where}; --role takes one of {roles}")
    raise UsageError(f"no row of role {role.name} to train on in {where}: {why}")


def _fingerprint(sources: Sequence[TreeFile]) -> str:
    return digest("".join(sorted(digest_of_file(source.file, size=64) for source in sources)))
