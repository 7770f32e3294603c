"""The journal of a run: every paid answer, on disk before it is used.

It knows trees and roles by name only. A killed process loses no answer for which `write` has returned.
"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Final, NamedTuple, Self

from i2a.errors import UsageError
from i2a.models.model import Completion

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS answers (
    tree TEXT NOT NULL, key BLOB NOT NULL, role TEXT NOT NULL, model TEXT NOT NULL,
    content TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, estimated INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS answers_of_a_tree ON answers (tree);
"""


class Spent(NamedTuple):
    """What a role has cost on a model so far."""

    role: str
    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    estimated: int = 0


class Journal:
    """Answers by tree and request key. `path` None keeps them in memory, for runs that are never resumed."""

    def __init__(self, path: Path | None = None) -> None:
        try:
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
            # WAL with NORMAL survives a killed process; only a power cut can lose the last moments.
            self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)
            if "estimated" not in {column[1] for column in self._db.execute("PRAGMA table_info(answers)")}:
                self._db.execute("ALTER TABLE answers ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0")  # before 0.2
        except sqlite3.DatabaseError as error:
            raise UsageError(f"cannot open the journal {path}: {error}; choose another --out") from error
        self._batch: list[tuple[object, ...]] = []
        self._waiting: list[asyncio.Future[None]] = []

    def answers(self, tree: str) -> dict[bytes, Completion]:
        """All answers that were given for `tree`, by request key, oldest first; also those that are only billed."""
        rows = self._db.execute(
            "SELECT key, content, finish_reason, prompt_tokens, completion_tokens, estimated FROM answers "
            "WHERE tree = ? ORDER BY rowid",
            (tree,),
        )
        return {
            key: Completion(content, reason, prompt_tokens, completion_tokens, bool(estimated))
            for key, content, reason, prompt_tokens, completion_tokens, estimated in rows
        }

    def spent(self) -> list[Spent]:
        """What was spent in this run folder, by role and model."""
        rows = self._db.execute(
            "SELECT role, model, count(*), sum(prompt_tokens), sum(completion_tokens), sum(estimated) FROM answers "
            "GROUP BY role, model"
        )
        return [Spent(*row) for row in rows]

    async def write(self, tree: str, key: bytes, role: str, model: str, completion: Completion) -> None:
        """Return once `completion` is on disk. Answers that arrive together are committed together."""
        loop = asyncio.get_running_loop()
        if not self._batch:
            loop.call_soon(self._commit)
        self._batch.append((tree, key, role, model, *completion))
        written = loop.create_future()
        self._waiting.append(written)
        await written

    def _commit(self) -> None:
        batch, waiting = self._batch, self._waiting
        self._batch, self._waiting = [], []
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", batch)
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - raised in every caller that waits for this batch
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            advice = f"cannot write the journal ({error}); free some space, then continue with --resume"
            problem = UsageError(advice) if isinstance(error, sqlite3.Error) else error
            for written in waiting:
                if not written.done():
                    written.set_exception(problem)
            return
        for written in waiting:
            if not written.done():
                written.set_result(None)

    def close(self) -> None:
        if self._batch:
            self._commit()
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
