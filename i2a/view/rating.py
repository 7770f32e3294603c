"""Blinded items for one rater: replies to score by the protocol's rubric, or two replies to choose from.

Which items there are follows from the seed, whoever rates; a rater gets them in an order of its own. An answer is on
disk, one line, before the next item is shown.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from evaluation.choices import SIGNS, Choice, PairKey, judged, read_choices
from evaluation.judge import find_rater, rated
from evaluation.ratings import ReplyKey, read_ratings
from evaluation.scores import Protocol
from i2a import jsonl
from i2a.digests import digest
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.trees.tree import RATINGS, Node, Tree
from i2a.view.shelf import ShownRun

SCORES, CHOICES = "ratings.jsonl", "choices_of_people.jsonl"
T = TypeVar("T")


class RatingAnswer(BaseModel):
    """What a browser sends: a `score`, a `choice`, or the reason why the item is `skipped`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    item: str
    score: int | None = None
    choice: Literal["left", "right", "tie"] | None = None
    skipped: str | None = Field(None, min_length=1, max_length=500)
    comment: str = Field("", max_length=5000)


@dataclass(frozen=True, slots=True)
class Item:
    """A reply, or two replies, in the tree at `place`; `about` is what the file names it by."""

    key: str
    place: int
    nodes: tuple[int, ...]
    about: JsonObject


