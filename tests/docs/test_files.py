"""The page on file formats names the fields that are in the files."""

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from evaluation.scores import StoredScore
from i2a import simulate
from i2a.errors import BadRequest
from i2a.testing import ScriptedModel
from i2a.trees import json as trees

PAGE = (Path(__file__).parents[2] / "docs/files.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^##+ (\S[^\n]*)\n(.*?)(?=^##|\Z)", PAGE, re.DOTALL | re.MULTILINE))
SCHEMA: dict[str, Any] = json.loads(Path(trees.__file__).with_name("tree.schema.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a conversation that is finished, and one that failed."""
    out = tmp_path_factory.mktemp("files") / "run"
    simulate(out=out, conversations=1, turns=1)
    fails = ScriptedModel.by_role(user=BadRequest("too long"))
    simulate(out=out.with_name("failed"), conversations=1, turns=1, clients={"user": fails})
    return out


def named(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def first_column(text: str) -> set[str]:
    return named(" ".join(re.findall(r"^\|([^|]*)\|", text, re.MULTILINE)))


def test_the_fields_of_trees_and_nodes_are_those_of_the_schema() -> None:
    ours = first_column(SECTIONS["trees.jsonl"])
    assert ours == {*SCHEMA["properties"], *SCHEMA["$defs"]["StoredNode"]["properties"]}


def test_the_columns_of_the_journal_are_those_of_the_table(run: Path) -> None:
    with sqlite3.connect(run / "journal.sqlite") as journal:
        columns = {row[1] for row in journal.execute("PRAGMA table_info(answers)")}
    journal.close()
    assert named(SECTIONS["journal.sqlite"]) == {"answers", *columns}


def test_the_fields_of_a_failure_are_those_of_a_line(run: Path) -> None:
    (line,) = (run.with_name("failed") / "failures.jsonl").read_text("utf-8").splitlines()
    assert named(SECTIONS["failures.jsonl"]) <= set(json.loads(line))


def test_the_fields_of_a_score_are_those_of_the_model() -> None:
    (line,) = re.findall(r"^\| `scores.jsonl` \|(.*)\|$", SECTIONS["An evaluation"], re.MULTILINE)
    assert named(line) == set(StoredScore.model_fields)


def test_the_files_of_a_run_are_those_of_its_folder(run: Path) -> None:
    listed = set(re.findall(r"^\| `([\w.]+)` \|", SECTIONS["A run"], re.MULTILINE))
    written = {file.name for folder in (run, run.with_name("failed")) for file in folder.iterdir()}
    assert written - {"journal.sqlite-wal", "journal.sqlite-shm"} <= listed
