"""Calls in batches: together, once, and answered in the end, whatever becomes of a batch."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from i2a.errors import AccessDenied, MalformedResponse, RunStopped, ServerAway, UsageError
from i2a.models.batch import BatchLog
from i2a.models.batching import BatchingModel
from i2a.models.limiter import Limiter
from i2a.models.model import Completion, Message
from i2a.models.openai import OpenAIModel
from i2a.models.openai_batch import OpenAIBatches
from tests.fake_batches import Item, Provider, carried_out, providing
from tests.fake_server import completion, refusal, serving


def chat(text: str) -> list[Message]:
    return [Message("system", "Chat."), Message("user", text)]


@asynccontextmanager
async def batching(url: str, folder: Path, **options: Any) -> AsyncIterator[BatchingModel]:
    inner = OpenAIModel("some-model", base_url=url, timeout=5.0)
    how: dict[str, Any] = {"live": Limiter(4), "busy": lambda: False, "wait": 0.05, "poll": 0.01, "patience": 5.0}
    service = inner.batches()
    assert service is not None
    model = BatchingModel("openai:some-model", inner, service, BatchLog(folder / "batches.jsonl"), **how | options)
    try:
        yield model
    finally:
        await model.close()
        await inner.close()


async def asked(model: BatchingModel, *texts: str, **parameters: Any) -> list[Completion]:
    return await asyncio.gather(*(model.complete(chat(text), {"seed": 1, **parameters}) for text in texts))


TEXTS = ("I bake bread.", "I row.", "It rains.")


async def test_calls_are_handed_in_together_and_each_gets_its_own_answer(tmp_path: Path) -> None:
    async with providing() as provider, batching(provider.url, tmp_path) as model:
        batched = await asked(model, *TEXTS)
        assert len(provider.batches) == 1
        assert len(provider.paid) == 3
        assert not provider.chats
        assert all(each.batched and each.prompt_tokens for each in batched)
        live = OpenAIModel("some-model", base_url=provider.url)
        alone = [await live.complete(chat(text), {"seed": 1}) for text in TEXTS]
        await live.close()
        assert [each.content for each in batched] == [each.content for each in alone]


async def test_it_says_how_many_requests_wait(tmp_path: Path) -> None:
    async with providing() as provider, batching(provider.url, tmp_path) as model:
        provider.looks = 10**6
        waiting = asyncio.create_task(asked(model, *TEXTS))
        await provider.started.wait()
        await asyncio.sleep(0.05)
        assert model.waiting.startswith("batch: 3 requests waiting at 127.0.0.1")
        waiting.cancel()


async def test_while_other_calls_may_bring_more_a_batch_waits(tmp_path: Path) -> None:
    busy = True
    async with providing() as provider, batching(provider.url, tmp_path, busy=lambda: busy) as model:
        first = asyncio.create_task(asked(model, "I bake bread."))
        await asyncio.sleep(0.2)
        assert not provider.batches
        second = asyncio.create_task(asked(model, "I row."))
        await asyncio.sleep(0)
        busy = False
        await asyncio.gather(first, second)
        assert len(provider.batches) == 1


async def test_a_batch_is_no_larger_than_the_service_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenAIBatches, "most", 2)
    async with providing() as provider, batching(provider.url, tmp_path) as model:
        await asked(model, *TEXTS)
        assert [len(provider.files[each["input_file_id"]].splitlines()) for each in provider.batches.values()] == [2, 1]


async def killed(provider: Provider, folder: Path, texts: Sequence[str], **options: Any) -> None:
    """Ask, and be gone before the batch is back."""
    async with batching(provider.url, folder, **options) as model:
        waiting = asyncio.create_task(asked(model, *texts))
        await provider.started.wait()
        await asyncio.sleep(0.05)
        waiting.cancel()


async def test_after_a_crash_the_same_batch_is_waited_for(tmp_path: Path) -> None:
    async with providing() as provider:
        provider.looks = 10**6
        await killed(provider, tmp_path, TEXTS)
        provider.looks = 1
        async with batching(provider.url, tmp_path) as model:
            found = await asked(model, *reversed(TEXTS), "I am new here.")
        assert len(found) == 4
        assert [len(provider.files[each["input_file_id"]].splitlines()) for each in provider.batches.values()] == [3, 1]
        assert set(provider.paid.values()) == {1}


async def test_a_batch_whose_id_was_lost_on_the_way_is_found_by_its_file(tmp_path: Path) -> None:
    async with providing() as provider:
        provider.drops = 1
        async with batching(provider.url, tmp_path, patience=0.0) as model:
            with pytest.raises(ServerAway, match="--resume waits for the batch"):
                await asked(model, *TEXTS)
        lines = [json.loads(line) for line in (tmp_path / "batches.jsonl").read_text("utf-8").splitlines()]
        assert [line["file"] for line in lines] == ["file-0"]
        assert "batch" not in lines[0]
        async with batching(provider.url, tmp_path) as model:
            await asked(model, *TEXTS)
        assert len(provider.batches) == 1
        assert set(provider.paid.values()) == {1}


async def test_what_came_back_for_somebody_who_has_not_asked_yet_is_kept(tmp_path: Path) -> None:
    async with providing() as provider:
        provider.looks = 10**6
        await killed(provider, tmp_path, TEXTS)
        provider.looks = 1
        async with batching(provider.url, tmp_path) as model:
            await asked(model, TEXTS[0])
            await asked(model, TEXTS[1])
        assert len(provider.batches) == 1


def once(item: Item) -> Item:
    """`item` for the first request that is carried out, then as usual."""
    seen: list[str] = []

    def either(key: str, body: dict[str, Any]) -> dict[str, Any] | None:
        seen.append(key)
        return item(key, body) if len(seen) == 1 else carried_out(key, body)

    return either


async def test_a_request_that_expired_is_handed_in_again(tmp_path: Path) -> None:
    async with providing() as provider, batching(provider.url, tmp_path) as model:
        provider.item = once(lambda key, body: None)
        found = await asked(model, *TEXTS)
        assert len(provider.batches) == 2
        assert not provider.chats
        assert all(each.batched for each in found)


async def test_a_request_that_never_comes_through_is_made_by_itself(tmp_path: Path) -> None:
    async with providing() as provider, batching(provider.url, tmp_path) as model:
        provider.item = lambda key, body: {"custom_id": key, "response": {"status_code": 500, "body": {}}}
        (found,) = await asked(model, "I bake bread.")
        assert (len(provider.batches), len(provider.chats)) == (2, 1)
        assert not found.batched


async def test_a_batch_that_is_not_carried_out_is_told(tmp_path: Path) -> None:
    async with providing() as provider, batching(provider.url, tmp_path) as model:
        provider.ends = "failed"
        await asked(model, *TEXTS)
        assert len(provider.chats) == 3
        assert "a batch was not carried out in full: failed: no such model in batches" in model.notes[0]


async def test_a_batch_that_is_too_large_for_the_account_is_handed_in_by_parts(tmp_path: Path) -> None:
    async with providing() as provider, batching(provider.url, tmp_path) as model:
        provider.most = 2
        found = await asked(model, *TEXTS, "I sing.", "I swim.")
        assert all(each.batched for each in found)
        sizes = [len(provider.files[each["input_file_id"]].splitlines()) for each in provider.batches.values()]
        assert sizes[0] == 5
        assert max(sizes[2:]) <= 2
        assert set(provider.paid.values()) == {1}
        assert not provider.chats


async def test_what_was_handed_in_again_is_waited_for_where_it_is_now(tmp_path: Path) -> None:
    """After a crash in the middle of handing in by parts, the first, failed batch is asked about the rest alone."""
    async with providing() as provider:
        provider.most = 2
        async with batching(provider.url, tmp_path) as model:
            assert len(await asked(model, *TEXTS)) == 3
        lines = (tmp_path / "batches.jsonl").read_text("utf-8").splitlines(keepends=True)
        (tmp_path / "batches.jsonl").write_text("".join(lines[:4]), "utf-8")  # the third request is in no other batch
        before = len(provider.batches)
        async with batching(provider.url, tmp_path) as model:
            assert len(await asked(model, *TEXTS)) == 3
        assert len(provider.batches) == before + 1
        assert sorted(provider.paid.values()) == [1, 1, 2]  # the line that tells of it was taken away


async def test_a_batch_that_was_deleted_is_handed_in_again(tmp_path: Path) -> None:
    async with providing() as provider:
        provider.looks = 10**6
        await killed(provider, tmp_path, TEXTS)
        provider.looks = 1
        provider.batches = {"batch_other": {"status": "in_progress", "input_file_id": "file-0", "looks": 0}}
        async with batching(provider.url, tmp_path) as model:
            assert len(await asked(model, *TEXTS)) == 3
        assert len(provider.batches) == 2
        assert not provider.chats


async def test_a_server_that_takes_no_such_file_ends_the_run_and_fails_no_call(tmp_path: Path) -> None:
    async with serving() as fake:
        fake.raw = refusal(400, "purpose must be fine-tune")
        async with batching(fake.url, tmp_path) as model:
            with pytest.raises(RunStopped, match=r"a batch failed: .*purpose must be fine-tune; --resume goes on"):
                await asked(model, *TEXTS)


async def test_what_the_server_does_not_take_is_left_out_the_next_time(tmp_path: Path) -> None:
    def picky(key: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if "seed" in body:
            error = {"error": {"message": "Unsupported parameter: 'seed'", "param": "seed"}}
            return {"custom_id": key, "response": {"status_code": 400, "body": error}}
        return carried_out(key, body)

    async with providing() as provider, batching(provider.url, tmp_path) as model:
        provider.item = picky
        (found,) = await asked(model, "I bake bread.")
        assert found.batched
        assert len(provider.batches) == 2


async def test_the_same_request_again_is_another_one(tmp_path: Path) -> None:
    """A model without seeds is asked the same again after an answer that is none."""

    def empty(key: str, body: dict[str, Any]) -> dict[str, Any] | None:
        body = {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}
        return {"custom_id": key, "response": {"status_code": 200, "body": body}}

    async with providing() as provider, batching(provider.url, tmp_path) as model:
        provider.item = once(empty)
        with pytest.raises(MalformedResponse, match="an empty reply") as failed:
            await model.complete(chat("Hello."), {})
        assert failed.value.billed == (3, 0)
        assert (await model.complete(chat("Hello."), {})).content
        assert len(provider.paid) == 2


async def test_a_server_without_batches_is_told_in_a_line(tmp_path: Path) -> None:
    async with serving() as fake:
        fake.otherwise = lambda body: completion()
        fake.raw = refusal(404, "Not Found")
        async with batching(fake.url, tmp_path) as model:
            with pytest.raises(UsageError, match=r"has no batches .* leave out --batch"):
                await asked(model, "Hello.")


async def test_a_wrong_key_is_told_to_all_who_wait(tmp_path: Path) -> None:
    async with serving() as fake:
        fake.raw = refusal(401, "Wrong key")
        async with batching(fake.url, tmp_path) as model:
            with pytest.raises(AccessDenied, match="Wrong key"):
                await asked(model, *TEXTS)


def test_azure_has_no_batches_that_we_know() -> None:
    assert OpenAIModel("x", base_url="https://mine.openai.azure.com/openai/v1").batches() is None
