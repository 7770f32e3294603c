"""The model card says what a model was made of, and how."""

from typing import Any

import yaml

from i2a.report.cards.model import model_card as card

RESULT: dict[str, Any] = {
    "model": "runs/dpo",
    "adapter": False,
    "rows": 1950,
    "steps": 41,
    "notes": ["50 pairs on which the verdicts disagree"],
    "settings": {"learning_rate": 5e-7, "dtype": "bf16"},
    "first": {"loss": 0.6931},
    "last": {"loss": 0.5},
    "tokens_saved": None,
    "validation": None,
}
CORPUS: dict[str, Any] = {
    "fingerprint": "0011223344556677",
    "personas": "8899aabbccddeeff",
    "simulated": False,
    "sources": [{"run": "first", "models": {"user": "openai:a|b", "judge": "openai:gpt-4o"}}],
    "parts": {"train": {"trees": 200, "rows": 2000}},
}
MANIFEST: dict[str, Any] = {
    "identity": {
        "stage": "dpo",
        "model": {"source": "Qwen/Qwen2.5-7B-Instruct"},
        "settings": {"beta": 0.1, "lora_rank": 16, "learning_rate": None, "max_steps": None},
    },
    "corpus": CORPUS,
    "versions": {"trl": "1.16.0"},
}


def rows(text: str) -> dict[str, str]:
    """The rows of all tables."""
    cells = [line.removeprefix("| ").removesuffix(" |").split(" | ", 1) for line in text.splitlines() if "| " in line]
    return {row[0]: row[1] for row in cells if len(row) == 2}


def test_fingerprints_settings_and_versions_are_in_it() -> None:
    told = rows(card(RESULT, MANIFEST))
    assert told["corpus fingerprint"] == "0011223344556677"
    assert told["persona fingerprint"] == "8899aabbccddeeff"
    assert told["learning_rate"] == "5e-07"
    assert (told["beta"], told["trl"], told["rows"]) == ("0.1", "1.16.0", "1950")
    assert told["left out"] == "50 pairs on which the verdicts disagree"
    assert told["runs"] == r"first (openai:a\|b, openai:gpt-4o)"


def test_what_had_no_part_in_it_is_not() -> None:
    assert not {"lora_rank", "max_steps", "held-out personas"} & rows(card(RESULT, MANIFEST)).keys()
    assert rows(card(RESULT | {"adapter": True}, MANIFEST))["lora_rank"] == "16"


def test_the_hub_can_read_its_head() -> None:
    head = yaml.safe_load(card(RESULT, MANIFEST).split("---")[1])
    assert head == {
        "library_name": "transformers",
        "tags": ["i2a", "trl", "dpo"],
        "base_model": "Qwen/Qwen2.5-7B-Instruct",
    }


def test_the_path_of_a_local_model_stays_at_home() -> None:
    identity = MANIFEST["identity"] | {"model": {"source": "/home/somebody/runs/sft"}}
    text = card(RESULT, MANIFEST | {"identity": identity})
    assert "somebody" not in text
    assert "`sft` after direct preference optimisation" in text


def test_a_simulated_corpus_is_called_one() -> None:
    assert "offline engine" not in card(RESULT, MANIFEST)
    assert "offline engine" in card(RESULT, MANIFEST | {"corpus": CORPUS | {"simulated": True}})
