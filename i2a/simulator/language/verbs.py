"""Where a clause has its verb: whether a text opens with one, and where a noun's clause has its own."""

import re
from functools import lru_cache

from i2a.simulator.language import grammar
from i2a.simulator.language.text import lexicon

SURE = lexicon("sure")
KNOWN = lexicon("verbs")
_NAMED_SUBJECT = re.compile(
    r"(?:(?i:an?|one|the|his|her|their|my|your) )(?:[a-z][\w'-]*,? ){1,3}(?P<name>[A-Z]\w*(?:-\w+)?)"
    r"(?:(?: on| in)?(?: the)?,? [A-Z]\w*)*,? (?:who is \w+, )?(?P<verb>[a-z]+s) (?!and |or |from |with |for )\w"
)
_AUXILIARY = frozenset(
    {"is", "are", "am", "was", "were", "has", "have", "had", "will", "would", "can", "cannot", "could", "does", "do"}
    | {"did", "must", "should", "isn't", "aren't", "wasn't", "hasn't", "doesn't", "don't", "didn't", "can't", "won't"}
)
PAST = lexicon("past")
_PLURAL = frozenset({"they", "i", "you", "we"})
_RELATIVE = frozenset({"that", "who", "which", "where", "whose", "when", "as", "than"})
_LEADING = re.compile(r"^(?:the|an?|one|his|her|their|my|your|its|this|every|each|\d+)$")
_NO_VERB = frozenset(
    {"single", "married", "divorced", "widowed", "retired", "of", "not", "no", "very", "quite", "proud"}
)
_OBJECT = frozenset({"her", "him", "them", "me", "his", "their", "my", "a", "an", "the"})
_MANY = frozenset({"children", "men", "women", "people", "them", "others"})
_KIN = lexicon("heads", "family") | lexicon("heads", "pets")


def opens(text: str, subject: str, *, past: bool = False) -> bool:
    """Whether a text begins with the verb of `subject`; `past` where the verb before it was one."""
    first, _, rest = grammar.drop_adverbs(text, every=True).partition(" ")
    first = first.lower().strip(",.")
    if not rest or (first in KNOWN and rest.split(" ", 1)[0] in _AUXILIARY):
        return False  # `Pay is by the crate`
    if first in _AUXILIARY or first in PAST:
        return True
    if is_past(first):
        return past or _follows(rest) or (not subject and _plain(first) in SURE and len(rest.split()) > 2)
    if subject not in _PLURAL:
        other = first.endswith("s") and not first.endswith("ss") and bool(_LEADING.match(rest.split(" ", 1)[0]))
        return other or grammar.is_third_person(first) or (not subject and grammar.opens_clause(text))
    return first in SURE or (first in KNOWN and _follows(rest)) or grammar.base(first) in SURE


def may_open(first: str, rest: str, subject: str) -> bool:
    """Whether a word that stands where a verb or an adjective can stand is a verb, though perhaps one not listed."""
    first = first.lower().strip(",")
    if not rest or first in _NO_VERB or first in grammar.AFTER_VERB or grammar.has_determiner(f"{first} "):
        return False
    if opens(f"{first} {rest}", subject):
        return True
    if subject not in _PLURAL:
        return first.endswith("s") and not first.endswith(("ss", "us", "'s"))
    # An adjective stands alone or before a preposition, a verb before what it is done to.
    alike = first.endswith(("ing", "ed", "y", "ist", "er", "or"))
    return not alike and rest.split(" ", 1)[0] not in (*grammar.AFTER_VERB, "of", "and", "but", "than", "to")


def is_past(word: str) -> bool:
    """Whether a word is the past of a known verb: `tuned`, `worked`, `stopped`, `studied`."""
    if word in PAST:
        return True
    if not word.endswith("ed") or len(word) < 5:
        return False
    return bool(_plain(word))


def _plain(word: str) -> str:
    """The plain form of a regular past, or nothing."""
    forms = (word[:-1], word[:-2], word[:-3] if word[-3] == word[-4] else word[:-2], word[:-3] + "y")
    return next((form for form in forms if form in KNOWN), "")


def verb_at(text: str) -> int:
    """The index of the word that is the verb of a clause with a noun as its subject, or 0 where none is certain.

    Verbs of a relative clause (`a cat that sleeps all day`) do not count.
    """
    tokens = [token.lower().strip(",.") for token in text.split()]
    if not tokens or grammar.is_gerund(text):
        return 0
    relative, named = tokens[0] in _RELATIVE, _behind_a_name(text)
    for at, word in enumerate(tokens[1:12], start=1):
        if word in _RELATIVE:
            relative = True
        elif at == named or _is_verb(tokens, at, word) or (relative and is_past(word)):
            if not relative:
                return at
            relative = False
    return 0


@lru_cache(maxsize=8192)
def _behind_a_name(text: str) -> int:
    """The index of a word that can only be the verb of the name before it: `my budgie Ladoo imitates the bell`."""
    found = _NAMED_SUBJECT.match(text)
    if not found or found["verb"].endswith(("ss", "us")) or found["name"].endswith(("ese", "ish", "an")):
        return 0
    return len(text[: found.start("verb")].split())


def _is_verb(tokens: list[str], at: int, word: str) -> bool:
    if at + 1 >= len(tokens):
        return word == "follows"
    after, before = tokens[at + 1], tokens[at - 1]
    if word in _AUXILIARY or word in PAST:
        return True
    if word.endswith("ed"):
        return bool(_LEADING.match(after)) or after == "her"
    if word.endswith("s") and grammar.base(word) in KNOWN and not _LEADING.match(before):
        # `two cats` and `vintage watches` are no clauses: a word that may be a noun needs a singular before it.
        taking = after in _OBJECT and at > 1 and bool(_LEADING.match(tokens[at - 2]))
        return before in _KIN or taking or (grammar.base(word) in SURE and before not in ("of", "and"))
    return (before.endswith("s") or before in _MANY) and (
        word in SURE or (word in KNOWN and _follows(" ".join(tokens[at + 1 :])))
    )


def _follows(rest: str) -> bool:
    """Whether a text can follow a verb and hardly a noun."""
    return grammar.has_determiner(rest) or rest.split(" ", 1)[0] in grammar.AFTER_VERB
