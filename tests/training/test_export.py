"""`i2a export --format sft|dpo`: training rows that other tools can load."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from i2a.errors import UsageError
from i2a.personas.pool import PersonaPool
from tests.exports import card, exported, lines, run_of, tree

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
    tmp_path: Path, format: str, options: list[str], expected: dict[str, Any]
) -> None:
    rows = lines(exported(run_of(tmp_path, tree()), format, "rows.jsonl", *options))
    assert len(rows) == 2
    assert rows[1] == expected | ORIGIN


@pytest.mark.parametrize("format", ["sft", "dpo"])
@pytest.mark.parametrize("layout", ["trl", "messages"])
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_datasets_loads_the_rows_from_either_file(tmp_path: Path, format: str, layout: str, suffix: str) -> None:
    datasets = pytest.importorskip("datasets")
    folder = run_of(tmp_path, tree(), tree("t-1"))
    file = exported(folder, format, f"rows.{suffix}", f"layout={layout}")
    kind = "json" if suffix == "jsonl" else suffix
    loaded = datasets.load_dataset(kind, data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.to_list() == lines(exported(folder, format, "again.jsonl", f"layout={layout}"))


@pytest.mark.parametrize("format", ["sft", "dpo"])
def test_trl_takes_the_rows_for_conversations(tmp_path: Path, format: str) -> None:
    data_utils = pytest.importorskip("trl.data_utils")
    assert all(map(data_utils.is_conversational, lines(exported(run_of(tmp_path, tree()), format, "rows.jsonl"))))


def test_pairs_are_left_out_as_the_options_say(tmp_path: Path) -> None:
    made = tree()
    made.roots[0].verdicts.pop()
    file = exported(run_of(tmp_path, made), "dpo", "rows.jsonl", "both_orders=true")
    assert [row["turn"] for row in lines(file)] == [2]
    assert "Left out:\n1 pair without verdicts in both orders for the chosen reply." in card(file)


@pytest.mark.parametrize("half", ["profile", "personality"])
def test_nothing_is_exported_that_the_benchmark_tests_on(tmp_path: Path, half: str) -> None:
    texts = PersonaPool.benchmark().profiles if half == "profile" else PersonaPool.benchmark().personalities
    spoilt = tree("t-1")
    text = f" {next(iter(texts.values())).upper()}"
    before = spoilt.persona
    spoilt.persona = replace(before, profile=text) if half == "profile" else replace(before, personality=text)
    file = exported(run_of(tmp_path, tree(), spoilt), "dpo", "rows.jsonl")
    assert {row["tree"] for row in lines(file)} == {"t-0"}
    assert "Left out:\n2 pairs with a persona of the benchmark, or half of one." in card(file)


def test_a_corpus_without_a_labelled_pair_makes_no_file(tmp_path: Path) -> None:
    made = tree(agreed=False)
    made.roots[0].verdicts, made.roots[0].children[0].label = [], None
    with pytest.raises(UsageError, match="nothing to write in format dpo: 1 pair on which the verdicts disagree"):
        exported(run_of(tmp_path, made), "dpo", "rows.jsonl")
