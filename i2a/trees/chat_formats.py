"""Formats whose record is a dialogue: `sharegpt`, `openai` and `anthropic` (as their APIs take it), `wildchat`."""

from i2a.jsonl import JsonMapping
from i2a.trees.chats import ANTHROPIC, OPENAI, SHAREGPT, ChatForm
from i2a.trees.formats import Format
from i2a.trees.persona import LANGUAGE, Persona


def _messages(record: JsonMapping, key: str, *names: str) -> bool:
    """Whether a list of messages with these keys stands under `key`."""
    first = value[0] if isinstance(value := record.get(key), list) and value else None
    return isinstance(first, dict) and all(name in first for name in names)


def _blocks(record: JsonMapping) -> bool:
    """Whether a message holds blocks that only Anthropic's API has."""
    contents = [message.get("content") for message in record["messages"] if isinstance(message, dict)]
    parts = [part for content in contents if isinstance(content, list) for part in content if isinstance(part, dict)]
    return any(part.get("type") in ("tool_use", "tool_result", "thinking", "document") for part in parts)


def _is_sharegpt(record: JsonMapping) -> bool:
    return _messages(record, "conversations", "from") and "chosen" not in record


def _is_anthropic(record: JsonMapping) -> bool:
    return _messages(record, "messages", "role") and (isinstance(record.get("system"), str | list) or _blocks(record))


def _is_openai(record: JsonMapping) -> bool:
    return _messages(record, "messages", "role") and "chosen" not in record and not _is_anthropic(record)


def _is_wildchat(record: JsonMapping) -> bool:
    return _messages(record, "conversation", "role")


def _person(record: JsonMapping, id: str) -> Persona:
    """WildChat tells people apart by a digest of their address, and says what they write and where they are."""
    fields = {name: record[name] for name in (LANGUAGE, "country") if isinstance(record.get(name), str)}
    who = record.get("hashed_ip")
    return Persona(who if isinstance(who, str) and who else id, fields=fields)


_sharegpt = ChatForm("sharegpt", "conversations", SHAREGPT, system_key="system")
_openai = ChatForm("openai", "messages", OPENAI)
_anthropic = ChatForm("anthropic", "messages", ANTHROPIC, system_key="system", system_on_top=True)
_wildchat = ChatForm("wildchat", "conversation", OPENAI, id_key="conversation_hash", person=_person)

sharegpt = Format(_sharegpt.rows, read=_sharegpt.read, fits=_is_sharegpt)
openai = Format(_openai.rows, read=_openai.read, fits=_is_openai)
anthropic = Format(_anthropic.rows, read=_anthropic.read, fits=_is_anthropic)
wildchat = Format(_wildchat.rows, read=_wildchat.read, fits=_is_wildchat)
