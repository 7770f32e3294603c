"""What came in from elsewhere is a run like any other; and what a format cannot hold is said, not lost in silence."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from i2a import read_trees
from i2a.cli.export import export
from i2a.cli.import_ import import_
from i2a.cli.show import show
from i2a.errors import UsageError
from i2a.runs.run_folder import RunFolder
from i2a.trees.json import write
from i2a.trees.persona import Persona
from i2a.trees.tree import Inference, Tree, Utterance, Verdict

FILES = Path(__file__).parents[2] / "fixtures" / "foreign" / "chats"

app = typer.Typer()
for name, command in (("import", import_), ("export", export), ("show", show)):
    app.command(name)(command)


def i2a(*args: object, stdin: str = "") -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args], input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def rows(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def lines(path: Path, *values: object) -> Path:
    path.write_text("".join((v if isinstance(v, str) else json.dumps(v)) + "\n" for v in values), "utf-8")
    return path


def grown() -> Tree:
    """A tree with all that one of ours can hold: two replies to each message, verdicts, an inference."""
    tree = Tree("aloe-0", "aloe", Persona("", "She mends clocks.", "Brisk.", fields={"age": 40}), 3)
    here = None
    for number in range(2):
        user = tree.add(here, Utterance("user", f"Hello {number}."))
        here, other = tree.add(user, Utterance("preferred", "One.")), tree.add(user, Utterance("rejected", "Two."))
        here.label, other.label = "preferred", "rejected"
        user.verdicts = [Verdict(here, other, here, "nicer"), Verdict(other, here, here, "nicer")]
        user.inference = Inference(reason="", profile=["clocks"], personality=[])
        tree.keep(here)
    return tree


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with RunFolder.open(tmp_path / "run", {}, {}, resume=False) as folder:
        write(folder.trees_file, [grown()])
    return tmp_path / "run"


# In.


def test_a_system_prompt_is_kept_apart_from_the_dialogue(tmp_path: Path) -> None:
    i2a("import", FILES / "openai_finetune.jsonl", "--out", tmp_path / "run")
    first, second = read_trees(tmp_path / "run")
    assert first.roots[0].metadata["system"] == "You are Marv, who is sarcastic."
    assert [node.speaker for node in first] == ["user", "assistant", "user", "assistant"]
    assert "system" not in second.roots[0].metadata


def test_a_person_of_a_table_is_known_by_their_id_and_language(tmp_path: Path) -> None:
    i2a("import", FILES / "wildchat.parquet", "--out", tmp_path / "run")
    people = [tree.persona for tree in read_trees(tmp_path / "run")]
    assert [persona.id for persona in people] == ["22fd87ba9b98", "77"]
    assert [persona.language for persona in people] == ["Chinese", "German"]


def test_an_imported_run_says_which_format_it_was(tmp_path: Path) -> None:
    said = i2a("import", FILES / "oasst_trees.jsonl", "--out", tmp_path / "run")
    assert said.startswith("1 conversations of format oasst with 7 utterances are in ")
    identity = RunFolder(tmp_path / "run").manifest()["identity"]["imported"]
    assert (identity["format"], identity["file"]) == ("oasst", "oasst_trees.jsonl")
    shown = i2a("show", tmp_path / "run")
    assert "language  de" in shown
    assert "personality" not in shown
    i2a("import", FILES / "hh.jsonl", "--out", tmp_path / "nobody")
    assert "persona" not in i2a("show", tmp_path / "nobody")


def test_a_folder_and_standard_input_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for part in ("a", "b"):
        lines(tmp_path / "data" / f"{part}.jsonl", {"messages": [{"role": "user", "content": part}]})
    assert i2a("import", tmp_path / "data", "--out", tmp_path / "run").startswith("2 conversations of format openai")
    text = json.dumps({"conversations": [{"from": "human", "value": "Hi"}]})
    assert "format sharegpt" in i2a("import", "-", "--out", tmp_path / "stdin", stdin=text)


BAD = [
    ("openai", {"messages": []}, "messages is empty"),
    ("openai", {"messages": "Hi"}, "messages is a text, not a list"),
    ("openai", {"messages": [{"content": "Hi"}]}, "messages[0] has no role"),
    ("openai", {"messages": [{"role": "user", "content": 3}]}, "messages[0].content is a number, not a text"),
    ("openai", {"messages": [{"role": "user", "content": None}]}, "messages[0].content is missing, not a text"),
    ("openai", {"messages": [{"role": "system", "content": "x"}]}, "there is no message but the system prompt"),
    ("sharegpt", {"conversations": ["Hi"]}, "conversations[0] is a text, not an object"),
    ("trl", {"prompt": "a", "chosen": [], "rejected": []}, "chosen is empty"),
    ("trl", {"prompt": "a", "chosen": "b"}, "rejected is missing, not a list"),
    (
        "trl",
        {"chosen": [{"role": "user", "content": "a"}], "rejected": [{"role": "user", "content": "b"}]},
        "in common",
    ),
    ("hh", {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "c"}, "rejected is no transcript"),
    (
        "hh",
        {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: c\n\nAssistant: b"},
        "more than the last",
    ),
    ("oasst", {"prompt": {"role": "prompter", "replies": []}}, "has no role, text or replies"),
    ("wildchat", {"conversation": [{"role": "user", "content": "\ud800"}]}, "surrogate"),
    ("utterances", {"tree": "t", "node": "x", "speaker": "a"}, "node is 'x', not a number"),
    ("openai_pairs", {"input": {"messages": [{"role": "user", "content": "a"}]}}, "chosen is missing"),
]


@pytest.mark.parametrize(("format", "record", "why"), BAD)
def test_a_record_that_cannot_be_read_is_named_and_nothing_is_imported(
    tmp_path: Path, format: str, record: object, why: str
) -> None:
    file = lines(tmp_path / "x.jsonl", record)
    with pytest.raises(UsageError) as caught:
        i2a("import", file, "--format", format, "--out", tmp_path / "run")
    assert f"{file}:1 (" in str(caught.value)
    assert why in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_bad_records_in_any_kind_of_file_are_named_by_line_and_can_be_left_out(tmp_path: Path) -> None:
    good = '{"messages": [{"role": "user", "content": "Hi"}]}'
    array = tmp_path / "x.json"
    array.write_text(f'[\n{good},\n{{"messages": 1}},\n{good}\n]', "utf-8")
    table = tmp_path / "x.csv"
    table.write_text("tree,node,parent,speaker,content\nt,0,,a,Hi\nt,1,0\nt,2,1,b,Ho\nu,0,,a,Hi\n", "utf-8")
    for file, bad in ((array, 3), (table, 3)):
        with pytest.raises(UsageError, match=rf"{file}:{bad} \("):
            i2a("import", file, "--out", tmp_path / "run")
    said = i2a("import", array, "--out", tmp_path / "array", "--skip-bad")
    assert "2 conversations" in said
    assert "left out" in said
    with pytest.raises(UsageError, match=rf"2 lines are not a record: {table}:3 .*{table}:2 \(tree t: row 2 answers"):
        i2a("import", table, "--out", tmp_path / "run")
    assert "1 conversations" in i2a("import", table, "--out", tmp_path / "table", "--skip-bad")


def test_a_record_of_no_known_form_says_what_it_holds_and_what_is_known(tmp_path: Path) -> None:
    file = lines(tmp_path / "x.jsonl", {"question": "a", "answer": "b"})
    with pytest.raises(UsageError, match=r"x.jsonl:1: a record that is of no known form, its keys are: 'question', "):
        i2a("import", file, "--out", tmp_path / "run")
    with pytest.raises(UsageError, match=r"format dialogue cannot be imported; choose one of aloe, anthropic, "):
        i2a("import", file, "--out", tmp_path / "run", "--format", "dialogue")


# Out.


@pytest.mark.parametrize("format", ["sharegpt", "openai", "anthropic", "wildchat"])
def test_a_tree_of_ours_goes_out_as_the_dialogue_that_took_place(run: Path, tmp_path: Path, format: str) -> None:
    said = i2a("export", run, "--format", format, "--out", tmp_path / "x.jsonl")
    assert said.endswith(
        "Left out: 2 replies that no dialogue went through; 4 labels; 4 verdicts; 2 inferences about the user; "
        "1 persona\n"
    )
    i2a("import", tmp_path / "x.jsonl", "--format", format, "--out", tmp_path / "again")
    (tree,) = read_trees(tmp_path / "again")
    assert tree.id == "aloe-0"
    assert [(node.speaker, node.content) for node in tree] == [
        ("user", "Hello 0."), ("assistant", "One."), ("user", "Hello 1."), ("assistant", "One."),
    ]  # fmt: skip


@pytest.mark.parametrize("format", ["trl", "hh", "openai_pairs", "sharegpt_pairs"])
def test_the_pairs_of_a_tree_of_ours_go_out_and_come_in(run: Path, tmp_path: Path, format: str) -> None:
    said = i2a("export", run, "--format", format, "--out", tmp_path / "x.jsonl")
    assert "2 rows written" in said
    assert "labels" not in said
    i2a("import", tmp_path / "x.jsonl", "--format", format, "--out", tmp_path / "again")
    pairs = [pair for tree in read_trees(tmp_path / "again") for pair in tree.pairs]
    assert [(len(pair.history), pair.chosen.content, pair.rejected.content) for pair in pairs] == [
        (1, "One.", "Two."), (3, "One.", "Two."),
    ]  # fmt: skip


def test_a_whole_tree_goes_to_oasst_and_comes_back(run: Path, tmp_path: Path) -> None:
    assert "Left out: 4 verdicts; 2 inferences" in i2a(
        "export", run, "--format", "oasst", "--out", tmp_path / "x.jsonl"
    )
    i2a("import", tmp_path / "x.jsonl", "--out", tmp_path / "again")
    (tree,) = read_trees(tmp_path / "again")
    assert [(node.content, node.label, node.continued) for node in tree] == [
        (node.content, node.label, node.continued) for node in grown()
    ]


def test_a_row_for_each_utterance_is_a_table_that_comes_back(run: Path, tmp_path: Path) -> None:
    i2a("export", run, "--format", "utterances", "--out", tmp_path / "x.csv")
    i2a("import", tmp_path / "x.csv", "--out", tmp_path / "again")
    (tree,) = read_trees(tmp_path / "again")
    assert [(n.speaker, n.content, n.label, n.continued) for n in tree] == [
        (n.speaker, n.content, n.label, n.continued) for n in grown()
    ]


def test_dialogues_go_out_as_text(run: Path, tmp_path: Path) -> None:
    i2a("export", run, "--format", "dialogue", "--out", tmp_path / "x.txt")
    text = "[aloe-0]\n\nuser: Hello 0.\n\npreferred: One.\n\nuser: Hello 1.\n\npreferred: One.\n"
    assert (tmp_path / "x.txt").read_text("utf-8") == text
    i2a("export", run, "--format", "dialogue", "--option", "markdown=true", "--out", tmp_path / "x.md")
    assert (tmp_path / "x.md").read_text("utf-8").startswith("## aloe-0\n\n**user:** Hello 0.\n")


def test_whoever_is_named_is_the_assistant(run: Path, tmp_path: Path) -> None:
    i2a("export", run, "--format", "openai", "--option", "assistant=user", "--out", tmp_path / "x.jsonl")
    assert [message["role"] for message in rows(tmp_path / "x.jsonl")[0]["messages"]] == ["assistant", "user"] * 2
    with pytest.raises(UsageError, match="nobody called 'ann' speaks in tree aloe-0; there are: user, preferred"):
        i2a("export", run, "--format", "openai", "--option", "assistant=ann", "--out", tmp_path / "y.jsonl")


def test_what_only_another_format_holds_is_counted(tmp_path: Path) -> None:
    i2a("import", FILES / "openai_tools.jsonl", "--out", tmp_path / "run")
    said = i2a("export", tmp_path / "run", "--format", "sharegpt", "--out", tmp_path / "x.jsonl")
    assert "Left out: 3 messages with notes that only other formats hold" in said
    assert rows(tmp_path / "x.jsonl")[0]["conversations"][0] == {"from": "system", "value": "Use tools."}


def test_two_forms_of_one_export_have_a_card_each(run: Path, tmp_path: Path) -> None:
    for name in ("sft.jsonl", "sft.parquet"):
        i2a("export", run, "--format", "sft", "--out", tmp_path / name)
        assert f'data_files: "{name}"' in (tmp_path / f"{name}.md").read_text("utf-8")
