"""`i2a import` and `i2a export`: whole or not at all, and what is left out is said."""

import csv
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
import typer
from typer.testing import CliRunner, Result

from i2a.cli.export import export
from i2a.cli.import_ import import_
from i2a.errors import UsageError
from i2a.runs.run_folder import RunFolder
from i2a.trees.formats import Exported, Format, Rows
from i2a.trees.json import read, write
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree, Utterance
from tests.fakes import install_plugins

app = typer.Typer()
app.command("import")(import_)
app.command("export")(export)


def i2a(*args: object, stdin: bytes | None = None) -> Result:
    """The command's result; its `UsageError` is raised, as the core wants it."""
    result = CliRunner().invoke(app, [str(arg) for arg in args], input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def record(name: str = "Anna", turns: int = 2, **changes: Any) -> dict[str, Any]:
    turn = {
        "user": "Hello.",
        "assistant": {"preferred": "Good.", "rejected": "Bad."},
        "chosen": "rejected",
        "inferred_profile": "None",
        "inferred_personality": "None",
    }
    return {
        "profile": f'"{name} mends clocks."\n',
        "personality": "Brisk.\n",
        "conversations": [turn] * turns,
    } | changes


def file_of(path: Path, *lines: object) -> Path:
    """Bytes stand as they are; anything else is written as JSON."""
    path.write_bytes(b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines))
    return path


def tree(id: str = "aloe-0", *labels: str | None, scenario: str = "aloe") -> Tree:
    """A tree with one turn for each label of its first reply."""
    tree = Tree(id, scenario, Persona("", "She mends clocks.", "Brisk."), 3)
    here = None
    for label in labels:
        user = tree.add(here, Utterance("user", "Hello."))
        here, other = tree.add(user, Utterance("preferred", "One.")), tree.add(user, Utterance("rejected", "Two."))
        if label:
            here.label, other.label = ("preferred", "rejected") if label == "preferred" else ("rejected", "preferred")
        tree.keep(here)
    return tree


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """A run folder with these trees."""

    def make(*trees: Tree, name: str = "run") -> Path:
        with RunFolder.open(tmp_path / name, {}, {}, resume=False) as folder:
            write(folder.trees_file, trees)
        return tmp_path / name

    return make


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_file_of_settings_says_what_to_read_and_write(tmp_path: Path, run: Callable[..., Path]) -> None:
    run(tree("aloe-0", "preferred"), name="grown")
    file = tmp_path / "export.toml"
    file.write_text('run = "grown"\nout = "rows.jsonl"\nformat = "dpo"\noption = {layout = "messages"}', "utf-8")
    i2a("export", "--config", file)
    assert len((tmp_path / "rows.jsonl").read_text("utf-8").splitlines()) == 1
    with pytest.raises(UsageError, match="exists already; add --force"):
        i2a("export", "--config", file)
    file = tmp_path / "import.toml"
    file.write_text('file = "-"\nout = "imported"', "utf-8")
    i2a("import", "--config", file, stdin=json.dumps(record()).encode())
    assert len(list(read(tmp_path / "imported/trees.jsonl"))) == 1


# In.


def test_an_imported_file_is_a_run_that_says_where_it_came_from(tmp_path: Path, out: Path) -> None:
    file = file_of(tmp_path / "aloe.jsonl", record(), record("Bert", 3))
    result = i2a("import", file, "--out", out)
    assert [found.persona.profile for found in read(out / "trees.jsonl")] == [
        "Anna mends clocks.",
        "Bert mends clocks.",
    ]
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert RunFolder(out).manifest()["identity"] == {
        "imported": {"file": "aloe.jsonl", "sha256": sha256, "conversations": 2}
    }
    assert len(RunFolder(out).finished()) == 2
    assert result.stdout == f"2 conversations with 15 utterances are in {out}. Next:  i2a show {out}\n"
    assert result.stderr == ""
    assert {path.name for path in out.iterdir()} <= {"lock", "manifest.json", "trees.jsonl"}


