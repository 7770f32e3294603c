"""A prefix cache: keys and values of earlier calls, reused by a prompt that begins like one of them.

A dialogue grows by a few tokens a turn: without the cache, every turn would compute all earlier ones again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

BLOCK = 16
# Keys and values of one row for each layer, as (heads, tokens, size).
KeysValues = tuple[tuple[Any, Any], ...]


def length(known: KeysValues | None) -> int:
    """For how many tokens."""
    return int(known[0][0].shape[1]) if known else 0


@dataclass(slots=True, eq=False)
class Prefix:
    ids: list[int]
    known: KeysValues
    reachable: int = 0  # heads that lead here


class Prefixes:
    """Keys and values of up to `room` tokens, those used last. A prefix is found if it is a block long."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._entries: dict[int, Prefix] = {}  # by id(entry), the one used longest ago first
        self._heads: dict[int, Prefix] = {}

    def longest(self, ids: Sequence[int]) -> KeysValues | None:
        """What is known for the beginning of `ids`, less than all of it: the model must read at least one token."""
        found = None
        for head in heads(ids):
            if head not in self._heads:
                break
            found = self._heads[head]
        if found is None:
            return None
        self._entries[id(found)] = self._entries.pop(id(found))
        same = next((n for n, pair in enumerate(zip(found.ids, ids, strict=False)) if pair[0] != pair[1]), len(ids))
        same = min(same, len(found.ids), len(ids) - 1)
        return tuple((keys[:, :same], values[:, :same]) for keys, values in found.known)

    def keep(self, ids: Sequence[int], known: KeysValues) -> None:
        """Remember a copy: `known` may be a view of a whole batch."""
        entry = Prefix(list(ids), tuple((keys.clone(), values.clone()) for keys, values in known))
        for head in heads(ids):
            if old := self._heads.get(head):
                self._unreach(old)
            self._heads[head] = entry
            entry.reachable += 1
        if entry.reachable:
            self._entries[id(entry)] = entry
        while sum(len(entry.ids) for entry in self._entries.values()) > self._room:
            self._drop(next(iter(self._entries.values())))

    def clear(self) -> None:
        self._entries.clear()
        self._heads.clear()

    def _unreach(self, entry: Prefix) -> None:
        entry.reachable -= 1
        if not entry.reachable:
            del self._entries[id(entry)]

    def _drop(self, entry: Prefix) -> None:
        for head in heads(entry.ids):
            if self._heads.get(head) is entry:
                del self._heads[head]
        del self._entries[id(entry)]


def heads(ids: Sequence[int]) -> Iterator[int]:
    """A hash of every beginning of `ids` that is whole blocks long, the shortest first."""
    head = 0
    for end in range(BLOCK, len(ids) + 1, BLOCK):
        head = hash((head, *ids[end - BLOCK : end]))
        yield head
