"""The base of every role: an AutoGen agent that is a prompt, what it may see, and the form of its answer.

A role works in any AutoGen team, where it keeps what it has seen, and in our scenarios, where it is forked for each
call and shown the path it speaks at: there the tree is the only state.
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import count
from typing import Any, ClassVar, Self
from uuid import uuid4

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, StructuredMessage, TextMessage
from autogen_core import CancellationToken, Component, ComponentModel
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from pydantic import BaseModel, ValidationError

from agents.prompt import Prompt
from i2a.errors import MalformedAnswer
from i2a.models.text_client import response_format

ON_PATH = "on_path"  # the mark, in a message's metadata, of the dialogue that a scenario shows
PROCESS, NUMBERS = uuid4().hex, count()
TRIES = 2
REPAIR = """Your answer could not be used: {error}.
Answer again, with one JSON object of the form asked for and nothing else."""


class RoleConfig(BaseModel):
    """What AutoGen stores of a role."""

    name: str
    model_client: ComponentModel
    facts: dict[str, str] = {}


class Role(BaseChatAgent, Component[RoleConfig]):
    """A role. Subclasses set the class variables; those with more to show the model override `values`.

    `dialogue`: the speakers whose messages make up the dialogue, in a team that tells everybody everything; the path
    that a scenario shows is dialogue whoever spoke. `asides`: other speakers whose messages it may read.
    `aside_answers`: the forms of those, where they have structure. `voice`: under which name its words stand in the
    dialogue, if not under its own. `answer`: the form of a structured answer; None for plain text. `facts` (in the
    constructor): values for the prompt that no message brings.
    """

    component_type = "agent"
    component_config_schema = RoleConfig

    prompt: ClassVar[Prompt]
    dialogue: ClassVar[frozenset[str]] = frozenset({"user", "assistant"})
    asides: ClassVar[frozenset[str]] = frozenset()
    voice: ClassVar[str | None] = None
    answer: ClassVar[type[BaseModel] | None] = None
    aside_answers: ClassVar[tuple[type[BaseModel], ...]] = ()

    def __init__(self, name: str, model_client: ChatCompletionClient, **facts: str) -> None:
        super().__init__(name, (self.__doc__ or name).strip().splitlines()[0])
        self._client, self._facts = model_client, facts
        self._mine = {name, self.voice or name}
        self._spoken = self.dialogue | self._mine
        self._sees = self._spoken | self.asides
        self._view: list[BaseChatMessage] = []

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (structured(self.answer),) if self.answer else (TextMessage,)

    def fork(self, model_client: ChatCompletionClient | None = None, /, **facts: str) -> Self:
        """The same role with an empty memory of its own, told `facts` too, on another model client if one is given."""
        fork = object.__new__(type(self))  # copy.copy takes 6 us
        fork.__dict__.update(self.__dict__)
        fork._view = []
        fork._client = model_client or self._client
        fork._facts = self._facts | facts if facts else self._facts
        return fork

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        """Answer. Raises `MalformedAnswer`, and whatever the model client raises; then nothing is remembered."""
        view = self._view + [m for m in messages if ON_PATH in m.metadata or m.source in self._sees]
        asked = self._ask(view)
        message = await (self._answer if self.answer else self._speak)(asked, cancellation_token)
        view.append(message)
        self._view = view
        return Response(chat_message=message)

    def values(self, view: Sequence[BaseChatMessage]) -> dict[str, str]:
        """What fills the prompt beside `facts` and `$dialogue`."""
        return {}

    def _ask(self, view: Sequence[BaseChatMessage]) -> list[LLMMessage]:
        # Its own answers with structure are in its view too, but no part of the dialogue.
        spoken = [m for m in view if isinstance(m, TextMessage) and (ON_PATH in m.metadata or m.source in self._spoken)]
        values = self._facts | self.values(view)
        if self.prompt.shows_dialogue:
            values["dialogue"] = "\n".join([line(message.source, message.content) for message in spoken])
        asked: list[LLMMessage] = []
        if instructions := self.prompt.instructions(values):  # a model with none is called as a plain user calls it
            asked.append(SystemMessage(content=instructions))
        if request := self.prompt.request(values):
            asked.append(UserMessage(content=request, source="user"))
        if not self.prompt.shows_dialogue:
            mine = self._mine
            asked += [said(AssistantMessage if m.source in mine else UserMessage, m.content) for m in spoken]
        return asked

    async def _speak(self, asked: list[LLMMessage], token: CancellationToken) -> BaseChatMessage:
        result = await self._client.create(asked, cancellation_token=token)
        text = str(result.content).strip()
        return TextMessage(content=text, source=self.name, models_usage=result.usage, id=new_id(), metadata={})

    async def _answer(self, asked: list[LLMMessage], token: CancellationToken) -> BaseChatMessage:
        """Ask, show the error once if the answer has the wrong form, then ask afresh."""
        assert self.answer is not None
        args = create_args(self.answer) if self._supports_schema else {}
        for _ in range(TRIES):
            first = await self._client.create(asked, extra_create_args=args, cancellation_token=token)
            try:
                return self._parsed(first)
            except ValidationError as error:
                mistake = said(UserMessage, REPAIR.format(error=_one_line(error)))
            again = [*asked, said(AssistantMessage, str(first.content)), mistake]
            second = await self._client.create(again, extra_create_args=args, cancellation_token=token)
            try:
                return self._parsed(second, spent_before=first.usage)
            except ValidationError as error:
                problem = _one_line(error)
        raise MalformedAnswer(f"{self.name} gave no usable answer in {2 * TRIES} tries: {problem}")

    def _parsed(self, result: CreateResult, spent_before: RequestUsage | None = None) -> BaseChatMessage:
        assert self.answer is not None
        text, usage = str(result.content), result.usage
        answer = self.answer.model_validate_json(text[text.find("{") : text.rfind("}") + 1] or text)
        if spent_before:
            usage = RequestUsage(
                usage.prompt_tokens + spent_before.prompt_tokens,
                usage.completion_tokens + spent_before.completion_tokens,
            )
        return structured(self.answer)(content=answer, source=self.name, models_usage=usage, id=new_id(), metadata={})

    @property
    def _supports_schema(self) -> bool:
        return bool(self._client.model_info.get("structured_output"))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        self._view = []

    async def save_state(self) -> Mapping[str, Any]:
        return {"view": [message.dump() for message in self._view]}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        known: list[type[BaseChatMessage]] = [
            TextMessage,
            *self.produced_message_types,
            *map(structured, self.aside_answers),
        ]
        kinds = {kind.__name__: kind for kind in known}
        self._view = [kinds[stored["type"]].load(stored) for stored in state["view"]]

    def _to_config(self) -> RoleConfig:
        return RoleConfig(name=self.name, model_client=self._client.dump_component(), facts=self._facts)

    @classmethod
    def _from_config(cls, config: RoleConfig) -> Self:
        return cls(config.name, ChatCompletionClient.load_component(config.model_client), **config.facts)


def new_id() -> str:
    """An id that no other message has, in any process (a uuid4 for each would take 3 us)."""
    return f"{PROCESS}-{next(NUMBERS)}"


# A message and its line are asked for again with every turn that follows.
@lru_cache(maxsize=4096)
def said(kind: type[UserMessage | AssistantMessage], content: str) -> LLMMessage:
    """What was said, as a model takes it. Who said it is all in the kind: servers know no other names."""
    return kind(content=content, source=kind.__name__)


@lru_cache(maxsize=4096)
def line(speaker: str, content: str) -> str:
    """One line of a transcript, `Speaker: words`."""
    return f"{speaker.capitalize()}: {' '.join(content.split())}"


@cache
def structured(answer: type[BaseModel]) -> type[StructuredMessage[Any]]:
    """The AutoGen message that carries such an answer."""
    return StructuredMessage[answer]  # type: ignore[valid-type]


@cache
def create_args(answer: type[BaseModel]) -> dict[str, Any]:
    """What asks a model for such an answer; the same object for every call."""
    return {"response_format": response_format(answer)}


def _one_line(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(map(str, problem["loc"]))
    return f"{where}: {problem['msg']}" if where else problem["msg"]
