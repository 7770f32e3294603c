"""English grammar for facts: third person to first or second, verbs to their base form, lists to items."""

import re
from functools import lru_cache

from i2a.simulator.language.text import article, fold, lexicon

_BASE = {"is": "be", "am": "be", "are": "be", "has": "have", "does": "do", "goes": "go", "was": "was", "were": "was"}
_SHAPES = {"has": "have", "does": "do", "goes": "go", "is": "are", "was": "were", "isn't": "aren't",
           "doesn't": "don't", "hasn't": "haven't", "wasn't": "weren't"}  # fmt: skip
_VERBS = lexicon("verbs")
_FINITE = frozenset({"is", "has", "was", "had", "used", "grew", "moved", "met", "won", "once", "can", "cannot", "can't",
                     "recently", "currently", "would", "hopes", "wants"})  # fmt: skip
ADVERBS = lexicon("adverbs")
_KEEP = frozenset({"rarely", "seldom", "never", "once", "previously"})
_SHED = ADVERBS - _KEEP
AFTER_VERB = frozenset(
    {"in", "at", "with", "for", "on", "as", "to", "above", "near", "from", "alone", "about", "under", "behind", "by"}
    | {"into", "around", "through", "along", "until", "before", "after", "beside", "between", "over", "out", "off"}
    | {"up", "down", "back", "home", "every", "each", "twice", "once"}
)
_GERUND = re.compile(r"[A-Za-z\-]{2,}ing\b")
_NOT_GERUND = frozenset({"spring", "morning", "evening", "king", "ring", "thing", "string", "sibling", "wedding",
                         "building", "darling", "ceiling", "something", "nothing", "anything"})  # fmt: skip
_DETERMINER = re.compile(
    r"(?:an?|the|his|her|their|my|your|one|two|three|four|five|six|seven|eight|nine|ten|several|many|some|twin|\d+)\s",
    re.I,
)
_CONTRACTION = re.compile(r"\b(he|she|they|who)'(s|ve|re)\b", re.I)
_PRONOUN = re.compile(
    r"\b(?P<subject>he|she|they|i|you)\s+(?P<adverb>\w+ly\s+|often\s+|also\s+)?(?P<verb>[a-z']+)\b"
    r"|\b(?P<self>himself|herself|themselves|themself|myself|yourself)\b"
    r"|\b(?P<me>(?:(?<=brings )|(?<=sells )|(?<=sends ))her|him|them|me"
    r"|her(?=[,.;]|$| (?:in|on|at|to|from|with|for|and|by|into|over|off|about|a|an|the|how"
    r"|every|twice|as|when|directly|early|late) ))\b"
    r"|\b(?P<mine>his|hers|her|their|theirs|my|your)\b|\b(?P<bare>he|she|they|i|you)\b",
    re.I,
)


_HANGING_VERB = re.compile(
    rf"^(?P<before>,? (?:(?:and|but|or|yet|then) )?(?:(?:{'|'.join(sorted(ADVERBS | {'especially', 'today'}))}) )*)"
    r"(?P<verb>[a-z]+)\b"
)
_FAMILIES = {
    "he": "he him his himself",
    "she": "she her hers herself",
    "they": "they them their theirs themselves themself",
    "i": "i me my myself",
    "you": "you your yourself",
}


@lru_cache(maxsize=4096)
def base(verb: str) -> str:
    """The plain form of a third-person verb: `studies` to `study`, `goes` to `go`; other forms stay as they are."""
    verb = verb.lower()
    if verb in _BASE:
        return _BASE[verb]
    if verb in _VERBS or len(verb) < 4 or not verb.endswith("s") or verb.endswith(("ss", "us")):
        return verb
    if verb.endswith("ies"):
        return verb[:-3] + "y" if len(verb) > 4 else verb[:-1]
    if verb.endswith(("shes", "ches", "sses", "xes", "zzes", "oes")):
        return verb[:-2]
    return verb[:-1]


def is_third_person(word: str) -> bool:
    """Whether a word can open a new predicate of a third person (`and runs a blog`)."""
    word = word.lower()
    return word in _FINITE or (word.endswith("s") and base(word) in _VERBS)


def is_gerund(phrase: str) -> bool:
    found = _GERUND.match(phrase)
    return bool(found) and found is not None and found.group().lower() not in _NOT_GERUND


def has_determiner(phrase: str) -> bool:
    return bool(_DETERMINER.match(phrase))


def opens_clause(text: str) -> bool:
    """Whether a text starts with a plain verb and goes on as its clause: `share a flat`, `live above a bakery`."""
    first, _, rest = text.partition(" ")
    return first.lower() in _VERBS and (has_determiner(rest) or rest.split(" ", 1)[0] in AFTER_VERB)


def drop_adverbs(clause: str, *, every: bool = False) -> str:
    """The clause from its verb on: `also often paints` to `paints`. Adverbs that turn the sense stay."""
    tokens = clause.split(" ")
    while len(tokens) > 1 and tokens[0].lower().strip(",") in (ADVERBS if every else _SHED):
        tokens.pop(0)
    return " ".join(tokens)


