"""The journal of a run: every paid answer, on disk before it is used.

It knows trees and roles by name only. A killed process loses no answer for which `write` has returned.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from i2a.errors import UsageError
from i2a.models.model import Completion

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS answers (
    tree TEXT NOT NULL, key BLOB NOT NULL, role TEXT NOT NULL, model TEXT NOT NULL,
    content TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, estimated INTEGER NOT NULL DEFAULT 0,
    cached_tokens INTEGER NOT NULL DEFAULT 0, written_tokens INTEGER NOT NULL DEFAULT 0,
    sample TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS answers_of_a_tree ON answers (tree);
"""


NAMES: Final = (
    "tree, key, role, model, content, finish_reason, prompt_tokens, completion_tokens, estimated, cached_tokens, "
    "written_tokens, sample"
)
COLUMNS: Final = (
    "SELECT tree, key, role, model, content, finish_reason, prompt_tokens, completion_tokens FROM answers LIMIT 0"
)


class Spent(NamedTuple):
    """What a role has cost on a model so far."""

    role: str
    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    estimated: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0


class Journal:
    """Answers by tree and request key. `path` None keeps them in memory, for runs that are never resumed."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
            # WAL with NORMAL survives a killed process; only a power cut can lose the last moments.
            self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)
            self._db.execute(COLUMNS)
            present = {column[1] for column in self._db.execute("PRAGMA table_info(answers)")}
            for name in ("estimated", "cached_tokens", "written_tokens"):
                if name not in present:  # before 0.2
                    self._db.execute(f"ALTER TABLE answers ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0")
            if "sample" not in present:
                self._db.execute("ALTER TABLE answers ADD COLUMN sample TEXT NOT NULL DEFAULT ''")
        except sqlite3.Error as error:
            raise self._unusable(error) from None
        self._batch: list[tuple[object, ...]] = []
        self._waiting: list[Callable[[Exception | None], None]] = []

    def answers(self, tree: str) -> dict[bytes, Completion]:
        """All answers that were given for `tree`, by request key, oldest first; also those that are only billed.

        Raises `UsageError` for a damaged journal.
        """
        rows = self._rows(
            "SELECT key, content, finish_reason, prompt_tokens, completion_tokens, estimated, cached_tokens, "
            "written_tokens, sample FROM answers WHERE tree = ? ORDER BY rowid",
            tree,
        )
        return {
            key: Completion(content, reason, prompt_tokens, completion_tokens, bool(estimated), *rest)
            for key, content, reason, prompt_tokens, completion_tokens, estimated, *rest in rows
        }

    def samples(self) -> list[tuple[str, str]]:
        """The tokens that were drawn, for every answer that has them, with its tree. Raises `UsageError`."""
        return self._rows("SELECT tree, sample FROM answers WHERE sample != '' ORDER BY rowid")

    def spent(self) -> list[Spent]:
        """What was spent in this run folder, by role and model. Raises `UsageError` for a damaged journal."""
        rows = self._rows(
            "SELECT role, model, count(*), sum(prompt_tokens), sum(completion_tokens), sum(estimated), "
            "sum(cached_tokens), sum(written_tokens) FROM answers GROUP BY role, model"
        )
        return [Spent(*row) for row in rows]

    def spent_by_tree(self) -> dict[str, list[Spent]]:
        """The same for each tree by itself."""
        rows = self._rows(
            "SELECT tree, role, model, count(*), sum(prompt_tokens), sum(completion_tokens), sum(estimated), "
            "sum(cached_tokens), sum(written_tokens) FROM answers GROUP BY tree, role, model"
        )
        found: dict[str, list[Spent]] = {}
        for tree, *row in rows:
            found.setdefault(tree, []).append(Spent(*row))
        return found

    def add(self, other: Path) -> None:
        """Copy all answers of another journal to the end of this one, at once or not at all. Raises `UsageError`."""
        with Journal(other):  # which brings one of an earlier version up to date
            pass
        try:
            self._db.execute("ATTACH ? AS other", (str(other),))
            self._db.execute(f"INSERT INTO main.answers ({NAMES}) SELECT {NAMES} FROM other.answers ORDER BY rowid")
            self._db.execute("DETACH other")
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def _rows(self, query: str, *values: str) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def _unusable(self, error: sqlite3.Error) -> UsageError:
        """What is wrong with the file, and what to do."""
        words = str(error)
        if "locked" in words or "busy" in words:
            advice = "another program has it open: close that, then continue with --resume"
        elif "readonly" in words or "unable to open" in words or "attempt to write" in words:
            advice = "make folder and file writable, then continue with --resume, or choose another --out"
        elif "full" in words or "I/O" in words:
            advice = "free some space, then continue with --resume"
        else:
            lost = "finished trees stay, the answers of unfinished ones are lost"
            advice = f"move it away, then continue with --resume: {lost}"
        return UsageError(f"cannot use the journal {self._path}: {words}; {advice}")

    async def write(self, tree: str, key: bytes, role: str, model: str, completion: Completion) -> None:
        """Return once `completion` is on disk. Answers that arrive together are committed together."""
        written = asyncio.get_running_loop().create_future()

        def done(problem: Exception | None) -> None:
            if written.done():
                return
            if problem is None:
                written.set_result(None)
            else:
                written.set_exception(problem)

        self.write_all([(tree, key, role, model, completion)], done)
        await written

    def write_all(
        self,
        answers: Sequence[tuple[str, bytes, str, str, Completion]],
        done: Callable[[Exception | None], None],
    ) -> None:
        """Call `done` once all `answers` are on disk, with what went wrong if they are not."""
        if not self._batch:
            asyncio.get_running_loop().call_soon(self._commit)
        for tree, key, role, model, completion in answers:  # the name of the model says if it was batched
            self._batch.append((tree, key, role, model, *completion[:-1]))
        self._waiting.append(done)

    def _commit(self) -> None:
        batch, waiting = self._batch, self._waiting
        self._batch, self._waiting = [], []
        problem: Exception | None = None
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", batch)
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - told to everybody who waits for this batch
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            problem = self._unusable(error) if isinstance(error, sqlite3.Error) else error
        for done in waiting:
            done(problem)

    def close(self) -> None:
        if self._batch:
            self._commit()
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
