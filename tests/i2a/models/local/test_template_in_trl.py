"""The tokens of a pair are those that TRL's own DPO trainer makes of the same row, template by template."""

import logging
from pathlib import Path
from typing import Any

import pytest

from i2a.models.local.template import ChatTemplate
from tests.chat_templates import DIALOGUE, FAMILIES, REPLY
from tests.tiny import model

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
PAIRS = [(DIALOGUE[:length], one, other) for length in (1, 3) for one, other in ((REPLY, "Brr."), ("Oh.", "Why?"))]


def says(content: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": content}]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_pair_has_the_tokens_that_trl_makes_of_it(name: str, tmp_path: Path) -> None:
    datasets, trl = pytest.importorskip("datasets"), pytest.importorskip("trl")
    logging.getLogger("trl").setLevel(logging.ERROR)
    words = FAMILIES[name].make()
    rows = [{"prompt": prompt, "chosen": says(one), "rejected": says(other)} for prompt, one, other in PAIRS]
    config = trl.DPOConfig(output_dir=str(tmp_path), max_length=None, report_to=[], use_cpu=True, disable_tqdm=True)
    model(words).save_pretrained(tmp_path)  # TRL loads it once more, as the reference
    data = datasets.Dataset.from_list(rows)
    made: Any = trl.DPOTrainer(str(tmp_path), args=config, train_dataset=data, processing_class=words).train_dataset
    template = ChatTemplate(words)
    for row, (prompt, one, other) in zip(made, PAIRS, strict=True):
        chosen, rejected = template.pair(prompt, one, other)
        assert row["prompt_ids"] == chosen.ids[: chosen.start]
        assert row["chosen_ids"] == chosen.ids[chosen.start :]
        assert row["rejected_ids"] == rejected.ids[rejected.start :]
