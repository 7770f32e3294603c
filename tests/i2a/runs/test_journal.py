"""A paid answer that `write` returned for is never lost, whatever happens to the process, the disk or the caller."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from i2a.errors import UsageError
from i2a.models.model import Completion
from i2a.runs.journal import Journal, Spent
from tests.fakes import mark, no_more_space

HELLO = Completion("Hello.", "stop", 12, 3)

WRITER = """
import asyncio, sys
from pathlib import Path
from i2a.models.model import Completion
from i2a.runs.journal import Journal

async def main():
    journal = Journal(Path(sys.argv[1]))
    for i in range(1000):
        await journal.write("t-0", b"%d" % i, "user", "m", Completion(f"answer {i}", "stop", 1, 1))
        print(i, flush=True)

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def size(path: Path) -> int:
    return path.stat().st_size


async def test_an_answer_is_found_under_its_tree_and_key(path: Path) -> None:
    with Journal(path) as journal:
        await journal.write("t-0", b"k", "user", "m", HELLO)
        assert journal.answers("t-0") == {b"k": HELLO}
        assert journal.answers("t-1") == {}


async def test_an_answer_outlives_the_journal_object(path: Path) -> None:
    with Journal(path) as journal:
        await journal.write("t-0", b"k", "user", "m", HELLO)
    with Journal(path) as again:
        assert again.answers("t-0") == {b"k": HELLO}


async def test_without_a_path_nothing_is_written(tmp_path: Path) -> None:
    with Journal() as journal:
        await journal.write("t-0", b"k", "user", "m", HELLO)
        assert journal.answers("t-0") == {b"k": HELLO}
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - blocks no longer than it takes


async def test_any_text_comes_back_as_it_was(path: Path) -> None:
    strange = Completion("zero \0 line\r\n🥖\u2028'; DROP TABLE answers; --", "length", 0, 0)
    with Journal(path) as journal:
        await journal.write("t '0", b"\0\xff", "user", "m", strange)
        assert journal.answers("t '0") == {b"\0\xff": strange}


async def test_answers_that_arrive_together_are_committed_together(path: Path) -> None:
    with Journal(path) as journal, sqlite3.connect(path) as reader:
        seen: set[int] = set()

        async def write(i: int) -> None:
            await journal.write("t-0", b"%d" % i, "user", "m", HELLO)
            seen.add(reader.execute("SELECT count(*) FROM answers").fetchone()[0])

        await asyncio.gather(*(write(i) for i in range(50)))
    reader.close()
    assert seen == {50}


async def test_nothing_is_on_disk_for_a_caller_who_was_not_told_so(path: Path) -> None:
    with Journal(path) as journal:
        writing = asyncio.create_task(journal.write("t-0", b"k", "user", "m", HELLO))
        await asyncio.sleep(0)
        assert not writing.done()
        await writing
        with sqlite3.connect(path) as reader:
            assert reader.execute("SELECT count(*) FROM answers").fetchone() == (1,)
        reader.close()