def shift(text: str, subject: str, person: str) -> str:
    """The text seen from the first (`I`) or second (`you`) person. `subject` is whom it was about: he, she, ...

    Only that person's pronouns move, so `she lives with her husband and his son` keeps `his`.
    """
    family = _FAMILIES.get(subject, "").split()
    if not family or subject == {"I": "i", "you": "you"}[person]:
        return text
    mine, self_, me = ("my", "myself", "me") if person == "I" else ("your", "yourself", "you")

    def swap(found: re.Match[str]) -> str:
        word = (found["subject"] or found["self"] or found["mine"] or found["me"] or found["bare"]).lower()
        if word not in family:
            return found.group()
        if found["subject"]:
            return f"{person} {found['adverb'] or ''}{_agree(found['verb'], person)}"
        if found["self"]:
            return self_
        if found["mine"] in ("hers", "theirs"):
            return mine.replace("my", "mine").replace("your", "yours")
        return mine if found["mine"] else me if found["me"] else person

    shifted = _PRONOUN.sub(swap, _CONTRACTION.sub(_expand, text))
    # "her husband and their son": a household of which this person is part.
    return re.sub(rf"\b({mine} [\w' -]+? and) their\b", rf"\1 {'our' if person == 'I' else mine}", shifted)


def agreeing(text: str, person: str) -> str:
    """What hangs on to a clause of `I` or `you`, with the verb that it begins with: ` and still writes` to ` and still
    write`."""

    def agree(found: re.Match[str]) -> str:
        third = is_third_person(found["verb"]) and found["verb"] not in _VERBS
        return f"{found['before']}{_agree(found['verb'], person)}" if third else found.group()

    return _HANGING_VERB.sub(agree, text)


def clause(subject: str, verb_phrase: str) -> str:
    """A subject and a base-form verb phrase, agreeing: `I`, `be married` to `I'm married`."""
    verb, _, rest = verb_phrase.partition(" ")
    if verb == "be":
        return f"{'I' + chr(39) + 'm' if subject == 'I' else 'you' + chr(39) + 're'} {rest}".strip()
    if verb == "was":
        verb = "was" if subject == "I" else "were"
    return f"{subject} {verb} {rest}".strip()


def items(phrase: str) -> tuple[str, ...]:
    """The items of a coordinated list, or the phrase itself where cutting it would leave a fragment."""
    parts = [part for part in re.split(r",\s+and\s+|,\s+|\s+and\s+(?:also\s+)?|\s*&\s*", phrase) if part]
    if len(parts) < 2 or any(len(part.split()) > 7 for part in parts):
        return (phrase,)
    first, rest = parts[0], parts[1:]
    if len(parts) == 2 and f"{first}, {rest[0]}" == phrase and rest[0].startswith(("a ", "an ", "the ")):
        return (phrase,)  # no list: `one stepson, a cook`
    if is_gerund(first):
        alike = all(is_gerund(part) for part in rest)
        simple = " " not in first and all(len(part.split()) <= 3 for part in rest)
        return tuple(parts) if alike or simple else _runs(parts, phrase)
    if has_determiner(first) and not first.lower().startswith("the "):
        return tuple(parts) if all(has_determiner(part) for part in rest) else (phrase,)
    if all(is_gerund(part) for part in rest):
        return tuple(parts)
    if any(re.search(r"\b(?:of|in|with|between|from|on|for|to)\b", part) for part in parts):
        return (phrase,)
    return tuple(parts) if all(len(part.split()) <= 3 for part in parts) else (phrase,)


def _runs(parts: list[str], phrase: str) -> tuple[str, ...]:
    """`watching films and plays, running` holds two items: a new one starts at each -ing form."""
    starts = [index for index, part in enumerate(parts) if index == 0 or is_gerund(part)]
    if len(starts) == 1:
        return (phrase,)
    spans, rest = [], phrase
    for start in reversed(starts[1:]):
        at = rest.rfind(parts[start])
        spans.append(rest[at:])
        rest = re.sub(r"(?:,?\s+and|,|\s*&)\s*$", "", rest[:at].rstrip())
    return (rest, *reversed(spans))


def tidy(text: str) -> str:
    """One space between words, no space before a stop, `a` and `an` as they sound."""
    return article(re.sub(r"([.!?])\1(?!\1)(?<!\.\.)\s", r"\1 ", re.sub(r"\s+([,.;!?])", r"\1", fold(text))))


def _agree(verb: str, person: str) -> str:
    if verb in ("is", "are", "was", "were"):
        now = verb in ("is", "are")
        return ("am" if now else "was") if person == "I" else ("are" if now else "were")
    return _SHAPES.get(verb) or (base(verb) if verb.endswith("s") else verb)


def _expand(found: re.Match[str]) -> str:
    return f"{found[1]} {'is' if found[2].lower() == 's' else 'have' if found[2].lower() == 've' else 'are'}"