def test_bad_lines_are_named_and_nothing_is_left_behind(tmp_path: Path, out: Path) -> None:
    bad = [b"{", b"[]", b"null", b"\xff", {"profile": "x"}, b'{"a": 1} 2', record(conversations=[])]
    file = file_of(tmp_path / "aloe.jsonl", record(), b"", *bad)
    with pytest.raises(UsageError) as error:
        i2a("import", file, "--out", out)
    told = str(error.value)
    assert told.startswith("7 lines are not a record: ")
    assert f"{file}:3 (not JSON: " in told
    assert f"{file}:4 (a record is a JSON object, not a list)" in told
    assert f"{file}:6 (not UTF-8 at byte 1)" in told
    assert f"{file}:7 (personality is missing) and 2 more; " in told
    assert "--skip-bad" in told
    assert "\n" not in told
    assert not out.exists()


def test_bad_lines_can_be_left_out_and_are_counted(tmp_path: Path, out: Path) -> None:
    file = file_of(tmp_path / "aloe.jsonl", b"{", record())
    result = i2a("import", file, "--out", out, "--skip-bad")
    assert "1 conversations with 6 utterances" in result.stdout
    assert f"a line is not a record: {file}:1 (not JSON: " in result.stdout
    assert RunFolder(out).manifest()["notes"][0].startswith("a line is not a record")


@pytest.mark.parametrize("lines", [[], [b"", b"  "], [{"i2a": {"tree": "aloe-0"}}]])
def test_a_file_without_a_conversation_is_no_run(tmp_path: Path, out: Path, lines: list[object]) -> None:
    with pytest.raises(UsageError, match="no conversation in it"):
        i2a("import", file_of(tmp_path / "aloe.jsonl", *lines), "--out", out)
    assert not out.exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, out: Path) -> None:
    for name in ("none.jsonl", "none.json", "none.parquet", "none.unknown"):
        with pytest.raises(UsageError, match=f"{tmp_path / name}: cannot be read: No such file.*; give .jsonl, .json"):
            i2a("import", tmp_path / name, "--out", out)
    with pytest.raises(UsageError, match="a folder without a file that can be read"):
        i2a("import", tmp_path, "--out", out)


def test_standard_input_can_be_imported(out: Path) -> None:
    i2a("import", "-", "--out", out, stdin=json.dumps(record()).encode())
    assert len(list(read(out / "trees.jsonl"))) == 1
    with pytest.raises(UsageError, match=r"standard input:1 \(not JSON"):
        i2a("import", "-", "--out", out, stdin=b"{")


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(tmp_path: Path, out: Path) -> None:
    file = file_of(tmp_path / "aloe.jsonl", b"\xef\xbb\xbf" + json.dumps(record()).encode() + b"\r", b"\r")
    assert "1 conversations" in i2a("import", file, "--out", out).stdout


def test_equal_records_are_all_kept_under_ids_of_their_own(tmp_path: Path, out: Path) -> None:
    file = file_of(tmp_path / "aloe.jsonl", record(), record(), record("Bert"), record())
    result = i2a("import", file, "--out", out)
    ids = [found.id for found in read(out / "trees.jsonl")]
    assert [id.removeprefix(ids[0]) for id in (ids[0], ids[1], ids[3])] == ["", "-2", "-3"]
    assert "2 got a new id" in result.stdout


def test_a_run_is_not_overwritten_by_an_import(tmp_path: Path, run: Callable[..., Path]) -> None:
    file, folder = file_of(tmp_path / "aloe.jsonl", record()), run(tree("aloe-0", "preferred"))
    before = (folder / "trees.jsonl").read_bytes()
    with pytest.raises(UsageError, match="already holds a run; choose another --out"):
        i2a("import", file, "--out", folder)
    assert (folder / "trees.jsonl").read_bytes() == before


def test_the_same_import_may_be_done_again_but_no_other_one_there(tmp_path: Path, out: Path) -> None:
    file = file_of(tmp_path / "aloe.jsonl", record())
    i2a("import", file, "--out", out)
    whole = (out / "trees.jsonl").read_bytes()
    (out / "trees.jsonl").unlink()  # as if it had been killed before it was through
    i2a("import", file, "--out", out)
    assert (out / "trees.jsonl").read_bytes() == whole
    with pytest.raises(UsageError, match=r"holds another run: imported\.sha256"):
        i2a("import", file_of(file, record("Bert")), "--out", out)


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(UsageError, match="cannot import: No space left on device; free some space"):
        i2a("import", file_of(tmp_path / "aloe.jsonl", record()), "--out", out)
    assert not (out / "trees.jsonl").exists()


