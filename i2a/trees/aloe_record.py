"""Trees to and from the records that the ALOE release publishes (arXiv 2410.03642), lossless both ways.

    {"profile", "personality", "conversations": [
        {"user", "assistant": {"preferred", "rejected"}, "chosen", "inferred_profile", "inferred_personality"}, ...]}

`chosen` names the reply that the dialogue continued with. Pure functions; `i2a import` and `i2a export` handle files.
"""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from i2a.digests import digest
from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.trees.json import dump, load
from i2a.trees.persona import Persona, clean
from i2a.trees.tree import Inference, Node, Tree, Utterance

Value = TypeVar("Value")

SCENARIO = "imported"
OURS = "i2a"
NOTHING = "None"  # what the release writes where nothing is inferred yet


def record_id(record: JsonMapping) -> str:
    """An id for the tree of a published record: the same record has the same id in any file."""
    text = json.dumps(record, sort_keys=True)
    return f"{SCENARIO}-{digest(text)}"


def tree_of(record: object, *, id: str = "") -> Tree | None:
    """The tree of a record; None for a further dialogue of a tree that another record holds as a whole.

    A published record does not say who wrote which reply, as in the release a faulty judge names them: the speaker of
    both is `assistant`, and the label is that of the record. If several replies are rejected and the dialogue continued
    through one of them, it is the first. What has no place in a tree is kept in the notes of the user's message, and
    `records_of` puts it back. `id` is for a published record (default: `record_id`); our own records have one.

    Raises `UsageError` that says where in the record something is wrong.
    """
    if not isinstance(record, dict):
        raise UsageError(f"a record is a JSON object, not {_kind(record)}")
    if OURS in record:
        return _stored(record)
    _check_text(record)
    persona = Persona("", _persona(record, "profile"), _persona(record, "personality"))
    tree = Tree(id or record_id(record), SCENARIO, persona, seed=0)
    turns = _get(record, "conversations", list)
    if not turns:
        raise UsageError("conversations is empty")
    here: Node | None = None
    for number, turn in enumerate(turns):
        here = _add_turn(tree, here, turn, f"conversations[{number}]")
    computed = {"profile": persona.profile, "personality": persona.personality, "conversations": turns}
    _note(tree.roots[0], "record", record, computed)
    return tree


def records_of(tree: Tree, *, plain: bool = False) -> Iterator[JsonObject]:
    """One record for each dialogue of `tree`, up to its first pair without an agreed label.

    Dialogues that are equal up to there give one record. If the records do not hold the whole tree, the first one
    (which may then have no turns) has the stored tree under the key `i2a`, and the others refer to it by id. `plain`
    leaves out that key, and records without turns.

    Raises `UsageError` if the tree is not a dialogue of messages with two or more replies each.
    """
    dialogues = _dialogues(tree)
    if tree.scenario == SCENARIO and len(dialogues) == 1:
        whole = _record(tree, dialogues[0], with_notes=True)
        if _says_all(whole, tree):
            yield whole
            return
    stored = False
    for turns in filter(None, dialogues) if plain or any(dialogues) else dialogues:
        record = _record(tree, turns, with_notes=False)
        if not plain:
            record[OURS] = {"tree": tree.id} if stored else json.loads(dump(tree))
            stored = True
        yield record


def turns_left_out(tree: Tree) -> int:
    """The number of turns that are in no record, as they or a turn before them have no agreed label."""
    users = {user for end in tree.ends for user in end.path[::2]}
    return len(users - {turn.user for turns in _dialogues(tree) for turn in turns})


# From a record to a tree.


def _add_turn(tree: Tree, here: Node | None, turn: object, where: str) -> Node:
    """Add a user message and its replies under `here`; returns the reply through which the dialogue continues."""
    if not isinstance(turn, dict):
        raise UsageError(f"{where} is {_kind(turn)}, not an object")
    where += "."
    assistant = _get(turn, "assistant", dict, where)
    chosen = _get(turn, "chosen", str, where)
    if chosen not in ("preferred", "rejected"):
        raise UsageError(f"{where}chosen is {chosen!r:.40}, not 'preferred' or 'rejected'")
    user = tree.add(here, Utterance("user", _get(turn, "user", str, where)))
    inferred = {key: _get(turn, key, str, where) for key in ("inferred_profile", "inferred_personality")}
    user.inference = Inference(
        reason="",
        profile=_items(inferred["inferred_profile"]),
        personality=_items(inferred["inferred_personality"]),
    )
    preferred = tree.add(user, Utterance("assistant", _get(assistant, "preferred", str, f"{where}assistant.")))
    preferred.label = "preferred"
    rejected = [tree.add(user, Utterance("assistant", text)) for text in _rejected(assistant, f"{where}assistant.")]
    for node in rejected:
        node.label = "rejected"
    _note(user, "turn", turn, {"user": user.content, "assistant": assistant, "chosen": chosen} | _inferred(user))
    _note(user, "assistant", assistant, {key: assistant[key] for key in ("preferred", "rejected")})
    if isinstance(assistant["rejected"], list) and len(rejected) == 1:
        user.metadata["rejected"] = "list"
    return tree.keep(preferred if chosen == "preferred" else rejected[0])


def _rejected(assistant: JsonObject, where: str) -> list[str]:
    """One reply, or the list of replies that an older variant of the record has."""
    if isinstance(assistant.get("rejected"), list):
        texts: list[object] = assistant["rejected"]
        if not texts:
            raise UsageError(f"{where}rejected is empty")
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise UsageError(f"{where}rejected[{number}] is {_kind(text)}, not a string")
        return [str(text) for text in texts]
    return [_get(assistant, "rejected", str, where)]


