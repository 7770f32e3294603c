"""A real model answers and chooses as transformers says it should."""

import json
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from i2a.models.local import HFModel  # noqa: E402
from i2a.models.local.checkpoint import Checkpoint  # noqa: E402
from i2a.models.local.template import ChatTemplate  # noqa: E402
from i2a.models.model import REPLIES, Message  # noqa: E402

pytestmark = pytest.mark.timeout(600)
ASKED = [Message("user", "What is the capital of France? Answer in one word.")]
AS_JSON = [{"role": "user", "content": ASKED[0].content}]
REPLY_TO_IT = ("Paris.", "A cup of tea, please, if it is no trouble.")


def test_it_writes_what_transformers_writes(smollm2: str) -> None:
    checkpoint = Checkpoint.find(smollm2)
    prompt = ChatTemplate(checkpoint.tokenizer()).prompt(AS_JSON)
    model = checkpoint.load(torch.float32)
    ids = torch.tensor([prompt])
    mask = torch.ones_like(ids)
    expected = model.generate(ids, attention_mask=mask, max_new_tokens=6, do_sample=False)[0, len(prompt) :]
    client = HFModel.from_spec(smollm2, None, {"temperature": "0", "max_new_tokens": "6"})
    completion = answer(client, {})
    assert completion.content == checkpoint.tokenizer().decode(expected, skip_special_tokens=True).strip()
    assert "Paris" in completion.content
    assert completion.prompt_tokens == len(prompt)
    assert client.describe()["context"] == 8192


def test_the_likelihood_of_a_reply_is_the_sum_over_its_tokens(smollm2: str) -> None:
    checkpoint = Checkpoint.find(smollm2)
    found = json.loads(answer(HFModel.from_spec(smollm2, None, {}), {REPLIES: list(REPLY_TO_IT)}).content)
    template, model = ChatTemplate(checkpoint.tokenizer()), checkpoint.load(torch.float32)
    for reply, (logprob, count) in zip(REPLY_TO_IT, found, strict=True):
        ids, start = template.tokens(AS_JSON, reply)
        with torch.no_grad():
            scores = model(torch.tensor([ids])).logits[0, start - 1 : -1].log_softmax(-1)
        expected = scores.gather(1, torch.tensor(ids[start:])[:, None]).sum().item()
        assert (logprob, count) == (pytest.approx(expected, abs=1e-3), len(ids) - start)
    paris, tea = (logprob / count for logprob, count in found)
    assert paris > tea


def answer(client: HFModel, parameters: dict[str, Any]) -> Any:
    """Of one call, in a loop of its own."""
    import asyncio

    async def call() -> Any:
        try:
            return await client.complete(ASKED, parameters)
        finally:
            await client.close()

    return asyncio.run(call())
