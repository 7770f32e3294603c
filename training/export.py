"""The formats `sft` and `dpo` of `i2a export`: training rows for other tools.

`layout` `trl` is TRL's conversational form (`prompt` with `completion`, or with `chosen` and `rejected`); `messages` is
what LLaMA-Factory reads, and Axolotl for SFT: one list of messages, and the two replies as one message each. What has
a persona of the benchmark is left out, as `i2a train` refuses it.
"""

from collections.abc import Callable
from typing import Literal

from i2a.jsonl import JsonMapping
from i2a.trees.formats import Format, Rows
from i2a.trees.tree import Tree
from training.leaks import in_benchmark
from training.rows import PairFilter, dpo_rows, sft_rows

Layout = Literal["trl", "messages"]


def _sft(
    tree: Tree,
    *,
    target: Literal["preferred", "rejected"] = "preferred",
    min_margin: float | None = None,
    both_orders: bool = False,
    keep_cut: bool = False,
    role: str | None = None,
    score: str = "score",
    min_score: float | None = None,
    layout: Layout = "trl",
) -> Rows:
    pairs = PairFilter.of_role(
        role, score, min_score, target=target, min_margin=min_margin, both_orders=both_orders, keep_cut=keep_cut
    )
    return _laid_out(tree, sft_rows(tree, pairs), layout, _as_conversation)


def _dpo(
    tree: Tree,
    *,
    min_margin: float | None = None,
    both_orders: bool = False,
    keep_cut: bool = False,
    role: str | None = None,
    score: str = "score",
    min_score: float | None = None,
    layout: Layout = "trl",
) -> Rows:
    pairs = PairFilter.of_role(
        role, score, min_score, min_margin=min_margin, both_orders=both_orders, keep_cut=keep_cut
    )
    return _laid_out(tree, dpo_rows(tree, pairs), layout, _as_ranking)


def _laid_out(tree: Tree, made: Rows, layout: Layout, as_messages: Callable[[JsonMapping], JsonMapping]) -> Rows:
    if any(map(in_benchmark, tree.people)):
        return Rows([], {"rows": 0}, {"pairs with a persona of the benchmark, or half of one": len(made.rows)})
    return made if layout == "trl" else made._replace(rows=[as_messages(row) for row in made.rows])


def _as_conversation(row: JsonMapping) -> JsonMapping:
    """Only the last message is to be trained on; Axolotl looks at `training`, LLaMA-Factory at `mask_history`."""
    before = [{**message, "training": False} for message in row["prompt"]]
    target = [{**message, "training": True} for message in row["completion"]]
    return {"messages": before + target, **_rest(row)}


def _as_ranking(row: JsonMapping) -> JsonMapping:
    return {"messages": row["prompt"], "chosen": row["chosen"][0], "rejected": row["rejected"][0], **_rest(row)}


def _rest(row: JsonMapping) -> JsonMapping:
    return {name: row[name] for name in ("tree", "profile", "personality", "turn")}


sft = Format(_sft, flat=True)
dpo = Format(_dpo, flat=True)
