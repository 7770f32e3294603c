"""`i2a select`: of the conversations of some runs, those that are good enough, as a run of their own.

A rule rejects a conversation with a reason; what is rejected is listed with all of its reasons in `rejected.jsonl`.
Nothing is changed in the runs that were read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import ge, le
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from i2a import jsonl
from i2a.digests import digest_of_file
from i2a.errors import UsageError
from i2a.extras import needs
from i2a.files import atomic_write
from i2a.jsonl import JsonObject
from i2a.runs.run_folder import RunFolder
from i2a.runs.simulated import is_simulated, models_by_role, simulated_by_name
from i2a.settings import Flag
from i2a.text import counted
from i2a.trees.json import dump, read, trees_of
from i2a.trees.summary import compared
from i2a.trees.tree import FAULTS, RATINGS, Tree
from i2a.words import weight, words
from scenarios.user_audit import faults_of

USER = "user"
SHINGLE, PERMUTATIONS = 3, 128  # words of a piece that two conversations may share, and hashes of MinHash
# Hashing by locality misses many that are hardly more similar than asked for, so it is asked for less than is meant.
SLACK, HIGHEST = 0.1, 0.9
WHOLE = "persona"  # what --max-per may name beside a field


class Selection(BaseModel):
    """What is read, what a conversation must have, and where those that have it go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs: Annotated[list[Path], Flag(metavar="RUN", positional=True)] = Field(
        min_length=1, description="Folders of runs, or files of trees.", examples=["runs/first"]
    )
    out: Path = Field(description="Folder for the selected run, new or empty.", examples=["runs/good"])
    min_agreement: float | None = Field(
        None, gt=0, le=1, description="Least share of the judged pairs on which all verdicts agree."
    )
    min_margin: float | None = Field(
        None, ge=-1, le=1, description="Least mean margin of the verdicts on labelled pairs, from -1 to 1."
    )
    min_score: float | None = Field(None, description="Least mean of the ratings, else of the notes called --score.")
    score: str = Field("score", description="The number in the notes of a reply that is its score.")
    max_faults: int | None = Field(
        None, ge=0, description="Most messages that were kept with a fault which the audit of the person had found."
    )
    audit: bool = Field(
        False, description="Audit the messages of the user anew for --max-faults, as of runs that were not audited."
    )
    min_turns: int | None = Field(
        None, ge=1, description="Fewest messages of the user, or of who opens, on the longest path."
    )
    max_turns: int | None = Field(None, ge=1, description="Most of these messages.")
    min_words: int | None = Field(None, ge=1, description="Fewest words of a reply, in the mean.")
    max_words: int | None = Field(None, ge=1, description="Most words of a reply, in the mean.")
    max_cut: int | None = Field(None, ge=0, description="Most utterances that were cut at their limit of tokens.")
    max_similarity: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Leave out a conversation that shares more than this share of its three-word sequences with one "
        "that is kept (MinHash), e.g. 0.8.",
    )
    max_per: Annotated[dict[str, int], Flag(metavar="FIELD=N")] = Field(
        {},
        description="Most conversations of a persona, a profile, a personality, or of each value of a field of the "
        "personas, e.g. persona=3.",
    )

    @model_validator(mode="after")
    def _has_a_rule(self) -> Self:
        if not self.rules:
            raise PydanticCustomError("rules", "no rule is given, such as --min-agreement 0.8 or --max-per persona=3")
        if any(count < 1 for count in self.max_per.values()):
            raise PydanticCustomError("max_per", "--max-per needs numbers from 1 on")
        if self.audit and self.max_faults is None:
            raise PydanticCustomError("audit", "--audit counts faults for --max-faults; add it")
        return self

    @property
    def rules(self) -> JsonObject:
        """Those that are set, as JSON."""
        found: JsonObject = self.model_dump(mode="json", exclude={"runs", "out"}, exclude_defaults=True)
        return {name: value for name, value in found.items() if value not in (None, {}) and name != "score"}


