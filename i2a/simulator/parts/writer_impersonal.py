"""Says a fact about `@` without naming `@`: "@ *plays darts" as "Free hours go to playing darts".

A text in which every sentence opens with "She" is, to a sentence encoder, much like any other such text; people who
write about people vary this as well.
"""

import random
import re

from i2a.simulator.language.text import capital
from i2a.simulator.parts.writer_markup import agree

_PREDICATE = re.compile(r"@ \*(\w+) (.+)")
_OWNED = re.compile(r"@r (?!cousin|aunt|closest|best|mother|father|sister|brother|husband|wife|partner)")
_DOUBLES = frozenset({"swim", "run", "knit", "cut", "put", "dig"})
_HOBBY = (
    "{0} is a hobby of long standing", "Free hours go to {0}", "The costliest hobby is {0}",
    "Spare money goes into {0}", "The main pastime is {0}", "What is left of the week goes to {0}",
    "{0} began as a bet", "Holidays are for {0}",
)  # fmt: skip
_LEARNING = (
    "The plan for this year is to learn {0}", "The next thing to learn is {0}",
    "Half an hour a day goes to learning {0}", "Still to be learned: {0}",
)  # fmt: skip
_OBJECT = (
    "Among the belongings is {0}", "In the hall there is {0}", "The oldest possession is {0}",
    "The only thing of value is {0}", "Under the stairs there is {0}",
)  # fmt: skip
_PET = ("{0} waits by the door", "{0} shares the home", "{0} sleeps at the foot of the bed", "{0} came from a shelter")


def impersonal(kind: str, fact: str, chance: random.Random) -> str:
    """`fact`, of a table `kind`, without its subject; unchanged where no such wording fits."""
    if kind in ("worries", "objects", "food") and _OWNED.match(fact):
        return _OWNED.sub("The ", fact, count=1)
    found = _PREDICATE.fullmatch(fact)
    if not found or re.search(r"[@*]", found[2]):
        return fact
    verb, rest = found[1], found[2]
    if kind == "hobbies" and verb not in ("is", "was", "has"):
        return _put(_HOBBY, f"{gerund(verb)} {rest}", chance)
    if kind == "learning" and verb == "is" and rest.startswith("learning "):
        learnt = rest.removeprefix("learning ")
        frames = _LEARNING if not learnt.startswith("to ") else _LEARNING[:1] + _LEARNING[2:3]
        return _put(frames, learnt, chance)
    if kind == "homes" and verb == "lives" and rest.startswith("in "):
        return f"Home is {rest}"
    if kind == "objects" and verb in ("owns", "has") and re.match(r"an? ", rest) and "tattoo" not in rest:
        return _put(_OBJECT, rest, chance)
    if kind == "pets" and verb in ("owns", "has", "adopted") and re.match(r"an? [^,]*\b(?:named|called) ", rest):
        tank = re.match(r"a tank|a \(?(?:corn|gecko|tarantula|stick)", rest)
        return fact if tank else _put(_PET, rest, chance)
    return fact


def _put(frames: tuple[str, ...], phrase: str, chance: random.Random) -> str:
    frame = chance.choice([one for one in frames if not one.startswith("{0}") or "," not in phrase] or list(frames))
    return frame.format(capital(phrase) if frame.startswith("{0}") else phrase)


def gerund(verb: str) -> str:
    """The -ing form of a verb in the third person singular."""
    base = agree(verb, "they")
    if base in _DOUBLES:
        return f"{base}{base[-1]}ing"
    if base.endswith("e") and not base.endswith(("ee", "ye", "oe")):
        return f"{base[:-1]}ing"
    return f"{base}ing"
