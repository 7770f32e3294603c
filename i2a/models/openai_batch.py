"""Batches as OpenAI has them: a file of requests, a batch of that file, and files of what came back.

Protocol: https://platform.openai.com/docs/guides/batch. Retries and waiting belong to `i2a.models.batching`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from i2a.errors import AccessDenied, BadRequest, MalformedResponse, UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.models.batch import BatchService, BatchState
from i2a.models.model import Completion, Message
from i2a.models.openai_protocol import HttpReply, parse

if TYPE_CHECKING:
    from i2a.models.openai import OpenAIModel

CHAT = "/v1/chat/completions"
WINDOW = "24h"
ENDED = {"completed", "failed", "expired", "cancelled"}
BOUNDARY = "i2a-batch-7f1d0c9a52e84b36"
LATEST = 100  # batches that are looked through for one of ours


class OpenAIBatches(BatchService):
    """The batches of a model's server."""

    def __init__(self, model: "OpenAIModel") -> None:
        self._model = model

    def body(self, messages: Sequence[Message], parameters: JsonMapping) -> JsonObject:
        return self._model.body(messages, parameters)

    def line(self, key: str, body: JsonMapping) -> bytes:
        return json.dumps({"custom_id": key, "method": "POST", "url": CHAT, "body": body}).encode()

    def read(self, body: JsonMapping, reply: HttpReply) -> Completion:
        return self._model.read(body, reply)

    async def upload(self, lines: bytes) -> str:
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--{BOUNDARY}\r\n'
            'Content-Disposition: form-data; name="file"; filename="requests.jsonl"\r\n'
            "Content-Type: application/jsonl\r\n\r\n"
        )
        data = head.encode() + lines + f"\r\n--{BOUNDARY}--\r\n".encode()
        try:
            found = await self._ask("POST", "/files", data, f"multipart/form-data; boundary={BOUNDARY}")
        except AccessDenied as error:
            if error.may_pass:  # 404
                raise UsageError(f"{self._model.host} has no batches ({error}): leave out --batch") from None
            raise
        return _text(found, "id")

    async def start(self, file: str) -> str:
        request = {"input_file_id": file, "endpoint": CHAT, "completion_window": WINDOW}
        return _text(await self._ask("POST", "/batches", json.dumps(request).encode()), "id")

    async def find(self, file: str) -> str | None:
        found = (await self._ask("GET", f"/batches?limit={LATEST}")).get("data")
        batches = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
        return next((_text(each, "id") for each in batches if each.get("input_file_id") == file), None)

    async def look(self, batch: str) -> BatchState:
        found = await self._ask("GET", f"/batches/{batch}")
        status = _text(found, "status")
        files = [found[name] for name in ("output_file_id", "error_file_id") if found.get(name)]
        why, too_large = "", False
        if status in ("failed", "expired", "cancelled"):
            errors = (found.get("errors") or {}).get("data") or [{}]
            why = f"{status}: {errors[0].get('message', '')}".rstrip(": ")
            too_large = status == "failed" and errors[0].get("code") == "token_limit_exceeded"
        return BatchState(status in ENDED, files, why, too_large)

    async def answers(self, state: BatchState) -> Mapping[str, HttpReply]:
        found: dict[str, HttpReply] = {}
        for file in state.files:
            reply = await self._model.send("GET", f"/files/{file}/content")
            for line in reply.body.splitlines():
                entry = parse(line)
                response = entry.get("response") if isinstance(entry, Mapping) else None
                if isinstance(response, Mapping) and isinstance(status := response.get("status_code"), int):
                    body = json.dumps(response.get("body")).encode()
                    found[str(entry.get("custom_id"))] = HttpReply(status, {}, body)
        return found

    async def _ask(self, method: str, path: str, data: bytes | None = None, kind: str = "application/json") -> Any:
        found = parse((await self._model.send(method, path, data, kind)).body)
        if not isinstance(found, Mapping):
            raise MalformedResponse(f"{self._model.host}{path}: not what a batch interface answers")
        return found


def _text(found: Mapping[str, Any], name: str) -> str:
    if not isinstance(value := found.get(name), str):
        raise BadRequest(f"a batch interface that answers without {name}: leave out --batch")
    return value
