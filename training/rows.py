"""Training rows as pure functions of a tree, in TRL's conversational form. Knows no tokenizer and no files.

A pair is compared where it stood: its history is the path that was really taken, each message once, each reply whole.
The tree stores who spoke; chat roles are a view of it, in which whoever answers in the pair is the assistant.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from i2a.jsonl import JsonObject
from i2a.trees.formats import Rows
from i2a.trees.tree import MessageDict, Node, Pair, Tree, Verdict, chat_messages

CUT = "pairs with a reply that was cut at its limit of tokens"


@dataclass(frozen=True)
class PairFilter:
    """Which pairs make a row, and which reply SFT trains on (`rejected` is the paper's ablation).

    `min_margin`: the least `margin`. `both_orders`: the judge named the chosen reply in both orders. `keep_cut`: also
    replies that were cut at their limit of tokens, which teach to break off in the middle.
    """

    target: Literal["preferred", "rejected"] = "preferred"
    min_margin: float | None = None
    both_orders: bool = False
    keep_cut: bool = False


def sft_rows(tree: Tree, pairs: PairFilter) -> Rows:
    """`prompt` and `completion`: one row for each labelled pair; a reply that several pairs share comes once."""
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
            rows[target] = {"prompt": prompt, "completion": [_says("assistant", target)]} | _origin(tree, prompt)
    return Rows(list(rows.values()), {"rows": len(rows)}, left_out)


def dpo_rows(tree: Tree, pairs: PairFilter) -> Rows:
    """`prompt`, `chosen` and `rejected`: one row for each labelled pair, whatever the target of `pairs`."""
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
            rows.append({"prompt": prompt, "chosen": [chosen], "rejected": [rejected]} | _origin(tree, prompt))
    return Rows(rows, {"rows": len(rows)}, left_out)


def margin(pair: Pair) -> float | None:
    """The share of usable verdicts on the pair for the chosen reply, less that for the rejected one.

    From -1 to 1; None without verdicts, as for an imported pair, whose label comes from the record.
    """
    winners = [verdict.winner for verdict in _verdicts(pair)]
    return (winners.count(pair.chosen) - winners.count(pair.rejected)) / len(winners) if winners else None


def in_both_orders(pair: Pair) -> bool:
    """Whether a verdict named the chosen reply where it was shown first, and one where it was shown second."""
    shown_first = {verdict.first is pair.chosen for verdict in _verdicts(pair) if verdict.winner is pair.chosen}
    return shown_first == {True, False}


def _usable(tree: Tree, pairs: PairFilter, left_out: Counter[str]) -> Iterator[tuple[Pair, list[MessageDict]]]:
    """The labelled pairs that pass with their prompts; the others are counted, each with its reason."""
    left_out.update(filter(None, map(_why_unlabelled, tree)))
    for pair in tree.pairs:
        if reason := _why_not(pair, pairs):
            left_out[reason] += 1
            continue
        prompt = _prompt(pair)
        if prompt[-1]["role"] == "user":
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
    found = margin(pair)
    if found is None:
        return "pairs without a margin, as they have no verdicts"
    return f"pairs with a margin below {pairs.min_margin:g}" if found < pairs.min_margin else None


def _verdicts(pair: Pair) -> list[Verdict]:
    """The usable verdicts on this pair."""
    both = {pair.chosen, pair.rejected}
    return [verdict for verdict in pair.history[-1].verdicts if verdict.winner and {*verdict[:2]} == both]


def _prompt(pair: Pair) -> list[MessageDict]:
    """The path to the pair, as whoever answers in it sees it; consecutive messages of one side become one."""
    return chat_messages(pair.history, {node.speaker for node in pair.history[-1].children})


def _says(role: str, node: Node) -> MessageDict:
    return {"role": role, "content": node.content.strip()}


def _origin(tree: Tree, prompt: list[MessageDict]) -> dict[str, str | int]:
    """Where a row comes from. `turn` counts the assistant's replies from 1."""
    turn = 1 + sum(message["role"] == "assistant" for message in prompt)
    persona = tree.persona
    return {"tree": tree.id, "profile": persona.profile_id, "personality": persona.personality_id, "turn": turn}