def test_what_was_written_survives_a_killed_process(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        last = 0
        while last < 20:
            last = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        last = max([last, *map(int, writer.stdout.read().split())])
    with Journal(path) as journal:
        answers = journal.answers("t-0")
    assert {b"%d" % i for i in range(last + 1)} <= answers.keys()
    assert all(answers[b"%d" % i].content == f"answer {i}" for i in range(last + 1))


async def test_what_was_spent_is_summed_by_role_and_model(path: Path) -> None:
    with Journal(path) as journal:
        assert journal.spent() == []
        for i, (role, model) in enumerate([("user", "m"), ("judge", "m"), ("user", "m"), ("user", "n")]):
            await journal.write(f"t-{i}", b"k", role, model, Completion("x", "stop", 10 + i, 1))
        assert set(journal.spent()) == {
            Spent("user", "m", 2, 22, 2),
            Spent("judge", "m", 1, 11, 1),
            Spent("user", "n", 1, 13, 1),
        }


async def test_a_journal_of_an_earlier_version_is_read_and_written_on(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old, old:
        old.execute(
            "CREATE TABLE answers (tree TEXT NOT NULL, key BLOB NOT NULL, role TEXT NOT NULL, model TEXT NOT NULL, "
            "content TEXT NOT NULL, finish_reason TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, "
            "completion_tokens INTEGER NOT NULL)"
        )
        old.execute("INSERT INTO answers VALUES ('t', 'old', 'user', 'm', 'x', 'stop', 10, 1)")
    new = Completion("y", "stop", 20, 2, False, 8, 4)
    with Journal(path) as journal:
        await journal.write("t", b"new", "user", "m", new)
    with Journal(path) as journal:
        assert list(journal.answers("t").values()) == [Completion("x", "stop", 10, 1), new]
        assert journal.spent() == [Spent("user", "m", 2, 30, 3, 0, 8, 4)]


async def test_a_cancelled_caller_loses_neither_its_answer_nor_that_of_others(path: Path) -> None:
    with Journal(path) as journal:
        writing = [asyncio.create_task(journal.write("t-0", b"%d" % i, "user", "m", HELLO)) for i in range(3)]
        await asyncio.sleep(0)
        writing[1].cancel()
        ended = await asyncio.gather(*writing, return_exceptions=True)
        assert [type(end) for end in ended] == [type(None), asyncio.CancelledError, type(None)]
        assert journal.answers("t-0").keys() == {b"0", b"1", b"2"}


async def test_closing_keeps_what_was_on_its_way(path: Path) -> None:
    with Journal(path) as journal:
        writing = asyncio.create_task(journal.write("t-0", b"k", "user", "m", HELLO))
        await asyncio.sleep(0)
    await writing
    with Journal(path) as again:
        assert again.answers("t-0") == {b"k": HELLO}


# Trouble.


async def test_a_full_disk_is_told_to_everybody_who_waits(path: Path) -> None:
    long = Completion(mark("long") * 20_000, "stop", 1, 1)
    with Journal(path) as journal:
        with no_more_space(left=size(path)):
            writing = [journal.write("t-0", b"%d" % i, "user", "m", long) for i in range(3)]
            ended = await asyncio.gather(*writing, return_exceptions=True)
        assert [type(end) for end in ended] == [UsageError] * 3
        assert "--resume" in str(ended[0])
        assert "\n" not in str(ended[0])


async def test_what_was_written_before_the_disk_was_full_stays(path: Path) -> None:
    with Journal(path) as journal:
        await journal.write("t-0", b"before", "user", "m", HELLO)
        with no_more_space(left=size(path)), pytest.raises(UsageError):
            await journal.write("t-0", b"then", "user", "m", Completion("x" * 200_000, "stop", 1, 1))
    with Journal(path) as again:
        assert again.answers("t-0").keys() == {b"before"}


async def test_the_journal_writes_again_once_there_is_space(path: Path) -> None:
    with Journal(path) as journal:
        with no_more_space(left=size(path)), pytest.raises(UsageError):
            await journal.write("t-0", b"lost", "user", "m", Completion("x" * 200_000, "stop", 1, 1))
        await journal.write("t-0", b"kept", "user", "m", HELLO)
    with Journal(path) as again:
        assert again.answers("t-0").keys() == {b"kept"}


async def test_an_answer_that_cannot_be_stored_does_not_leave_everybody_waiting(path: Path) -> None:
    half = "\ud83e"  # half of a surrogate pair: JSON can spell it, UTF-8 cannot
    with Journal(path) as journal, pytest.raises((UsageError, ValueError)):
        async with asyncio.timeout(1):
            await journal.write("t-0", b"k", "user", "m", Completion(half, "stop", 1, 1))


def test_a_journal_that_cannot_be_opened_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot use the journal .*journal\.sqlite: unable to open"):
        Journal(tmp_path / "nowhere" / "journal.sqlite")


def test_a_file_that_is_no_journal_is_told_so_and_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"These are my notes. " * 100)
    with pytest.raises(UsageError, match=r"journal\.sqlite.*not a database"):
        Journal(path)
    assert path.read_bytes() == b"These are my notes. " * 100


@pytest.fixture
async def filled(path: Path) -> Path:
    """A journal of many pages, closed."""
    with Journal(path) as journal:
        for i in range(40):
            await journal.write(f"t-{i}", b"%d" % i, "user", "m", Completion("words " * 400, "stop", 1, 1))
    return path


DAMAGE: dict[str, Callable[[Path], object]] = {
    "pages overwritten": lambda path: path.write_bytes(
        path.read_bytes()[:4096] + b"\xee" * (path.stat().st_size - 4096)
    ),
    "pages of zeros": lambda path: path.write_bytes(path.read_bytes()[:4096].ljust(path.stat().st_size, b"\0")),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:9000]),
    "header overwritten": lambda path: path.write_bytes(b"\xee" * 100 + path.read_bytes()[100:]),
    "another table": lambda path: sqlite3.connect(path).executescript(
        "DROP TABLE answers; CREATE TABLE answers (tree)"
    ),
}


def read_all(path: Path) -> None:
    with Journal(path) as journal:
        journal.spent()
        for i in range(40):
            journal.answers(f"t-{i}")


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_journal_is_one_line_that_says_what_to_do(filled: Path, damage: str) -> None:
    DAMAGE[damage](filled)
    with pytest.raises(UsageError, match="move it away, then continue with --resume: finished trees stay") as error:
        read_all(filled)
    assert "\n" not in str(error.value)
    assert str(filled) in str(error.value)


def test_a_journal_that_somebody_has_locked_is_not_taken_for_a_damaged_one(filled: Path) -> None:
    other = sqlite3.connect(filled, isolation_level=None)
    other.executescript("PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE")
    with pytest.raises(UsageError, match="database is locked; another program has it open"):
        Journal(filled)
    other.close()
