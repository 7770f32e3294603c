"""What a model or its server can do, found out by asking: ten small calls, or three in the short form.

`i2a models check` prints it; a long run asks in the short form before it begins. It knows no role, run or journal.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from i2a.errors import MalformedResponse, ModelError, RateLimited, ServerError
from i2a.jsonl import JsonObject
from i2a.markup import unclear
from i2a.models.model import DEFAULT_MAX_TOKENS, Completion, Message, Model, Price, estimate_tokens
from i2a.models.response_format import response_format
from i2a.text import one_line, shortened

T = TypeVar("T")
Name = Literal[
    "answers", "usage", "seed", "system", "structure", "json", "logprobs", "context", "thoughts", "speed", "price"
]
NAMES: tuple[Name, ...] = get_args(Name)

ROOM, SHORT_ROOM = 512, 256  # tokens of the first answer, which show whether a model thinks
LEAST_ROOM = 96  # tokens of the later ones, for a model that does not
FAST = 500  # tokens a second; faster, and the measurement says little
SMALL_CONTEXT = 4096  # tokens; in the shipped scenarios prompts pass 1,000 by the third turn
LONGEST_PAUSE = 10.0  # seconds before the one retry
SHOWN = 60  # characters of an answer

QUESTION = Message("user", "What is the capital of France? Answer in one short sentence.")
STORY = Message("user", "Write two short sentences about a walk through a town that you make up.")
SUM = Message("user", "What is 17 + 25? Answer with the number alone.")
PARROT = Message("system", "Whatever the user writes, your whole answer is the one word PELICAN, in capital letters.")
NO_JSON = Message("user", "Answer with the word hello and nothing else. No JSON, no braces, no quotation marks.")
JSON = Message("user", 'Which number is larger: 1) two, 2) nine? Answer with {"larger": "1"} or {"larger": "2"} alone.')


class Larger(BaseModel):
    """The form of the answer that is asked for."""

    larger: Literal["1", "2"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `works`: None where it cannot be told. `found`: in words. `advice`: what to do."""

    name: Name
    works: bool | None
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """All findings, and what they cost. `error`: why the model does not answer, if it does not."""

    findings: Sequence[Finding]
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    written_tokens: int = 0
    error: ModelError | None = None

    def lacking(self, required: Sequence[Name]) -> list[Finding]:
        """What of `required` is not known to work."""
        return [finding for finding in self.findings if finding.name in required and not finding.works]

    def as_json(self) -> JsonObject:
        return {
            "findings": [asdict(finding) for finding in self.findings],
            "calls": self.calls,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }


async def check(
    model: Model,
    *,
    short: bool = False,
    price: Price | None = None,
    told: Callable[[Finding], None] = lambda finding: None,
) -> ModelCheck:
    """Ask `model`, after its `prepare`. `told` gets each finding at once; `price` is its own, as far as that is known.

    The short form tells whether it answers, counts tokens, keeps to a seed and to a schema. A call that fails is a
    finding; nothing is raised.
    """
    calls = Calls(model)
    findings: list[Finding] = []
    for group in (_short if short else _whole)(calls, price):
        async for finding in group:
            findings.append(finding)
            told(finding)
        if calls.dead:
            break
    used = calls.prompt_tokens, calls.completion_tokens, calls.cached_tokens, calls.written_tokens
    return ModelCheck(findings, calls.made, *used, calls.dead)


@dataclass(slots=True)
class Calls:
    """The calls to one model so far. `dead`: why it does not answer at all."""

    model: Model
    made: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    dead: ModelError | None = None
    room: int = ROOM
    first: Completion | None = None

    async def ask(self, *messages: Message, **parameters: Any) -> Completion | ModelError:
        """The answer, or why there is none. A limit in the model string holds; else thoughts may pass over ours."""
        limit = DEFAULT_MAX_TOKENS if self.model.limits_answers else "max_tokens"
        return await self.counted(lambda: self.model.complete(messages, {limit: self.room, **parameters}))

    async def counted(self, call: Callable[[], Awaitable[T]]) -> T | ModelError:
        """What `call` gives, or its `ModelError`; tried again once where that may be chance."""
        self.made += 1
        try:
            try:
                answer = await call()
            except (RateLimited, ServerError) as error:
                await asyncio.sleep(min(error.retry_after or 1.0, LONGEST_PAUSE))
                answer = await call()
        except ModelError as error:
            return error
        if isinstance(answer, Completion):
            self.prompt_tokens += answer.prompt_tokens
            self.completion_tokens += answer.completion_tokens
            self.cached_tokens += answer.cached_tokens
            self.written_tokens += answer.written_tokens
        return answer


def _short(calls: Calls, price: Price | None) -> Iterator[AsyncIterator[Finding]]:
    yield _answers(calls, SHORT_ROOM, seed=7)
    yield _seed_shortly(calls)
    yield _structure(calls)
    yield _context(calls)


def _whole(calls: Calls, price: Price | None) -> Iterator[AsyncIterator[Finding]]:
    yield _answers(calls, ROOM)
    yield _seed_and_speed(calls)
    yield _system(calls)
    yield _structure(calls)
    yield _json(calls)
    yield _logprobs(calls)
    yield _context(calls)
    yield _thoughts(calls)
    yield _price(price)


