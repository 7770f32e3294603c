"""A fact put into words: by the person whom it is about, and by the one who remembers it.

In a frame where its shape is certain, by a reference where that is enough, else as a clause.
"""

import random
import re
from functools import lru_cache

from i2a.simulator.language import grammar, verbs
from i2a.simulator.language.text import capital, fresh, lexicon, load, lower_first, stems, with_article, words
from i2a.simulator.parts.references import Shape, ending, reference
from i2a.simulator.parts.voice import fixed_parts
from i2a.simulator.persona.fact_kinds import theme
from i2a.simulator.persona.facts import Fact

_LINES = load("user.toml")["reveal"]
_RECALLED = load("responder.toml")
_AGAINST = lexicon("against")
_EVENT = re.compile(
    r"(?:attending|participating|hosting|visiting|going|trying|collecting|taking|volunteering|organizing|exploring)\b"
)
_HEADS = {kind: stems(" ".join(nouns)) for kind, nouns in load("words.toml")["heads"].items()}
_PERSONAL = frozenset({"pets", "family", "home", "garden", "collecting"})
_DANGLING = re.compile(r"(?:^|\s)(?:and|or|but|of|in|on|at|to|with|for|from|the|a|an|,)$", re.I)
_CAPITAL = re.compile(r"(?<=[a-z] )(?:A|An|The|On|In|At|Her|His|Their|My|Your|He|She|They|You)\b")
_CLAUSES = frozenset({"grief", "trouble", "learning", "past", "home", "work", "meal", "pastime", "other", "plain"}
                     | {"against", "belief"})  # fmt: skip
_LONG = 9  # words of a noun phrase
BARE = 0.5  # of the clauses, with no words around them


def phrase(fact: Fact, used: str, chance: random.Random) -> str:
    """A natural statement that gives the fact away."""
    group, text = _frame(fact)
    lines = _LINES[group]
    if len(text.split()) > 5 and group not in _CLAUSES:
        # A long phrase reads well only where the sentence ends with it.
        lines = [line for line in lines if line.endswith(("{x}.", "{a}.")) or line.startswith("{X}.")] or lines
    bare = "{X}." in lines
    unused = [line for line in lines if line != "{X}." and not any(part in used for part in fixed_parts(line))]
    line = "{X}." if bare and (not unused or chance.random() < BARE) else fresh(unused or lines, used, chance)
    apart = bool(fact.when[0]) and not fact.more.startswith(",")
    if fact.more and not apart and re.search(r"\{[xX]\}\.", line) and chance.random() < 0.7:
        text += fact.more
    text = capital(text) if "{X}" in line else text
    filled = _fill(_fill(line, "{X}", text), "{x}", text)
    if "{a}" in filled:
        filled = filled.replace("{a}", with_article(text) if not grammar.has_determiner(text) else text)
    return grammar.tidy(filled)


@lru_cache(maxsize=8192)
def _frame(fact: Fact) -> tuple[str, str]:
    """The group of templates that suits a fact, and the fact as the phrase that goes into it."""
    group, noun = _noun_frame(fact)
    if group and sound(noun):
        return group, noun
    clause = fact.clause("I")
    if fact.kind == "belief":
        return "belief", lower_first(clause)
    verb = fact.mine.split(" ", 1)[0]
    return ("against" if fact.kind == "do" and verb in _AGAINST else theme(fact)), clause


def _noun_frame(fact: Fact) -> tuple[str, str]:
    """The frames that take a noun or an -ing phrase; no group where a fact has neither."""
    text = fact.mine
    if fact.kind == "age":
        return ("age_young" if text.isdecimal() and int(text) < 32 else "age"), text
    if fact.kind == "job":
        group = "job_retired" if text.lower().startswith("retired") else "job_study" if "student" in text else "job"
        return group, lower_first(text)
    if fact.kind == "state":
        return "state", lower_first(text)
    if fact.kind == "like":
        if _EVENT.match(text):
            return "like_event", text
        return ("like_ing" if grammar.is_gerund(text) else "like_noun"), text
    if fact.kind == "have":
        kind = possession(fact)
        return ("have_own", _possessive(text, "my")) if kind in _PERSONAL else (f"have_{kind}", text)
    return "", text


def sound(noun: str) -> bool:
    """Whether a phrase has the shape of a noun or -ing phrase: no verb of its own, nothing dangling or out of place."""
    short = len(noun.split()) <= _LONG
    return short and not _DANGLING.search(noun) and not _CAPITAL.search(noun) and not verbs.verb_at(noun)


@lru_cache(maxsize=8192)
def possession(fact: Fact) -> str:
    """What kind of thing a person has, by the noun before any `named`, `in` or `where`."""
    head = stems(" ".join(words(fact.mine.split(" where ")[0].split(" who ")[0].split(",")[0])[:5]))
    for group, nouns in _HEADS.items():
        if head & nouns and not (group in ("family", "home") and " of " in fact.mine):
            return group
    return "other"


# By the one who remembers it.

# What leads to a reference, by its shape: `about your cat`, `about how you fold frogs`.
_BEFORE: dict[Shape, str] = {
    "own": "your",
    "noun": "the",
    "ing": "",
    "verb": "how you",
    "wish": "wanting to",
    "learning": "",
    "state": "being",
    "clause": "how",
}


def recall(fact: Fact, manner: str, used: str, chance: random.Random, about: tuple[str, ...] = ()) -> str:
    """A sentence that brings up something known: `weave` recalls it in a talk about some topics, `echo` picks up what
    was just said."""
    group, text = _filling(fact, about)
    line = fresh(_RECALLED[manner][group], used, chance)
    return grammar.tidy(_fill(line, "{x}", text))


@lru_cache(maxsize=16384)
def _filling(fact: Fact, about: tuple[str, ...]) -> tuple[str, str]:
    """The group of frames for a fact, and what goes into their slot: a phrase that can stand behind `about`."""
    found = reference(fact, about)
    if found:
        return "any", " ".join(filter(None, (_BEFORE[found.shape], found.lead, found.text)))
    if theme(fact) == "grief":
        return "grief", _clause(fact)
    if fact.kind in ("job", "age") or (fact.kind == "am" and grammar.has_determiner(fact.yours)):
        text = lower_first(brief(fact))
        return "any", f"being {text if fact.kind == 'age' or grammar.has_determiner(text) else with_article(text)}"
    return "any", f"how {_clause(fact)}"


def _clause(fact: Fact) -> str:
    text = brief(fact)
    return fact.clause_of("you", lower_first(text) if fact.kind in ("am", "state") else text)


def brief(fact: Fact) -> str:
    """A fact as one brings it up: without what trails behind, as long as it is still distinct from other facts."""
    return ending(fact, 0)


@lru_cache(maxsize=8192)
def _possessive(noun: str, owner: str) -> str:
    """`a cat, Tom` as `my cat, Tom`; a phrase that has its owner already stays."""
    first, _, rest = noun.partition(" ")
    if first.lower() in ("a", "an", "the") and rest:
        return f"{owner} {rest}"
    if first.lower() in ("one",) and rest:
        return f"{owner} {rest}"
    if first.lower() in ("my", "your", "his", "her", "their", "several", "many", "some"):
        return f"{owner} {rest}" if first.lower() in ("several", "many", "some") and rest else noun
    return f"{owner} {noun}"


def _fill(template: str, slot: str, text: str) -> str:
    """Put a phrase into its slot; one that ends in names ("my cat, Tom") gets a comma where the sentence goes on."""
    if re.search(r", [A-Z]", text):
        template = re.sub(re.escape(slot) + r"(?= \w)", slot + ",", template)
    return template.replace(slot, text)