class RatingSession:
    """The items of one `rater` in one run. `overlap`: how many of `items` every rater gets; the others are shared out.

    Raises `UsageError` if there is nothing to rate, and for a file that holds something else.
    """

    def __init__(self, run: ShownRun, rater: str, *, items: int | None, overlap: int | None, seed: int) -> None:
        self.run, self.rater, self.seed = run, rater, seed
        identity = run.manifest["identity"]
        self.protocol: Protocol | None = None
        self.rubric: list[str] = []
        if run.kind == "evaluation":
            self.protocol = Protocol.stored(identity["protocol"], identity.get("scale"))
            self.rubric = rubric(identity["protocol"])
        self.file = run.path / (SCORES if self.protocol else CHOICES)
        index = run.index
        if index is None:
            raise UsageError(f"{run.path} holds no tree yet; rate once it does")
        while index.update(1000):
            pass
        found = list(_replies(run) if self.protocol else _pairs(run))
        if not found:
            raise UsageError(f"{run.path} holds nothing to rate: neither an evaluation's replies nor compared replies")
        found.sort(key=lambda item: item.key)
        random.Random(f"{seed}").shuffle(found)
        chosen = found[:items]
        self.common = len(chosen) if overlap is None else min(overlap, len(chosen))
        self._shared = {item.key for item in chosen[: self.common]}
        self._items = {item.key: item for item in chosen}
        self._order = list(self._items)
        random.Random(f"{seed}/{rater}").shuffle(self._order)
        self._order.sort(key=lambda key: key not in self._shared)  # what all rate comes first
        self._history: list[str] = []
        self._answers()

    def state(self, item: str | None = None) -> JsonObject:
        """The next item without an answer, or the `item` asked for, and how far the rater is."""
        mine, taken = self._answers()
        open_ = [key for key in self._order if key not in mine and (key in self._shared or key not in taken)]
        key = item if item in self._items else (open_[0] if open_ else None)
        return {
            "rater": self.rater,
            "kind": "score" if self.protocol else "choice",
            "scale": list(range(self.protocol.lowest, self.protocol.highest + 1)) if self.protocol else [],
            "rubric": self.rubric,
            "done": len(mine),
            "total": len(mine) + len(open_),
            "item": self._shown(self._items[key]) if key else None,
            "before": mine.get(key or ""),
            "previous": self._history[-1] if self._history else None,
        }

    def answer(self, given: RatingAnswer) -> None:
        """Write an answer. Raises `UsageError` for one that does not fit, and if it cannot be written."""
        item = self._items.get(given.item)
        if item is None:
            raise UsageError("there is no such item")
        if [given.score, given.choice, given.skipped].count(None) != 2:
            raise UsageError("an answer has a score or a choice, or says why it was skipped")
        told: JsonObject = dict(item.about)
        if self.protocol:
            if given.choice or (given.score is not None and not self.protocol.has(given.score)):
                raise UsageError(f"not a score of the protocol {self.protocol.name}")
            told["score"] = given.score
        else:
            if given.score is not None:
                raise UsageError("choose one of two replies, or tie")
            sides = self._sides(item)
            chosen = {"left": sides[0], "right": sides[1], "tie": None, None: None}[given.choice]
            told |= {"choice": None if given.skipped else "tie" if chosen is None else _name(item, chosen)}
            told["shown_first"] = _name(item, sides[0])
        told |= {"rater": self.rater, "seed": self.seed, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        told |= {"skipped": given.skipped} if given.skipped else {}
        told |= {"comment": given.comment} if given.comment else {}
        told |= {"revised": True} if given.item in self._answers()[0] else {}
        jsonl.append(self.file, jsonl.dumps(told))
        self._history = [key for key in self._history if key != given.item] + [given.item]

    def _answers(self) -> tuple[dict[str, JsonObject], set[str]]:
        """This rater's answers so far, by item; and what others have rated."""
        mine: dict[str, JsonObject] = {}
        others: set[str] = set()
        for number, line in jsonl.read(self.file):
            if not isinstance(line, dict):
                raise UsageError(f"{self.file}:{number}: not a rating")
            key = _key(line)
            if key not in self._items:
                continue
            if line.get("rater") != self.rater:
                others.add(key)
                continue
            choice = line.get("choice")
            sides = [_name(self._items[key], node) for node in self._sides(self._items[key])] if choice else []
            side = "tie" if choice == "tie" else ["left", "right"][sides.index(choice)] if choice in sides else None
            kept = {name: line.get(name) for name in ("score", "skipped", "comment")}
            mine[key] = kept | {"choice": side}
        return mine, others

    def _sides(self, item: Item) -> tuple[int, ...]:
        """The two replies in the order in which this rater sees them."""
        turned = random.Random(f"{self.seed}/{self.rater}/{item.key}").random() < 0.5
        return item.nodes[::-1] if turned else item.nodes

    def _shown(self, item: Item) -> JsonObject:
        """What the rater sees: no name of a candidate, role, run, tree or score."""
        assert self.run.index is not None
        tree = self.run.index.tree(item.place)
        nodes = list(tree)
        first = nodes[item.nodes[0]]
        before, persona = first.path[:-1], tree.persona_at(first)
        return {
            "item": item.key,
            "persona": {"profile": persona.profile, "personality": persona.personality},
            "dialogue": [{"user": node.speaker == "user", "content": node.content} for node in before],
            "replies": [nodes[number].content for number in self._sides(item)],
        }


def rubric(name: str) -> list[str]:
    """What the protocol tells its judge, in paragraphs, without what is filled in and the form of the answer."""
    try:
        text = find_rater(name).prompt.text
    except UsageError:  # a plug-in that is not here
        return []
    paragraphs = [part.strip() for part in text.partition("\n---\n")[0].split("\n\n")]
    return [part for part in paragraphs if part and "$" not in part and "JSON" not in part]


def largest_differences(run: ShownRun, limit: int = 50) -> list[JsonObject]:
    """The replies, or the pairs of replies, on which people and judges are furthest apart, by the ratings in the run's
    folder."""
    file = run.file(SCORES if run.kind == "evaluation" else CHOICES)
    if file is None or run.index is None:
        return []
    found = _apart_in_scores(run, file) if run.kind == "evaluation" else _apart_in_choices(run, file)
    return sorted(found, key=lambda one: -one["apart"])[:limit]


def _apart_in_scores(run: ShownRun, file: Path) -> Iterator[JsonObject]:
    identity = run.manifest["identity"]
    people = _by_item(read_ratings(file, Protocol.stored(identity["protocol"], identity.get("scale"))))
    for _, tree, reply, node in _rated(run):
        if not (given := people.get(reply)):
            continue
        scores = {judge: rating["score"] for judge, rating in node.metadata[RATINGS].items()}
        known = [score for score in scores.values() if score is not None]
        if known:
            what = f"{reply.candidate}, {reply.case}, turn {reply.turn}"
            place = {"tree": tree.id, "node": list(tree).index(node), "what": what, "replies": [node.content[:300]]}
            yield {**place, "people": given, "judges": scores, "apart": _apart(given, known)}


def _apart_in_choices(run: ShownRun, file: Path) -> Iterator[JsonObject]:
    assert run.index is not None
    people = _by_item(read_choices(file))
    words = {sign: word for word, sign in SIGNS.items()}
    for id in dict.fromkeys(pair.tree for pair in people):
        if (place := run.index.place(id)) is None:
            continue
        tree = run.index.tree(place)
        nodes = list(tree)
        judges: dict[PairKey, dict[str, int]] = {}
        for judge, pair, sign in judged(tree):
            judges.setdefault(pair, {})[judge] = sign
        for pair, said in judges.items():
            if given := people.get(pair):
                yield {
                    "tree": id,
                    "node": pair.node,
                    "what": f"{id}, after #{pair.node}",
                    "replies": [nodes[number].content[:300] for number in (pair.first, pair.second)],
                    "people": [words[sign] for sign in given],
                    "judges": {judge: words[sign] for judge, sign in said.items()},
                    "apart": _apart(given, list(said.values())),
                }


def _by_item(by_rater: Mapping[str, Mapping[T, int]]) -> dict[T, list[int]]:
    found: dict[T, list[int]] = {}
    for given in by_rater.values():
        for item, score in given.items():
            found.setdefault(item, []).append(score)
    return found


def _apart(people: Sequence[int], judges: Sequence[int]) -> float:
    return round(abs(sum(people) / len(people) - sum(judges) / len(judges)), 2)


def _replies(run: ShownRun) -> Iterator[Item]:
    for place, tree, reply, node in _rated(run):
        about = reply._asdict()
        yield Item(_key(about), place, (list(tree).index(node),), about)


def _rated(run: ShownRun) -> Iterator[tuple[int, Tree, ReplyKey, Node]]:
    """Each rated reply of an evaluation, and the place of its tree."""
    assert run.index is not None
    for place in range(run.index.count):
        tree = run.index.tree(place)
        yield from ((place, tree, reply, node) for reply, node in rated(tree))


def _pairs(run: ShownRun) -> Iterator[Item]:
    """The first two of the replies that a judge compared."""
    assert run.index is not None
    for place in range(run.index.count):
        tree = json.loads(run.index.line(place))
        for node in tree["nodes"]:
            if node["verdicts"]:
                pair = tuple(sorted((node["verdicts"][0]["first"], node["verdicts"][0]["second"])))
                about = {"tree": tree["id"], "node": node["id"], "first": pair[0], "second": pair[1]}
                yield Item(_key(about), place, pair, about)


def _name(item: Item, node: int) -> Choice:
    return "first" if item.about["first"] == node else "second"


def _key(about: JsonObject) -> str:
    """A name of the item that tells nothing."""
    names = ("candidate", "case", "turn", "tree", "node", "first", "second")
    return digest(json.dumps([about.get(name) for name in names]))
