"""The model that comes with i2a: it is what `i2a train base` makes, it opens anywhere, and it knows today's texts."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from i2a.models.local.checkpoint import Checkpoint
from i2a.models.local.names import small
from i2a.models.spec import ModelSpec
from i2a.report.cards.base import base_card
from i2a.simulator.model.batches import NOTHING, collate, encode
from i2a.simulator.model.documents import documents, held_out, stage_at
from i2a.simulator.model.loop import BaseTraining, train_base
from i2a.simulator.model.settings import Base

FREE = {"vocab_size", "dtype", "transformers_version", "architectures", "_name_or_path"}


def settings(**others: object) -> Base:
    """Those that it was made with, as its manifest says."""
    made = json.loads((small() / "manifest.json").read_text("utf-8"))["identity"]["settings"]
    return Base(out=Path("nowhere"), **{**made, **others})


def test_it_opens_by_its_name_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint = Checkpoint.find("small")
    assert checkpoint.source == "small"
    assert checkpoint.load(torch.float32).dtype == torch.float32
    assert str(ModelSpec.parse("hf:small").open()) == "hf:small"
    (tmp_path / "small").mkdir()  # a folder of that name comes first
    with pytest.raises(Exception, match="small holds no model"):
        Checkpoint.find("small")


def test_it_comes_with_its_card_its_licence_and_the_command_that_made_it() -> None:
    card = (small() / "README.md").read_text("utf-8")
    found = settings()
    assert "license: apache-2.0" in card
    assert f"i2a train base --seed {found.seed} --tokens {found.tokens} --out" in card
    result, manifest = (json.loads((small() / f"{name}.json").read_text("utf-8")) for name in ("result", "manifest"))
    assert base_card(result, manifest) == card
    assert sum(file.stat().st_size for file in small().iterdir()) < 6_000_000


def test_the_command_makes_a_model_of_the_same_kind(tmp_path: Path) -> None:
    """In small: fewer tokens, and so fewer words, but all else alike."""
    train_base(settings(tokens=2_000, threads=1, quiet=True).model_copy(update={"out": tmp_path}), card=base_card)
    made, shipped = ({**AutoConfig.from_pretrained(folder).to_dict()} for folder in (tmp_path, small()))
    assert {name: made[name] for name in made.keys() - FREE} == {name: shipped[name] for name in shipped.keys() - FREE}
    shapes = [
        {
            name: tuple(weight.shape[-1:])
            for name, weight in AutoModelForCausalLM.from_pretrained(folder).state_dict().items()
        }
        for folder in (tmp_path, small())
    ]
    assert shapes[0] == shapes[1]
    words = [AutoTokenizer.from_pretrained(folder) for folder in (tmp_path, small())]
    assert words[0].chat_template == words[1].chat_template
    assert words[0].all_special_ids == words[1].all_special_ids
    assert {file.name for file in small().iterdir()} == {file.name for file in tmp_path.iterdir()} - {
        "lock",
        "log.jsonl",
    }


def test_it_knows_the_texts_that_the_simulator_writes_today() -> None:
    """Dialogues of the last stage, of people it never met: about the loss that its training ended with."""
    tokenizer, model = AutoTokenizer.from_pretrained(small()), AutoModelForCausalLM.from_pretrained(small()).float()
    training = BaseTraining(settings(), False, tokenizer, model, [], {})
    ended = json.loads((small() / "result.json").read_text("utf-8"))["stages"]["dialogue"]
    stage = stage_at(1.0)
    batch = collate(encode(tokenizer, documents(stage, 0, 10**6)[:12]), tokenizer.pad_token_id)
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(training.predicted(batch), batch.wanted, ignore_index=NOTHING)
    assert abs(loss.item() - ended["loss"]) < 0.25 * ended["loss"] + 0.1
    training.held_out = {name: encode(tokenizer, some) for name, some in held_out(0, 8).items()}
    for name, found in training.recall().items():
        assert abs(found.tokens - ended["recall"][name]["tokens"]) < 0.15
