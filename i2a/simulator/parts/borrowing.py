"""Words that a reply uses as nobody would: verbs as nouns, nouns as verbs, halves of a phrase.

Knows no persona: the person's own messages show how a word is used.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from i2a.simulator.language import grammar, verbs
from i2a.simulator.language.text import STOP, load, stem

_TOKEN = re.compile(r"[^\W_]+(?:['\-][^\W_]+)*|[.,;:!?]")
_DETERMINERS = frozenset({"a", "an", "the", "my", "your", "our", "their", "his", "every"})
_SUBJECTS = frozenset(
    {"i", "you", "we", "they", "he", "she", "will", "would", "can", "could", "should", "may", "might", "must", "don't"}
    | {"didn't", "can't", "won't", "never", "i'll", "i'd", "doesn't", "cannot"}
)
_ALL_PERSONS = frozenset({"i", "you", "we", "they"})
_DOUBLED = frozenset({"that", "had", "so", "very", "really", "no", "far", "ha", "bye", "many", "much", "well", "there"})
_SINGULAR_VERBS = frozenset({"is", "isn't", "was", "wasn't", "does", "doesn't", "has", "hasn't", "goes"})
_ASKING = frozenset({"is", "isn't", "was", "wasn't", "does", "doesn't", "has", "hasn't"})
_NO_PLURALS, _NO_NOUNS, _NOUNS_TOO = (
    frozenset(" ".join(load("uses.toml")[part]["words"]).split()) for part in ("no_plurals", "no_nouns", "nouns_too")
)


class Use(NamedTuple):
    """How a word is used: the classes of the words before and behind it, whether it has a capital, the word behind."""

    before: str
    behind: str
    name: bool
    next: str


def misused(reply: str, messages: tuple[str, ...]) -> int:
    """How many words of a reply are used as they cannot be."""
    known = _known(messages)
    found = 0
    tokens = _TOKEN.findall(reply)
    lowered = [token.lower() for token in tokens]
    for at, word in enumerate(lowered):
        if not word[0].isalpha():
            continue
        use = _use(lowered, tokens, at)
        if use.before == "determiner" and use.behind != "word" and _is_no_noun(word) and not _joined(word, use.next):
            found += 1
        elif word in STOP or word in grammar.AFTER_VERB or word in grammar.ADVERBS:
            continue
        elif stem(word) in known:
            found += _differs(word, use, known[stem(word)])
    return found + _disagreements(lowered) + _stammers(lowered) + _wrong_forms(lowered)


@lru_cache(maxsize=4096)
def _known(messages: tuple[str, ...]) -> dict[str, list[Use]]:
    """How the person used each word."""
    known: dict[str, list[Use]] = {}
    for message in messages:
        for root, use in _uses(message):
            known.setdefault(root, []).append(use)
    return known


@lru_cache(maxsize=16384)
def _uses(message: str) -> tuple[tuple[str, Use], ...]:
    tokens = _TOKEN.findall(message)
    lowered = [token.lower() for token in tokens]
    return tuple(
        (stem(word), _use(lowered, tokens, at))
        for at, word in enumerate(lowered)
        if word not in STOP and word[0].isalpha()
    )


def _use(lowered: list[str], tokens: list[str], at: int) -> Use:
    before = lowered[at - 1] if at else ""
    behind = lowered[at + 1] if at + 1 < len(lowered) else ""
    return Use(_class(before), _class(behind), tokens[at][0].isupper() and before.isalpha(), behind)


def _class(word: str) -> str:
    if not word or not word[0].isalnum():
        return "stop"
    if word in _DETERMINERS:
        return "determiner"
    if word in _SUBJECTS:
        return "subject"
    if word == "to":
        return "to"
    if (word in grammar.AFTER_VERB and word != "home") or word == "of":
        return "preposition"
    return "small" if word in STOP else "word"


def _is_no_noun(word: str) -> bool:
    """Whether a word cannot stand alone behind an article: a verb, an adverb, a plain adjective or participle."""
    participle = word.endswith("ed") and len(word) > 4 and not word.endswith(("eed", "shed", "bred", "hundred"))
    return word in _NO_NOUNS or (word in verbs.PAST - _NOUNS_TOO) or participle or _is_verb(word)


def _joined(word: str, behind: str) -> bool:
    """Whether another adjective follows: `a lovely, warm afternoon`, `a quick and easy meal`."""
    return behind in (",", "and", "but", "or", "yet") and not (word in verbs.PAST or _is_verb(word))


def _is_verb(word: str) -> bool:
    """Whether a word can only be a verb: `know`, `comes`, no -ing form."""
    plain = word if word in verbs.SURE else grammar.base(word)
    return plain in verbs.SURE and plain not in _NOUNS_TOO


def _differs(word: str, use: Use, known: Sequence[Use]) -> bool:
    """Whether a word is used as the person never used it."""
    if not use.name and all(one.name for one in known):
        return True
    if use.before == "determiner" and all(_acts(word, one) for one in known):
        return True  # a verb as a noun
    if use.before == "subject" and (
        use.behind == "determiner" or all(one.before in ("determiner", "preposition") for one in known)
    ):  # a noun as a verb
        return grammar.base(word) not in verbs.KNOWN and not any(_acts(word, one) for one in known)
    alone = use.behind in ("preposition", "stop") or use.next in ("and", "or", "say", "says") or _is_verb(use.next)
    if word.endswith("est"):
        return False  # `your eldest`
    return use.before == "determiner" and alone and (word.endswith("'s") or all(map(_describes, known)))


def _acts(word: str, use: Use) -> bool:
    """Whether a word was used as a verb: `I make`, `the kitchen looks`."""
    plain = grammar.base(word)
    if use.before == "to":
        return plain in verbs.KNOWN
    return use.before == "subject" or (use.before == "word" and plain != word and plain in verbs.KNOWN)


def _describes(use: Use) -> bool:
    """Whether a word was used before a noun that it belongs to: `a flooded quarry`."""
    after = use.next
    acts = grammar.base(after) in verbs.KNOWN or verbs.is_past(after)
    return use.behind == "word" and not (acts or after in _NO_NOUNS or after.endswith(("ly", "ing")))


def _disagreements(lowered: list[str]) -> int:
    """`your bottles is`, `isn't your sons`."""
    found = 0
    for at in range(len(lowered) - 1):
        if lowered[at] in ("the", "your", "my") and _is_plural(lowered[at + 1]):
            after = lowered[at + 2] if at + 2 < len(lowered) else ""
            asked = at > 0 and lowered[at - 1] in _ASKING and after != "'" and _class(after) != "word"
            one_of = at > 0 and lowered[at - 1] == "of"
            found += (after in _SINGULAR_VERBS and not one_of) or asked
    return found


def _stammers(lowered: list[str]) -> int:
    """Words that come twice and do not mean it: `you you bake`, `does the case make your case a cake`."""
    twice = sum(one == other and one.isalpha() and one not in _DOUBLED for one, other in pairwise(lowered))
    found, here = 0, set[str]()
    for before, word in pairwise(lowered):
        if not word[0].isalnum():
            here = set()
        elif before in _DETERMINERS and word not in STOP:
            found += word in here
            here.add(word)
    return twice + found


def _wrong_forms(lowered: list[str]) -> int:
    """`you plays`, `you is`, `you baking a cake` as a sentence, `did you went`."""
    found = 0
    for at in range(len(lowered) - 1):
        before, here, behind = lowered[at - 1] if at else "", lowered[at], lowered[at + 1]
        if here not in _ALL_PERSONS:
            continue
        opens = _class(before) == "stop" or before in ("and", "that", "how", "because", "so")
        singular = behind in ("is", "was", "has", "does") and not (here == "i" and behind == "was")
        third = behind != grammar.base(behind) and _is_verb(behind)
        asked = before in ("did", "didn't", "do", "don't", "will", "would") and behind in verbs.PAST - verbs.KNOWN
        found += (opens and (singular or third or grammar.is_gerund(behind))) or asked
    return found


def _is_plural(word: str) -> bool:
    plural = word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")) and len(word) > 3
    return plural and word not in _NO_PLURALS and word.isalpha()
