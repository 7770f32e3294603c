"""The base class of every role: an AutoGen agent with a prompt, what it may see, and the form of its answer.

A role is called in our scenarios (`await judge(here, one, other)`), where the tree is its only memory, and works in any
AutoGen team, where it remembers what it has seen. Only this module and `i2a.models.autogen` use AutoGen.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, cast, get_args, get_origin

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, StructuredMessage, TextMessage
from autogen_core import CancellationToken, Component, ComponentModel
from autogen_core.models import ChatCompletionClient, RequestUsage
from pydantic import BaseModel, ValidationError
from typing_extensions import TypeVar

from agents.prompt import Prompt
from i2a.errors import MalformedAnswer, ModelError, UnfinishedAnswer, UsageError
from i2a.jsonl import JsonMapping
from i2a.models.autogen import AutoGenModel, ModelClient, as_model
from i2a.models.model import ChatRole, Completion, Message, Model
from i2a.models.response_format import response_format
from i2a.text import one_line
from i2a.trees.persona import LANGUAGE
from i2a.trees.tree import Node, TokenUsage, Utterance
from i2a.validation import problem

A = TypeVar("A", default=Utterance, covariant=True)

ON_PATH, SHOWN = "on_path", "shown"  # marks in a message's metadata: part of the dialogue; shown beside it
TRIES = 2
IN_LANGUAGE = "Write your message in {language}, whatever language the text above is in."
REPAIR = """Your answer could not be used: {error}.
Answer again, with one JSON object of the form asked for and nothing else."""


@dataclass(frozen=True, slots=True)
class RoleView:
    """What a role sees when it is called, oldest first; `speaker` is the chat role of an utterance.

    `shown`: utterances beside the dialogue, such as the replies that a judge compares. `answers`: structured answers
    of other roles.
    """

    dialogue: Sequence[Utterance]
    shown: Sequence[Utterance] = ()
    answers: Sequence[BaseModel] = ()


class RoleConfig(BaseModel):
    """What AutoGen stores of a role."""

    name: str
    model_client: ComponentModel
    prompt_values: dict[str, str] = {}


class Role(BaseChatAgent, Component[RoleConfig], Generic[A]):
    """A role that answers with an `A`: `class Judge(Role[Preference])`, or an `Utterance` if no form is named.

    Subclasses set `prompt`, and override `values` to fill in more of it. `chat_role`: "user" or "assistant", the role
    under which it speaks in the dialogue; default: its own name. `visible_answers`: the structured answers of other
    roles that `values` reads.

    For teams, which broadcast every message: `transcript_roles` are the speakers whose messages make up the dialogue,
    `visible_roles` others whose messages it may read outside it. A message marked `ON_PATH` or `SHOWN` in its metadata
    is treated as such, whoever spoke.

    The prompt value `language`, if there is one, says what a role that speaks is told to write.

    `keeps_cut`: an answer that was cut at its limit of tokens is used all the same.
    """

    component_type = "agent"
    component_config_schema = RoleConfig

    prompt: ClassVar[Prompt]
    answer: ClassVar[type[BaseModel] | None] = None
    chat_role: ClassVar[str | None] = None
    visible_answers: ClassVar[tuple[type[BaseModel], ...]] = ()
    transcript_roles: ClassVar[frozenset[str]] = frozenset({"user", "assistant"})
    visible_roles: ClassVar[frozenset[str]] = frozenset()
    keeps_cut: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "prompt" in vars(cls) and not isinstance(cls.prompt, Prompt):
            raise TypeError(f'{cls.__name__}.prompt must be a Prompt; write: prompt = Prompt("...")')
        if "answer" in vars(cls):
            raise TypeError(f"{cls.__name__} must name its answer in brackets; write: class {cls.__name__}(Role[FORM])")
        bases = (base for base in vars(cls).get("__orig_bases__", ()) if issubclass(get_origin(base) or object, Role))
        for form in (form for base in bases for form in get_args(base)):
            if isinstance(form, type) and issubclass(form, BaseModel):
                cls.answer = form
            elif not isinstance(form, TypeVar) and form is not Utterance:
                raise TypeError(f"{cls.__name__} answers with a pydantic model or an Utterance, not with {form!r}")

    def __init__(self, name: str, model_client: Model | ChatCompletionClient, /, **prompt_values: str) -> None:
        super().__init__(name, (self.__doc__ or name).strip().splitlines()[0])
        self._model = as_model(model_client).for_role(name)
        self._client = model_client
        self._prompt_values = prompt_values
        self._mine = frozenset({name, self.chat_role or name})
        self._chat_roles: Mapping[str, str] = {}
        self._memory: list[BaseChatMessage] = []

    def __call__(self, here: Node | None, *shown: Node, **inputs: BaseModel | str | float) -> Coroutine[Any, Any, A]:
        """Let the role answer after the node `here` (None: at the opening). Nothing is remembered.

        It sees the path to `here` and the nodes `shown`, whoever spoke them. `inputs`: values for the names in its
        prompt, and structured answers of other roles. Raises `ModelError` if there is no usable answer, and
        `UsageError` for a node or an input that the role would not use.
        """
        values = self._checked(shown, inputs)
        view = RoleView(
            self._utterances(() if here is None else here.path),
            self._utterances(shown),
            [answer for answer in inputs.values() if isinstance(answer, BaseModel)],
        )
        return self._answer(view, values, [])

    def values(self, view: RoleView) -> dict[str, str]:
        """Further values for the prompt, beside those of the role itself and `$dialogue`."""
        return {"shown": transcript(view.shown)} if view.shown else {}

    def _utterances(self, nodes: Iterable[Node]) -> list[Utterance]:
        named = self._chat_roles
        return [Utterance(named.get(node.speaker, node.speaker), node.content) for node in nodes]

    def _checked(self, shown: Sequence[Node], inputs: Mapping[str, BaseModel | str | float]) -> dict[str, str]:
        """The values for the prompt among `inputs`. Raises `UsageError` for a node or an input that is not used."""
        kind = type(self).__name__
        if shown and type(self).values is Role.values and "shown" not in self.prompt.names:
            raise UsageError(f"{self.name} would not see the nodes it is shown: write $shown in the prompt of {kind}")
        values = {}
        for name, value in inputs.items():
            if name in self.prompt.names:
                values[name] = value.model_dump_json() if isinstance(value, BaseModel) else str(value)
            elif not isinstance(value, self.visible_answers):
                what = f"add {type(value).__name__} to its visible_answers" if isinstance(value, BaseModel) else ""
                use = " or ".join(filter(None, (f"write ${name} in its prompt", what)))
                raise UsageError(f"{self.name} would not see {name}={value!r}: {use} (class {kind})")
        return values

    def _request(self, view: RoleView, inputs: Mapping[str, str]) -> list[Message]:
        values = {**self._prompt_values, **self.values(view), **inputs}
        if self.prompt.shows_dialogue:
            values["dialogue"] = transcript(view.dialogue)
        request: list[Message] = []
        if instructions := self._instructions(values):  # without instructions, no system message
            request.append(Message("system", instructions))
        if text := self.prompt.request(values):
            request.append(Message("user", text))
        if not self.prompt.shows_dialogue:
            mine = self._mine
            for said in view.dialogue:
                chat_role: ChatRole = "assistant" if said.speaker in mine else "user"
                request.append(Message(chat_role, said.content))
        return request

    def _instructions(self, values: Mapping[str, str]) -> str:
        """The prompt's and, for a role that speaks in a language that its prompt does not name, to write that."""
        instructions, language = self.prompt.instructions(values), values.get(LANGUAGE)
        if language and self.answer is None and LANGUAGE not in self.prompt.names:
            return "\n\n".join(filter(None, (instructions, IN_LANGUAGE.format(language=language))))
        return instructions

    async def _answer(self, view: RoleView, inputs: Mapping[str, str], completions: list[Completion]) -> A:
        """Call the model. An invalid answer is repaired once with the error shown, then asked for from scratch.

        An unfinished answer is not repaired, as the repair would be cut too, but asked for from scratch. Every
        completion is appended to `completions`.
        """
        request, model, form = self._request(view, inputs), self._model, self.answer
        structured_output = form is not None and model.structured_output
        parameters = {"response_format": response_format(form)} if form and structured_output else {}
        problems: list[ModelError] = []
        for _ in range(TRIES):
            messages = request
            for _ in ("as it is", "repair"):
                completion = await model.complete(messages, parameters)
                completions.append(completion)
                if form is not None:
                    try:
                        return cast(A, form.model_validate_json(json_object(completion.content)))
                    except ValidationError as error:
                        mistake = problem(error)
                if why := self._unfinished(completion):
                    problems.append(UnfinishedAnswer(f"{self.name} gave no whole answer in {TRIES} tries: {why}"))
                    if completion.finish_reason == "content_filter":
                        problems[-1].request = [message.content for message in request]
                    break
                if form is None:
                    return cast(A, self._utterance(completion))
                problems.append(MalformedAnswer(f"{self.name} gave no usable answer in {2 * TRIES} tries: {mistake}"))
                repair = Message("user", REPAIR.format(error=mistake))
                messages = [*request, Message("assistant", completion.content), repair]
        raise problems[-1]

    def _unfinished(self, completion: Completion) -> str:
        """Why a completion is not a whole answer; empty if it is one."""
        if completion.finish_reason == "length":
            kept = self.answer is None and (self.keeps_cut or self._model.keeps_cut)
            return "" if kept else "cut at the limit of tokens; raise max_tokens (hf: max_new_tokens)"
        if completion.finish_reason == "content_filter":
            return f"refused, or cut by a content filter: {one_line(completion.content)[:100]!r}"
        return ""

    def _utterance(self, completion: Completion) -> Utterance:
        usage = TokenUsage(completion.prompt_tokens, completion.completion_tokens)
        reason = None if completion.finish_reason == "stop" else completion.finish_reason
        return Utterance(self.name, completion.content.strip(), usage, reason)

    # As an agent of AutoGen.

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (structured(self.answer),) if self.answer else (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        """Answer. Raises `MalformedAnswer` and any error of the model; nothing is remembered then."""
        memory = self._memory + [m for m in messages if self._sees(m)]
        completions: list[Completion] = []
        call = asyncio.ensure_future(self._answer(self._view(memory), {}, completions))
        cancellation_token.link_future(call)
        answer = await call
        usage = RequestUsage(sum(c.prompt_tokens for c in completions), sum(c.completion_tokens for c in completions))
        message: BaseChatMessage
        if isinstance(answer, BaseModel):
            message = structured(type(answer))(content=answer, source=self.name, models_usage=usage)
        else:
            content = cast(Utterance, answer).content
            message = TextMessage(content=content, source=self.name, models_usage=usage)
        self._memory = [*memory, message]
        return Response(chat_message=message)

    def _sees(self, message: BaseChatMessage) -> bool:
        return self._in_dialogue(message) or self._beside(message)

    def _in_dialogue(self, message: BaseChatMessage) -> bool:
        return ON_PATH in message.metadata or message.source in self.transcript_roles | self._mine

    def _beside(self, message: BaseChatMessage) -> bool:
        return SHOWN in message.metadata or message.source in self.visible_roles

    def _view(self, memory: Sequence[BaseChatMessage]) -> RoleView:
        # Its own structured answers are in its memory too, but no part of the dialogue.
        texts = [m for m in memory if isinstance(m, TextMessage)]
        return RoleView(
            [Utterance(m.source, m.content) for m in texts if self._in_dialogue(m) and SHOWN not in m.metadata],
            [Utterance(m.source, m.content) for m in texts if self._beside(m) and ON_PATH not in m.metadata],
            [m.content for m in memory if isinstance(m, StructuredMessage) and self._beside(m)],
        )

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        self._memory = []

    async def save_state(self) -> JsonMapping:
        return {"view": [message.dump() for message in self._memory]}

    async def load_state(self, state: JsonMapping) -> None:
        known: list[type[BaseChatMessage]] = [
            TextMessage,
            *self.produced_message_types,
            *map(structured, self.visible_answers),
        ]
        kinds = {kind.__name__: kind for kind in known}
        self._memory = [kinds[stored["type"]].load(stored) for stored in state["view"]]

    def _to_config(self) -> RoleConfig:
        client = self._client
        if not isinstance(client, ChatCompletionClient | AutoGenModel):
            client = ModelClient(client)
        return RoleConfig(name=self.name, model_client=client.dump_component(), prompt_values=self._prompt_values)

    @classmethod
    def _from_config(cls, config: RoleConfig) -> Self:
        return cls(config.name, ChatCompletionClient.load_component(config.model_client), **config.prompt_values)


def introduce(roles: Iterable[Role[object]]) -> None:
    """Give the roles of one tree the chat role of each of the others."""
    roles = list(roles)
    chat_roles = {role.name: role.chat_role or role.name for role in roles}
    for role in roles:
        role._chat_roles = chat_roles


def transcript(utterances: Iterable[Utterance]) -> str:
    """One line each, `Speaker: words`."""
    return "\n".join([f"{said.speaker.capitalize()}: {' '.join(said.content.split())}" for said in utterances])


def structured(answer: type[BaseModel]) -> type[StructuredMessage[Any]]:
    """The AutoGen message that carries such an answer."""
    return StructuredMessage[answer]  # type: ignore[valid-type]


def json_object(text: str) -> str:
    """The JSON object in `text`, which may stand between prose or in a fence; all of it if there is none."""
    return text[text.find("{") : text.rfind("}") + 1] or text