def _items(inferred: str) -> list[str]:
    return [] if inferred.strip() in ("", NOTHING) else [inferred]


def _note(node: Node, name: str, record: JsonObject, computed: JsonMapping) -> None:
    """Keep what cannot be computed from the tree: other keys, and values that differ from the `computed` ones."""
    rest = {key: value for key, value in record.items() if key not in computed or value != computed[key]}
    if rest:
        node.metadata[name] = dict(sorted(rest.items()))  # equal records make equal bytes


def _stored(record: JsonObject) -> Tree | None:
    """The tree in one of our own records."""
    ours = record[OURS]
    if isinstance(ours, dict) and ours.keys() == {"tree"} and isinstance(ours["tree"], str):
        return None
    try:
        tree = load(json.dumps(ours))
        first = next(records_of(tree))
    except UsageError as error:
        raise UsageError(f"{OURS}: {error}") from None
    if first.keys() != record.keys() or any(first[key] != value for key, value in record.items() if key != OURS):
        raise UsageError(f"the record differs from the tree under its key {OURS}; remove the key to import the record")
    return tree


def _persona(record: JsonObject, key: str) -> str:
    text = clean(_get(record, key, str))
    if not text:
        raise UsageError(f"{key} is empty")
    _check_text(text)
    return text


def _get(holder: JsonObject, key: str, kind: type[Value], where: str = "") -> Value:
    if key not in holder:
        raise UsageError(f"{where}{key} is missing")
    value = holder[key]
    if not isinstance(value, kind):
        raise UsageError(f"{where}{key} is {_kind(value)}, not {_NAMES[kind]}")
    return value


_NAMES = {str: "a string", list: "a list", dict: "an object", bool: "true or false", type(None): "null"}


def _kind(value: object) -> str:
    return _NAMES.get(type(value), "a number")


def _check_text(value: object) -> None:
    """Refuse what cannot be written as JSON in UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise UsageError("a text holds half of a surrogate pair") from None
    except ValueError:
        raise UsageError("a number is not finite") from None
    except RecursionError:
        raise UsageError("it is nested too deeply") from None


# From a tree to records.


class _Turn(NamedTuple):
    """A labelled turn. `went_on`: the reply through which the dialogue continued, one of the others."""

    user: Node
    preferred: Node
    rejected: Sequence[Node]
    went_on: Node


def _dialogues(tree: Tree) -> list[list[_Turn]]:
    """The labelled beginnings of the dialogues, each once."""
    dialogues: dict[Node | None, list[_Turn]] = {}
    for end in tree.ends:
        path = end.path
        users, replies = path[::2], path[1::2]
        if len(users) != len(replies) or any(len(user.children) < 2 for user in users):
            raise UsageError(f"tree {tree.id} (scenario {tree.scenario}) has messages without two replies to compare")
        turns: list[_Turn] = []
        for user, reply in zip(users, replies, strict=True):
            turn = _labelled(user, reply)
            if turn is None:
                break
            turns.append(turn)
        dialogues.setdefault(turns[-1].went_on if turns else None, turns)
    if not dialogues:
        raise UsageError(f"tree {tree.id} (scenario {tree.scenario}) holds no dialogue")
    return list(dialogues.values())


def _labelled(user: Node, reply: Node) -> _Turn | None:
    """The turn, if `reply` is labelled and compared with one preferred reply or with rejected ones."""
    preferred = [node for node in user.children if node.label == "preferred"]
    rejected = [node for node in user.children if node.label == "rejected"]
    if len(preferred) != 1 or not rejected or reply.label is None:
        return None
    # Only its place shows through which of several rejected replies the dialogue continued: it comes first.
    return _Turn(user, preferred[0], sorted(rejected, key=lambda node: node is not reply), reply)


def _record(tree: Tree, turns: Sequence[_Turn], *, with_notes: bool) -> JsonObject:
    record = {
        "profile": tree.persona.profile,
        "personality": tree.persona.personality,
        "conversations": [_turn_record(turn, turn.user.metadata if with_notes else {}) for turn in turns],
    }
    return record | _noted(tree.roots[0].metadata if with_notes else {}, "record")


def _turn_record(turn: _Turn, notes: JsonMapping) -> JsonObject:
    rejected = [node.content for node in turn.rejected]
    as_list = len(rejected) > 1 or notes.get("rejected") == "list"
    assistant = {"preferred": turn.preferred.content, "rejected": rejected if as_list else rejected[0]}
    record = {
        "user": turn.user.content,
        "assistant": assistant | _noted(notes, "assistant"),
        "chosen": turn.went_on.label,
    }
    return record | _inferred(turn.user) | _noted(notes, "turn")


def _inferred(user: Node) -> JsonObject:
    known = user.inference or Inference(reason="", profile=[], personality=[])
    return {
        "inferred_profile": "; ".join(known.profile) or NOTHING,
        "inferred_personality": "; ".join(known.personality) or NOTHING,
    }


def _noted(notes: JsonMapping, name: str) -> JsonObject:
    note = notes.get(name)
    return note if isinstance(note, dict) else {}


def _says_all(record: JsonObject, tree: Tree) -> bool:
    """Whether the record alone gives the tree back, except its id, which an import makes."""
    try:
        again = tree_of(record, id=tree.id)
    except UsageError:
        return False
    return again is not None and dump(again) == dump(tree)
