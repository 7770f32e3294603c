"""The folder of a run belongs to one run and one process, mends what a kill tore, and touches nobody else's files."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2a.errors import UsageError
from i2a.runs.run_folder import RunFolder
from tests.fakes import no_more_space

IDENTITY = {"scenario": {"name": "aloe", "options": {"turns": 2}}, "seed": 7, "models": {"user": "offline"}}
ABOUT = {"config": {"concurrency": 32}}

HOLDER = """
import sys
from pathlib import Path
from i2a.runs.run_folder import RunFolder

with RunFolder.open(Path(sys.argv[1]), {}, {}, resume=False):
    print("open", flush=True)
    sys.stdin.read()
"""


def opened(
    path: Path, identity: Mapping[str, Any] = IDENTITY, about: Mapping[str, Any] = ABOUT, *, resume: bool = False
) -> AbstractContextManager[RunFolder]:
    return RunFolder.open(path, identity, about, resume=resume)


def refusal(path: Path, identity: Mapping[str, Any] = IDENTITY, *, resume: bool = False) -> str:
    with pytest.raises(UsageError) as caught, opened(path, identity, resume=resume):
        pass
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def line(id: str, *more: object) -> str:
    return json.dumps({"format": "i2a.tree/1", "id": id, "more": more}, separators=(",", ":"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "a"


def started(path: Path) -> Path:
    with opened(path):
        pass
    return path


# Whose folder it is.


def test_a_new_folder_says_what_it_holds(path: Path) -> None:
    manifest = RunFolder(started(path)).manifest()
    assert manifest["format"] == "i2a.run/1"
    assert manifest["identity"] == IDENTITY
    assert manifest["config"] == {"concurrency": 32}


def test_a_folder_with_a_run_wants_to_be_resumed_in_so_many_words(path: Path) -> None:
    assert "--resume" in refusal(started(path))


def test_resume_goes_on_with_the_same_run(path: Path) -> None:
    with opened(started(path), resume=True) as folder:
        assert folder.finished() == set()


def test_resume_of_nothing_starts_the_run(path: Path) -> None:
    with opened(path, resume=True):
        assert RunFolder(path).manifest()["identity"] == IDENTITY


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 8}, "seed was 7 and now is 8"),
        ({"scenario": {"name": "aloe", "options": {"turns": 3}}}, "scenario.options.turns was 2 and now is 3"),
        ({"models": {"user": "openai:x"}}, "models.user was 'offline' and now is 'openai:x'"),
        ({"versions": {"i2a": "2"}}, "versions was None"),
    ],
)
def test_another_run_is_refused_with_the_difference(path: Path, changed: dict[str, Any], named: str) -> None:
    assert named in refusal(started(path), IDENTITY | changed, resume=True)


def test_something_that_is_gone_is_a_difference_too(path: Path) -> None:
    assert "seed was 7" in refusal(started(path), {k: v for k, v in IDENTITY.items() if k != "seed"}, resume=True)


def test_a_refused_resume_leaves_the_manifest_as_it_was(path: Path) -> None:
    before = (started(path) / "manifest.json").read_bytes()
    refusal(path, IDENTITY | {"seed": 8}, resume=True)
    assert (path / "manifest.json").read_bytes() == before


def test_runtime_knobs_are_no_difference(path: Path) -> None:
    with opened(started(path), about={"config": {"concurrency": 1}}, resume=True) as folder:
        assert folder.manifest()["config"] == {"concurrency": 32}


def test_an_identity_is_compared_as_json_has_it(path: Path) -> None:
    identity = IDENTITY | {"options": (1, 2)}
    with opened(path, identity):
        pass
    with opened(path, identity, resume=True):
        pass


def test_a_folder_with_other_things_in_it_is_refused_and_left_as_it_was(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "thesis.tex").write_text("\\section{One}")
    assert "thesis.tex" in refusal(path, resume=True)
    assert [file.name for file in path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_place_of_the_folder_is_refused(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("a file")
    refusal(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": "other"}',
        '{"format": "i2a.run/1"}',
    ],
)
def test_a_manifest_that_is_none_is_told_so(path: Path, text: str) -> None:
    (started(path) / "manifest.json").write_text(text)
    assert "manifest.json" in refusal(path, resume=True)


def test_a_folder_without_a_run_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run; `i2a simulate --out"):
        RunFolder(tmp_path).manifest()


# One at a time.


def test_a_second_run_in_the_same_process_is_refused(path: Path) -> None:
    with opened(path):
        assert "another run" in refusal(path, resume=True)


def test_a_second_process_is_refused_until_the_first_is_through(path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        assert "another run" in refusal(path, {}, resume=True)
        holder.kill()
    with opened(path, {}, resume=True):
        pass


def test_a_crash_inside_gives_the_folder_free(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), opened(path):
        raise ZeroDivisionError
    with opened(path, resume=True):
        pass


# Trees and failures.


def test_finished_trees_are_known_by_their_ids(path: Path) -> None:
    with opened(path) as folder:
        folder.append_tree(line("t-0", {"id": "not this"}))
        folder.append_tree(line("t-1"))
        assert folder.finished() == {"t-0", "t-1"}


def test_a_torn_last_line_is_dropped_on_start(path: Path) -> None:
    with opened(path) as folder:
        folder.append_tree(line("t-0"))
        folder.append_failure({"id": "t-1", "reason": "too long"})
    for name in ("trees.jsonl", "failures.jsonl"):
        with (path / name).open("a") as file:
            file.write('{"format":"i2a.tree/1","id":"t-')
    with opened(path, resume=True) as folder:
        assert folder.finished() == {"t-0"}
        assert folder.failures().keys() == {"t-1"}
        folder.append_tree(line("t-2"))
    assert (path / "trees.jsonl").read_text() == f"{line('t-0')}\n{line('t-2')}\n"


def test_failures_are_kept_in_the_order_in_which_they_came(path: Path) -> None:
    with opened(path) as folder:
        for reason in ("first", "Zweiter ü"):
            folder.append_failure({"id": "t-0", "reason": reason})
        folder.append_failure({"id": "t-1", "reason": "other"})
        failures = folder.failures()
    assert [failure["reason"] for failure in failures["t-0"]] == ["first", "Zweiter ü"]
    assert list(failures) == ["t-0", "t-1"]


@given(st.permutations(range(6)))
def test_sorted_trees_stand_in_drawing_order(tmp_path_factory: pytest.TempPathFactory, order: list[int]) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    for i in order:
        folder.append_tree(line(f"t-{i}", "ü" * i))
    folder.sort_trees(lambda id: int(id.removeprefix("t-")))
    assert folder.trees_file.read_text("utf-8") == "".join(line(f"t-{i}", "ü" * i) + "\n" for i in range(6))
    assert [file.name for file in folder.path.iterdir()] == ["trees.jsonl"]


def test_sorting_nothing_makes_no_file(tmp_path: Path) -> None:
    RunFolder(tmp_path).sort_trees(lambda id: 0)
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_is_no_tree_is_told(path: Path) -> None:
    with opened(path) as folder:
        folder.append_tree("{}")
        with pytest.raises(UsageError, match="not a tree"):
            folder.finished()


def test_a_line_that_is_no_failure_is_told(path: Path) -> None:
    with opened(path) as folder:
        (path / "failures.jsonl").write_text("oops\n")
        with pytest.raises(UsageError, match=r"failures\.jsonl"):
            folder.failures()


def test_a_full_disk_leaves_no_half_line(path: Path) -> None:
    with opened(path) as folder:
        folder.append_tree(line("t-0"))
        with no_more_space(left=100), pytest.raises(UsageError, match=r"trees\.jsonl.*--resume"):
            folder.append_tree(line("t-1", "x" * 10_000))
        assert (path / "trees.jsonl").read_text() == line("t-0") + "\n"


def test_a_file_that_cannot_be_opened_is_told_in_one_line(path: Path) -> None:
    with opened(path) as folder:
        (path / "trees.jsonl").mkdir()
        with pytest.raises(UsageError, match=r"cannot write .*trees\.jsonl"):
            folder.append_tree(line("t-0"))


def test_a_manifest_that_cannot_be_opened_is_told_in_one_line(path: Path) -> None:
    (path / "manifest.json").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"manifest\.json: cannot be read"):
        RunFolder(path).manifest()
