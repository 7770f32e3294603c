"""Twenty files in the forms that are found elsewhere come in as trees and go out as they came."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from i2a import records
from i2a.cli.export import export
from i2a.cli.import_ import import_
from i2a.errors import UsageError
from i2a.trees.imports import trees_in
from i2a.trees.json import dump, read
from i2a.trees.tree import Tree

FILES = Path(__file__).parents[2] / "fixtures" / "foreign" / "chats"

app = typer.Typer()
app.command("import")(import_)
app.command("export")(export)


class Came(NamedTuple):
    """What a file holds: its format, how many conversations and utterances, how many labelled pairs."""

    file: str
    format: str
    trees: int
    utterances: int
    pairs: int = 0


CAME = [
    Came("aloe.jsonl", "aloe", 1, 6, 2),
    Came("anthropic.jsonl", "anthropic", 2, 5),
    Came("anthropic_tools.jsonl", "anthropic", 1, 4),
    Came("hh.jsonl", "hh", 1, 5, 1),
    Came("lmsys.jsonl", "wildchat", 1, 2),
    Came("oasst_messages.jsonl", "oasst", 2, 9, 2),
    Came("oasst_trees.jsonl", "oasst", 1, 7, 2),
    Came("openai_finetune.jsonl", "openai", 2, 6),
    Came("openai_preference.jsonl", "openai_pairs", 1, 3, 1),
    Came("openai_tools.jsonl", "openai", 1, 4),
    Came("sharegpt.json", "sharegpt", 2, 6),
    Came("sharegpt_pairs.jsonl", "sharegpt_pairs", 1, 3, 1),
    Came("sharegpt_tools.jsonl", "sharegpt", 2, 6),
    Came("trl_completion.jsonl", "trl", 4, 10),
    Came("trl_implicit.jsonl", "trl", 1, 3, 1),
    Came("trl_preference.jsonl", "trl", 2, 8, 2),
    Came("trl_texts.jsonl", "trl", 1, 3, 1),
    Came("utterances.csv", "utterances", 1, 3, 1),
    Came("wildchat.jsonl", "wildchat", 1, 2),
    Came("wildchat.parquet", "wildchat", 2, 4),
]


def i2a(*args: object) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def imported(file: Path, out: Path, *args: object) -> list[Tree]:
    i2a("import", file, "--out", out, *args)
    return list(read(out / "trees.jsonl"))


def values(file: Path) -> Iterator[object]:
    for record in records.read(file):
        assert not record.problem, record
        yield record.value


def test_there_are_twenty_files_in_eleven_formats() -> None:
    assert sorted(came.file for came in CAME) == sorted(file.name for file in FILES.iterdir())
    assert (len(CAME), len({came.format for came in CAME})) == (20, 11)


@pytest.mark.parametrize("came", CAME, ids=lambda came: came.file)
def test_a_file_is_recognised_and_read_whole(came: Came, tmp_path: Path) -> None:
    trees = imported(FILES / came.file, tmp_path / "run")
    assert len(trees) == came.trees
    assert sum(1 for tree in trees for _ in tree) == came.utterances
    assert sum(len(tree.pairs) for tree in trees) == came.pairs
    assert all(tree.ends for tree in trees)


def test_python_reads_the_same_trees_as_the_command(tmp_path: Path) -> None:
    for name in ("sharegpt.json", "oasst_messages.jsonl", "utterances.csv"):
        trees = imported(FILES / name, tmp_path / name)
        assert [dump(tree) for tree in trees_in(FILES / name)] == [dump(tree) for tree in trees]
    (tmp_path / "bad.json").write_text('[{"messages": [{"role": "user", "content": "Hi"}]},\n{"messages": 3}]', "utf-8")
    with pytest.raises(UsageError, match=r"bad.json:2: messages is a number, not a list"):
        list(trees_in(tmp_path / "bad.json"))
    with pytest.raises(UsageError, match="no conversation in it that can be read as dialogue"):
        list(trees_in(FILES / "sharegpt.json", "dialogue"))


@pytest.mark.parametrize("came", CAME, ids=lambda came: came.file)
def test_a_file_goes_out_as_it_came(came: Came, tmp_path: Path) -> None:
    imported(FILES / came.file, tmp_path / "run")
    again = tmp_path / f"again{Path(came.file).suffix}".replace(".parquet", ".jsonl")
    i2a("export", tmp_path / "run", "--format", came.format, "--out", again)
    assert list(values(again)) == list(values(FILES / came.file))


@pytest.mark.parametrize("came", CAME, ids=lambda came: came.file)
def test_an_export_comes_in_again_as_the_same_trees(came: Came, tmp_path: Path) -> None:
    first = imported(FILES / came.file, tmp_path / "run")
    i2a("export", tmp_path / "run", "--format", came.format, "--out", tmp_path / "again.jsonl")
    again = imported(tmp_path / "again.jsonl", tmp_path / "second", "--format", came.format)
    assert [[(node.speaker, node.content, node.label) for node in tree] for tree in first] == [
        [(node.speaker, node.content, node.label) for node in tree] for tree in again
    ]
