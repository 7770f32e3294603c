"""A model for tests: it answers from a function, at once, and keeps what it was asked. Nothing has to be patched.

from i2a import simulate
from i2a.testing import ScriptedModel

model = ScriptedModel.saying("Hello.", "How are you?")
simulate(out=folder, conversations=1, clients={"*": model})
assert model.calls["user"] == 10
"""

import inspect
import json
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Self

from i2a.digests import digest
from i2a.jsonl import JsonMapping
from i2a.models.model import FREE, Completion, Message, Model, Price


@dataclass(frozen=True, slots=True)
class Request:
    """One call as the model got it. `role`: the name of the role that called, empty if unknown."""

    messages: tuple[Message, ...]
    parameters: JsonMapping
    role: str = ""

    @property
    def text(self) -> str:
        """Everything that the model was shown."""
        return "\n".join(message.content for message in self.messages)

    @property
    def seed(self) -> int | None:
        return self.parameters.get("seed")

    @property
    def schema(self) -> JsonMapping | None:
        """The JSON schema of the answer that is asked for, if it must have one."""
        schema: JsonMapping | None = self.parameters.get("response_format", {}).get("json_schema", {}).get("schema")
        return schema

    @property
    def quotable(self) -> list[str]:
        """The longer words of the blocks between tags, such as those of the persona and of the dialogue."""
        blocks = re.findall(r"<(\w+)>\n(.*?)\n</\1>", self.text, re.DOTALL)
        return [word for _, block in blocks for word in re.findall(r"\b\w{4,}\b(?!:)", block)]

    @property
    def replies(self) -> tuple[str, str]:
        """The two replies that the shipped Judge was shown."""
        found = re.search(r"<reply_1>\n(.*?)\n</reply_1>\s*<reply_2>\n(.*?)\n</reply_2>", self.text, re.DOTALL)
        assert found is not None, self.text
        return found[1], found[2]


Answer = str | Completion | Awaitable[str]
Answers = str | Exception | Sequence[str | Exception] | Callable[[Request], Answer]


def any_answer(request: Request) -> str:
    """An answer of the form asked for, which follows from the request. The texts of a list quote it."""
    chance = random.Random(repr(request))
    if request.schema is not None:
        return json.dumps(_instance(request.schema, request.schema.get("$defs", {}), chance, request.quotable))
    return f"{request.role or 'The model'} says {digest(repr(request), 4)}."


class ScriptedModel(Model):
    """Answers with what `answer` returns for a `Request` (text, a `Completion`, or an awaitable of one), or raises what
    it raises.

    What it raises is a failure of the call: an error of `i2a.errors`, such as `RateLimited` (tried again) or
    `BadRequest`. Keeps all `requests`; `calls` counts them by role, and `most_in_flight` is how many were open at once
    at most. Every answer costs `tokens` prompt and as many completion tokens. `context`, `limits_answers`: as
    those of `Model`.
    """

    def __init__(
        self,
        answer: Callable[[Request], Answer] = any_answer,
        *,
        structured_output: bool = True,
        tokens: int = 10,
        context: int | None = None,
        limits_answers: bool = False,
    ) -> None:
        self.answer, self.structured_output, self._tokens = answer, structured_output, tokens
        self._context, self.limits_answers = context, limits_answers
        self.requests: list[Request] = []
        self.calls: Counter[str] = Counter()
        self.in_flight = self.most_in_flight = 0
        self.closed = False

    @classmethod
    def saying(cls, *answers: str | Exception) -> Self:
        """Gives or raises `answers` one after the other, whoever asks; a call too many fails with `IndexError`."""
        script = _Script(answers)
        return cls(lambda request: script.next(request.role))

    @classmethod
    def by_role(cls, **answers: Answers) -> Self:
        """Answers by role: one answer always, several one after the other, or a function; other roles get any answer.

        For instance `by_role(user="Hello.", judge=[RateLimited("busy"), '{"reason": "", "winner": "1"}'])`.
        """
        scripts = {role: _Script(each) for role, each in answers.items() if isinstance(each, Sequence | Exception)}

        def answer(request: Request) -> Answer:
            if request.role in scripts:
                return scripts[request.role].next(request.role)
            given = answers.get(request.role, any_answer)
            assert callable(given)
            return given(request)

        return cls(answer)

    def of(self, role: str) -> list[Request]:
        """The requests of one role."""
        return [request for request in self.requests if request.role == role]

    def for_role(self, role: str) -> Model:
        return _AsRole(self, role)

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        return await self.complete_as("", messages, parameters)

    async def complete_as(self, role: str, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        """The answer to a call of this role."""
        request = Request(tuple(messages), dict(parameters), role)
        self.requests.append(request)
        self.calls[role] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            answer = self.answer(request)
            if inspect.isawaitable(answer):
                answer = await answer
        finally:
            self.in_flight -= 1
        if isinstance(answer, Completion):
            return answer
        return Completion(answer, "stop", self._tokens, self._tokens)

    @property
    def context(self) -> int | None:
        return self._context

    def price(self) -> Price | None:
        return FREE

    async def close(self) -> None:
        self.closed = True


class _Script:
    """Answers to give or errors to raise: a single one for ever, several one after the other."""

    def __init__(self, answers: str | Exception | Sequence[str | Exception]) -> None:
        self._single = answers if isinstance(answers, str | Exception) else None
        self._left = [] if isinstance(answers, str | Exception) else list(answers)

    def next(self, role: str) -> str:
        if self._single is None and not self._left:
            raise IndexError(f"{role or 'the model'} was asked more often than it has answers")
        following = self._single if self._single is not None else self._left.pop(0)
        if isinstance(following, Exception):
            raise following
        return following


class _AsRole(Model):
    """A `ScriptedModel` as one role calls it."""

    def __init__(self, model: ScriptedModel, role: str) -> None:
        self._model, self._role = model, role
        self.structured_output, self.limits_answers = model.structured_output, model.limits_answers

    @property
    def context(self) -> int | None:
        return self._model.context

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        return await self._model.complete_as(self._role, messages, parameters)


def _instance(schema: JsonMapping, defs: JsonMapping, chance: random.Random, quotable: Sequence[str]) -> object:
    """A value that fits the JSON schema, as far as our answers use the language."""
    if "$ref" in schema:
        return _instance(defs[schema["$ref"].rpartition("/")[2]], defs, chance, quotable)
    if "const" in schema:
        return schema["const"]
    if options := schema.get("enum"):
        return chance.choice(options)
    if options := schema.get("anyOf"):
        return _instance(options[0], defs, chance, quotable)
    match schema.get("type"):
        case "object":
            return {
                name: _instance(part, defs, chance, quotable) for name, part in schema.get("properties", {}).items()
            }
        case "array":
            items = schema.get("items", {})
            count = schema.get("minItems", 0 if "$ref" in items else 1)  # a form may hold others like itself
            if items.get("type") == "string" and "enum" not in items and quotable:
                return [max(chance.sample(quotable, min(3, len(quotable))), key=len) for _ in range(count)]
            return [_instance(items, defs, chance, quotable) for _ in range(count)]
        case "integer" | "number":
            return chance.randint(int(schema.get("minimum", 0)), int(schema.get("maximum", 9)))
        case "boolean":
            return chance.random() < 0.5
        case "null":
            return None
    return f"text {chance.getrandbits(32):08x}"
