"""The base class of every role: an AutoGen agent with a prompt, what it may see, and the form of its answer.

A role is called in our scenarios (`await judge(here, one, other)`), where the tree is its only memory, and works in any
AutoGen team, where it remembers what it has seen. Only this module and `i2a.models.autogen` use AutoGen.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, cast, get_args, get_origin

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, StructuredMessage, TextMessage
from autogen_core import CancellationToken, Component, ComponentModel
from autogen_core.models import ChatCompletionClient, RequestUsage
from pydantic import BaseModel
from typing_extensions import TypeVar

from agents import echo
from agents.prompt import Prompt
from agents.role_call import REPAIR, RoleCall
from i2a.errors import ContextOverflow, UsageError
from i2a.jsonl import JsonMapping
from i2a.models.autogen import AutoGenModel, ModelClient, as_model
from i2a.models.model import ChatRole, Completion, Message, Model
from i2a.trees.persona import LANGUAGE, Persona
from i2a.trees.tree import LEFT_OUT, KeptAnswer, Node, SentPrompt, Utterance

A = TypeVar("A", default=Utterance, covariant=True)

ON_PATH, SHOWN = "on_path", "shown"  # marks in a message's metadata: part of the dialogue; shown beside it
IN_LANGUAGE = "Write your message in {language}, whatever language the text above is in."


@dataclass(frozen=True, slots=True)
class RoleView:
    """What a role sees when it is called, oldest first; `speaker` is the chat role of an utterance.

    `shown`: utterances beside the dialogue, such as the replies that a judge compares. `answers`: structured answers
    of other roles.
    """

    dialogue: Sequence[Utterance]
    shown: Sequence[Utterance] = ()
    answers: Sequence[BaseModel] = ()


# (the role that speaks, the dialogue so far, what it says next) -> the faults of that, by name
UtteranceCheck = Callable[["Role[object]", Sequence[Utterance], str], Sequence[str]]
# (asks the role once, the node that it answers) -> what it says there
Speak = Callable[[Callable[[], Coroutine[Any, Any, Any]], Node | None], Coroutine[Any, Any, Any]]


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

    `keeps_cut`: an answer that was cut at its limit of tokens is used all the same. `max_tokens`: that limit, where
    nobody names another; None: the model's own. `checked`: an answer that is the words of its prompt counts as
    malformed, or is asked for again; `private`: names in the prompt whose values must not be read aloud either.
    `plays_person`: it speaks as the person of the tree, so a simulation audits it.

    `brings`: speakers that no role plays, with the chat role of each, such as one that shows a note.

    `changes`: the person that it plays changes, so each tree of a simulation has another one, `tree.personas["later"]`.

    `keeps_prompt`: whether a simulation keeps what the role was sent with what it answers, so that a training row can
    have it. None: with utterances, but not with answers of a form, whose prompts tend to repeat the whole dialogue.
    Not inherited by a class with another prompt.
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
    max_tokens: ClassVar[int | None] = 1024
    checked: ClassVar[bool] = True
    private: ClassVar[frozenset[str]] = frozenset()
    plays_person: ClassVar[bool] = False
    keeps_prompt: ClassVar[bool | None] = None
    changes: ClassVar[bool] = False
    brings: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "prompt" in vars(cls) and not isinstance(cls.prompt, Prompt):
            raise TypeError(f'{cls.__name__}.prompt must be a Prompt; write: prompt = Prompt("...")')
        if "prompt" in vars(cls) and "keeps_prompt" not in vars(cls):
            cls.keeps_prompt = None
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
        self.model = as_model(model_client).for_role(name)
        self._client = model_client
        self._prompt_values = prompt_values
        self._mine = frozenset({name, self.chat_role or name})
        self._chat_roles: Mapping[str, str] = {}
        self._own_texts = self.prompt.own_texts
        self._audit: UtteranceCheck | None = None
        self._speak: Speak | None = None
        self._keeps_prompt = False
        self._memory: list[BaseChatMessage] = []

    def __call__(self, here: Node | None, *shown: Node, **inputs: BaseModel | str | float) -> Coroutine[Any, Any, A]:
        """Let the role answer after the node `here` (None: at the opening). Nothing is remembered.

        It sees the path to `here` and the nodes `shown`, whoever spoke them. `inputs`: values for the names in its
        prompt, and structured answers of other roles. Raises `ModelError` if there is no usable answer, and
        `UsageError` for a node or an input that the role would not use.
        """
        if wrong := [node for node in (here, *shown) if not isinstance(node, Node | None)]:
            what = f"{self.name} answers after a node of the tree, not a {type(wrong[0]).__name__}"
            raise TypeError(f"{what}; write: await {self.name}(here)")
        values = self._checked(shown, inputs)
        view = RoleView(
            self._utterances(() if here is None else here.path),
            self._utterances(shown),
            [answer for answer in inputs.values() if isinstance(answer, BaseModel)],
        )
        if self._speak is not None:
            return self._speak(lambda: self._answer(view, values, [], here), here)
        return self._answer(view, values, [], here)

    def speaks_through(self, speak: Speak) -> None:
        """Let `speak` decide how often the role is asked where a script asks it once, and which answer the script gets.

        What it says is then judged as it is: no fault of an utterance makes it be asked for again.
        """
        self._speak = speak

    def values(self, view: RoleView) -> dict[str, str]:
        """Further values for the prompt, beside those of the role itself and `$dialogue`."""
        return {"shown": transcript(view.shown)} if view.shown else {}

    def told_of(self, persona: Persona) -> Self:
        """The same role, told of another persona in place of the one that it knew."""
        other = copy(self)
        other._prompt_values = persona.values
        return other

    @property
    def told(self) -> Mapping[str, str]:
        """What it is told of its persona, and whatever else fills its prompt at every call."""
        return self._prompt_values

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
        known = {"dialogue", *self._prompt_values, *values, *(["shown"] if shown else [])}
        if type(self).values is Role.values and (missing := sorted(self.prompt.names - known)):
            there = ", ".join(f"${name}" for name in sorted(known))
            raise UsageError(
                f"{self.name} has no value for ${missing[0]} of its prompt, only for {there}; "
                f"write: {self.name}(here, {missing[0]}=...)"
            )
        return values

    def filled(self, view: RoleView, inputs: Mapping[str, str]) -> dict[str, str]:
        """What the prompt is filled with."""
        values = {**self._prompt_values, **self.values(view), **inputs}
        if self.prompt.shows_dialogue:
            values["dialogue"] = transcript(view.dialogue)
        return values

    def messages(self, view: RoleView, values: Mapping[str, str]) -> list[Message]:
        """The request: the prompt, filled with `values`, and the dialogue."""
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

    async def _answer(
        self, view: RoleView, inputs: Mapping[str, str], completions: list[Completion], here: Node | None = None
    ) -> A:
        """Call the model until there is an answer, see `RoleCall`. Every completion is appended to `completions`.

        An utterance carries its notes; those on any other answer go to the node that it is about.
        """
        call, model = RoleCall(self, view, inputs), self.model
        while call.answer is None:
            try:
                completion = await model.complete(call.messages, call.parameters)
                completions.append(completion)
                call.take(completion)
            except ContextOverflow as overflow:
                call.shorten(overflow)
        if here is not None and isinstance(call.answer, BaseModel):
            if LEFT_OUT in call.notes:
                here.metadata.setdefault(LEFT_OUT, {}).update(call.notes[LEFT_OUT])
            if call.sent is not None:
                here.answers.append(KeptAnswer(self.name, call.answer.model_dump_json(), call.sent))
        return cast(A, call.answer)

    def kept_prompt(self, values: Mapping[str, str]) -> SentPrompt | None:
        """The prompt, filled with `values`, as it is to be kept; None if it is not."""
        if not self._keeps_prompt:
            return None
        system, request = self.prompt.instructions(values), self.prompt.request(values) or ""
        return SentPrompt(system, request, self.prompt.shows_dialogue, bool(self.private))

    def fault(self, answer: BaseModel, view: RoleView, values: Mapping[str, str]) -> str:
        """What makes an answer of the right form unusable, in words that its writer is shown; empty if nothing does.

        Here: it is a placeholder, or words of the prompt, which was filled with `values`.
        """
        return echo.fault_of(answer, (*self.prompt.own_texts, REPAIR)) if self.checked else ""

    def faults(self, content: str, view: RoleView, values: Mapping[str, str]) -> list[str]:
        """What is wrong with an utterance, by name."""
        if not self.checked or self._speak is not None:
            return []
        faults = ["echo"] if echo.utterance_echoes(content, self._own_texts, self.prompt.tags) else []
        if any(echo.reads_aloud(content, values[name]) for name in self.private if name in values):
            faults.append("hint")
        return [*faults, *(self._audit(self, view.dialogue, content) if self._audit else ())]

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


def introduce(
    roles: Iterable[Role[object]], audits: Mapping[str, UtteranceCheck] = {}, keep: Collection[str] = ()
) -> None:
    """Give the roles of one tree the chat role of each of the others, and the words that none of them may repeat.

    `audits`, by role: looks at what is said by those that play the person. `keep`: the roles whose prompts are kept.
    """
    roles = list(roles)
    chat_roles = {name: side for role in roles for name, side in role.brings.items()}
    chat_roles |= {role.name: role.chat_role or role.name for role in roles}
    own_texts = tuple(dict.fromkeys(text for role in roles for text in role.prompt.own_texts))
    for role in roles:
        role._chat_roles, role._own_texts = chat_roles, own_texts
        role._audit = audits.get(role.name) if role.plays_person else None
        role._keeps_prompt = role.name in keep


def transcript(utterances: Iterable[Utterance]) -> str:
    """One line each, `Speaker: words`."""
    return "\n".join([f"{said.speaker.capitalize()}: {' '.join(said.content.split())}" for said in utterances])


def structured(answer: type[BaseModel]) -> type[StructuredMessage[Any]]:
    """The AutoGen message that carries such an answer."""
    return StructuredMessage[answer]  # type: ignore[valid-type]
