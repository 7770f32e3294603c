"""General chat data to mix into SFT, so that a model keeps its other skills: JSONL, a folder of `datasets`, the hub.

A conversation makes one row: its last reply is trained on, given what came before.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.text import one_line

if TYPE_CHECKING:
    from datasets import Dataset

LOADERS = {".jsonl": "json", ".json": "json", ".parquet": "parquet"}


def general_rows(source: str, ratio: float, seed: int, rows: int, cache: Path) -> Iterator[JsonObject]:
    """Rows of the dataset, in an order that follows from the seed: as many as make up `ratio` of all rows when they are
    added to `rows` others.

    A file is first made readable in any order, in the folder `cache`. Raises `UsageError` for what cannot be read, has
    no column `messages`, or not enough of them.
    """
    count = round(rows * ratio / (1 - ratio))
    dataset = _open(source, cache)
    order = list(range(len(dataset)))
    random.Random(seed).shuffle(order)
    found = 0
    for place in order:
        if found == count:
            return
        if row := _row(dataset[place]["messages"]):
            found += 1
            yield row
    if found < count:
        raise UsageError(
            f"--mix {source} has {found:,} usable conversations, but {count:,} are needed; lower --mix-ratio"
        )


def _open(source: str, cache: Path) -> "Dataset":
    import datasets

    path = Path(source)
    try:
        if path.suffix in LOADERS and path.is_file():
            found = datasets.load_dataset(
                LOADERS[path.suffix], data_files=str(path), split="train", cache_dir=str(cache)
            )
        elif (path / "dataset_info.json").exists():
            found = datasets.load_from_disk(str(path))
        else:
            found = datasets.load_dataset(source, split="train")
    except (OSError, ValueError, datasets.exceptions.DatasetGenerationError) as error:
        raise UsageError(f"--mix {source} cannot be read: {one_line(str(error)):.200}") from error
    if "messages" not in found.column_names:
        raise UsageError(f'--mix {source} has no column "messages"; it has {", ".join(found.column_names)}')
    return found


def _row(messages: list[JsonObject]) -> JsonObject | None:
    """The conversation up to its last reply, or None if it has none, or holds more than text."""
    chat = [{"role": message["role"], "content": message["content"]} for message in messages]
    if any(m["role"] not in ("system", "user", "assistant") or not isinstance(m["content"], str) for m in chat):
        return None
    while chat and chat[-1]["role"] != "assistant":
        chat.pop()
    if len(chat) < 2 or chat[-2]["role"] != "user" or not chat[-1]["content"].strip():
        return None
    return {"prompt": chat[:-1], "completion": chat[-1:], "tree": ""}
