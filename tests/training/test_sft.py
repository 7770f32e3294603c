"""SFT trains on the reply alone, goes on after Ctrl-C as if nothing had been, and refuses what cannot work."""

import datetime
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from i2a.errors import Interrupted, UsageError
from i2a.models.local.template import ChatTemplate
from i2a.runs.training_folder import read_log, trained_personas
from i2a.trees.json import read as read_trees
from scenarios.settings import Simulation
from scenarios.simulation import simulate
from tests.fakes import no_more_space
from tests.tiny import CHATML, checkpoint
from tests.training.trainings import equal, interrupt_after, refusal, train, weights
from training.corpus import Corpus
from training.rows import PairFilter, sft_rows
from training.saving import save_model

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def whole(corpus: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that nobody interrupted."""
    out = tmp_path_factory.mktemp("sft") / "whole"
    train("sft", corpus, base, out)
    return out


# What it learns.


def test_the_loss_is_the_mean_over_the_tokens_of_the_replies(corpus: Path, base: Path, tmp_path: Path) -> None:
    rows = list(Corpus.read([corpus], sft_rows, PairFilter()).rows())
    out = train("sft", corpus, base, tmp_path / "out", batch=len(rows), micro_batch=1, max_steps=1)
    model, template = AutoModelForCausalLM.from_pretrained(base), ChatTemplate(AutoTokenizer.from_pretrained(base))
    total = count = 0.0
    for row in rows:
        ids, start = template.tokens(row["prompt"], row["completion"][0]["content"])
        logps = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        scored = torch.tensor(ids[start:])
        total -= logps[start - 1 : -1].gather(1, scored[:, None]).sum().item()
        count += len(scored)
    assert out["first"]["loss"] == pytest.approx(total / count, rel=1e-5)


def test_the_loss_falls(whole: Path) -> None:
    losses = [line["loss"] for line in read_log(whole / "log.jsonl")]
    assert len(losses) == 6
    assert losses[-1] < losses[0] - 0.3


def test_the_rejected_replies_make_another_model(corpus: Path, base: Path, whole: Path, tmp_path: Path) -> None:
    train("sft", corpus, base, tmp_path / "out", target="rejected")
    assert not equal(weights(tmp_path / "out"), weights(whole))


def test_the_same_seed_gives_the_same_weights(corpus: Path, base: Path, whole: Path, tmp_path: Path) -> None:
    train("sft", corpus, base, tmp_path / "same")
    assert equal(weights(tmp_path / "same"), weights(whole))
    train("sft", corpus, base, tmp_path / "other", seed=1)
    assert not equal(weights(tmp_path / "other"), weights(whole))


# What is left.


def test_what_is_left_loads_as_it_is_and_says_what_it_was_made_of(whole: Path, corpus: Path) -> None:
    AutoModelForCausalLM.from_pretrained(whole)
    assert AutoTokenizer.from_pretrained(whole).chat_template
    manifest = json.loads((whole / "manifest.json").read_text())
    card = (whole / "README.md").read_text()
    told = [manifest["identity"]["corpus"], manifest["identity"]["personas"], "| learning_rate | 0.003 |", "| trl |"]
    assert not [piece for piece in told if piece not in card]
    assert "offline engine" in card
    assert not list(whole.glob("*.arrow"))


def test_it_keeps_the_personas_that_it_was_trained_on_and_those_of_the_model_before_it(
    whole: Path, corpus: Path, tmp_path: Path
) -> None:
    mine = trained_personas(whole)
    people = [tree.persona for tree in read_trees(corpus / "trees.jsonl")]
    assert mine is not None
    assert sorted(mine["profile"]) == sorted({person.profile for person in people})
    assert sorted(mine["personality"]) == sorted({person.personality for person in people})
    other = tmp_path / "other"
    simulate(Simulation(out=other, conversations=2, turns=2, seed=4))
    train("dpo", other, whole, tmp_path / "dpo", max_steps=1)
    then = trained_personas(tmp_path / "dpo")
    assert then is not None
    assert set(then["profile"]) == {*mine["profile"], *(t.persona.profile for t in read_trees(other / "trees.jsonl"))}


def test_each_step_has_a_line_in_the_log(whole: Path) -> None:
    log = read_log(whole / "log.jsonl")
    assert [line["step"] for line in log] == [1, 2, 3, 4, 5, 6]
    assert {"loss", "learning_rate", "grad_norm", "num_tokens"} <= set(log[0])


def test_an_adapter_is_small_and_finds_its_base_from_anywhere(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    result = train("sft", corpus, "base", Path("out"), lora=True)
    monkeypatch.chdir("/")
    assert result["adapter"]
    out = tmp_path / "out"
    base = json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"]
    plain = AutoModelForCausalLM.from_pretrained(base)
    ids = torch.arange(20)[None]
    before = plain(ids).logits
    adapted = PeftModel.from_pretrained(plain, out)
    assert not torch.equal(adapted(ids).logits, before)
    assert not (out / "model.safetensors").exists()


def test_bf16_computes_in_halves_and_writes_them(corpus: Path, base: Path, tmp_path: Path) -> None:
    result = train("sft", corpus, base, tmp_path / "out", dtype="bf16", max_steps=2)
    assert result["settings"]["dtype"] == "bf16"
    assert {weight.dtype for weight in weights(tmp_path / "out").values()} == {torch.bfloat16}
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "out").dtype == torch.bfloat16


def test_weights_that_come_in_halves_are_trained_and_saved_in_fp32_which_is_said(corpus: Path, tmp_path: Path) -> None:
    base = checkpoint(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    model.save_pretrained(base)
    result = train("sft", corpus, base, tmp_path / "out", max_steps=1)
    said = "the weights come in bfloat16 and are saved in float32, in which they are trained: twice the size"
    assert said in result["notes"]
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "out").dtype == torch.float32
    lora = train("sft", corpus, base, tmp_path / "lora", max_steps=1, lora=True)
    assert said not in lora["notes"]


@pytest.mark.parametrize("packing", ["tree", "rows"])
def test_what_is_saved_writes_with_its_cache(corpus: Path, base: Path, tmp_path: Path, packing: str) -> None:
    train("sft", corpus, base, tmp_path / "out", max_steps=1, packing=packing)
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "out").config.use_cache is True


def test_tied_weights_are_written_once(corpus: Path, tmp_path: Path) -> None:
    checkpoint(tmp_path / "base", tie_word_embeddings=True)
    train("sft", corpus, tmp_path / "base", tmp_path / "out", dtype="bf16", max_steps=1)
    assert weights(tmp_path / "out").keys() == weights(tmp_path / "base").keys()


# What else can go in.


def test_general_chats_are_mixed_in_by_their_share(corpus: Path, base: Path, tmp_path: Path) -> None:
    chats = [
        [{"role": "user", "content": f"What is {n} + {n}?"}, {"role": "assistant", "content": f"It is {n + n}."}]
        for n in range(40)
    ]
    chats[0] = chats[0][:1]
    file = tmp_path / "general.jsonl"
    file.write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats))
    alone = train("sft", corpus, base, tmp_path / "alone", max_steps=1)["rows"]
    mixed = train("sft", corpus, base, tmp_path / "mixed", max_steps=1, mix=str(file), mix_ratio=0.5)["rows"]
    assert mixed == 2 * alone
    assert "39 usable" in refusal("sft", corpus, base, tmp_path / "no", mix=str(file), mix_ratio=0.9)
    file.write_text('{"text": "a"}\n')
    assert 'no column "messages"' in refusal("sft", corpus, base, tmp_path / "neither", mix=str(file))


def test_held_out_personas_are_measured_and_not_learnt(corpus: Path, base: Path, tmp_path: Path) -> None:
    result = train("sft", corpus, base, tmp_path / "out", validation=0.4, max_steps=4, save_every=2)
    log = read_log(tmp_path / "out/log.jsonl")
    assert [line["step"] for line in log if "eval_loss" in line] == [2, 4, 4]
    assert result["validation"]["loss"] == pytest.approx(log[-1]["eval_loss"])


# What an interruption takes away: nothing.


@pytest.mark.parametrize("lora", [False, True])
def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    corpus: Path, base: Path, tmp_path: Path, lora: bool
) -> None:
    settings: dict[str, Any] = {"lora": lora, "max_steps": 8, "save_every": 3}
    train("sft", corpus, base, tmp_path / "whole", **settings)
    out = tmp_path / "out"
    with pytest.raises(Interrupted, match="--resume continues from step"), interrupt_after(2, out):
        train("sft", corpus, base, out, **settings)
    assert len(read_log(out / "log.jsonl")) < 8
    train("sft", corpus, base, out, **settings, resume=True)
    assert equal(weights(out), weights(tmp_path / "whole"))
    logs = ([line["loss"] for line in read_log(path / "log.jsonl")] for path in (out, tmp_path / "whole"))
    assert next(logs) == next(logs)


def test_killed_between_its_last_step_and_its_model_it_takes_no_further_step(
    corpus: Path, base: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def full(*args: Any, **options: Any) -> None:
        with no_more_space(10_000):
            save_model(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr("training.run.save_model", full)
        with pytest.raises(UsageError, match=r"no space left .* checkpoint-6 is kept"):
            train("sft", corpus, base, out)
    assert not (out / "model.safetensors").exists()
    result = train("sft", corpus, base, out, resume=True)
    assert (result["steps"], result["session"]["steps"]) == (6, 0)
    assert equal(weights(out), weights(whole))


def test_what_has_ended_is_not_done_again(corpus: Path, base: Path, whole: Path) -> None:
    before = (whole / "model.safetensors").stat().st_mtime_ns
    assert train("sft", corpus, base, whole, resume=True)["steps"] == 6
    assert (whole / "model.safetensors").stat().st_mtime_ns == before


def test_a_disk_that_fills_up_leaves_the_earlier_checkpoints(corpus: Path, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with no_more_space(150_000):
        assert "there is no checkpoint yet" in refusal("sft", corpus, base, out)
    assert train("sft", corpus, base, out, resume=True)["steps"] == 6


# What cannot work is one line, and nothing is written over.


def test_a_folder_of_another_training_stays_as_it_is(corpus: Path, base: Path, whole: Path, tmp_path: Path) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in whole.iterdir()}
    assert "--resume" in refusal("sft", corpus, base, whole)
    assert "settings.seed was 0 and now is 1" in refusal("sft", corpus, base, whole, seed=1, resume=True)
    assert "stage was 'sft' and now is 'dpo'" in refusal("dpo", corpus, base, whole, resume=True)
    assert "not a manifest of format i2a.training/1" in refusal("sft", corpus, base, corpus, resume=True)
    assert {file.name: file.stat().st_mtime_ns for file in whole.iterdir()} == before
    (tmp_path / "letter.txt").touch()
    assert "is not empty" in refusal("sft", corpus, base, tmp_path)


def test_a_corpus_without_anything_to_learn_is_refused(base: Path, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    assert "no conversation" in refusal("sft", tmp_path / "empty.jsonl", base, tmp_path / "out")
    assert "holds no trees" in refusal("sft", tmp_path / "nowhere", base, tmp_path / "out")
    assert "no labelled pair" in refusal("sft", corpus, base, tmp_path / "out", min_margin=1.5)
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_none_is_refused(corpus: Path, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "there is no folder" in refusal("sft", corpus, tmp_path / "nowhere", out)
    assert "holds no model" in refusal("sft", corpus, corpus, out)
    (tmp_path / "unfinished/checkpoints").mkdir(parents=True)
    assert "contains an unfinished training; --resume it first" in refusal("sft", corpus, tmp_path / "unfinished", out)
    checkpoint(tmp_path / "mute")
    (tmp_path / "mute/chat_template.jinja").unlink()
    assert "no chat template" in refusal("sft", corpus, tmp_path / "mute", out)
    assert not out.exists()


def test_an_adapter_without_its_base_is_refused(corpus: Path, tmp_path: Path) -> None:
    checkpoint(tmp_path / "base")
    train("sft", corpus, tmp_path / "base", tmp_path / "adapter", lora=True, max_steps=1)
    (tmp_path / "base").rename(tmp_path / "moved")
    assert "its base" in refusal("sft", corpus, tmp_path / "adapter", tmp_path / "out")


def test_rows_longer_than_the_context_are_shortened_and_said_aloud(corpus: Path, tmp_path: Path) -> None:
    short = checkpoint(tmp_path / "short", max_position_embeddings=400)
    notes = train("sft", corpus, short, tmp_path / "out", max_steps=1)["notes"]
    assert any("rows longer than 400 tokens" in note for note in notes)
    assert "raise --max-length" in refusal("sft", corpus, short, tmp_path / "none", max_length=20)
    assert not (tmp_path / "none").exists()


def test_a_training_of_one_step_learns_something(corpus: Path, base: Path, tmp_path: Path) -> None:
    train("sft", corpus, base, tmp_path / "out", max_steps=1)
    assert not equal(weights(tmp_path / "out"), weights(base))


def test_a_loss_that_is_no_number_ends_the_training(corpus: Path, base: Path, tmp_path: Path) -> None:
    said = refusal("sft", corpus, base, tmp_path / "out", learning_rate=1e30, warmup=0.0, max_grad_norm=1e30)
    assert "the training diverged" in said


def test_a_reporter_that_is_not_installed_is_named(corpus: Path, base: Path, tmp_path: Path) -> None:
    assert "pip install trackio" in refusal("sft", corpus, base, tmp_path / "out", report_to=["trackio"])


def test_nobody_is_told_that_there_was_a_training(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils import _telemetry

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    _telemetry.send_telemetry("i2a")
    assert _telemetry._TELEMETRY_QUEUE.empty()


# What will be saved is tried before the first step.


def settings_of(folder: Path, file: str, **more: Any) -> None:
    """Add settings to a file of a checkpoint."""
    path = folder / file
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps(known | more), "utf-8")


@pytest.mark.parametrize("lora", [False, True], ids=["full", "adapter"])
@pytest.mark.parametrize(
    ("file", "more"),
    [
        ("generation_config.json", {"do_sample": False, "temperature": 0.9, "top_p": 0.5}),
        ("generation_config.json", {"num_beams": 1, "early_stopping": True, "length_penalty": 2.0}),
        ("config.json", {"temperature": 0.9, "do_sample": True}),
    ],
    ids=["greedy with a temperature", "beams", "sampling in config.json"],
)
def test_a_base_with_settings_that_cannot_be_saved_is_trained_and_saved_without_them(
    corpus: Path, tmp_path: Path, file: str, more: dict[str, Any], lora: bool
) -> None:
    model = checkpoint(tmp_path / "base")
    stop = json.loads((model / "generation_config.json").read_text("utf-8"))["eos_token_id"]
    settings_of(model, file, **more)
    assert train("sft", corpus, model, tmp_path / "out", lora=lora, save_every=2)["steps"] == 6
    if not lora:
        assert GenerationConfig.from_pretrained(tmp_path / "out").eos_token_id == [stop]
        assert AutoModelForCausalLM.from_pretrained(tmp_path / "out").config.get_text_config().vocab_size


def test_a_training_that_died_in_its_save_is_saved_by_resume(
    corpus: Path, base: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the save died")

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr("training.run.save_model", fail)
        with pytest.raises(RuntimeError, match="the save died"):
            train("sft", corpus, base, out)
    assert not (out / "model.safetensors").exists()
    assert train("sft", corpus, base, out, resume=True)["steps"] == 6
    assert equal(weights(out), weights(whole))


def test_a_tokenizer_that_cannot_be_saved_is_refused_before_the_first_step(
    corpus: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise NotImplementedError("no such tokenizer")

    monkeypatch.setattr("transformers.PreTrainedTokenizerFast.save_pretrained", fail)
    said = refusal("sft", corpus, base, tmp_path / "out")
    assert said == "the model could not be saved after the training: no such tokenizer"
    assert not (tmp_path / "out").exists()


def test_a_disk_that_is_too_small_is_told_before_the_first_step(
    corpus: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=100_000))
    said = refusal("sft", corpus, base, tmp_path / "out", save_every=2)
    assert "for the model and 3 checkpoints, and 0.0 GB are free; free some space, lower --keep" in said
    assert not (tmp_path / "out").exists()


def test_tokens_beyond_the_embeddings_are_learnt_and_saved(corpus: Path, tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "base")
    words = AutoTokenizer.from_pretrained(model)
    words.add_special_tokens({"pad_token": "[PAD]", "additional_special_tokens": ["<|new|>"]})
    words.save_pretrained(model)
    notes = train("sft", corpus, model, tmp_path / "out", packing="tree")["notes"]
    assert "2 tokens had no embedding: each starts as the mean of all" in notes
    saved = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert saved.get_input_embeddings().num_embeddings == len(words)


DATED = "{{ strftime_now('%d %B %Y') }}" + CHATML


def test_the_date_of_a_template_is_that_on_which_the_training_began(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, model = tmp_path / "out", checkpoint(tmp_path / "base")
    (model / "chat_template.jinja").write_text(DATED, "utf-8")
    began = datetime.date.today().isoformat()
    with interrupt_after(2, out), pytest.raises(Interrupted):
        train("sft", corpus, model, out, max_steps=40)
    assert json.loads((out / "manifest.json").read_text("utf-8"))["date"] == began

    class Later(datetime.date):
        @classmethod
        def today(cls) -> "Later":
            return cls(2099, 1, 1)

    monkeypatch.setattr("i2a.models.local.template.date", Later)
    notes = train("sft", corpus, model, out, max_steps=40, resume=True)["notes"]
    assert f"the chat template writes the date, which stays {began} for the whole run" in notes
    assert (out / "chat_template.jinja").read_text("utf-8") == DATED, "the model is asked with the date of the day"