async def _answers(calls: Calls, room: int, **parameters: Any) -> AsyncIterator[Finding]:
    calls.room = room
    answer = await calls.ask(QUESTION, **parameters)
    if isinstance(answer, ModelError):
        only_thoughts = isinstance(answer, MalformedResponse) and "max_tokens" in str(answer)
        advice = "it may think first: give it more room with ?max_tokens=, or switch thinking off"
        calls.dead = answer
        yield Finding("answers", False, one_line(str(answer)), advice if only_thoughts else "")
        return
    calls.first, calls.room = answer, room if thinks(answer) else LEAST_ROOM
    cut = answer.finish_reason == "length"
    advice = f"it does not end within {room} tokens: set ?max_tokens=, else a call ends at ?timeout=" if cut else ""
    yield Finding("answers", True, quoted(answer.content), advice)
    if answer.prompt_tokens and answer.completion_tokens and not answer.estimated:
        cached = f", {answer.cached_tokens:,} of them cached" if answer.cached_tokens else ""
        yield Finding("usage", True, f"{answer.prompt_tokens:,} tokens in{cached}, {answer.completion_tokens:,} out")
    else:
        advice = "tokens, and with them --max-cost and --max-tokens, are estimated at 4 characters each"
        yield Finding("usage", False, "it does not count tokens", advice)


NO_SEED = "--resume is exact all the same (answers are stored), but the same command in a new folder gives other texts"


async def _seed_shortly(calls: Calls) -> AsyncIterator[Finding]:
    again = await calls.ask(QUESTION, seed=7)
    if isinstance(again, ModelError):
        yield Finding("seed", None, one_line(str(again)))
    elif calls.first and again.content == calls.first.content:
        yield Finding("seed", True, "the same seed gives the same text")
    else:
        yield Finding("seed", False, "the same seed gives another text", NO_SEED)


async def _seed_and_speed(calls: Calls) -> AsyncIterator[Finding]:

    def story(seed: int) -> Awaitable[Completion | ModelError]:
        return calls.ask(STORY, seed=seed, temperature=1.0)

    start = time.perf_counter()
    first = await story(7)
    between = time.perf_counter()
    again, other = await asyncio.gather(story(7), story(8))
    end = time.perf_counter()
    if isinstance(first, ModelError) or isinstance(again, ModelError) or isinstance(other, ModelError):
        error = next(answer for answer in (first, again, other) if isinstance(answer, ModelError))
        yield Finding("seed", None, one_line(str(error)))
        return
    if first.content != again.content:
        yield Finding("seed", False, "the same seed gives another text, alone and beside another call", NO_SEED)
    elif first.content == other.content:
        advice = "every sample of a prompt will be the same text: see that the temperature is above 0"
        yield Finding("seed", None, "any seed gives the same text", advice)
    else:
        yield Finding("seed", True, "the same seed gives the same text, alone and beside another call")
    alone, two = first.completion_tokens, again.completion_tokens + other.completion_tokens
    if not (alone and two):
        yield Finding("speed", None, f"{between - start:.1f} s a call; tokens are not counted")
        return
    rates = [tokens / max(seconds, 1e-3) for tokens, seconds in ((alone, between - start), (two, end - between))]
    advice = (
        ""
        if rates[1] > 1.2 * rates[0] or rates[0] > FAST
        else "two calls at once are no faster than one: keep --max-calls low"
    )
    yield Finding("speed", True, f"{rates[0]:,.0f} tokens a second, {rates[1]:,.0f} with two calls at once", advice)


async def _system(calls: Calls) -> AsyncIterator[Finding]:
    obeyed = await calls.ask(PARROT, QUESTION)
    least = await calls.ask(Message("system", "."), QUESTION)
    if isinstance(obeyed, ModelError) or isinstance(least, ModelError):
        error = next(answer for answer in (obeyed, least) if isinstance(answer, ModelError))
        yield Finding("system", False, one_line(str(error)))
        return
    bare = calls.first.prompt_tokens if calls.first else 0
    grown = obeyed.prompt_tokens - least.prompt_tokens
    counted = bare and obeyed.prompt_tokens and not obeyed.estimated
    own = bare - least.prompt_tokens
    note = f"; where none is sent, the chat template adds one of its own ({own}+ tokens)" if counted and own > 0 else ""
    if any("takes no system message" in text for text in calls.model.notes):
        yield Finding("system", True, f"refused, and merged into the first user message{note}")
    elif "pelican" in obeyed.content.lower():
        yield Finding("system", True, f"read and obeyed{note}")
    elif counted and grown < estimate_tokens(PARROT.content) // 2:
        advice = "personas and instructions would be lost: serve it with a chat template that has a system role"
        yield Finding("system", False, f"it never reaches the model: the prompt is no longer for it{note}", advice)
    elif counted:
        advice = "a weak model; look at a few conversations before a long run"
        yield Finding("system", True, f"read, but not obeyed: {quoted(obeyed.content)}{note}", advice)
    else:
        yield Finding("system", None, f"not obeyed: {quoted(obeyed.content)}")