# Out.


def test_an_import_is_exported_as_it_came(tmp_path: Path, out: Path) -> None:
    odd = record("Cleo", 1, model="x")
    odd["conversations"][0] = odd["conversations"][0] | {"assistant": {"preferred": "A", "rejected": ["B"]}}
    lines = [record(), record("Bert"), record(), odd]
    i2a("import", file_of(tmp_path / "aloe.jsonl", *lines), "--out", out)
    i2a("export", out, "--out", tmp_path / "again.jsonl")
    assert [json.loads(line) for line in (tmp_path / "again.jsonl").read_text("utf-8").splitlines()] == lines


def test_an_export_is_imported_to_the_same_bytes(tmp_path: Path, out: Path, run: Callable[..., Path]) -> None:
    labels = ["preferred", "rejected", None, "preferred"]
    folder = run(tree("aloe-0", *labels), tree("aloe-1", None), tree("aloe-2", "preferred"))
    i2a("export", folder, "--out", tmp_path / "aloe.jsonl")
    i2a("import", tmp_path / "aloe.jsonl", "--out", out)
    assert (out / "trees.jsonl").read_bytes() == (folder / "trees.jsonl").read_bytes()


def full_tree(id: str) -> Tree:
    grown = tree(id, "preferred", scenario="full_tree")
    for reply in grown.roots[0].children:
        grown.keep(reply)
    return grown


def test_exports_of_two_runs_can_be_imported_as_one_file(tmp_path: Path, out: Path, run: Callable[..., Path]) -> None:
    folders = [run(full_tree("a-0"), name=name) for name in ("first", "second")]
    both = b""
    for folder in folders:
        i2a("export", folder, "--out", tmp_path / "aloe.jsonl", "--force")
        both += (tmp_path / "aloe.jsonl").read_bytes()
    assert both.count(b"\n") == 4
    (tmp_path / "both.jsonl").write_bytes(both)
    i2a("import", tmp_path / "both.jsonl", "--out", out)
    assert [found.id for found in read(out / "trees.jsonl")] == ["a-0", "a-0-2"]


def test_a_dialogue_whose_tree_is_not_in_the_file_is_counted(
    tmp_path: Path, out: Path, run: Callable[..., Path]
) -> None:
    i2a("export", run(full_tree("a-0"), full_tree("a-1")), "--out", tmp_path / "aloe.jsonl")
    lines = (tmp_path / "aloe.jsonl").read_bytes().splitlines()
    result = i2a("import", file_of(tmp_path / "some.jsonl", *lines[1:]), "--out", out, "--json")
    assert json.loads(result.stdout) == {
        "conversations": 1,
        "utterances": 3,
        "left_out": 0,
        "renamed": 0,
        "without_tree": 1,
    }


def test_an_export_counts_what_it_wrote_and_what_it_left_out(tmp_path: Path, run: Callable[..., Path]) -> None:
    tutor = Tree("tutor-0", "tutor", Persona("", "A.", "B."), 0)
    tutor.keep(tutor.add(None, Utterance("pupil", "?")))
    folder = run(tree("aloe-0", "preferred", None, "rejected"), tutor, tree("aloe-1", "rejected"))
    result = i2a(
        "export", folder, "--format", "aloe", "--out", tmp_path / "deep" / "aloe.jsonl", "--option", "plain=true"
    )
    assert result.stdout == (
        f"3 trees: 2 records, 2 turns written to {tmp_path / 'deep' / 'aloe.jsonl'}. "
        "Left out: 2 turns without agreeing verdicts, or after one without; 1 tree of another shape "
        "(tree tutor-0 (scenario tutor) has messages without two replies to compare)\n"
    )
    for line in (tmp_path / "deep" / "aloe.jsonl").read_text("utf-8").splitlines():
        assert json.loads(line).keys() == record().keys()


