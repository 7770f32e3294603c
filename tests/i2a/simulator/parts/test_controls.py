"""The model strings `offline:NAME`: one behaviour each, whatever the prompt; in this process and through the server."""

from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from i2a.errors import UsageError
from i2a.models.model import Message
from i2a.models.spec import ModelSpec
from i2a.simulator.engine import MODELS
from i2a.simulator.server import make_app
from i2a.simulator.settings import ServeOptions

CHAT = [
    Message("user", "I play the tuba in a brass band. My cat, Isobar, hates it."),
    Message("assistant", "Poor cat."),
    Message("user", "I've got mud on my boots again, after a wet walk in the woods."),
]
HINT = "<known>\nProfile:\n- plays the tuba\n- a cat named Isobar\nPersonality:\n- sarcastic\n</known>"


async def said(model: str, *before: Message, seed: int = 1) -> str:
    return (await ModelSpec.parse(model).open().complete([*before, *CHAT], {"seed": seed})).content


async def test_the_parrot_says_it_back() -> None:
    assert await said("offline:parrot") == "You've got mud on your boots again, after a wet walk in the woods."


async def test_the_lister_recites_what_it_was_told() -> None:
    text = await said("offline:facts")
    assert "you play the tuba in a brass band" in text.lower()
    assert "," in text


async def test_the_salad_has_the_words_and_no_sentence() -> None:
    text = (await said("offline:salad")).lower()
    assert {"tuba", "band", "boots", "woods"} <= set(text.split())
    assert "." not in text


async def test_the_generic_partner_takes_no_hint() -> None:
    hint = Message("system", HINT)
    assert {await said("offline:generic", hint, seed=seed) for seed in range(9)} == {
        await said("offline:generic", seed=seed) for seed in range(9)
    }
    told = [await said("offline:oracle", hint, seed=seed) for seed in range(9)]
    assert any("tuba" in text or "Isobar" in text for text in told)


async def test_the_same_seed_gives_the_same_words() -> None:
    for model in MODELS:
        assert await said(model) == await said(model)


@pytest.mark.parametrize("model", ["offline:foo", "offline:Generic", "offline:generic2"])
def test_an_unknown_name_is_told_with_those_there_are(model: str) -> None:
    with pytest.raises(UsageError, match="offline:generic, offline:parrot") as caught:
        ModelSpec.parse(model).open()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("model", "same"), [("offline:parrot", True), ("parrot", True), ("gpt-4o", False)])
async def test_the_server_answers_by_the_name_of_the_model(model: str, same: bool) -> None:
    server = TestServer(make_app(ServeOptions()))
    await server.start_server(access_log=None)
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "I sold my boat."}], "seed": 1}
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.make_url("/v1/chat/completions"), json=body) as r,
    ):
        text = (await r.json())["choices"][0]["message"]["content"]
    await server.close()
    assert (text == "You sold your boat.") is same
