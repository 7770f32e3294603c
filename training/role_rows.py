"""Training rows of one role of any scenario: what it said or answered, under the prompt that it was really sent.

What is learnt in each place (all answers to one utterance, or all openings) follows from what is known there: labels,
else scores, else nothing, and then SFT learns every reply. Pure functions of a tree, like `training.rows`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from i2a.jsonl import JsonObject
from i2a.trees.formats import Rows
from i2a.trees.tree import NOTE, SESSION, KeptAnswer, MessageDict, Node, Pair, Tree, as_sent, chat_messages

BARE = "rows without the role's prompt"
NO_SCORE = "replies without a score"


@dataclass(frozen=True)
class RoleFilter:
    """Whose replies make a row. `score`: the name of a number in the metadata of a reply, `a.b` for one that is nested;
    `min_score`: the least that a reply to learn has."""

    name: str
    score: str = "score"
    min_score: float | None = None

    def score_of(self, node: Node) -> float | None:
        return node.number(self.score)

    def too_low(self, node: Node) -> str:
        """Why the reply is not good enough to learn; empty if it is."""
        if self.min_score is None:
            return ""
        found = self.score_of(node)
        if found is None:
            return NO_SCORE
        return f"replies with a score below {self.min_score:g}" if found < self.min_score else ""


def speakers(tree: Tree) -> Counter[str]:
    """Who can be learnt from the tree, and how many utterances or kept answers of each there are."""
    found = Counter(node.speaker for node in tree)
    found.update(answer.role for node in tree for answer in node.answers)
    return found


def places(tree: Tree) -> Iterator[Sequence[Node]]:
    """All alternatives of each place, depth first."""
    if openings := [root for root in tree.roots if SESSION not in root.metadata]:
        yield openings
    yield from ([root] for root in tree.roots if SESSION in root.metadata)
    yield from (node.children for node in tree if node.children)


def spoken(place: Sequence[Node], role: RoleFilter) -> list[Node]:
    return [node for node in place if node.speaker == role.name]


def learnt(place: Sequence[Node], role: RoleFilter, target: str, left_out: Counter[str]) -> list[Node]:
    """The replies of the role in a place that SFT learns; the others are counted, each with its reason."""
    mine = spoken(place, role)
    if any(node.label for node in place):
        chosen, why = [node for node in mine if node.label == target], f"replies that are not labelled {target}"
    elif target == "rejected":
        chosen, why = [], "replies without a label"
    elif mine and mine[0].parent is not None and mine[0].parent.verdicts:
        chosen, why = [], "replies that were compared, but not labelled"
    elif len(mine) > 1 and (scored := ranked(mine, role)):
        chosen, why = scored[:1], "replies that did not score best in their place"
    else:
        chosen, why = mine, ""
    left_out[why] += len(mine) - len(chosen)
    low = [role.too_low(node) for node in chosen]
    left_out.update(filter(None, low))
    return [node for node, reason in zip(chosen, low, strict=True) if not reason]


def ranked(nodes: Sequence[Node], role: RoleFilter) -> list[Node]:
    """Those with a score, the best first, of equals the earlier one."""
    scored = [(score, node) for node in nodes if (score := role.score_of(node)) is not None]
    return [node for _, node in sorted(scored, key=lambda each: -each[0])]


def scored_pair(place: Sequence[Node], role: RoleFilter, left_out: Counter[str]) -> tuple[Pair, float] | None:
    """The best and the worst reply of the role by their scores, and the difference; None, counted, if there are none.

    For a place without labels.
    """
    mine = spoken(place, role)
    scores = ranked(mine, role)
    if len(mine) < 2:
        left_out["replies that stand alone, with no other in their place"] += len(mine)
    elif not scores and not (mine[0].parent and mine[0].parent.verdicts):
        left_out["places of several replies that have neither labels nor scores"] += 1
    elif len(scores) == 1:
        left_out["places with a score for one reply only"] += 1
    elif scores:
        best, worst = scores[0], scores[-1]
        if margin := (role.score_of(best) or 0) - (role.score_of(worst) or 0):
            return Pair(best.path[:-1], best, worst), margin
        left_out["places in which all replies have the same score"] += 1
    return None


def differ(one: Node, other: Node) -> bool:
    """Whether two replies were asked for under different prompts, as far as rows would show it."""
    prompts = {prompt for node in (one, other) if (prompt := node.prompt) is not None and not prompt.private}
    return len(prompts) > 1


def prompt_of(node: Node, role: RoleFilter) -> list[MessageDict]:
    """What the speaker of a node was sent, with the path to it in the speaker's view."""
    return as_sent(node.prompt, chat_messages(node.path[:-1], _same_side(node, role)))


def _same_side(node: Node, role: RoleFilter) -> set[str]:
    """Whose words the role takes for its own: a note is written from the place of all who answered the person."""
    before = [said.speaker for said in node.path[:-1] if said.speaker != NOTE]
    if before and node.path[-2].speaker == NOTE:
        return {role.name, *before} - {before[0]}
    return {role.name}


def answer_rows(tree: Tree, role: RoleFilter) -> list[tuple[JsonObject, Node]]:
    """A row for each kept answer with structure of the role, and the node that it is about."""

    def row(node: Node, answer: KeptAnswer) -> JsonObject:
        prompt = as_sent(answer.prompt, chat_messages(node.path, {role.name}))
        return {"prompt": prompt, "completion": [{"role": "assistant", "content": answer.content}]}

    return [(row(node, answer), node) for node in tree for answer in sorted(node.answers) if answer.role == role.name]


def rows_of(rows: Sequence[JsonObject], bare: int, left_out: Counter[str]) -> Rows:
    counts = {"rows": len(rows)} | ({BARE: bare} if bare else {})
    return Rows(list(rows), counts, Counter({why: count for why, count in left_out.items() if why and count}))