def test_counts_come_as_json_too(tmp_path: Path, run: Callable[..., Path]) -> None:
    result = i2a("export", run(tree("aloe-0", "preferred")), "--out", tmp_path / "aloe.jsonl", "--json")
    told = json.loads(result.stdout)
    assert (told["trees"], told["written"]) == (1, {"records": 1, "turns": 1})


def test_a_device_is_never_replaced_by_a_file(tmp_path: Path, run: Callable[..., Path]) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="no file that can be replaced"):
        i2a("export", run(tree("aloe-0", "preferred")), "--out", tmp_path / "pipe", "--force")
    assert (tmp_path / "pipe").is_fifo()


def test_an_existing_file_is_overwritten_only_with_force(tmp_path: Path, run: Callable[..., Path]) -> None:
    folder, file = run(tree("aloe-0", "preferred")), file_of(tmp_path / "aloe.jsonl", "mine")
    with pytest.raises(UsageError, match="exists already; add --force"):
        i2a("export", folder, "--out", file)
    assert file.read_bytes() == b'"mine"\n'
    i2a("export", folder, "--out", file, "--force")
    assert file.read_bytes() != b'"mine"\n'


def test_a_run_never_overwrites_its_own_files(run: Callable[..., Path]) -> None:
    folder = run(tree("aloe-0", "preferred"))
    for name in ("trees.jsonl", "manifest.json", "journal.sqlite"):
        with pytest.raises(UsageError, match="belongs to the run itself"):
            i2a("export", folder, "--out", folder / name, "--force")


def test_an_export_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, run: Callable[..., Path]) -> None:
    folder, file = run(tree("aloe-0", "preferred")), file_of(tmp_path / "aloe.jsonl", "mine")
    with (folder / "trees.jsonl").open("ab") as lines:
        lines.write(b"broken\n")
    with pytest.raises(UsageError, match=r"trees.jsonl:2: not a tree"):
        i2a("export", folder, "--out", file, "--force")
    assert file.read_bytes() == b'"mine"\n'
    assert {path.name for path in tmp_path.iterdir()} == {"run", "aloe.jsonl"}


def test_nothing_to_write_is_an_error_with_its_reason(tmp_path: Path, run: Callable[..., Path]) -> None:
    file = tmp_path / "aloe.jsonl"
    with pytest.raises(UsageError, match="nothing to write in format aloe: 1 turn without agreeing verdicts"):
        i2a("export", run(tree("aloe-0", None)), "--out", file, "--option", "plain=true")
    with pytest.raises(UsageError, match="nothing to write in format aloe: no tree is finished"):
        i2a("export", run(name="empty"), "--out", file)
    with pytest.raises(UsageError, match="holds no trees"):
        i2a("export", tmp_path / "none", "--out", file)
    assert not file.exists()


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path, run: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match=r"there is no format 'csv'; there are: aloe"):
        i2a("export", run(tree("aloe-0", "preferred")), "--format", "csv", "--out", tmp_path / "aloe.csv")


def lengths(tree: Tree, *, least: int = 0, unit: str = "utterances") -> Rows:
    length = len(list(tree))
    return Rows([{"length": length, "unit": unit}] if length >= least else [], {"lengths": 1}, {})


def told(done: Exported) -> str:
    return f"{done.format} in {done.file} with {dict(done.options)}: {done.rows} rows of {done.manifest['identity']}"


