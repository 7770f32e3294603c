"""The client of local models: what it answers, what it refuses, and a simulation on it."""

import asyncio
import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from i2a.errors import BadRequest, ModelError, UsageError
from i2a.models.local import HFModel
from i2a.models.local.batching import Row
from i2a.models.local.repetition import Dry
from i2a.models.model import DEFAULT_MAX_TOKENS, Message, Price
from i2a.models.spec import ModelSpec
from i2a.models.usage import find_price
from scenarios import Simulation, simulate
from tests import tiny

HELLO = [Message("user", "hello")]
NO_SYSTEM = (
    "{% for message in messages %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.checkpoint(tmp_path_factory.mktemp("models") / "a-model.v1")


def client(folder: Path, **params: Any) -> HFModel:
    defaults = {"dtype": "float64", "max_new_tokens": 24}
    return HFModel.from_spec(str(folder), None, {name: str(value) for name, value in (defaults | params).items()})


def dialogue(n: int) -> list[Message]:
    said: list[Message] = [Message("system", "be kind " * (n % 5)), Message("user", "x" * n)]
    return [*said, Message("assistant", "y"), Message("user", str(n))]


async def answer(model: HFModel, messages: list[Message] | Any = HELLO, **parameters: Any) -> str:
    return (await model.complete(messages, parameters)).content


# What it answers


async def test_concurrent_calls_get_the_answers_of_calls_one_after_another(folder: Path) -> None:
    single = client(folder, max_batch=1)
    expected = [await answer(single, dialogue(n), seed=n) for n in range(30)]
    batched = client(folder)
    assert await asyncio.gather(*(answer(batched, dialogue(n), seed=n) for n in range(30))) == expected
    assert len(set(expected)) > 25


async def test_the_seed_decides_and_nothing_else_does(folder: Path) -> None:
    model = client(folder)
    one, same, other = [await answer(model, seed=seed) for seed in (1, 1, 2)]
    assert one == same != other
    assert await answer(client(folder, seed=1)) == one, "the seed of the string is for calls without one"
    unseeded = {await answer(model) for _ in range(3)}
    assert len(unseeded) == 3


async def test_arguments_of_the_call_win(folder: Path) -> None:
    model = client(folder)
    greedy = {await answer(model, seed=seed, temperature=0) for seed in range(3)}
    assert len(greedy) == 1
    result = await model.complete(HELLO, {"seed": 1, "max_tokens": 5})
    assert (result.finish_reason, result.completion_tokens) == ("length", 5)


async def test_a_limit_has_one_name_for_every_kind_of_model(folder: Path) -> None:
    model = HFModel.from_spec(str(folder), None, {"dtype": "float64", "max_tokens": "5"})
    result = await model.complete(HELLO, {"seed": 1})
    assert (result.finish_reason, result.completion_tokens) == ("length", 5)
    with pytest.raises(UsageError, match="max_tokens and max_new_tokens are one"):
        client(folder, max_tokens=5)
    with pytest.raises(UsageError, match="max_new_tokens=0: "):
        HFModel.from_spec(str(folder), None, {"max_tokens": "0"})


async def test_a_role_may_need_more_room_than_others_unless_the_model_string_says_how_much(folder: Path) -> None:
    limited = client(folder)
    result = await limited.complete(HELLO, {"seed": 1, DEFAULT_MAX_TOKENS: 5})
    assert result.completion_tokens == (await limited.complete(HELLO, {"seed": 1})).completion_tokens
    free = HFModel.from_spec(str(folder), None, {"dtype": "float64"})
    assert free._resolved({DEFAULT_MAX_TOKENS: 1024}).max_new_tokens == 1024
    assert free._resolved({DEFAULT_MAX_TOKENS: 5}).max_new_tokens == 512
    assert free.limits_answers


async def test_it_may_be_told_not_to_repeat_what_it_has_said_and_only_that(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[Row] = []
    complete = HFModel._generate

    async def recorded(self: HFModel, row: Row) -> None:
        rows.append(row)
        await complete(self, row)

    monkeypatch.setattr(HFModel, "_generate", recorded)
    await answer(client(folder), dialogue(3))
    await answer(client(folder, dry_multiplier=0.8, dry_allowed_length=1), [*dialogue(3), *dialogue(4)])
    plain, varied = rows
    assert (plain.dry, plain.earlier) == (None, ())
    assert (varied.dry, varied.earlier) == (Dry(0.8, 1.75, 1), [tiny.tokenizer().encode("y")] * 2)


async def test_only_what_is_new_is_answered_and_its_tokens_are_counted(folder: Path) -> None:
    model = client(folder, max_new_tokens=400)
    result = await model.complete(HELLO, {"seed": 3})
    prompt = tiny.tokenizer().apply_chat_template([{"role": "user", "content": "hello"}], add_generation_prompt=True)
    assert result.finish_reason == "stop"
    assert result.prompt_tokens == len(prompt["input_ids"])
    assert 1 < result.completion_tokens < 400
    assert "<|im_" not in result.content
    assert "hello" not in result.content


async def test_the_template_says_where_a_reply_ends_if_the_tokenizer_does_not(tmp_path: Path) -> None:
    words = tiny.tokenizer(eos_token="<|pad|>")
    tiny.model(words).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    assert client(tmp_path).describe()["stops"] == ["<|pad|>", "<|im_end|>"]


@pytest.mark.parametrize("opening", [[], [Message("assistant", "first")]])
async def test_a_template_without_a_place_for_it_gets_the_system_message_with_the_first_user_message(
    tmp_path: Path, opening: list[Message]
) -> None:
    words = tiny.tokenizer(NO_SYSTEM)
    tiny.model(words).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    model = client(tmp_path)
    merged = [Message("user", "be kind\n\nhello")]
    assert await answer(model, [Message("system", "be kind"), *opening, *HELLO], seed=1) == await answer(
        model, merged, seed=1
    )
    assert model.describe()["system"] == "before the first user message"


async def test_thoughts_are_no_part_of_the_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = client(folder)
    monkeypatch.setattr(model._loaded.chat, "text", lambda ids: "<think>well</think>\nHello.")
    result = await model.complete(HELLO, {})
    assert result.content == "Hello."


async def test_a_blank_reply_is_drawn_again_and_then_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = client(folder)
    texts = iter(["", "\n", "well"])
    monkeypatch.setattr(model._loaded.chat, "text", lambda ids: next(texts))
    result = await model.complete(HELLO, {"max_tokens": 2})
    assert (result.content, result.completion_tokens) == ("well", 6)
    monkeypatch.setattr(model._loaded.chat, "text", lambda ids: "")
    with pytest.raises(ModelError, match="empty reply"):
        await model.complete(HELLO, {})


def test_a_model_asks_for_no_schema_and_costs_nothing(folder: Path) -> None:
    assert not client(folder).structured_output
    assert not client(folder).simulated
    assert client(folder).price() == Price(0, 0)
    assert find_price(ModelSpec.parse(f"hf:{folder}?dtype=float32")) == Price(0, 0)


def test_the_weights_are_loaded_once(folder: Path) -> None:
    model, again = client(folder, temperature=0.3), client(folder)
    assert again._loaded is model._loaded


def test_what_the_string_leaves_open_can_be_recorded(folder: Path) -> None:
    described = client(folder, dtype="auto").describe()
    assert json.loads(json.dumps(described)) == described
    assert (described["dtype"], described["device"], described["context"]) == ("float32", "cpu", 4096)
    assert (described["temperature"], described["top_p"], described["stops"]) == (0.7, 1.0, ["<|im_end|>"])


def test_other_weights_have_another_fingerprint(folder: Path, tmp_path: Path) -> None:
    other = tiny.checkpoint(tmp_path, seed=1)
    assert client(folder).describe()["fingerprint"] != client(other).describe()["fingerprint"]


# Adapters


PEFT_WARNS = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


@pytest.fixture
def adapter(folder: Path, tmp_path: Path) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(folder)
    model = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.3)
    model.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    return tmp_path / "adapter"


@PEFT_WARNS
async def test_an_adapter_folder_is_its_base_with_the_adapter(folder: Path, adapter: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = client(adapter)
    reference = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64), adapter)
    ids = torch.tensor([model._prompt(HELLO)])
    with torch.no_grad():
        assert torch.allclose(model._loaded.model(ids).logits, reference(ids).logits, atol=1e-5)
    assert await answer(model, seed=1) != await answer(client(folder), seed=1)


