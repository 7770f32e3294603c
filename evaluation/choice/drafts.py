"""Which drafts of replies make an item: rules about their words alone, and none about any model's choice.

An item is one only if memory decides it, so the reply that fits recalls what an earlier message revealed. Of the drafts
of the wrong replies, those are taken that let neither common words nor length tell which reply fits.
"""

import random
import re
from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

from evaluation.choice.baselines import common, overlap
from i2a.simulator.language.text import sentences, stems

RECALLED = 2  # words of a line that a reply must share to bring it up
LEAD = 3  # words that a lead has at most: "Honestly,", "To be fair,"
_LEAD = re.compile(r"\W*([\w']+(?: [\w']+){0,2})[,.:;!?…-]")


class Draft(NamedTuple):
    """A reply, the id of the persona whose facts or manner it was given, and what it brings up of this person."""

    text: str
    of: str
    lines: frozenset[str]


class DraftedItem(NamedTuple):
    """The replies of an item. `facts` brings up nothing that `fits` does, `manner` some of the same."""

    fits: Draft
    facts: Draft
    manner: Draft
    generic: Draft


def recalled(reply: str, lines: Iterable[str]) -> list[str]:
    """Those of `lines` that the reply brings up: it has two of their content words, or all."""
    said = stems(reply)
    return [line for line in lines if len(said & stems(line)) >= min(RECALLED, len(stems(line)) or RECALLED)]


def recalls_earlier(reply: str, lines: Sequence[str], last: str) -> bool:
    """Whether the reply brings up one of `lines` by words that the person's last message does not have."""
    new = stems(reply) - stems(last)
    return any(new & stems(line) for line in recalled(reply, lines))


def lead(text: str) -> str:
    """The few words that open a sentence before a pause, in lower case; empty where there are none."""
    found = _LEAD.match(text)
    return found[1].lower() if found else ""


def leads(texts: Iterable[str]) -> frozenset[str]:
    """The leads of all sentences."""
    return frozenset(lead(sentence) for text in texts for sentence in sentences(text)) - {""}


def balanced(
    said: Sequence[str],
    fits: Sequence[Draft],
    facts: Sequence[Draft],
    manner: Sequence[Draft],
    generic: Sequence[Draft],
    chance: random.Random,
) -> DraftedItem | None:
    """The drafts among which the one that fits has a place drawn by lot: by the words that it has in common with what
    the person `said`, by their share of it, and by length. None if the drafts make no item.

    Each of the four places is as likely as any other, as far as the drafts allow.
    """
    sets = [item for found in product(fits, facts, manner, generic) if _is_item(item := DraftedItem(*found))]
    words, length = chance.randrange(4), chance.randrange(4)
    chance.shuffle(sets)
    texts = {draft.text for item in sets for draft in item}
    counts = {text: len(common(said, text)) for text in texts}
    shares = {text: overlap(said, text) for text in texts}

    def distance(item: DraftedItem) -> tuple[int, int]:
        mine, *wrong = (draft.text for draft in item)
        more = [sum(size[text] > size[mine] for text in wrong) for size in (counts, shares)]
        longer = sum(len(text) > len(mine) for text in wrong)
        return sum(abs(place - words) for place in more), abs(longer - length)

    return min(sets, key=distance, default=None)


def _is_item(item: DraftedItem) -> bool:
    """Whether the four differ as they should."""
    different = len({" ".join(draft.text.lower().split()) for draft in item}) == len(item)
    fits, facts, manner, _ = item
    return (
        different
        and not fits.lines & facts.lines
        and bool(fits.lines & manner.lines)
        and lead(manner.text) != lead(fits.text)
    )