lengths_alone, lengths_with_a_card, lengths_as_a_table = (
    Format(lengths),
    Format(lengths, card=told),
    Format(lengths, flat=True),
)


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Another package brings this object of the present module as the format `lengths`."""

    def bring(name: str) -> None:
        install_plugins(tmp_path, monkeypatch, "formats", lengths=f"tests.i2a.cli.test_exchange:{name}")

    return bring


def test_another_package_can_bring_a_format(
    tmp_path: Path, run: Callable[..., Path], brought: Callable[[str], None]
) -> None:
    brought("lengths_alone")
    result = i2a("export", run(tree("aloe-0", "preferred")), "--format", "lengths", "--out", tmp_path / "lengths.jsonl")
    assert "1 tree: 1 length written to" in result.stdout
    assert json.loads((tmp_path / "lengths.jsonl").read_text("utf-8")) == {"length": 3, "unit": "utterances"}
    assert not (tmp_path / "lengths.jsonl.md").exists()


def test_a_format_can_stand_in_a_file_of_ones_own(tmp_path: Path, run: Callable[..., Path]) -> None:
    file = tmp_path / "ids.py"
    file.write_text(
        "from i2a.trees.formats import Format, Rows\n\n\n"
        "def rows(tree):\n    return Rows([{'id': tree.id}], {'ids': 1}, {})\n\n\nids = Format(rows, flat=True)\n"
    )
    i2a("export", run(tree("aloe-0", "preferred")), "--format", file, "--out", tmp_path / "ids.jsonl")
    assert json.loads((tmp_path / "ids.jsonl").read_text("utf-8")) == {"id": "aloe-0"}


def test_a_format_is_told_its_options_in_its_own_types(
    tmp_path: Path, run: Callable[..., Path], brought: Callable[[str], None]
) -> None:
    brought("lengths_alone")
    folder, file = run(tree("aloe-0", "preferred"), tree("aloe-1", *["preferred"] * 2)), tmp_path / "lengths.jsonl"
    options = ("--option", "least=4", "--option", "unit=messages")
    i2a("export", folder, "--format", "lengths", "--out", file, *options)
    assert json.loads(file.read_text("utf-8")) == {"length": 6, "unit": "messages"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--option", "most=4"], "format lengths has no option 'most'; its options: least, unit"),
        (["--option", "plain=true"], "format lengths has no option 'plain'; its options: least, unit"),
        (["--option", "least=some"], "option least='some' of format lengths: Input should be a valid integer"),
        (["--option", "least"], "--option 'least': write NAME=VALUE"),
    ],
)
def test_an_option_that_a_format_does_not_take_is_refused(
    tmp_path: Path, run: Callable[..., Path], brought: Callable[[str], None], flags: list[str], message: str
) -> None:
    brought("lengths_alone")
    folder, out = run(tree("aloe-0", "preferred")), tmp_path / "lengths.jsonl"
    with pytest.raises(UsageError, match=f"^{message}"):
        i2a("export", folder, "--format", "lengths", "--out", out, *flags)
    assert not out.exists()


def test_a_format_with_a_card_describes_what_it_wrote(
    tmp_path: Path, run: Callable[..., Path], brought: Callable[[str], None]
) -> None:
    brought("lengths_with_a_card")
    folder, out, card = run(tree("aloe-0", "preferred")), tmp_path / "lengths.jsonl", tmp_path / "lengths.jsonl.md"
    card.write_text("mine", "utf-8")
    with pytest.raises(UsageError, match=r"lengths\.jsonl\.md exists already; add --force"):
        i2a("export", folder, "--format", "lengths", "--out", out)
    assert (card.read_text("utf-8"), out.exists()) == ("mine", False)
    assert f"described in {card}" in i2a("export", folder, "--format", "lengths", "--out", out, "--force").stdout
    options = {"least": 0, "unit": "utterances"}
    assert card.read_text("utf-8") == f"lengths in lengths.jsonl with {options}: 1 rows of {{}}"


def test_rows_of_a_flat_format_can_be_written_as_parquet(
    tmp_path: Path, run: Callable[..., Path], brought: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("i2a.trees.export.BATCH", 2)
    brought("lengths_as_a_table")
    folder, out = run(*(tree(f"aloe-{i}", *["preferred"] * i) for i in range(1, 6))), tmp_path / "lengths.parquet"
    i2a("export", folder, "--format", "lengths", "--out", out)
    assert parquet.read_table(out).to_pylist() == [{"length": 3 * i, "unit": "utterances"} for i in range(1, 6)]


def test_records_fit_into_no_table(tmp_path: Path, run: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="format aloe has no fixed columns, as Parquet needs; write JSONL"):
        i2a("export", run(tree("aloe-0", "preferred")), "--out", tmp_path / "aloe.parquet")


# At the door.


def test_help_imports_nothing_heavy() -> None:
    heavy = {"pydantic", "autogen_core", "datasets", "torch", "pyarrow"}
    seen = f"import sys, i2a.cli.export, i2a.cli.import_; print(sorted({heavy} & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-c", seen], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert told.stdout.strip() == "[]", told.stdout


# The ending of the file decides the form.


def exported(folder: Path, out: Path) -> Path:
    i2a("export", folder, "--format", "dpo", "--out", out)
    return out


def test_each_form_holds_the_same_rows(run: Callable[..., Path], tmp_path: Path) -> None:
    folder = run(tree("aloe-0", "preferred"), tree("aloe-1", "preferred", "rejected"))
    lines = exported(folder, tmp_path / "rows.jsonl").read_bytes()
    rows = [json.loads(line) for line in lines.splitlines()]
    assert len(rows) == 3
    assert gzip.decompress(exported(folder, tmp_path / "rows.jsonl.gz").read_bytes()) == lines
    assert exported(folder, tmp_path / "rows").read_bytes() == lines
    assert json.loads(exported(folder, tmp_path / "rows.json").read_bytes()) == rows
    for name in ("rows.csv", "rows.csv.gz"):
        data = exported(folder, tmp_path / name).read_bytes()
        text = (gzip.decompress(data) if name.endswith("gz") else data).decode()
        cells = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [row["tree"] for row in cells] == [row["tree"] for row in rows]
        assert [json.loads(row["prompt"]) for row in cells] == [row["prompt"] for row in rows]
    assert parquet.read_table(exported(folder, tmp_path / "rows.parquet")).to_pylist() == rows
    files = {file.name for file in tmp_path.glob("rows*")}
    written = {name for name in files if not name.endswith(".md")}
    assert files == written | {f"{name}.md" for name in written}, "each has a card of its own"


def test_a_dash_is_standard_output_and_nothing_else_is_there(run: Callable[..., Path], tmp_path: Path) -> None:
    folder = run(tree("aloe-0", "preferred"))
    expected = exported(folder, tmp_path / "rows.jsonl").read_bytes()
    done = i2a("export", folder, "--format", "dpo", "--out", "-")
    assert done.stdout_bytes == expected
    assert done.stderr == "1 tree: 1 row written to standard output\n"
    with pytest.raises(UsageError, match="both write to standard output"):
        i2a("export", folder, "--format", "dpo", "--out", "-", "--json")


@pytest.mark.parametrize("name", ["x.md", "x.xlsx", "x.jsonl.zst", "x.parquet.gz", "x.txt"])
def test_another_ending_is_refused_and_nothing_is_written(run: Callable[..., Path], tmp_path: Path, name: str) -> None:
    folder = run(tree("aloe-0", "preferred"))
    with pytest.raises(UsageError, match=r"rows are written as \.jsonl, \.json, \.csv, .* and not as \."):
        exported(folder, tmp_path / name)
    assert list(tmp_path.iterdir()) == [folder]


def test_records_have_no_columns_for_a_table(run: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="format aloe has no fixed columns, as CSV needs; write JSONL"):
        i2a("export", run(tree("aloe-0", "preferred")), "--out", tmp_path / "x.csv")


def test_a_torn_last_line_is_left_out_and_said(run: Callable[..., Path], tmp_path: Path) -> None:
    folder = run(tree("aloe-0", "preferred"), tree("aloe-1", "preferred"))
    file = folder / "trees.jsonl"
    file.write_bytes(file.read_bytes()[:-40])
    done = i2a("export", folder, "--format", "dpo", "--out", tmp_path / "rows.jsonl")
    assert done.stderr == f"{file}: its last line is torn and left out; the rest is there\n"
    assert done.stdout.startswith("1 tree: 1 row written")


def test_a_file_of_ones_own_is_read_however_its_json_is_spaced(run: Callable[..., Path], tmp_path: Path) -> None:
    folder = run(tree("aloe-0", "preferred"))
    file = folder / "trees.jsonl"
    stored = json.loads(file.read_bytes())
    file.write_text("\ufeff\n" + json.dumps({"seed": stored.pop("seed"), **stored}), "utf-8")
    assert RunFolder(folder).finished() == {"aloe-0"}
    assert [found.id for found in read(file)] == ["aloe-0"]
