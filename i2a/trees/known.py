"""What lists of trees show, filter and sort by: counted from the JSON line of a tree, without making a `Tree` of it."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from i2a.jsonl import JsonObject
from i2a.trees.tree import FAULTS, RATINGS


class Known(NamedTuple):
    """What is counted of a tree.

    `replies`: utterances that answer and are not the user's. Every pair that was judged or has labels is one of
    `labelled`, `flipped` (its two orders name two winners) and `unjudged` (a verdict has no winner). `score`: mean of
    the ratings, None without any. `disagreements`: flipped pairs, and replies that two judges rate more than one point
    apart. `length`: characters of all utterances.
    """

    id: str
    scenario: str
    persona: str
    candidate: str | None
    case: str | None
    utterances: int
    replies: int
    length: int
    labelled: int
    flipped: int
    unjudged: int
    faults: int
    score: float | None
    disagreements: int


def describe(tree: JsonObject) -> Known:
    """What is counted of a tree as its JSON line has it. Raises `KeyError`, `TypeError` or the like for other JSON."""
    options = tree.get("options") or {}
    scores: list[int] = []
    labels: dict[int | None, list[tuple[int, str]]] = {}
    replies = apart = faults = length = flipped = unjudged = 0
    for node in tree["nodes"]:
        length += len(node["content"])
        replies += node["parent"] is not None and node["speaker"] != "user"
        if node.get("label"):
            labels.setdefault(node["parent"], []).append((node["id"], node["label"]))
        notes = node.get("notes") or {}
        faults += FAULTS in notes
        given = [rating["score"] for rating in notes.get(RATINGS, {}).values() if rating["score"] is not None]
        scores += given
        apart += bool(given) and max(given) - min(given) > 1
    labelled = {frozenset((one, other)) for one, other in _labelled(labels)}
    for node in tree["nodes"]:
        winners: dict[frozenset[int], set[int | None]] = {}
        for verdict in node["verdicts"]:
            pair = frozenset((verdict["first"], verdict["second"]))
            winners.setdefault(pair, set()).add(verdict["winner"])
        judged = [found for pair, found in winners.items() if pair not in labelled]
        unjudged += sum(None in found for found in judged)
        flipped += sum(None not in found and len(found) > 1 for found in judged)
    return Known(
        id=tree["id"],
        scenario=tree.get("scenario", ""),
        persona=tree["persona"]["id"],
        candidate=options.get("candidate"),
        case=options.get("case"),
        utterances=len(tree["nodes"]),
        replies=replies,
        length=length,
        labelled=len(labelled),
        flipped=flipped,
        unjudged=unjudged,
        faults=faults,
        score=round(fmean(scores), 2) if scores else None,
        disagreements=apart + flipped,
    )


def _labelled(labels: Mapping[int | None, Sequence[tuple[int, str]]]) -> Iterator[tuple[int, int]]:
    """The ids of each labelled pair; `labels`: by parent, who of its children has which."""
    for siblings in labels.values():
        for id, label in siblings:
            if label == "preferred":
                yield from ((id, other) for other, lost in siblings if lost == "rejected")