class Measured(NamedTuple):
    """What floors and ceilings apply to. None: there is nothing to measure."""

    agreement: float | None
    margin: float | None
    score: float | None
    faults: int
    turns: int
    words: float | None
    cut: int

    @classmethod
    def of(cls, tree: Tree, *, score: str = "score", audit: bool = False) -> Self:
        nodes, pairs = list(tree), tree.pairs
        margins = [found for pair in pairs if (found := pair.margin) is not None]
        asks = _who_asks(tree)
        replies = [sum(map(weight, words(node.content))) for node in nodes if node.parent and node.speaker != asks]
        return cls(
            agreement=_agreement(tree),
            margin=fmean(margins) if margins else None,
            score=fmean(scores) if (scores := _scores(tree, score)) else None,
            faults=sum(FAULTS in node.metadata or (audit and _is_faulty(tree, node)) for node in nodes),
            turns=max(
                (sum(said.speaker == asks for said in node.path) for node in nodes if not node.children), default=0
            ),
            words=fmean(replies) if replies else None,
            cut=sum(node.cut for node in nodes),
        )


@dataclass
class Selected:
    """What came of it: how many were read and kept, and how many each rule rejected (one may count in several)."""

    read: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> JsonObject:
        return {"read": self.read, "kept": self.kept, "rejected": dict(self.rejected.most_common())}


Track = Callable[[Iterable[Tree], int], Iterable[Tree]]  # shows progress over so many trees


def select(config: Selection, track: Track = lambda trees, total: trees) -> Selected:
    """Write the run of the selected conversations. `track` shows progress.

    The same selection may be made again: it gives the same bytes. Raises `UsageError`: a run that cannot be read, an
    `out` that holds something else, two conversations of one id, or none that is good enough.
    """
    sources = [(run, trees_of(run)) for run in config.runs]
    if config.out.resolve() in {file.parent.resolve() for _, file in sources}:
        raise UsageError(f"{config.out} is one of the runs to select from; choose another --out")
    rules, found, seen = ConversationFilter(config), Selected(), dict[str, Path]()
    identity, metadata = _manifest(config, sources)
    with RunFolder.open(config.out, identity, metadata, resume=True) as folder:
        with (
            atomic_write(folder.trees_file) as kept,
            atomic_write(folder.path / "rejected.jsonl") as rejected,
        ):
            for run, file in sources:
                for tree in track(read(file), sum(1 for _ in jsonl.lines(file))):
                    if other := seen.get(tree.id):
                        which = "twice" if other is run else f"as {other} has; select from each apart"
                        raise UsageError(f"{run} has a conversation {tree.id}, {which}")
                    seen[tree.id] = run
                    found.read += 1
                    if reasons := rules.reject(tree):
                        found.rejected.update(reasons.keys())
                        listed = {"id": tree.id, "run": str(run), "reasons": list(reasons.values())}
                        rejected.write(jsonl.dumps(listed).encode() + b"\n")
                    else:
                        found.kept += 1
                        kept.write(dump(tree).encode() + b"\n")
        folder.amend({"selection": found.as_json()})
    if not found.kept:
        most = ", ".join(f"{name} left out {count:,}" for name, count in found.rejected.most_common(3))
        raise UsageError(f"none of {found.read:,} conversations is kept: {most}; see {config.out}/rejected.jsonl")
    return found


class ConversationFilter:
    """What is rejected depends on what was kept before only where conversations are alike or too many of a kind."""

    def __init__(self, config: Selection) -> None:
        self.config = config
        self._near = NearDuplicates(config.max_similarity) if config.max_similarity else None
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in config.max_per}

    def reject(self, tree: Tree) -> dict[str, str]:
        """Why a conversation is rejected, by rule; empty if it is kept."""
        reasons = dict(self._floors(Measured.of(tree, score=self.config.score, audit=self.config.audit)))
        if reasons:
            return reasons
        values = {name: _value(tree, name) for name in self._counts}
        for name, most in self.config.max_per.items():
            if not values[name]:
                reasons["max_per"] = f"no {name} to count by"
            elif self._counts[name][values[name]] >= most:
                reasons["max_per"] = f"{most} of {name} {values[name]} are kept already"
        if not reasons and self._near and (twin := self._near.twin_or_add(tree)):
            reasons["max_similarity"] = f"nearly the same as {twin}"
        if not reasons:
            for name, value in values.items():
                self._counts[name][value] += 1
        return reasons

    def _floors(self, measured: Measured) -> Iterator[tuple[str, str]]:
        for name in Measured._fields:
            value = getattr(measured, name)
            for rule, kept in ((f"min_{name}", ge), (f"max_{name}", le)):
                bound = getattr(self.config, rule, None)
                if bound is None:
                    continue
                if value is None:
                    yield rule, f"no {name} to measure"
                elif not kept(value, bound):
                    yield rule, f"{name} {value:.3g}, {'under' if rule.startswith('min') else 'over'} {bound:g}"


