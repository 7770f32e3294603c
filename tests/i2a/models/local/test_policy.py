"""The model that is being trained answers with its weights as they are, and says which tokens it drew."""

import asyncio
from typing import Any

import pytest
import torch

from i2a.models.local.policy import PolicyModel, TokenSample, answering, digest_of_weights
from i2a.models.local.template import ChatTemplate
from i2a.models.model import Completion, Message
from tests import tiny

WORDS = tiny.tokenizer()
CHAT = ChatTemplate(WORDS, "tiny")
# peft 0.21 uses what transformers 5.23 is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


def ask(policy: PolicyModel, *texts: str) -> list[Completion]:
    async def all_at_once() -> list[Completion]:
        calls = (policy.complete([Message("user", text)], {"seed": place}) for place, text in enumerate(texts))
        return list(await asyncio.gather(*calls))

    return asyncio.run(all_at_once())


def logprobs(model: Any, sample: TokenSample) -> list[float]:
    """What the model gives each token of the reply, read alone and in float64."""
    with torch.no_grad():
        scores = model(torch.tensor([sample.prompt + sample.reply])).logits[0].double() / sample.temperature
    found = scores.log_softmax(-1)
    return [float(found[len(sample.prompt) + n - 1, token]) for n, token in enumerate(sample.reply)]


def adapted(model: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    found = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    return found.eval()


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize(("family", "more"), [("Llama", {}), ("Mistral", {"sliding_window": 16})])
def test_an_answer_carries_its_tokens_and_their_logprobs_at_its_temperature(
    family: str, more: dict[str, Any], lora: bool
) -> None:
    model = tiny.model(WORDS, family=family, **more)
    model = adapted(model) if lora else model
    policy = PolicyModel(model, CHAT, temperature=0.8, max_new_tokens=24)
    answers = ask(policy, "Hello.", "How are you today?", "I bake bread in the old town, and you?")
    for answer, text in zip(answers, ("Hello.", "How are you today?", "I bake"), strict=True):
        sample = TokenSample.load(answer.sample)
        assert WORDS.decode(sample.prompt).startswith(f"<|im_start|>user\n{text}")
        assert answer.content == CHAT.text(sample.reply)
        assert len(sample.reply) == answer.completion_tokens
        assert sample.logprobs == pytest.approx(logprobs(model, sample), abs=1e-4)
        assert sample.temperature == 0.8


def test_it_answers_with_the_weights_as_they_are_when_it_is_made() -> None:
    model = tiny.model(WORDS)
    (before,) = ask(PolicyModel(model, CHAT, max_new_tokens=8), "Hello.")
    identity = digest_of_weights(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    (after,) = ask(PolicyModel(model, CHAT, max_new_tokens=8), "Hello.")
    assert before.content != after.content
    assert TokenSample.load(after.sample).logprobs == pytest.approx(
        logprobs(model, TokenSample.load(after.sample)), abs=1e-4
    )
    assert digest_of_weights(model) != identity


def test_it_says_honestly_what_it_is() -> None:
    policy = PolicyModel(tiny.model(WORDS), CHAT)
    assert not policy.simulated
    assert policy.in_process
    assert policy.describe()["fingerprint"] == digest_of_weights(tiny.model(WORDS))
    with pytest.raises(ValueError, match="temperature is above 0"):
        PolicyModel(tiny.model(WORDS), CHAT, temperature=0)


def test_the_digest_of_an_adapted_model_is_that_of_the_adapter() -> None:
    torch.manual_seed(1)
    one = adapted(tiny.model(WORDS))
    before = digest_of_weights(one)
    with torch.no_grad():
        next(weight for weight in one.parameters() if weight.requires_grad).add_(1)
    assert digest_of_weights(one) != before


def test_while_it_answers_the_model_is_not_in_training_and_then_is_as_it_was() -> None:
    model = tiny.model(WORDS).train()
    settings = model.generation_config
    with answering(model):
        assert not model.training
        PolicyModel(model, CHAT)
    assert model.training
    assert model.generation_config is settings
