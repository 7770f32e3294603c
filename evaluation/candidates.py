"""Candidates: what is evaluated. A model string, with or without a wrapper that changes the prompt.

A plain candidate gets the dialogue and nothing else: no system message, no persona. What its chat template adds, it
gets in training and from a server too; the manifest says what that is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, cast

from agents.prompt import Prompt
from agents.responders import RejectedResponder, describe
from agents.role import Role, RoleView
from i2a.errors import UsageError
from i2a.jsonl import JsonMapping
from i2a.models.model import ChatRole, Message, Model
from i2a.models.spec import ModelSpec
from i2a.plugins import NotFound, find_class, installed
from i2a.simulator.parts.controls import CONTROLS
from i2a.trees.persona import Persona
from i2a.trees.tree import Inference, Node, SentPrompt, as_sent

CANDIDATE = "candidate"
NAME = re.compile(r"(?P<name>[\w.+-][\w .+-]*)=(?P<model>.+)")


class Plain(Role):
    """A model as anybody would talk to it; the base of every wrapper, the plug-ins of the group `i2a.candidates`.

    A prompt that names `$profile` and `$personality`, or `$known` for both as a list, tells the persona. What it sees
    of the dialogue is `shown`; with `meets_donor`, that gets the messages of another person. A reply that is cut at its
    limit of tokens is what the candidate says, and is judged; so is one that repeats its instructions.

    `carries`: what it has of earlier sessions, where there are several.
    """

    prompt = Prompt("")
    keeps_cut = True
    checked = False
    max_tokens = None
    chat_role = "assistant"
    meets_donor: ClassVar[bool] = False
    carries: ClassVar[Literal["its note", "a true note", "another person's note", "all", "nothing"]] = "its note"
    before: SentPrompt | None = None
    definition: ClassVar[str] = ""  # what `shown` shows, in words: results under another definition are not compared

    def under(self, prompt: SentPrompt | None) -> Self:
        """The same candidate, in place of a role that was sent this prompt; its own instructions follow."""
        other = copy(self)
        other.before = prompt
        return other

    def messages(self, view: RoleView, values: Mapping[str, str]) -> list[Message]:
        own = joined(super().messages(view, values))
        if self.before is None:
            return own
        mine = [message.content for message in own if message.role == "system"]
        prompt = self.before._replace(system="\n\n".join(filter(None, [self.before.system, *mine])))
        dialogue = [{"role": message.role, "content": message.content} for message in own if message.role != "system"]
        sent = as_sent(prompt, dialogue)
        return [Message(cast(ChatRole, message["role"]), message["content"]) for message in sent]

    def shown(self, message: Node, strange: Sequence[str]) -> Node:
        """What it answers in place of the user's `message`, whose path is the dialogue so far.

        `strange`: the messages of another person, none without `meets_donor`.
        """
        return message


class Reminded(Plain):
    """Is instructed to adapt to the person."""

    prompt = Prompt.beside(__file__, "reminder.txt")


class Brief(Plain):
    """Is instructed to be brief: shows what a candidate gains by learnt brevity alone."""

    prompt = Prompt.beside(__file__, "brief.txt")


class Oracle(Plain):
    """Gets the whole persona in its prompt, and is told that the chat may not have shown it yet: the ceiling. Values:
    `known`."""

    prompt = Prompt(f"{RejectedResponder.prompt.text}\n\n{Prompt.beside(__file__, 'oracle.txt').text}")


class Shuffled(Plain):
    """Sees another person's messages where this one's earlier messages stood, and its own replies as they were.

    Takes away what this person has said, but for the last message. Leaves its own replies to them, so that it can see
    what not to repeat; what these took up of the person can still be read there, so it is a ceiling for what is left.
    """

    meets_donor = True
    definition = "another person's earlier messages, its own replies"

    def shown(self, message: Node, strange: Sequence[str]) -> Node:
        """The donor's first message stands in place of this person's first, and so on; turns beyond the donor's are
        left out, the earliest first."""
        replies = [node.content for node in message.path if node.speaker != message.speaker]
        here: Node | None = None
        for said, reply in zip(strange, replies[-len(strange) :] if strange else [], strict=False):
            here = Node(Node(here, message.speaker, said), CANDIDATE, reply)
        return Node(here, message.speaker, message.content)


class Last(Plain):
    """Sees the last message alone.

    Takes away all that this person has said before, and its own replies as well: what it then repeats, it repeats
    unknowingly, and a judge that sees the dialogue marks it down for that too. A floor for what is left.
    """

    definition = "the last message"

    def shown(self, message: Node, strange: Sequence[str]) -> Node:
        return Node(None, message.speaker, message.content)


class NoNote(Plain):
    """Has nothing of earlier sessions: what is left of them then is no memory."""

    carries = "nothing"
    definition = "no note"


class OtherNote(Plain):
    """Has a note that it wrote about another person: what it then gains is no memory of this one."""

    meets_donor = True
    carries = "another person's note"
    definition = "its note about another person"


class TrueNote(Plain):
    """Has a note by the Inducer, of all that this person has revealed: what is left to gain by writing better notes."""

    carries = "a true note"
    definition = "a note by the Inducer of all that was revealed"


class History(Plain):
    """Has all that was said in earlier sessions: what a note could keep at most."""

    carries = "all"
    definition = "all earlier sessions, no note"


def joined(messages: Sequence[Message]) -> list[Message]:
    """Consecutive messages of one side as one, as in training rows."""
    found: list[Message] = []
    for message in messages:
        if found and found[-1].role == message.role:
            message = Message(message.role, f"{found.pop().content}\n\n{message.content}")
        found.append(message)
    return found


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model, its `wrapper`, whose class is `role`, and the `name` in tables."""

    name: str
    wrapper: str
    role: type[Plain]
    model: ModelSpec

    @classmethod
    def parse(cls, text: str) -> Self:
        """`[NAME=][WRAPPER:]MODEL`, the wrapper as a name, `FILE.py`, `FILE.py:CLASS` or `package:CLASS`.

        Raises `UsageError`.
        """
        named = NAME.fullmatch(text)
        name, what = (named["name"].strip(), named["model"]) if named else (text, text)
        wrapper, role, model = _unwrapped(what)
        spec = ModelSpec.parse(model)
        if (spec.kind, spec.name) == ("offline", "oracle"):  # plays it from the prompt with the persona
            if wrapper not in ("plain", "oracle"):
                raise UsageError(f"{text!r}: offline:oracle gets the persona, and nothing else")
            wrapper, role = "oracle", Oracle
        if re.search(r'["\\\x00-\x1f]', name):
            raise UsageError(f"{text!r}: such a name cannot be written in a file; write NAME=MODEL")
        return cls(name, wrapper, role, spec)

    @property
    def identity(self) -> dict[str, object]:
        told = {"wrapper": self.wrapper, "model": str(self.model), "prompt": self.role.prompt.fingerprint}
        return {**told, **({"definition": self.role.definition} if self.role.definition else {})}

    def play(self, model: Model, persona: Persona) -> Plain:
        """The candidate that talks to `persona`; its prompt gets the parts of the persona that it names."""
        whole = Inference(reason="", profile=[persona.profile], personality=[persona.personality])
        known = persona.values | {"known": describe(whole)}
        return self.role(CANDIDATE, model, **{name: known[name] for name in known if name in self.role.prompt.names})


