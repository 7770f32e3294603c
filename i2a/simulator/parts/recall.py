"""A known fact put into words by the one who remembers it: referred to where that is enough, else as a clause."""

import random
from functools import lru_cache

from i2a.simulator.language import grammar
from i2a.simulator.language.text import fresh, load, lower_first, with_article
from i2a.simulator.parts import voice
from i2a.simulator.parts.references import Shape, ending, reference
from i2a.simulator.persona.fact_kinds import aspect
from i2a.simulator.persona.facts import Fact

LINES = load("responder.toml")
# What leads to a reference, by its shape: `about your cat`, `about how you fold frogs`.
BEFORE: dict[Shape, str] = {
    "own": "your",
    "noun": "the",
    "ing": "",
    "verb": "how you",
    "wish": "wanting to",
    "learning": "",
    "state": "being",
    "clause": "how",
}


def weave(fact: Fact, manner: str, used: str, chance: random.Random, about: tuple[str, ...] = ()) -> str:
    """A sentence that brings up something known: `weave` recalls it in a talk about some topics, `echo` picks up what
    was just said."""
    group, said = _filling(fact, about)
    line = fresh(LINES[manner][group], used, chance)
    return grammar.tidy(voice.fill(line, "{x}", said))


@lru_cache(maxsize=16384)
def _filling(fact: Fact, about: tuple[str, ...]) -> tuple[str, str]:
    """The group of frames for a fact, and what goes into their slot: a phrase that can stand behind `about`."""
    found = reference(fact, about)
    if found:
        return "any", " ".join(filter(None, (BEFORE[found.shape], found.lead, found.text)))
    if fact.kind in ("job", "age") or (fact.kind == "am" and grammar.has_determiner(fact.yours)):
        said = lower_first(brief(fact))
        return "any", f"being {said if fact.kind == 'age' or grammar.has_determiner(said) else with_article(said)}"
    return ("grief", _clause(fact)) if aspect(fact) == "grief" else ("any", f"how {_clause(fact)}")


def _clause(fact: Fact) -> str:
    yours = brief(fact)
    if fact.kind in ("say", "belief"):
        return yours
    if fact.kind == "do" and yours.startswith("have "):
        return f"you've {yours[5:]}"
    if fact.kind in ("like", "have"):
        return f"you {fact.kind} {yours}"
    return grammar.clause("you", yours if fact.kind == "do" else "be " + lower_first(yours))


def brief(fact: Fact) -> str:
    """A fact as one brings it up: without what trails behind, as long as it can still be told from any other."""
    return ending(fact, 0)