async def _structure(calls: Calls) -> AsyncIterator[Finding]:
    """An answer in the form of a schema although the prompt forbids it: nothing else shows that it is enforced."""
    advice = "inducer and judge must get their form from the prompt alone; expect repairs and unlabelled pairs"
    if not calls.model.structured_output:
        yield Finding("structure", False, "this kind of model takes no response_format", advice)
        return
    answer = await calls.ask(NO_JSON, response_format=response_format(Larger))
    if isinstance(answer, ModelError):
        yield Finding("structure", False, one_line(str(answer)), advice)
    elif _is_form(answer.content):
        yield Finding("structure", True, f"enforced: {quoted(answer.content)} where the prompt forbids JSON")
    elif answer.finish_reason == "length":
        yield Finding("structure", None, f"cut at {calls.room} tokens: {quoted(answer.content)}")
    else:
        refused = any("takes no response_format" in note for note in calls.model.notes)
        how = "refused" if refused else "taken, but ignored"
        yield Finding("structure", False, f"response_format is {how}: {quoted(answer.content)}", advice)


async def _json(calls: Calls) -> AsyncIterator[Finding]:
    answer = await calls.ask(JSON)
    if isinstance(answer, ModelError):
        yield Finding("json", None, one_line(str(answer)))
        return
    text = answer.content
    if _is_form(text[text.find("{") : text.rfind("}") + 1]):
        yield Finding("json", True, f"from the prompt alone: {quoted(text)}")
    else:
        advice = "where structure is not enforced either, give inducer and judge another model (--role-model)"
        yield Finding("json", False, f"not from the prompt alone: {quoted(text)}", advice)


async def _logprobs(calls: Calls) -> AsyncIterator[Finding]:
    advice = "`i2a choice` asks for letters instead"
    if not type(calls.model).scores_replies({"prompt_logprobs": "true"}):
        yield Finding("logprobs", False, "this kind of model gives none", advice)
        return
    found = await calls.counted(lambda: calls.model.likelihoods([QUESTION], ["Paris.", "Seventeen purple."]))
    if isinstance(found, ModelError):
        yield Finding("logprobs", False, one_line(str(found)), advice)
        return
    (right, tokens), (wrong, _) = found
    sound = wrong < right <= 0 and tokens > 0
    words = f"of whole replies: {right:.1f} for 'Paris.', {wrong:.1f} for nonsense"
    yield Finding("logprobs", sound or None, words, "" if sound else "these are odd, and `i2a choice` relies on them")


async def _context(calls: Calls) -> AsyncIterator[Finding]:
    room = calls.model.context
    if room is None:
        yield Finding("context", None, "it does not say how many tokens it takes", "a run learns it from a refusal")
        return
    advice = "prompts of the shipped scenarios pass 1,000 tokens by the third turn; llama.cpp divides -c by -np"
    yield Finding("context", True, f"{room:,} tokens for prompt and answer", advice if room < SMALL_CONTEXT else "")


async def _thoughts(calls: Calls) -> AsyncIterator[Finding]:
    """Whether it thinks before it answers: shown by tokens that are counted, but not in the text."""
    answer = await calls.ask(SUM)
    if isinstance(answer, ModelError):
        yield Finding("thoughts", None, one_line(str(answer)))
        return
    if not answer.completion_tokens or answer.estimated:
        yield Finding("thoughts", None, "tokens are not counted")
    elif thinks(answer):
        advice = (
            "they are paid, take time and count for max_tokens; to switch them off: ?reasoning_effort=none, or "
            "?chat_template_kwargs.enable_thinking=false (vLLM, SGLang, llama.cpp)"
        )
        found = f"{answer.completion_tokens:,} tokens for {quoted(answer.content)}"
        yield Finding("thoughts", True, found, advice)
    elif unclear(answer.content):
        yield Finding("thoughts", None, f"what may be a thought stands in the answer: {quoted(answer.content)}")
    else:
        yield Finding("thoughts", False, f"{answer.completion_tokens:,} tokens for {quoted(answer.content)}")


async def _price(price: Price | None) -> AsyncIterator[Finding]:
    if price is None:
        advice = "for --max-cost and for costs in reports: --price 'MODEL=IN/OUT', or IN/OUT/CACHED"
        yield Finding("price", False, "unknown", advice)
        return
    cached = "" if price.cached is None else f", {price.cached:g} in from a cache"
    free = not (price.prompt or price.completion)
    words = "free" if free else f"${price.prompt:g} in{cached}, {price.completion:g} out, for a million tokens"
    yield Finding("price", True, words)


def thinks(answer: Completion) -> bool:
    """Whether many more tokens were counted than stand in the answer; also where nobody counts."""
    return not answer.completion_tokens or answer.completion_tokens > 4 * estimate_tokens(answer.content) + 32


def _is_form(text: str) -> bool:
    try:
        Larger.model_validate_json(text)
    except ValidationError:
        return False
    return True


def quoted(text: str) -> str:
    """The beginning of an answer, in one line."""
    return repr(shortened(text, SHOWN))
