"""OpenAssistant's conversations (OASST): the format `oasst`, both as trees, one to a line, and as tables of messages.

A tree of theirs is one of ours: several people continue the same dialogue. The best reply to a message by its rank is
preferred, the others are rejected; the dialogue goes through all that somebody answered.
"""

from collections.abc import Callable, Iterator

from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.trees import chats
from i2a.trees.formats import Format, Rows
from i2a.trees.persona import LANGUAGE, Persona
from i2a.trees.tree import Node, Tree, Utterance

NAME = "oasst"
_OURS = {"prompter": "user", "assistant": "assistant"}
_THEIRS = {ours: theirs for theirs, ours in _OURS.items()}


def _fits(record: JsonMapping) -> bool:
    prompt = record.get("prompt")
    return (isinstance(prompt, dict) and "replies" in prompt) or _is_row(record)


def _is_row(record: JsonMapping) -> bool:
    return "message_tree_id" in record and "message_id" in record and "text" in record


def _key(record: JsonMapping) -> str:
    """Rows of a table belong together by their tree; a whole tree stands alone."""
    return str(record["message_tree_id"]) if _is_row(record) else ""


def _read(record: JsonObject) -> Tree:
    """A tree, or the rows of one. Raises `UsageError`."""
    rows = record.get("rows")
    if isinstance(rows, list):
        return _read_rows(rows)
    prompt = record.get("prompt")
    if not isinstance(prompt, dict):
        raise UsageError(f"prompt is {chats.kind(prompt)}, not an object")
    tree = chats.new_tree(chats.tree_id(NAME, record, record.get("message_tree_id")), _person(prompt, record))
    waiting: list[tuple[Node | None, object]] = [(None, prompt)]
    while waiting:
        parent, message = waiting.pop()
        node, replies = _add(tree, parent, message)
        waiting += [(node, reply) for reply in reversed(replies)]
    _label(tree)
    return chats.mark(tree, NAME, {name: value for name, value in record.items() if name != "prompt"})


def _read_rows(rows: list[JsonObject]) -> Tree:
    """The rows of a tree, in any order."""
    by_parent: dict[str, list[JsonObject]] = {}
    for row in rows:
        by_parent.setdefault(str(row.get("parent_id") or ""), []).append(row)
    first = by_parent.get("", [])
    if len(first) != 1:
        raise UsageError(f"message tree {rows[0].get('message_tree_id')} has {len(first)} first messages")
    tree = chats.new_tree(chats.tree_id(NAME, first[0], first[0].get("message_tree_id")), _person(first[0], first[0]))
    waiting: list[tuple[Node | None, JsonObject]] = [(None, first[0])]
    done = 0
    while waiting:
        parent, row = waiting.pop()
        node, _ = _add(tree, parent, row)
        done += 1
        waiting += [(node, reply) for reply in reversed(by_parent.get(str(row.get("message_id")), []))]
    if done < len(rows):
        raise UsageError(f"{len(rows) - done} messages answer one that is not in the tree")
    _label(tree)
    return chats.mark(tree, NAME, {"rows": True})


def _add(tree: Tree, parent: Node | None, message: object) -> tuple[Node, list[object]]:
    if not isinstance(message, dict):
        raise UsageError(f"a message is {chats.kind(message)}, not an object")
    role, text, replies = message.get("role"), message.get("text"), message.get("replies", [])
    if role not in _OURS or not isinstance(text, str) or not isinstance(replies, list):
        raise UsageError(f"message {message.get('message_id')!r:.40} has no role, text or replies that can be read")
    node = tree.add(parent, Utterance(_OURS[role], text))
    rest = {name: value for name, value in message.items() if name not in ("role", "text", "replies")}
    chats.note(
        node, NAME, "message", rest | ({} if "replies" in message or "parent_id" in message else {"replies": None})
    )
    return node, replies


def _label(tree: Tree) -> None:
    """Labels by rank, and a way through the tree to each of its ends."""
    for node in tree:
        ranks = {reply: rank for reply in node.children if isinstance(rank := _rank(reply), int)}
        if len(ranks) > 1 and all(reply.speaker == "assistant" for reply in ranks):
            best = min(ranks, key=lambda reply: ranks[reply])
            for reply in ranks:
                reply.label = "preferred" if reply is best else "rejected"
        if node.children and not any(reply.continued for reply in node.children):
            tree.keep(min(node.children, key=lambda reply: ranks.get(reply, len(ranks))))
    if len(tree.roots) == 1 and not tree.roots[0].children:
        tree.keep(tree.roots[0])


def _rank(node: Node) -> object:
    return chats.noted(node, NAME, "message").get("rank")


def _person(message: JsonMapping, record: JsonMapping) -> Persona:
    language = message.get("lang")
    id = chats.tree_id(NAME, record, record.get("message_tree_id"))
    return Persona(id, fields={LANGUAGE: language} if isinstance(language, str) and language else {})


def _rows(tree: Tree, *, assistant: str = "") -> Rows:
    """The tree as a whole; rows of messages if it came so. Raises `UsageError` for several first messages."""
    if len(tree.roots) != 1:
        raise UsageError(f"tree {tree.id} has {len(tree.roots)} first messages, and a tree of OASST has one")
    who = chats.speakers_of(tree, assistant)
    number = {node: f"{tree.id}/{place}" for place, node in enumerate(tree)}
    kept, came_so = chats.noted(tree.roots[0], NAME, "record"), chats.is_marked(tree.roots[0], NAME)
    lost = sum(node.speaker not in _THEIRS for node in tree) if tree.scenario == chats.IMPORTED and not assistant else 0
    if lost:
        raise UsageError(f"tree {tree.id} has {lost} messages that are neither of a user nor of an assistant")
    if kept.get("rows") is True:
        rows = [_message(node, who(node), number[node]) for node in tree]
        found = Rows(rows, {"messages": len(rows)}, {})
    else:
        stored = kept if came_so else {"message_tree_id": tree.id, "tree_state": "ready_for_export"}
        found = Rows([stored | {"prompt": _nested(tree.roots[0], number, who)}], {"trees": 1}, {})
    counts = chats.left_out(tree, tree, NAME, labels=True, persona=came_so)
    if chats.SYSTEM in tree.roots[0].metadata:
        counts["system prompts"] += 1
    return found._replace(left_out=counts)


def _nested(root: Node, number: dict[Node, str], who: Callable[[Node], str]) -> JsonObject:
    """The message with its replies in it. No recursion: dialogues can be long."""
    made: dict[Node, JsonObject] = {}
    for node in reversed(list(_below(root))):
        message = _message(node, who(node), number[node])
        if "replies" in message and message["replies"] is None:
            del message["replies"]
        else:
            message["replies"] = [made[reply] for reply in node.children]
        made[node] = message
    return made[root]


def _below(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += node.children[::-1]


def _message(node: Node, speaker: str, id: str) -> JsonObject:
    stored = chats.noted(node, NAME, "message")
    if not stored:
        stored = {"message_id": id}
        if node.label is not None:
            stored["rank"] = 0 if node.label == "preferred" else 1
    return stored | {"role": _THEIRS[speaker], "text": node.content}


oasst = Format(_rows, read=_read, fits=_fits, key=_key)
