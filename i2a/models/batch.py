"""Batches of a provider: how it is asked for them, and how a run writes them down. `i2a.models.batching` waits."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from i2a import jsonl
from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.models.model import Completion, Message, Price
from i2a.models.openai_protocol import HttpReply

BATCH = " (batch)"  # behind the name of a model, for what came in a batch: it costs half


def half(price: Price | None) -> Price | None:
    """The price of what comes in a batch."""
    return price and Price(*(None if amount is None else amount / 2 for amount in price))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class BatchState:
    """How far a batch is. `failure`: why it was not carried out, or not in full, in words. `too_large`: it would have
    been as two halves, or later."""

    ended: bool
    files: Sequence[str] = ()
    failure: str = ""
    too_large: bool = False


class BatchService(ABC):
    """A provider's interface for batches. All raise `ModelError`; one that has none of it raises `UsageError`."""

    most: ClassVar[int] = 5000  # requests of a batch, so that its answers fit into memory
    most_bytes: ClassVar[int] = 50 * 2**20

    @abstractmethod
    def body(self, messages: Sequence[Message], parameters: JsonMapping) -> JsonObject:
        """The request, as the provider takes it."""

    @abstractmethod
    def line(self, key: str, body: JsonMapping) -> bytes:
        """The request as a line of the file that is handed in."""

    @abstractmethod
    def read(self, body: JsonMapping, reply: HttpReply) -> Completion:
        """The answer to a request. Raises its `ModelError`."""

    @abstractmethod
    async def upload(self, lines: bytes) -> str:
        """The id of a file with these requests, which nobody carries out yet."""

    @abstractmethod
    async def start(self, file: str) -> str | None:
        """The id of a batch with the requests of a file; None if these are no longer there."""

    @abstractmethod
    async def find(self, file: str) -> str | None:
        """The id of the batch that was started with a file, if one was."""

    @abstractmethod
    async def look(self, batch: str) -> BatchState: ...

    @abstractmethod
    async def answers(self, state: BatchState) -> Mapping[str, HttpReply]:
        """What has come back, by key."""

    async def close(self) -> None:  # noqa: B027
        """Nothing is open."""


@dataclass(slots=True)
class Batch:
    """Requests that were handed in together. `id`: None while only their file is known to be there."""

    model: str
    file: str
    keys: Sequence[str]
    id: str | None = None
    followed: bool = False


class BatchLog:
    """`batches.jsonl` of a run: a line for each file that was handed in, and one for the batch that was started."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self, model: str) -> list[Batch]:
        """The batches of a model so far. Raises `UsageError`."""
        found: dict[str, Batch] = {}
        for number, line in enumerate(jsonl.lines(self._file), 1):
            try:
                entry = json.loads(line.text)
                if "keys" in entry:
                    found[entry["file"]] = Batch(entry["model"], entry["file"], entry["keys"])
                else:
                    found[entry["file"]].id = entry["batch"]
            except (ValueError, KeyError, TypeError):
                raise UsageError(f"{self._file}:{number}: no batch; move the file away, and pay again") from None
        return [batch for batch in found.values() if batch.model == model]

    def handed_in(self, batch: Batch) -> None:
        line = {"file": batch.file, "model": batch.model, "keys": list(batch.keys)}
        jsonl.append(self._file, jsonl.dumps(line))

    def started(self, batch: Batch) -> None:
        jsonl.append(self._file, jsonl.dumps({"file": batch.file, "batch": batch.id}))
