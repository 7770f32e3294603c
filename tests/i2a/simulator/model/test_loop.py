"""A base training in small: it learns, can be loaded, stops and goes on, and follows from its seed."""

import json
from pathlib import Path
from typing import Any

import pytest

from i2a.errors import Interrupted, UsageError
from i2a.models.local.precision import Timing
from i2a.report.cards.base import base_card
from i2a.simulator.model import documents, loop
from i2a.simulator.model.folder import BaseFolder
from i2a.simulator.model.settings import Base

SMALL: dict[str, Any] = {"tokens": 12_000, "vocabulary": 500, "hidden": 64, "threads": 1, "layers": 2, "quiet": True}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = tuple(stage._replace(round=4, batch=1024) for stage in documents.STAGES)
    monkeypatch.setattr(documents, "STAGES", stages)
    monkeypatch.setattr(loop, "STAGES", stages)
    monkeypatch.setattr(loop, "MEASURED", 4)


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    found: dict[str, Any] = load_file(folder / "model.safetensors")
    return found


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name].equal(other[name]) for name in one)


def test_it_learns_and_loads_as_any_model_does(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    result = loop.train_base(Base(out=tmp_path / "base", **SMALL), card=base_card)
    log = [json.loads(line) for line in (tmp_path / "base/log.jsonl").read_text().splitlines()]

    copying = [line["loss"] for line in log if line["stage"] == "copying"]
    assert copying[-1] < copying[0]
    assert {line["stage"] for line in log} == {"copying", "dialogue"}
    assert result["tokens"] >= 12_000
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    assert model.generate(**asked, max_new_tokens=3, do_sample=False).shape[1] > asked["input_ids"].shape[1]
    assert "adapts to nobody" in (tmp_path / "base/README.md").read_text()
    assert not (tmp_path / "base/checkpoints").exists()


def test_stopped_and_resumed_it_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.train_base(Base(out=tmp_path / "whole", **SMALL))

    save, saved = BaseFolder.save_state, list[int]()

    def stop_after_two(folder: BaseFolder, number: int, state: dict[str, object]) -> None:
        save(folder, number, state)
        saved.append(number)
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(BaseFolder, "save_state", stop_after_two)
    with pytest.raises(Interrupted, match="--resume continues from round 2"):
        loop.train_base(Base(out=tmp_path / "parts", **SMALL))
    loop.train_base(Base(out=tmp_path / "parts", resume=True, **SMALL))

    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    lines = [(tmp_path / name / "log.jsonl").read_text().count("\n") for name in ("whole", "parts")]
    assert lines[0] == lines[1]


def test_it_is_computed_in_what_is_faster_and_goes_on_in_what_it_began_with(tmp_path: Path) -> None:
    tiny = SMALL | {"tokens": 2_000}
    native, emulated = Timing(fp32=2.0, bf16=1.0), Timing(fp32=1.0, bf16=60.0)
    for found, dtype in ((native, "bf16"), (emulated, "fp32")):
        out = tmp_path / dtype
        result = loop.train_base(Base(out=out, **tiny), card=base_card, timing=lambda *_, found=found: found)
        assert result["dtype"] == dtype
        assert f"Trained in {dtype}, " in (out / "README.md").read_text()
        assert {str(weight.dtype) for weight in weights(out).values()} == {"torch.float16"}
    assert not same(weights(tmp_path / "bf16"), weights(tmp_path / "fp32"))

    (tmp_path / "fp32/result.json").unlink()  # as if it had been stopped
    again = loop.train_base(Base(out=tmp_path / "fp32", resume=True, **tiny), timing=lambda *_: native)
    assert again["dtype"] == "fp32"


def test_another_seed_is_another_model_and_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    tiny = SMALL | {"tokens": 2_000}
    loop.train_base(Base(out=tmp_path / "one", **tiny))
    loop.train_base(Base(out=tmp_path / "other", seed=1, **tiny))

    assert not same(weights(tmp_path / "one"), weights(tmp_path / "other"))
    with pytest.raises(UsageError, match="already holds"):
        loop.train_base(Base(out=tmp_path / "one", **tiny))
    with pytest.raises(UsageError, match="seed was 0 and now is 3"):
        loop.train_base(Base(out=tmp_path / "one", seed=3, resume=True, **tiny))
    assert loop.train_base(Base(out=tmp_path / "one", resume=True, **tiny))["stage"] == "base"


@pytest.mark.parametrize(("name", "value"), [("heads", 5), ("tokens", 10), ("hidden", 100), ("heads", 48)])
def test_sizes_that_cannot_work_are_refused(tmp_path: Path, name: str, value: int) -> None:
    with pytest.raises(ValueError, match=name):
        Base(out=tmp_path, **{name: value})
