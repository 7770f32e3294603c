"""The cast of one tree: the roles a script calls by name, each call a fresh fork that sees the path it speaks at."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from autogen_agentchat.messages import BaseChatMessage, StructuredMessage, TextMessage
from autogen_core import CancellationToken
from pydantic import BaseModel

from agents.role import ON_PATH, Role, structured
from i2a.trees.tree import Node, Usage, Utterance


class Cast:
    """`await cast.NAME(here)` lets the role NAME speak after the node `here` (None: at the opening).

    A role that answers in plain text gives an `Utterance`, ready for `tree.add`; one that answers with structure gives
    its answer. What the role may read beside the dialogue follows `here`: nodes (`cast.judge(here, a, b)`), or answers
    under the name of who gave them (`cast.preferred(here, inducer=inference)`).
    """

    def __init__(self, roles: Mapping[str, Role]) -> None:
        self._roles = roles
        self._voices = {name: role.voice or name for name, role in roles.items()}
        self._paths: dict[Node | None, list[BaseChatMessage]] = {None: []}

    def __getattr__(self, name: str) -> "Player":
        try:
            return Player(self, name, self._roles[name])
        except KeyError:
            raise AttributeError(f"there is no role {name!r} in this cast; it has: {', '.join(self._roles)}") from None

    def told(self, **facts: str) -> "Cast":
        """The same cast, in which every role also knows these values for its prompt."""
        return Cast({name: role.fork(**facts) for name, role in self._roles.items()})

    def path(self, here: Node | None) -> list[BaseChatMessage]:
        """The dialogue up to `here` as messages, each under the voice of who spoke."""
        new: list[Node] = []
        while here not in self._paths:
            assert here is not None
            new.append(here)
            here = here.parent
        path = self._paths[here]
        for node in reversed(new):
            voice = self._voices.get(node.speaker, node.speaker)
            path = self._paths[node] = [*path, message(node.content, voice, **{ON_PATH: "yes"})]
        return path


class Player:
    """One role of a cast, ready to be called."""

    def __init__(self, cast: Cast, name: str, role: Role) -> None:
        self._cast, self._name, self._role = cast, name, role

    async def __call__(self, here: Node | None, *asides: Node, **answers: BaseModel) -> Any:
        """Raises `ModelError` where no usable answer is to be had."""
        messages = self._cast.path(here)
        if asides or answers:
            messages = [*messages, *(message(node.content, node.speaker) for node in asides)]
            messages += [structured(type(answer))(content=answer, source=name) for name, answer in answers.items()]
        response = await self._role.fork().on_messages(messages, CancellationToken())
        answer = response.chat_message
        if isinstance(answer, StructuredMessage):
            return answer.content
        assert isinstance(answer, TextMessage)
        spent = answer.models_usage
        usage = None if spent is None else Usage(spent.prompt_tokens, spent.completion_tokens)
        return Utterance(self._name, answer.content, usage)


EPOCH = datetime.fromtimestamp(0, UTC)


def message(content: str, source: str, **marks: str) -> TextMessage:
    """A message that needs no identity of its own, for the tree is what is kept (a fresh id and time cost 3 us)."""
    return TextMessage(content=content, source=source, id="", created_at=EPOCH, metadata=marks)
