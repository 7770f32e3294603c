"""Dialogues as lists of chat messages: what most formats of other tools share, both ways and without loss.

What a tree has no place for is kept in the metadata of its nodes under the name of the format, and only that format
puts it back. A system prompt that opens a dialogue stands under `system` in the metadata of the first node.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from i2a.digests import digest
from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject, dumps
from i2a.trees.formats import Rows
from i2a.trees.persona import Persona
from i2a.trees.tree import Node, Tree, Utterance

IMPORTED = "imported"  # the scenario of trees that others grew
SYSTEM = "system"
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-+")


class ChatTurn(NamedTuple):
    """A message as a tree has it, and what else it said. `rest` is `{}` as a rule."""

    speaker: str
    content: str
    rest: JsonObject


@dataclass(frozen=True)
class Dialect:
    """How a format writes a message: under which keys, and what it calls who speaks."""

    role_key: str = "role"
    text_key: str = "content"
    speakers: Mapping[str, str] = field(default_factory=dict)  # its word -> ours
    blocks: bool = False  # whether a text may be a list of parts

    def plain(self, speaker: str, content: str) -> JsonObject:
        """A message of nothing but a speaker and a text."""
        theirs = next((word for word, ours in self.speakers.items() if ours == speaker), speaker)
        return {self.role_key: theirs, self.text_key: content}

    def read(self, message: object, where: str) -> ChatTurn:
        """Raises `UsageError` for what is no message."""
        if not isinstance(message, dict):
            raise UsageError(f"{where} is {kind(message)}, not an object")
        role = message.get(self.role_key)
        if not isinstance(role, str) or not role:
            why = f".{self.role_key} is {kind(role)}, not a name" if role else f" has no {self.role_key}"
            raise UsageError(f"{where}{why}")
        speaker, content = self.speakers.get(role.lower(), role), self.text_of(message, f"{where}.{self.text_key}")
        computed = self.plain(speaker, content)
        if self.text_key not in message:
            return ChatTurn(speaker, content, dict(message))
        return ChatTurn(speaker, content, differing(message, computed))

    def write(self, speaker: str, content: str, rest: JsonMapping) -> JsonObject:
        """What `read` read."""
        if not content and self.role_key in rest and self.text_key not in rest:
            return dict(rest)
        return self.plain(speaker, content) | dict(rest)

    def text_of(self, message: JsonMapping, where: str) -> str:
        value = message.get(self.text_key)
        if isinstance(value, str):
            return value
        if isinstance(value, list) and self.blocks:
            parts = [part.get("text") if isinstance(part, dict) else part for part in value]
            return "\n\n".join(part for part in parts if isinstance(part, str))
        if value is None and len(message) > 1 + (self.text_key in message):  # such as a call of a tool
            return ""
        raise UsageError(f"{where} is {kind(value)}, not a text")


OPENAI = Dialect(speakers={"system": SYSTEM, "developer": SYSTEM}, blocks=True)
ANTHROPIC = Dialect(blocks=True)
SHAREGPT = Dialect(
    "from",
    "value",
    {
        "human": "user",
        "gpt": "assistant",
        "user": "user",
        "assistant": "assistant",
        "chatgpt": "assistant",
        "bing": "assistant",
        "bard": "assistant",
        "model": "assistant",
    },
)


def differing(record: JsonMapping, computed: JsonMapping) -> JsonObject:
    """What of a record cannot be computed: other keys, and other values."""
    return {key: value for key, value in record.items() if key not in computed or value != computed[key]}


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    names = {str: "a text", list: "a list", dict: "an object", bool: "true or false", type(None): "missing"}
    return names.get(type(value), "a number")


def get_list(record: JsonMapping, key: str, where: str = "") -> list[object]:
    """A list with something in it. Raises `UsageError`."""
    value = record.get(key)
    if not isinstance(value, list):
        raise UsageError(f"{where}{key} is {kind(value)}, not a list")
    if not value:
        raise UsageError(f"{where}{key} is empty")
    return value


# From messages to a tree.


def tree_id(format: str, record: JsonMapping, given: object = None) -> str:
    """The id that a record gives itself, if it is one; else one that the same record has in any file."""
    text = str(given) if isinstance(given, str | int) and not isinstance(given, bool) else ""
    if text and set(text) <= SAFE:
        return text
    return f"{format}-{digest(dumps(dict(sorted(record.items()))))}"


def new_tree(id: str, persona: Persona | None = None) -> Tree:
    """An imported tree. A dialogue of which nobody says whose it is, is that of a person of its own."""
    return Tree(id, IMPORTED, persona or Persona(id), seed=0)


def append(tree: Tree, here: Node | None, turns: Iterable[ChatTurn], format: str) -> Node | None:
    """Continue the dialogue after `here`; returns its last node."""
    for turn in turns:
        here = tree.keep(tree.add(here, Utterance(turn.speaker, turn.content)))
        if turn.rest:
            here.metadata[format] = {"message": turn.rest}
    return here


def begin(tree: Tree, turns: Sequence[ChatTurn], format: str) -> Node:
    """Open a tree with messages, the first of which may be a system prompt. Raises `UsageError` without any other."""
    system = turns[0] if turns and turns[0].speaker == SYSTEM else None
    last = append(tree, None, turns[1:] if system else turns, format)
    if last is None:
        raise UsageError("there is no message but the system prompt" if system else "there is no message")
    if system:
        tree.roots[0].metadata[SYSTEM] = system.content
        if system.rest:
            note(tree.roots[0], format, SYSTEM, system.rest)
    return last


def note(node: Node, format: str, name: str, value: object) -> None:
    """Keep something that only this format can put back."""
    if value not in ({}, None):
        node.metadata.setdefault(format, {})[name] = value


def mark(tree: Tree, format: str, rest: JsonMapping) -> Tree:
    """Say that the tree came in this format, and keep what else its record said."""
    tree.roots[0].metadata.setdefault(format, {})["record"] = dict(rest)
    return tree


def is_marked(root: Node, format: str) -> bool:
    """Whether the tree of this root came in the format."""
    found = root.metadata.get(format)
    return isinstance(found, dict) and "record" in found


def noted(node: Node, format: str, name: str) -> JsonObject:
    """What `note` kept, if it is an object."""
    found = node.metadata.get(format, {})
    value = found.get(name, {}) if isinstance(found, dict) else {}
    return value if isinstance(value, dict) else {}


# From a tree to messages.


def speakers_of(tree: Tree, assistant: str = "") -> Callable[[Node], str]:
    """Who a node's speaker is in a chat: `assistant`, or `user`.

    With `assistant`, the speaker of this name. Else those of an imported tree are called as they were, and of others
    all are the assistant but the one who opened the dialogue. Raises `UsageError` for a name that nobody has.
    """
    names = dict.fromkeys(node.speaker for node in tree)
    if assistant and assistant not in names:
        raise UsageError(f"nobody called {assistant!r} speaks in tree {tree.id}; there are: {', '.join(names)}")
    if assistant:
        instead = {other for node in tree if node.speaker == assistant for other in node.siblings}
        return lambda node: "assistant" if node.speaker == assistant or node in instead else "user"
    if tree.scenario == IMPORTED:
        return lambda node: node.speaker
    first = {root.speaker for root in tree.roots}
    return lambda node: "user" if node.speaker in first else "assistant"


def messages_of(
    path: Sequence[Node], dialect: Dialect, format: str, who: Callable[[Node], str], *, system: bool = True
) -> list[JsonObject]:
    """A path as messages of a format, the system prompt first if it is to be a message."""
    messages = [dialect.write(who(node), node.content, noted(node, format, "message")) for node in path]
    if system and path and (text := system_of(path)) is not None:
        messages.insert(0, dialect.write(SYSTEM, text, noted(path[0].path[0], format, SYSTEM)))
    return messages


def system_of(path: Sequence[Node]) -> str | None:
    """The system prompt of a dialogue."""
    text = path[0].path[0].metadata.get(SYSTEM) if path else None
    return text if isinstance(text, str) else None


def left_out(
    tree: Tree, held: Iterable[Node], format: str, *, labels: bool = False, persona: bool = False
) -> Counter[str]:
    """What of a tree a format has no place for, by what it is. `held`: the nodes that it writes."""
    written = set(held)
    nodes = list(tree)
    plain: JsonObject = {"record": {}}  # which says nothing
    foreign = [
        node
        for node in written
        if any(name not in (format, SYSTEM) and said != plain for name, said in node.metadata.items())
    ]
    counts = {
        "replies that no dialogue went through": sum(node not in written for node in nodes),
        "labels": 0 if labels else sum(node.label is not None for node in nodes),
        "verdicts": sum(len(node.verdicts) for node in nodes),
        "inferences about the user": sum(node.inference is not None for node in nodes),
        "messages with notes that only other formats hold": len(foreign),
        "personas": 0 if persona or tree.persona.unknown else 1,
    }
    return Counter({what: count for what, count in counts.items() if count})


# Formats that are a list of messages under a key.


@dataclass(frozen=True)
class ChatForm:
    """A record is a dialogue: its messages under `key` and, where there is a `system_key`, its system prompt there.

    `id_key`: what the record calls itself. `person`: whose dialogue it is, if it says so.
    """

    name: str
    key: str
    dialect: Dialect
    id_key: str = "id"
    system_key: str = ""
    system_on_top: bool = False  # whether a system prompt always stands under `system_key`
    person: Callable[[JsonMapping, str], Persona] = lambda record, id: Persona(id)

    def read(self, record: JsonObject) -> Tree:
        """The tree of a record. Raises `UsageError` that says where in the record something is wrong."""
        turns = [
            self.dialect.read(message, f"{self.key}[{place}]")
            for place, message in enumerate(get_list(record, self.key))
        ]
        on_top = record.get(self.system_key) if self.system_key else None
        if on_top:
            text = self.dialect.text_of({self.dialect.text_key: on_top}, self.system_key)
            turns.insert(0, ChatTurn(SYSTEM, text, {}))
        id = tree_id(self.name, record, record.get(self.id_key))
        tree = new_tree(id, self.person(record, id))
        begin(tree, turns, self.name)
        kept = {name: value for name, value in record.items() if name != self.key}
        return mark(tree, self.name, kept)

    def rows(self, tree: Tree, *, assistant: str = "") -> Rows:
        """A row for each dialogue of the tree."""
        who, rows, held = speakers_of(tree, assistant), [], dict[Node, None]()
        for end in tree.ends:
            path = end.path
            kept, came_so = noted(path[0], self.name, "record"), is_marked(path[0], self.name)
            on_top = self.system_on_top or (bool(self.system_key) and self.system_key in kept)
            row: JsonObject = {} if came_so else {self.id_key: tree.id}
            if on_top and (system := system_of(path)) is not None:
                row[self.system_key] = system
            row |= kept
            row[self.key] = messages_of(path, self.dialect, self.name, who, system=not on_top)
            rows.append(row)
            held |= dict.fromkeys(path)
        if not rows:
            raise UsageError(f"tree {tree.id} holds no dialogue")
        return Rows(rows, {"dialogues": len(rows)}, left_out(tree, held, self.name))