def is_control(identity: JsonMapping) -> bool:
    """Whether a candidate of this identity is a control of the offline engine, whatever it is called: `offline:babble`,
    with no wrapper around it."""
    kind, _, name = str(identity.get("model", "")).partition("?")[0].partition(":")
    return identity.get("wrapper") == "plain" and kind == "offline" and name in CONTROLS


def _unwrapped(text: str) -> tuple[str, type[Plain], str]:
    """The name of the wrapper in front of a model string, its class, and the model string. Raises `UsageError` for two.

    `FILE.py:NAME` may be a wrapper and a model, or a kind of model and its name: what is in the file decides.
    """
    first, _, rest = text.partition(":")
    second, _, model = rest.partition(":")
    if rest and first in (named := installed("candidates")):
        if second in named:
            raise UsageError(f"{text!r}: {first}: stands before a model, not before {second}:")
        return first, find_class("candidates", first, Plain), rest
    places = [(f"{first}:{second}", model)] if "." in first and second.isidentifier() else []
    places += [(first, rest)] if first.endswith(".py") else []
    for place, model in places:
        if model and (role := _wrapper_at(place)):
            return role.__name__, role, model
    return "plain", Plain, text


def _wrapper_at(place: str) -> type[Plain] | None:
    """The wrapper at this place, None if something else is there. Raises `UsageError` for a file with errors."""
    try:
        return find_class("candidates", place, Plain)
    except NotFound:
        return None


def parse_all(texts: Iterable[str]) -> list[Candidate]:
    """Raises `UsageError` if there is none, or a name stands for two."""
    found: dict[str, Candidate] = {}
    for text in texts:
        candidate = Candidate.parse(text)
        if candidate.name in found:
            raise UsageError(f"two candidates are called {candidate.name!r}; give each a name: NAME=MODEL")
        found[candidate.name] = candidate
    if not found:
        raise UsageError("name at least one candidate, e.g. `i2a evaluate offline oracle:offline --out runs/eval`")
    return list(found.values())