class NearDuplicates:
    """Conversations by the three-word sequences that they share, estimated with MinHash (Broder 1997)."""

    def __init__(self, most: float) -> None:
        with needs("select", "--max-similarity"):
            from datasketch import MinHash, MinHashLSH

        self._most, self._min_hash = most, MinHash
        self._kept = MinHashLSH(threshold=max(SLACK, min(most, HIGHEST) - SLACK), num_perm=PERMUTATIONS)
        self._hashes: dict[str, Any] = {}

    def twin_or_add(self, tree: Tree) -> str | None:
        """The id of a conversation that is nearly the same, the nearest one; where there is none, this one is kept."""
        mine = self._hash(tree)
        near: list[tuple[float, str]] = [(mine.jaccard(self._hashes[id]), id) for id in self._kept.query(mine)]
        alike = [pair for pair in near if pair[0] > self._most]
        if alike:
            return max(alike)[1]
        self._hashes[tree.id] = mine
        self._kept.insert(tree.id, mine)
        return None

    def _hash(self, tree: Tree) -> Any:
        pieces = {
            " ".join(said[at : at + SHINGLE])
            for node in tree
            for said in [words(node.content)]
            for at in range(max(1, len(said) - SHINGLE + 1))
        }
        made = self._min_hash(num_perm=PERMUTATIONS, seed=1)
        made.update_batch([piece.encode() for piece in sorted(pieces)])
        return made


def _who_asks(tree: Tree) -> str:
    """Who is answered: the user, or who opens where nobody is called so."""
    speakers = [node.speaker for node in tree]
    return USER if USER in speakers or not speakers else speakers[0]


def _agreement(tree: Tree) -> float | None:
    """The share of the pairs with verdicts on which all of them name one winner."""
    agreed = [len(found) == 1 and None not in found for node in tree for found in compared(node).values()]
    return fmean(agreed) if agreed else None


def _scores(tree: Tree, name: str) -> list[float]:
    given = [rating["score"] for node in tree for rating in node.metadata.get(RATINGS, {}).values()]
    if not given:
        given = [node.number(name) for node in tree]
    return [float(score) for score in given if isinstance(score, int | float)]


def _is_faulty(tree: Tree, node: Any) -> bool:
    if node.speaker != USER:
        return False
    person, before = tree.persona_at(node), [said.content for said in node.path[:-1]]
    return bool(faults_of(node.content, before, person.profile, person.personality))


def _value(tree: Tree, name: str) -> str:
    """The halves of the paper go by their ids, as their texts may be long or unknown."""
    person = tree.persona
    ids = {WHOLE: person.id, "profile": person.profile_id, "personality": person.personality_id}
    return ids.get(name) or person.values.get(name, "")


def _manifest(config: Selection, sources: Iterable[tuple[Path, Path]]) -> tuple[JsonObject, JsonObject]:
    """The identity of the selection, and what it takes over from the runs that it reads."""
    folders = [RunFolder(file.parent) for _, file in sources]
    manifests = [folder.manifest() if folder.manifest_file.exists() else {} for folder in folders]
    models: dict[str, list[str]] = {}
    simulated: dict[str, bool] = {}
    for manifest in manifests:
        for role, model in models_by_role(manifest):
            if model not in models.setdefault(role, []):
                models[role].append(model)
            simulated[model] = manifest.get("simulated", {}).get(model, simulated_by_name(model))
    imported = [manifest.get("identity", {}).get("imported") for manifest in manifests]
    identity: JsonObject = {
        "selected": config.rules,
        "from": [{"run": str(run), "digest": digest_of_file(file)} for run, file in sources],
        "models": {
            role if not at else f"{role} {at + 1}": model
            for role, used in models.items()
            for at, model in enumerate(used)
        },
    }
    if all(imported):
        identity["imported"] = imported if len(imported) > 1 else imported[0]
    notes = [note for manifest in manifests for note in manifest.get("notes", ())]
    metadata: JsonObject = {
        "uses_personas": any(manifest.get("uses_personas", True) for manifest in manifests),
        "simulated": simulated,
        "corpus": {"simulated": any(map(is_simulated, manifests))},
        "notes": [f"selected from {counted(len(folders), 'runs')}", *dict.fromkeys(notes)],
    }
    return identity, metadata
