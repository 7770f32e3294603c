"""The card beside exported rows says how they were made, and how other tools read them."""

import json
from pathlib import Path

import pytest

from i2a.report.cards.dataset import readers
from tests.exports import GROWN, PARTS, card, exported, run_of, tree


def test_the_card_tells_how_the_rows_were_made(tmp_path: Path) -> None:
    text = card(exported(run_of(tmp_path, tree(), tree("t-1", agreed=False)), "dpo", "rows.jsonl", "min_margin=0.5"))
    assert "# 3 rows for DPO" in text
    assert "from 2 trees" in text
    for line in (
        "scenario.name | aloe",
        "seed | 7",
        "models.judge | openai:d",
        "prompts.user | f51b",
        "min_margin | 0.5",
    ):
        assert f"| {line} |" in text
    assert "| models.user | openai:a\\|b |" in text
    assert "Left out:\n1 pair on which the verdicts disagree." in text
    assert "Simulated" not in text


def test_the_header_of_the_card_is_what_the_hub_reads(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    _, header, _ = card(exported(run_of(tmp_path, tree()), "sft", "rows.parquet")).split("---\n", 2)
    header_values = yaml.safe_load(header)
    assert header_values["configs"] == [{"config_name": "default", "data_files": "rows.parquet"}]
    assert header_values["size_categories"] == ["n<1K"]
    assert header_values["task_categories"] == ["text-generation"]
    assert "sft" in header_values["tags"]
    assert "simulated" not in header_values["tags"]


def test_a_folder_with_the_card_as_its_readme_is_a_dataset(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    file = exported(run_of(tmp_path, tree()), "dpo", "rows.jsonl")
    hub = tmp_path / "hub"
    hub.mkdir()
    file.rename(hub / file.name)
    file.with_name("rows.jsonl.md").rename(hub / "README.md")
    assert len(datasets.load_dataset(str(hub), split="train", cache_dir=str(tmp_path / "cache"))) == 2


def test_the_card_says_plainly_that_a_simulator_spoke(tmp_path: Path) -> None:
    grown = GROWN | {"models": PARTS | {"preferred": "offline", "judge": "offline:strict"}}
    text = card(exported(run_of(tmp_path, tree(), identity=grown), "dpo", "rows.jsonl"))
    assert "**Simulated.**" in text
    assert "played these roles: preferred, judge." in text
    assert "tags: [i2a, synthetic, conversational, dpo, simulated]" in text


def test_rows_of_the_engine_behind_a_server_carry_the_same_warning_as_any_of_the_engine(tmp_path: Path) -> None:
    texts = []
    for model in ("offline", "openai:offline@http://127.0.0.1:8000/v1"):
        grown = GROWN | {"models": dict.fromkeys(PARTS, model)}
        (tmp_path / model[:7]).mkdir()
        text = card(exported(run_of(tmp_path / model[:7], tree(), identity=grown), "dpo", "rows.jsonl"))
        texts.append(text.replace(f" | {model} |", " | MODEL |"))
    assert texts[0] == texts[1]
    assert "**Simulated.**" in texts[0]


def test_the_card_does_not_guess_what_no_manifest_tells(tmp_path: Path) -> None:
    folder = run_of(tmp_path, tree(), identity={"imported": {"file": "aloe.jsonl", "sha256": "ab"}})
    text = card(exported(folder, "dpo", "rows.jsonl"))
    assert "| imported.sha256 | ab |" in text
    assert "| models | unknown:" in text
    (folder / "manifest.json").unlink()
    assert "| origin | unknown:" in card(exported(folder, "dpo", "others.jsonl"))


# How others read it.


def fenced(text: str, language: str) -> str:
    return text.partition(f"```{language}\n")[2].partition("```")[0]


@pytest.mark.parametrize(("layout", "messages"), [("trl", "prompt"), ("messages", "messages")])
def test_axolotl_is_read_where_the_dialogue_of_a_pair_is(layout: str, messages: str) -> None:
    yaml = pytest.importorskip("yaml")
    read = yaml.safe_load(fenced(readers("dpo", layout, "rows.parquet"), "yaml"))
    (dataset,) = read["datasets"]
    assert read["rl"] == "dpo"
    assert (dataset["path"], dataset["ds_type"], dataset["field_messages"]) == ("rows.parquet", "parquet", messages)


def test_axolotl_and_llama_factory_are_read_to_learn_the_last_reply_alone() -> None:
    yaml = pytest.importorskip("yaml")
    text = readers("sft", "messages", "rows.jsonl")
    assert yaml.safe_load(fenced(text, "yaml"))["datasets"][0]["message_field_training"] == "training"
    assert "`mask_history: true`" in text


def test_llama_factory_is_read_of_a_ranking_only_for_pairs() -> None:
    pairs, dialogues = (json.loads(fenced(readers(name, "messages", "rows.jsonl"), "json")) for name in ("dpo", "sft"))
    assert pairs["i2a"]["ranking"] is True
    assert pairs["i2a"]["columns"] == {"messages": "messages", "chosen": "chosen", "rejected": "rejected"}
    assert "ranking" not in dialogues["i2a"]


def test_the_python_in_a_card_is_python() -> None:
    for format in ("sft", "dpo"):
        compile(fenced(readers(format, "trl", "rows.jsonl"), "python"), "card", "exec")
