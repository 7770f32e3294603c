"""Stand-ins at the seams: a model that answers from a function, a full disk, a loop whose time passes at once."""

import asyncio
import inspect
import json
import re
import resource
import selectors
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeVar

from autogen_core.models import ChatCompletionClient, CreateResult, LLMMessage, ModelInfo, RequestUsage

from agents.inducer import Inducer
from agents.judge import Judge
from agents.responders import RejectedResponder
from agents.role import Role
from agents.user import User
from i2a.trees.tree import Node
from scenarios.tutor import Examiner, Pupil, Tutor

T = TypeVar("T")

# Who asks shows in the first line of the instructions, whatever the prompt goes on to say.
ROLES: dict[str, type[Role]] = {
    "user": User,
    "inducer": Inducer,
    "rejected": RejectedResponder,
    "judge": Judge,
    "pupil": Pupil,
    "tutor": Tutor,
    "examiner": Examiner,
}
OPENINGS = {role.prompt.text.partition("\n")[0]: name for name, role in ROLES.items()}


@dataclass(frozen=True)
class Request:
    """One call, as the model got it."""

    messages: tuple[LLMMessage, ...]
    args: dict[str, Any]

    @property
    def text(self) -> str:
        """Everything that the model was shown."""
        return "\n".join(str(message.content) for message in self.messages)

    @property
    def seed(self) -> int | None:
        return self.args.get("seed")

    @property
    def role(self) -> str:
        """Who asks: a shipped role, or `other`."""
        opening = str(self.messages[0].content).partition("\n")[0] if self.messages else ""
        role = OPENINGS.get(opening, "other")
        return "preferred" if role == "rejected" and "<known>" in self.text else role

    @property
    def replies(self) -> tuple[str, str]:
        """The two replies that a judge is shown."""
        found = re.search(r"<reply_1>\n(.*?)\n</reply_1>\s*<reply_2>\n(.*?)\n</reply_2>", self.text, re.DOTALL)
        assert found is not None, self.text
        return found[1], found[2]


Answer = Callable[[Request], Any]


def mark(*parts: object) -> str:
    """Eight hex digits that follow from `parts`."""
    return blake2b(repr(parts).encode(), digest_size=4).hexdigest()


def plausible(request: Request) -> str:
    """An answer of the right form that follows from the request and its seed. The judge agrees with itself."""
    sign = mark(request.text, request.seed)
    match request.role:
        case "inducer":
            return json.dumps({"reason": sign, "profile": [f"fact {sign}"], "personality": []})
        case "judge":
            one, two = request.replies
            return preference("1" if mark(one) < mark(two) else "2", sign)
        case "examiner":
            return json.dumps({"reason": sign, "misconception": "none", "found": "no"})
        case role:
            return f"{role} says {sign}."


def preference(winner: str, reason: str = "better") -> str:
    return json.dumps({"reason": reason, "winner": winner})


class ScriptedClient(ChatCompletionClient):
    """Answers with what `answer` returns for a `Request` (text, or an awaitable of it), or raises what it raises.

    Keeps all `requests`; `calls` counts them by role, and `most` is how many were out at once at most.
    """

    def __init__(self, answer: Answer = plausible, *, structured_output: bool = True, tokens: int = 10) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.calls: Counter[str] = Counter()
        self.out = self.most = 0
        self.closed = False
        self._structured_output, self._tokens = structured_output, tokens

    @classmethod
    def saying(cls, *answers: str | Exception) -> "ScriptedClient":
        """Gives `answers` one after the other, then no more."""
        left = iter(answers)

        def answer(request: Request) -> str:
            said = next(left)
            if isinstance(said, Exception):
                raise said
            return said

        return cls(answer)

    def of(self, role: str) -> list[Request]:
        return [request for request in self.requests if request.role == role]

    async def create(self, messages: Sequence[LLMMessage], **options: Any) -> CreateResult:
        request = Request(tuple(messages), dict(options.get("extra_create_args", {})))
        self.requests.append(request)
        self.calls[request.role] += 1
        self.out += 1
        self.most = max(self.most, self.out)
        try:
            said = self.answer(request)
            if inspect.isawaitable(said):
                said = await said
        finally:
            self.out -= 1
        usage = RequestUsage(self._tokens, self._tokens)
        return CreateResult(finish_reason="stop", content=said, usage=usage, cached=False)

    async def create_stream(
        self, messages: Sequence[LLMMessage], **options: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        yield await self.create(messages, **options)

    async def close(self) -> None:
        self.closed = True

    def actual_usage(self) -> RequestUsage:
        return RequestUsage(0, 0)

    def total_usage(self) -> RequestUsage:
        return RequestUsage(0, 0)

    def count_tokens(self, messages: Sequence[LLMMessage], **_: Any) -> int:
        return sum(len(str(message.content)) for message in messages)

    def remaining_tokens(self, messages: Sequence[LLMMessage], **_: Any) -> int:
        return 1_000_000

    @property
    def capabilities(self) -> ModelInfo:  # type: ignore[override]
        return self.model_info

    @property
    def model_info(self) -> ModelInfo:
        return ModelInfo(
            vision=False,
            function_calling=False,
            json_output=True,
            structured_output=self._structured_output,
            family="unknown",
        )


def spoken(node: Node) -> list[str]:
    """Who spoke on the way to `node`."""
    return [step.speaker for step in node.path]


@contextmanager
def no_more_space(left: int = 0) -> Iterator[None]:
    """No file of this process may grow beyond `left` bytes, which the kernel enforces as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Stuck(BaseException):
    """Everybody waits, and nothing is going to happen."""


class _Hurry(selectors.DefaultSelector):
    """Where a loop would wait, time jumps instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise Stuck
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in which an hour of waiting takes no time. It raises `Stuck` where another would hang."""

    def __init__(self) -> None:
        self._hurry = _Hurry()
        super().__init__(self._hurry)

    def time(self) -> float:
        return self._hurry.now


def virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