@PEFT_WARNS
def test_an_adapter_without_its_base_is_refused(adapter: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "/gone"}), "utf-8")
    assert "its base is not there: there is no folder /gone" in refusal(adapter)


# What it refuses


def refusal(place: Path | str, **params: Any) -> str:
    with pytest.raises(UsageError) as caught:
        ModelSpec("hf", str(place), None, tuple((name, str(value)) for name, value in params.items())).open()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ({"temprature": 1}, "there is no parameter 'temprature'; there are: revision, dtype, device, temperature"),
        ({"temperature": -1}, "temperature=-1: Input should be greater than or equal to 0"),
        ({"dry_base": 0.5}, "dry_base=0.5: Input should be greater than or equal to 1"),
        ({"temperature": "nan"}, "temperature=nan: Input should be"),
        ({"max_batch": "many"}, "max_batch=many: Input should be a valid integer"),
        ({"dtype": "int8"}, "dtype=int8: Input should be 'auto', 'bfloat16'"),
        ({"device": "cuda:7"}, "this machine has no device cuda:7; it has cpu (1)"),
        ({"device": "gpu"}, "there is no device 'gpu'; write cpu, cuda or cuda:0"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(folder: Path, param: dict[str, Any], message: str) -> None:
    assert message in refusal(folder, **param)


def test_what_holds_no_model_is_refused(tmp_path: Path) -> None:
    assert "there is no folder" in refusal(tmp_path / "gone")
    assert "is no folder, and no model of that name can be downloaded" in refusal("somebody/no-such-model")
    assert "holds no model" in refusal(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    assert "contains an unfinished training" in refusal(tmp_path)
    with pytest.raises(UsageError, match="takes a folder, a GGUF file or a name"):
        ModelSpec.parse("hf").open()


def test_a_folder_of_a_training_stands_for_the_model_in_it(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    assert client(tmp_path).describe()["fingerprint"] == client(folder).describe()["fingerprint"]


def test_a_tokenizer_without_chat_template_is_refused(tmp_path: Path) -> None:
    words = tiny.tokenizer(None)
    tiny.model(words).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    assert "has no chat template" in refusal(tmp_path)


def test_broken_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"no weights")
    assert "cannot be loaded" in refusal(broken)


def test_without_the_extra_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "i2a.models.local.loading")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "pip install 'interact-to-align[train]'" in refusal(folder)


async def test_a_prompt_that_does_not_fit_is_a_bad_request_with_the_numbers(tmp_path: Path) -> None:
    model = client(tiny.checkpoint(tmp_path, max_position_embeddings=64))
    with pytest.raises(BadRequest, match=r"the prompt has \d+ tokens, and the model takes 64"):
        await answer(model, [Message("user", "x" * 60)])
    nearly = [Message("user", "x" * 30)]
    result = await model.complete(nearly, {"seed": 1})
    assert result.prompt_tokens + result.completion_tokens <= 64


@pytest.mark.parametrize("args", [{"stop": "x"}, {"response_format": {"type": "json_object"}}, {"temperature": -1}])
async def test_an_argument_it_cannot_follow_is_a_bad_request(folder: Path, args: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        await answer(client(folder), **args)


async def test_messages_that_the_template_refuses_are_a_bad_request(tmp_path: Path) -> None:
    words = tiny.tokenizer(NO_SYSTEM)
    tiny.model(words).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    with pytest.raises(BadRequest, match="refuses messages of user, user: roles must alternate"):
        await answer(client(tmp_path), [*HELLO, *HELLO])


async def test_a_model_that_fails_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = client(folder)

    def fail(**_: Any) -> None:
        raise RuntimeError("CUDA error: device-side assert\ntriggered")

    monkeypatch.setattr(model._loaded.model, "generate", fail)
    with pytest.raises(ModelError, match=r"^hf:.*: the model failed: CUDA error: device-side assert triggered$"):
        await answer(model)


async def test_out_of_memory_is_no_failure_while_fewer_rows_fit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    expected = [await answer(client(folder, max_batch=1), seed=seed) for seed in range(12)]
    model = client(folder)
    generate, sizes = model._loaded.model.generate, []

    def small(**options: Any) -> Any:
        sizes.append(len(options["input_ids"]))
        if sizes[-1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(**options)

    monkeypatch.setattr(model._loaded.model, "generate", small)
    assert await asyncio.gather(*(answer(model, seed=seed) for seed in range(12))) == expected
    assert sizes[0] == 12
    assert max(sizes[3:]) <= 3


# In use


async def test_the_event_loop_goes_on_while_a_batch_is_written_and_close_ends_it(tmp_path: Path) -> None:
    model = client(tiny.checkpoint(tmp_path, max_position_embeddings=10**6), max_new_tokens=10**5)
    engine: Any = model._batcher._engine
    model._loaded.chat.tokenizer.eos_token_id, engine._stops[:] = None, -1
    call = asyncio.create_task(model.complete(HELLO, {}))
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert not call.done()
    await model.close()
    with pytest.raises(asyncio.CancelledError):
        await call


def test_roles_talk_through_it_and_a_resumed_run_asks_for_nothing_again(folder: Path, tmp_path: Path) -> None:
    model = f"hf:{folder}?max_new_tokens=16&dtype=float64"
    roles = {"preferred": model, "rejected": model}

    def run(out: Path, **more: Any) -> Any:
        return simulate(Simulation(out=out, conversations=4, turns=3, role_model=roles, on_length="keep", **more))

    result = run(tmp_path / "run")
    assert (result.failed, result.left, result.usage.cost()) == (0, 0, 0.0)
    trees = (tmp_path / "run/trees.jsonl").read_bytes()
    assert b"<|im_" not in trees

    (tmp_path / "run/trees.jsonl").unlink()
    again = run(tmp_path / "run", resume=True)
    assert (tmp_path / "run/trees.jsonl").read_bytes() == trees
    assert again.usage.session_calls == 0

    with closing(sqlite3.connect(tmp_path / "run/journal.sqlite")) as journal:
        journal.execute("DELETE FROM answers WHERE rowid % 2")
        journal.commit()
    (tmp_path / "run/trees.jsonl").unlink()
    run(tmp_path / "run", resume=True)
    assert (tmp_path / "run/trees.jsonl").read_bytes() == trees, "what is asked again is answered alike"
