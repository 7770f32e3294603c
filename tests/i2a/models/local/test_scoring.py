"""The likelihood of given replies: what a hand would compute, whoever else is in the batch."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch

from i2a.errors import BadRequest
from i2a.models.local import HFModel
from i2a.models.local.template import ChatTemplate
from i2a.models.model import Likelihood, Message
from tests import tiny

REPLIES = ["How is your cat?", "Hm.", "I see, and how was the ferry to Ullapool?", "That sounds nice."]


def chat(turns: int) -> list[Message]:
    said = [Message("user", "I have a cat. " * turns)]
    for turn in range(1, turns):
        said += [Message("assistant", f"Oh, {turn}?"), Message("user", "yes " * turn)]
    return said


def by_hand(model: Any, tokenizer: Any, messages: list[Message], reply: str) -> Likelihood:
    """Token after token, each from all tokens before it, nothing shared and nothing padded."""
    prompt = [{"role": role, "content": content} for role, content in messages]
    ids, start = ChatTemplate(tokenizer).tokens(prompt, reply)
    total = 0.0
    with torch.inference_mode():
        for place in range(start, len(ids)):
            logits = model(torch.tensor([ids[:place]])).logits[0, -1]
            total += float(logits.log_softmax(-1)[ids[place]])
    return Likelihood(total, len(ids) - start)


def opened(folder: Path, **params: Any) -> HFModel:
    return HFModel.from_spec(str(folder), None, {"dtype": "float64"} | {name: str(v) for name, v in params.items()})


@pytest.mark.parametrize("family", ["Llama", "Qwen2", "Gemma2"])
@pytest.mark.parametrize("turns", [1, 4])
async def test_a_likelihood_is_the_sum_that_a_hand_computes(tmp_path: Path, family: str, turns: int) -> None:
    words = tiny.tokenizer()
    sliding = {"sliding_window": 16} if family == "Gemma2" else {}  # whose keys cannot be shared
    # One row to spare: as Qwen2's, a tokenizer is opened with a token more.
    plain = tiny.model(words, family=family, vocab_size=len(words) + 1, **sliding).double()
    plain.save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    found = await opened(tmp_path).likelihoods(chat(turns), REPLIES)
    for likelihood, reply in zip(found, REPLIES, strict=True):
        expected = by_hand(plain, words, chat(turns), reply)
        assert likelihood.tokens == expected.tokens == len(reply.encode()) + 2  # what closes a reply is two tokens
        assert likelihood.logprob == pytest.approx(expected.logprob, rel=1e-6)


async def test_who_else_is_in_the_batch_and_what_was_asked_before_make_no_difference(tmp_path: Path) -> None:
    folder = tiny.checkpoint(tmp_path / "model")
    alone = opened(folder, max_batch=1)
    expected = [await alone.likelihoods(chat(turns), REPLIES) for turns in range(1, 9)]
    batched = opened(folder)
    for _ in ("from nothing", "from what is remembered"):
        found = await asyncio.gather(*(batched.likelihoods(chat(turns), REPLIES) for turns in range(1, 9)))
        for one, other in zip(found, expected, strict=True):
            assert [each.logprob for each in one] == pytest.approx([each.logprob for each in other], rel=1e-9)
    await alone.close()
    await batched.close()


async def test_a_dialogue_that_is_longer_than_the_model_reads_is_refused(tmp_path: Path) -> None:
    model = opened(tiny.checkpoint(tmp_path / "model", max_position_embeddings=64))
    with pytest.raises(BadRequest, match="prompt and reply have 132 tokens, and the model takes 64"):
        await model.likelihoods(chat(3), ["yes"])


async def test_a_model_whose_scores_are_no_numbers_says_so(tmp_path: Path) -> None:
    words = tiny.tokenizer()
    broken = tiny.model(words)
    with torch.no_grad():
        broken.lm_head.weight.fill_(float("nan"))
    broken.save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    with pytest.raises(Exception, match="its scores are no numbers"):
        await opened(tmp_path).likelihoods(chat(1), REPLIES)
