"""Training rows as pure functions of a tree, in TRL's conversational form. Knows no tokenizer and no files.

A pair is compared where it stood: its history is the path that was really taken, each message once, each reply whole.
The tree stores who spoke; chat roles are a view of it, in which whoever answers in the pair is the assistant.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.trees.formats import Rows
from i2a.trees.tree import MessageDict, Node, Pair, Tree, chat_messages
from training.role_rows import (
    RoleFilter,
    answer_rows,
    differ,
    learnt,
    places,
    prompt_of,
    rows_of,
    scored_pair,
)

NOT_COMPARED = (
    "trees in which nothing was compared (--role NAME, in an export --option role=NAME, learns what one role says)"
)
DIFFERENT = "pairs of replies to different prompts (`private` in the role's class marks a hint to one of them)"
CUT = "pairs with a reply that was cut at its limit of tokens"


@dataclass(frozen=True)
class PairFilter:
    """Which pairs make a row, and which reply SFT trains on (`rejected` is the paper's ablation).

    `min_margin`: the least `margin`. `both_orders`: the judge named the chosen reply in both orders. `keep_cut`: also
    replies that were cut at their limit of tokens, which teach to break off in the middle.

    `role`: only what this role says, with the prompt that it was sent. None: of every labelled pair, whoever speaks,
    and without any prompt, as in the paper: the hint of its preferred Responder is not for learning.
    """

    target: Literal["preferred", "rejected"] = "preferred"
    min_margin: float | None = None
    both_orders: bool = False
    keep_cut: bool = False
    role: RoleFilter | None = None

    @classmethod
    def of_role(cls, role: str | None, score: str, min_score: float | None, **others: Any) -> Self:
        """The filter for a role by its name. Raises `UsageError` for a least score without a role."""
        if role is None and min_score is not None:
            raise UsageError("a least score is for the replies of a role; say whose: --role NAME")
        return cls(**others, role=None if role is None else RoleFilter(role, score, min_score))


def sft_rows(tree: Tree, pairs: PairFilter) -> Rows:
    """`prompt` and `completion`: one row for each labelled pair; a reply that several pairs share comes once.

    With a role: one for each reply of it that is to be learnt, see `training.role_rows`, and each answer that is kept.
    """
    if pairs.role is not None:
        return _role_sft_rows(tree, pairs, pairs.role)
    left_out: Counter[str] = Counter()
    rows: dict[Node, JsonObject] = {}
    for pair, prompt in _usable(tree, pairs, left_out):
        target = pair.chosen if pairs.target == "preferred" else pair.rejected
        if target in rows:
            left_out["pairs whose reply another pair has too"] += 1
        elif target.cut and not pairs.keep_cut:
            left_out[CUT] += 1
        elif not target.content.strip():
            left_out["pairs with an empty reply"] += 1
        else:
            rows[target] = {"prompt": prompt, "completion": [_says("assistant", target)]} | _origin(
                tree, prompt, target
            )
    return Rows(list(rows.values()), {"rows": len(rows)}, left_out)


def dpo_rows(tree: Tree, pairs: PairFilter) -> Rows:
    """`prompt`, `chosen` and `rejected`: one row for each labelled pair, whatever the target of `pairs`.

    With a role: each labelled pair whose chosen reply is the role's; in a place without labels, its replies with the
    best and the worst score.
    """
    if pairs.role is not None:
        return _role_dpo_rows(tree, pairs, pairs.role)
    left_out: Counter[str] = Counter()
    rows: list[JsonObject] = []
    for pair, prompt in _usable(tree, pairs, left_out):
        chosen, rejected = _says("assistant", pair.chosen), _says("assistant", pair.rejected)
        if (pair.chosen.cut or pair.rejected.cut) and not pairs.keep_cut:
            left_out[CUT] += 1
        elif not (chosen["content"] and rejected["content"]):
            left_out["pairs with an empty reply"] += 1
        elif chosen == rejected:
            left_out["pairs of the same words"] += 1
        else:
            rows.append(
                {"prompt": prompt, "chosen": [chosen], "rejected": [rejected]} | _origin(tree, prompt, pair.chosen)
            )
    return Rows(rows, {"rows": len(rows)}, left_out)


def _role_sft_rows(tree: Tree, pairs: PairFilter, role: RoleFilter) -> Rows:
    left_out: Counter[str] = Counter()
    rows: list[JsonObject] = []
    bare = 0
    for place in places(tree):
        for node in learnt(place, role, pairs.target, left_out):
            prompt = prompt_of(node, role)
            if why := _why_not_labelled_so(tree, node, pairs) or _unfit(prompt, [node], pairs):
                left_out[why] += 1
            else:
                bare += node.prompt is None or node.prompt.private
                rows.append({"prompt": prompt, "completion": [_says("assistant", node)]} | _origin(tree, prompt, node))
    for row, node in answer_rows(tree, role):
        rows.append(row | _origin(tree, [], node) | {"turn": len(node.path)})
    return rows_of(rows, bare, left_out)


def _role_dpo_rows(tree: Tree, pairs: PairFilter, role: RoleFilter) -> Rows:
    left_out: Counter[str] = Counter()
    left_out.update(filter(None, map(_why_unlabelled, tree)))
    rows: list[JsonObject] = []
    bare = 0
    for pair in _pairs_of_role(tree, pairs, role, left_out):
        prompt, both = prompt_of(pair.chosen, role), [pair.chosen, pair.rejected]
        reason = DIFFERENT if differ(*both) else role.too_low(pair.chosen) or _unfit(prompt, both, pairs)
        if reason:
            left_out[reason] += 1
        else:
            bare += pair.chosen.prompt is None or pair.chosen.prompt.private
            chosen, rejected = ([_says("assistant", node)] for node in both)
            rows.append({"prompt": prompt, "chosen": chosen, "rejected": rejected} | _origin(tree, prompt, pair.chosen))
    return rows_of(rows, bare, left_out)


def _pairs_of_role(tree: Tree, pairs: PairFilter, role: RoleFilter, left_out: Counter[str]) -> Iterator[Pair]:
    """The pairs by labels, place after place, or else by scores; the others are counted, each with its reason."""
    labelled: dict[Node | None, list[Pair]] = {}
    for pair in tree.pairs:
        labelled.setdefault(pair.chosen.parent, []).append(pair)
    for place in places(tree):
        if any(node.label for node in place):
            for pair in labelled.get(place[0].parent, ()):
                if pair.chosen.speaker != role.name:
                    left_out["pairs whose chosen reply is of another role"] += 1
                elif reason := _why_not(pair, pairs):
                    left_out[reason] += 1
                else:
                    yield pair
        elif found := scored_pair(place, role, left_out):
            if pairs.both_orders:
                left_out["pairs by their scores, without verdicts in both orders"] += 1
            elif pairs.min_margin is not None and found[1] < pairs.min_margin:
                left_out[f"pairs with a margin below {pairs.min_margin:g}"] += 1
            else:
                yield found[0]


def _why_not_labelled_so(tree: Tree, node: Node, pairs: PairFilter) -> str | None:
    """Why no pair of a labelled reply passes; None for one without a label."""
    if node.label is None:
        return None
    mine = [pair for pair in tree.pairs if node in (pair.chosen, pair.rejected)]
    reasons = [_why_not(pair, pairs) for pair in mine]
    return reasons[0] if reasons and all(reasons) else None


def _unfit(prompt: list[MessageDict], replies: list[Node], pairs: PairFilter) -> str | None:
    """Why these replies to a prompt make no row, whatever they are worth."""
    if not prompt or prompt[-1]["role"] != "user":
        return "replies without a message of another speaker, or a request, to answer"
    if any(node.cut for node in replies) and not pairs.keep_cut:
        return "replies that were cut at their limit of tokens"
    contents = [node.content.strip() for node in replies]
    if not all(contents):
        return "empty replies"
    return "pairs of the same words" if len(set(contents)) < len(contents) else None


def in_both_orders(pair: Pair) -> bool:
    """Whether a verdict named the chosen reply where it was shown first, and one where it was shown second."""
    shown_first = {verdict.first is pair.chosen for verdict in pair.verdicts if verdict.winner is pair.chosen}
    return shown_first == {True, False}


def _usable(tree: Tree, pairs: PairFilter, left_out: Counter[str]) -> Iterator[tuple[Pair, list[MessageDict]]]:
    """The labelled pairs that pass with their prompts; the others are counted, each with its reason."""
    left_out.update(filter(None, map(_why_unlabelled, tree)))
    if tree.roots and not any(node.label or node.verdicts for node in tree):
        left_out[NOT_COMPARED] += 1
    for pair in tree.pairs:
        if reason := _why_not(pair, pairs):
            left_out[reason] += 1
            continue
        prompt = _prompt(pair)
        if prompt and prompt[-1]["role"] == "user":
            yield pair, prompt
        else:
            left_out["pairs without a message of another speaker to answer"] += 1


def _why_unlabelled(node: Node) -> str | None:
    """Why the replies to `node` make no pair, if they were compared at all."""
    if not node.verdicts or {"preferred", "rejected"} <= {child.label for child in node.children}:
        return None
    if all(verdict.winner for verdict in node.verdicts):
        return "pairs on which the verdicts disagree"
    return "pairs without a usable verdict"


def _why_not(pair: Pair, pairs: PairFilter) -> str | None:
    if pairs.both_orders and not in_both_orders(pair):
        return "pairs without verdicts in both orders for the chosen reply"
    if pairs.min_margin is None:
        return None
    found = pair.margin
    if found is None:
        return "pairs without a margin, as they have no verdicts"
    return f"pairs with a margin below {pairs.min_margin:g}" if found < pairs.min_margin else None


def _prompt(pair: Pair) -> list[MessageDict]:
    """The path to the pair, as whoever answers in it sees it; consecutive messages of one side become one."""
    return chat_messages(pair.history, {node.speaker for node in pair.history[-1].children}) if pair.history else []


def _says(role: str, node: Node) -> MessageDict:
    return {"role": role, "content": node.content.strip()}


def _origin(tree: Tree, prompt: list[MessageDict], node: Node) -> dict[str, str | int]:
    """Where a row about `node` comes from, and whom it is for. `turn` counts the assistant's replies from 1."""
    turn = 1 + sum(message["role"] == "assistant" for message in prompt)
    persona = tree.persona_at(node)
    return {"tree": tree.id, "profile": persona.profile_id, "personality": persona.personality_id, "turn": turn}
