"""The prompt's own words in an answer: its instructions, its placeholders, its tags, or a private hint read aloud.

A weak model returns them as if they were its own, and everybody who reads them repeats them. They are found by runs of
words that both have, in any script. A fact of a hint that a reply brings up is what a good reply does: only a hint's
list, or long stretches of it, count. Measured on the offline engine's text (docs/models.md): no false alarm.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pydantic import BaseModel

from i2a.text import shortened
from i2a.words import weight, words

RUN, RUN_OF_LETTERS = 4, 8  # words of a run that is looked up; letters of one in a script without spaces
LONG = 7.0  # words; a run as long as this is nobody's own
MOSTLY = 0.6  # share of an utterance that runs of the instructions make up
WHOLE = 0.9  # the same for a text of a structured answer, which has to speak of what it was asked
FEWEST = 3  # words of a text that can be told from one that only happens to be in the prompt
LONG_HINT = 25.0  # words that a reply has in common with a hint in one run: more than the longest fact
ITEMS = 3  # of a hint, word for word, that make a list

_PLACEHOLDER = re.compile(r"\s*(?:<[^<>]*>|\[[^\[\]]*\]|\{[^{}]*\})\s*")
_CLAUSE_END = re.compile(r"[.,:;?!(){}\[\]\"\n\u3002\uff01\uff1f]+|\s-\s|^-", re.MULTILINE)
_TAG = re.compile(r"</?\s*([a-z]\w*)\s*>", re.IGNORECASE)
_LABEL = re.compile(r"^\W*(?:user|assistant)\s*:", re.IGNORECASE | re.MULTILINE)
_NO_VALUE = ({"string"}, {"str"}, {"placeholder"})  # what a schema has in the place of a text

Grams = frozenset[tuple[str, ...]]


def grams(found: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each run that is looked up, with the place at which it begins."""
    for place, word in enumerate(found):
        length = RUN if weight(word) == 1 else RUN_OF_LETTERS
        if place + length <= len(found):
            yield place, tuple(found[place : place + length])


@lru_cache(maxsize=256)
def index(texts: tuple[str, ...]) -> Grams:
    """The runs of all `texts`."""
    return frozenset(run for text in texts for _, run in grams(words(text)))


def runs(found: Sequence[str], known: Grams) -> list[float]:
    """The lengths in words of the runs of `found` that are `known`."""
    lengths: list[float] = []
    counted = last = 0  # up to where words are counted; where a run may go on
    for place, run in grams(found):
        if run in known:
            end = place + len(run)
            added = sum(map(weight, found[max(place, counted) : end]))
            if lengths and place <= last:
                lengths[-1] += added
            else:
                lengths.append(added)
            counted, last = end, place + 1
    return lengths


def is_placeholder(text: str) -> bool:
    """Whether `text` stands where something else should: `...`, `<reason>`, `string`. An empty text does not."""
    if not text.strip():
        return False
    letters = re.search(r"\w|[^\x00-\u2fff]", text)
    return not letters or bool(_PLACEHOLDER.fullmatch(text)) or set(words(text)) in _NO_VALUE


def echoes(text: str, own: tuple[str, ...], told: tuple[str, ...] = ()) -> bool:
    """Whether `text` is made of the prompt's words, the texts `own`.

    A short one is if it is a whole clause of these, or stands in what they say about the form of the answer; `told`
    says of the form, too.
    """
    found = words(text)
    whole = sum(map(weight, found))
    if whole >= LONG:
        return sum(runs(found, index(own + told))) >= WHOLE * whole
    if whole < FEWEST:
        return False
    short = f" {' '.join(found)} "
    clauses, form = _short_texts(own)
    return short in clauses or any(short in line for line in form + tuple(map(_spaced, told)))


@lru_cache(maxsize=64)
def _short_texts(own: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The clauses of the prompt, and its paragraphs about the form of the answer."""
    clauses = frozenset(_spaced(clause) for text in own for clause in _CLAUSE_END.split(text))
    paragraphs = (paragraph for text in own for paragraph in text.split("\n\n"))
    return clauses, tuple(_spaced(paragraph) for paragraph in paragraphs if "json" in paragraph.lower())


def _spaced(text: str) -> str:
    return f" {' '.join(words(text))} "


def utterance_echoes(text: str, own: tuple[str, ...], tags: frozenset[str]) -> bool:
    """Whether an utterance holds instructions, the tags of a prompt, or speaks for others in a transcript."""
    found = words(text)
    lengths = runs(found, index(own))
    if lengths and (max(lengths) >= LONG or sum(lengths) >= MOSTLY * sum(map(weight, found))):
        return True
    return any(tag.lower() in tags for tag in _TAG.findall(text)) or bool(_LABEL.search(text))


def reads_aloud(text: str, hint: str) -> bool:
    """Whether an utterance recites a private `hint`: as a list, or a long stretch of it word for word."""
    items = [line.strip("- ") for line in hint.splitlines() if line.strip("- ")]
    said = f" {' '.join(words(text))} "
    headings = [item for item in items if item.endswith(":")]
    if any(re.search(rf"^\W*{re.escape(heading)}", text, re.MULTILINE) for heading in headings):
        return True
    recited = {item for item in items if len(words(item)) > 1 and f" {' '.join(words(item))} " in said}
    if len(recited) >= ITEMS:
        return True
    return max(runs(words(text), index(tuple(items))), default=0.0) >= LONG_HINT


def fault_of(answer: BaseModel, own: tuple[str, ...]) -> str:
    """What of a structured answer is the prompt's and not the model's: `where: what`, or empty.

    `own`: the prompt's texts; the descriptions of the fields are added to them. Closed choices are the prompt's.
    """
    told, choices = _schema_texts(type(answer))
    for where, text in texts_of(answer.model_dump()):
        if text in choices:
            continue
        if is_placeholder(text) or words(text) == words(where.rpartition(".")[2]) != []:
            return f"{where}: {shortened(text, 80)!r} is a placeholder, and no answer"
        if echoes(text, own, told):
            return f"{where}: {shortened(text, 80)!r} repeats the instructions; say it in words of your own"
    return ""


def texts_of(value: object, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with the names that lead to it."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from texts_of(part, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_of(part, where)


@lru_cache(maxsize=64)
def _schema_texts(form: type[BaseModel]) -> tuple[tuple[str, ...], frozenset[str]]:
    """What the JSON schema of `form` says about its fields, and the texts that they may have to be."""
    found = list(texts_of(form.model_json_schema()))
    told = tuple(text for where, text in found if where.endswith("description"))
    return told, frozenset(text for where, text in found if where.endswith(("enum", "const")))
