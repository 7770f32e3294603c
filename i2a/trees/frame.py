"""Tables for pandas: the utterances of trees, and any rows of plain values. pandas is imported when a table is made."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from i2a.extras import needs
from i2a.jsonl import JsonMapping, JsonObject
from i2a.trees.tree import Tree

if TYPE_CHECKING:
    from pandas import DataFrame


def to_dataframe(rows: Iterable[JsonMapping]) -> "DataFrame":
    """A table with a row for each mapping. Whole numbers stay whole where some are missing. Raises `UsageError`."""
    with needs("evaluate", "a table"):
        import pandas as pd
    rows = list(rows)
    table = pd.DataFrame(rows)
    for name in table.columns:
        given = [row[name] for row in rows if row.get(name) is not None]
        if given and all(type(value) is int for value in given):
            table[name] = table[name].astype("Int64")
    return table


def utterances(trees: Iterable[Tree]) -> Iterator[JsonObject]:
    """One row for each utterance, depth first: what it is, where it stands, and what was said of it.

    `node` counts the utterances of a tree from 0, and `parent` is the `node` that it answers. `depth` is how many stand
    before it. `continued`: the dialogue went through it.
    """
    for tree in trees:
        number = {node: place for place, node in enumerate(tree)}
        depth: dict[int, int] = {}
        for node, place in number.items():
            parent = None if node.parent is None else number[node.parent]
            depth[place] = 0 if parent is None else depth[parent] + 1
            persona = tree.persona_at(node)
            prompt_tokens, completion_tokens = node.usage or (None, None)
            yield {
                "tree": tree.id,
                "scenario": tree.scenario,
                "profile": persona.profile_id,
                "personality": persona.personality_id,
                "node": place,
                "parent": parent,
                "depth": depth[place],
                "speaker": node.speaker,
                "content": node.content,
                "label": node.label,
                "continued": node.continued,
                "finish_reason": node.finish_reason,
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
            }
