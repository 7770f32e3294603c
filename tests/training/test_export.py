"""`i2a export --format sft|dpo`: rows that other tools can load, and a card that tells how they were made."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from i2a.cli.export import export
from i2a.errors import UsageError
from i2a.personas.pool import PersonaPool
from i2a.runs.run_folder import RunFolder
from i2a.trees.json import write
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree, Utterance, Verdict
from training.export import dpo, sft
from training.readers import readers

app = typer.Typer()
app.command("export")(export)
PARTS = {"user": "openai:a|b", "preferred": "openai:c", "rejected": "openai:c", "judge": "openai:d"}
GROWN = {"scenario": {"name": "aloe", "options": {"turns": 2}}, "seed": 7, "models": PARTS, "prompts": {"user": "f51b"}}


def tree(id: str = "t-0", *, agreed: bool = True) -> Tree:
    """Two turns: the first is labelled, the second only if the verdicts agreed."""
    made = Tree(id, "aloe", Persona("", "P.", "T.", "p-1", "t-1"), 3)
    here = None
    for turn, agree in enumerate((True, agreed)):
        user = made.add(here, Utterance("user", f"Message {turn}."))
        one, other = made.add(user, Utterance("preferred", "Oh?")), made.add(user, Utterance("rejected", "Okay."))
        user.verdicts = [Verdict(one, other, one, "why"), Verdict(other, one, one if agree else other, "why")]
        if agree:
            one.label, other.label = "preferred", "rejected"
        here = made.keep(other)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    def make(*trees: Tree, identity: Any = GROWN) -> Path:
        with RunFolder.open(tmp_path / "run", identity, {}, resume=False) as folder:
            write(folder.trees_file, trees)
        return tmp_path / "run"

    return make


def exported(folder: Path, format: str, name: str, *options: str) -> Path:
    """The file that the command writes beside the run."""
    out = folder.parent / name
    flags = [flag for option in options for flag in ("--option", option)]
    made = {"sft": sft, "dpo": dpo}[format]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("i2a.trees.formats.find_format", lambda _: made)
        args = [str(folder), "--format", format, "--out", str(out), *flags]
        result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return out


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def card(file: Path) -> str:
    return file.with_suffix(".md").read_text("utf-8")


# Rows.

ORIGIN = {"tree": "t-0", "profile": "p-1", "personality": "t-1", "turn": 2}
PROMPT = [
    {"role": "user", "content": "Message 0."},
    {"role": "assistant", "content": "Okay."},
    {"role": "user", "content": "Message 1."},
]
OH, OKAY = ({"role": "assistant", "content": content} for content in ("Oh?", "Okay."))


@pytest.mark.parametrize(
    ("format", "options", "expected"),
    [
        ("sft", [], {"prompt": PROMPT, "completion": [OH]}),
        ("sft", ["target=rejected"], {"prompt": PROMPT, "completion": [OKAY]}),
        ("dpo", [], {"prompt": PROMPT, "chosen": [OH], "rejected": [OKAY]}),
        ("dpo", ["layout=messages"], {"messages": PROMPT, "chosen": OH, "rejected": OKAY}),
        (
            "sft",
            ["layout=messages"],
            {"messages": [*({**said, "training": False} for said in PROMPT), {**OH, "training": True}]},
        ),
    ],
)
def test_the_rows_are_of_the_form_that_was_asked_for(
    run: Callable[..., Path], format: str, options: list[str], expected: dict[str, Any]
) -> None:
    rows = lines(exported(run(tree()), format, "rows.jsonl", *options))
    assert len(rows) == 2
    assert rows[1] == expected | ORIGIN


@pytest.mark.parametrize("format", ["sft", "dpo"])
@pytest.mark.parametrize("layout", ["trl", "messages"])
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_datasets_loads_the_rows_from_either_file(
    run: Callable[..., Path], tmp_path: Path, format: str, layout: str, suffix: str
) -> None:
    datasets = pytest.importorskip("datasets")
    folder = run(tree(), tree("t-1"))
    file = exported(folder, format, f"rows.{suffix}", f"layout={layout}")
    kind = "json" if suffix == "jsonl" else suffix
    loaded = datasets.load_dataset(kind, data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.to_list() == lines(exported(folder, format, "again.jsonl", f"layout={layout}"))


@pytest.mark.parametrize("format", ["sft", "dpo"])
def test_trl_takes_the_rows_for_conversations(run: Callable[..., Path], format: str) -> None:
    data_utils = pytest.importorskip("trl.data_utils")
    assert all(map(data_utils.is_conversational, lines(exported(run(tree()), format, "rows.jsonl"))))


def test_pairs_are_left_out_as_the_options_say(run: Callable[..., Path]) -> None:
    made = tree()
    made.roots[0].verdicts.pop()
    file = exported(run(made), "dpo", "rows.jsonl", "both_orders=true")
    assert [row["turn"] for row in lines(file)] == [2]
    assert "Left out:\n1 pairs without verdicts in both orders for the chosen reply." in card(file)


@pytest.mark.parametrize("half", ["profile", "personality"])
def test_nothing_is_exported_that_the_benchmark_tests_on(run: Callable[..., Path], half: str) -> None:
    texts = PersonaPool.benchmark().profiles if half == "profile" else PersonaPool.benchmark().personalities
    spoilt = tree("t-1")
    spoilt.persona = replace(spoilt.persona, **{half: f" {next(iter(texts.values())).upper()}"})
    file = exported(run(tree(), spoilt), "dpo", "rows.jsonl")
    assert {row["tree"] for row in lines(file)} == {"t-0"}
    assert "Left out:\n2 pairs with a persona of the benchmark, or half of one." in card(file)


def test_a_corpus_without_a_labelled_pair_makes_no_file(run: Callable[..., Path]) -> None:
    made = tree(agreed=False)
    made.roots[0].verdicts, made.roots[0].children[0].label = [], None
    with pytest.raises(UsageError, match="nothing to write in format dpo: 1 pairs on which the verdicts disagree"):
        exported(run(made), "dpo", "rows.jsonl")


# The card.


def test_the_card_tells_how_the_rows_were_made(run: Callable[..., Path]) -> None:
    text = card(exported(run(tree(), tree("t-1", agreed=False)), "dpo", "rows.jsonl", "min_margin=0.5"))
    assert "# 3 rows for DPO" in text
    assert "2 conversation trees" in text
    for line in (
        "scenario.name | aloe",
        "seed | 7",
        "models.judge | openai:d",
        "prompts.user | f51b",
        "min_margin | 0.5",
    ):
        assert f"| {line} |" in text
    assert "| models.user | openai:a\\|b |" in text
    assert "Left out:\n1 pairs on which the verdicts disagree." in text
    assert "Simulated" not in text


def test_the_header_of_the_card_is_what_the_hub_reads(run: Callable[..., Path]) -> None:
    yaml = pytest.importorskip("yaml")
    _, header, _ = card(exported(run(tree()), "sft", "rows.parquet")).split("---\n", 2)
    told = yaml.safe_load(header)
    assert told["configs"] == [{"config_name": "default", "data_files": "rows.parquet"}]
    assert told["size_categories"] == ["n<1K"]
    assert told["task_categories"] == ["text-generation"]
    assert "sft" in told["tags"]
    assert "simulated" not in told["tags"]


def test_a_folder_with_the_card_as_its_readme_is_a_dataset(run: Callable[..., Path], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    file = exported(run(tree()), "dpo", "rows.jsonl")
    hub = tmp_path / "hub"
    hub.mkdir()
    file.rename(hub / file.name)
    file.with_suffix(".md").rename(hub / "README.md")
    assert len(datasets.load_dataset(str(hub), split="train", cache_dir=str(tmp_path / "cache"))) == 2


def test_the_card_says_plainly_that_a_simulator_spoke(run: Callable[..., Path]) -> None:
    grown = GROWN | {"models": PARTS | {"preferred": "offline", "judge": "offline:strict"}}
    text = card(exported(run(tree(), identity=grown), "dpo", "rows.jsonl"))
    assert "**Simulated.**" in text
    assert "took these parts: preferred, judge." in text
    assert "tags: [i2a, synthetic, conversational, dpo, simulated]" in text


def test_the_card_does_not_guess_what_no_manifest_tells(run: Callable[..., Path]) -> None:
    folder = run(tree(), identity={"imported": {"file": "aloe.jsonl", "sha256": "ab"}})
    text = card(exported(folder, "dpo", "rows.jsonl"))
    assert "| imported.sha256 | ab |" in text
    assert "| models | unknown:" in text
    (folder / "manifest.json").unlink()
    assert "| origin | unknown:" in card(exported(folder, "dpo", "others.jsonl"))


# How others read it.


def fenced(text: str, language: str) -> str:
    return text.partition(f"```{language}\n")[2].partition("```")[0]


@pytest.mark.parametrize(("layout", "messages"), [("trl", "prompt"), ("messages", "messages")])
def test_axolotl_is_told_where_the_dialogue_of_a_pair_is(layout: str, messages: str) -> None:
    yaml = pytest.importorskip("yaml")
    told = yaml.safe_load(fenced(readers("dpo", layout, "rows.parquet"), "yaml"))
    (dataset,) = told["datasets"]
    assert told["rl"] == "dpo"
    assert (dataset["path"], dataset["ds_type"], dataset["field_messages"]) == ("rows.parquet", "parquet", messages)


def test_axolotl_and_llama_factory_are_told_to_learn_the_last_reply_alone() -> None:
    yaml = pytest.importorskip("yaml")
    text = readers("sft", "messages", "rows.jsonl")
    assert yaml.safe_load(fenced(text, "yaml"))["datasets"][0]["message_field_training"] == "training"
    assert "`mask_history: true`" in text


def test_llama_factory_is_told_of_a_ranking_only_for_pairs() -> None:
    pairs, dialogues = (json.loads(fenced(readers(name, "messages", "rows.jsonl"), "json")) for name in ("dpo", "sft"))
    assert pairs["i2a"]["ranking"] is True
    assert pairs["i2a"]["columns"] == {"messages": "messages", "chosen": "chosen", "rejected": "rejected"}
    assert "ranking" not in dialogues["i2a"]


def test_the_python_in_a_card_is_python() -> None:
    for format in ("sft", "dpo"):
        compile(fenced(readers(format, "trl", "rows.jsonl"), "python"), "card", "exec")
