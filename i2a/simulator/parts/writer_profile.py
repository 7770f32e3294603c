"""Writes a profile: eight to ten facts of an everyday life, that fit each other, in five to eight sentences."""

import random
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from i2a.simulator.language.text import load, stems
from i2a.simulator.parts.writer_markup import (
    TableEntry,
    Values,
    Who,
    choose,
    entries,
    fit_into,
    impersonal,
    part,
    render,
)

_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_NEEDS_A_HOUSE = re.compile(
    r"roof|rent|boiler|wardrobe|piano|freezer|washing|landlord|garden|door|kitchen|bed\b|heating|lift|house|neighbour"
    r"|balcony|corridor|mice|mould|ants|armchair|sewing|bank|tree|shelf|internet|crocks|allotment|barn|rug|well "
    r"|market|hens|goats|stairs|radiator|tractor|fridge|pavement|move out|walks home|tank|television",
    re.I,
)
MEAT = re.compile(r"fish|cattle|hunt|urchin|oyster|fryer|sausage|abalone|shear|meat|mussel|shrimp")
_COMMON = stems(
    "two three year day week live learn keep play has makes summer winter old new first last called evening morning"
    " hour work own whole place"
)


@dataclass
class Life:
    """Who it is, what holds of the person (`holds`), and the words, groups and names that the text has used."""

    chance: random.Random
    who: Who
    age: int
    culture: str
    place: str
    holds: set[str]
    values: Values = "all"
    groups: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    names: list[str] = field(default_factory=list)
    child: int = 5

    def fits(self, entry: TableEntry) -> bool:
        needs = {tag for tag in entry.tags if not tag.startswith("#")}
        return entry.youngest <= self.age <= entry.oldest and needs <= self.holds and not entry.tags & self.groups

    def draw(self, table: tuple[TableEntry, ...]) -> str | None:
        """One entry that fits and shares no subject with what is there already, filled in."""
        able = [entry for entry in table if self.fits(entry)]
        self.chance.shuffle(able)
        for entry in able[:20]:
            markup = choose(entry.text, self.chance)
            if "lodged" in self.holds and _NEEDS_A_HOUSE.search(markup):
                continue
            text = self.fill(markup)
            words = subject_stems(text)
            if not words & self.words:
                self.words |= words
                self.groups |= {tag for tag in entry.tags if tag.startswith("#")}
                return text
        return None

    def fill(self, markup: str) -> str:
        """The markup with names of the culture and numbers that suit the age."""
        return re.sub(r"\{(\w+)\}", lambda slot: self._slot(slot[1]), markup)

    def _slot(self, name: str) -> str:
        chance = self.chance
        if name in ("woman", "man", "pet"):
            return self._name({"woman": "women", "man": "men", "pet": "pets"}[name])
        if name in ("dish", "Dish"):
            dish = self._dish()
            return dish if name == "dish" else dish[0].upper() + dish[1:]
        if name == "child":
            low, high = max(2, self.age - 42), max(2, self.age - 42, min(15, self.age - 22))
            self.child = chance.randint(low, high)
            return number(self.child)
        return {
            "place": lambda: self.place,
            "away": lambda: elsewhere(chance, self.place, self.values),
            "n": lambda: str(chance.randint(13, 59)),
            "late": lambda: str(chance.randint(35, self.age - 1)),
            "years": lambda: number(chance.randint(2, max(2, min(15, self.age - 20)))),
            "few": lambda: number(chance.randint(2, 6)),
            "older": lambda: number(self.child + chance.choice((2, 3))),
            "age": lambda: str(self.age),
            "next": lambda: str(self.age + 1),
        }[name]()

    def _name(self, kind: str) -> str:
        """A name that nobody else in this text bears."""
        free = [name for name in load("writer_places.toml")[self.culture][kind] if name not in self.names]
        name = self.chance.choice(free or ["Kim"])
        self.names.append(name)
        return name

    def _dish(self) -> str:
        dishes = load("writer_places.toml")[self.culture]["dishes"]
        dish = self.chance.choice([one for one in dishes if one[0] == "~"] if "meatless" in self.holds else dishes)
        return dish.lstrip("~")


def subject_stems(text: str) -> set[str]:
    """The stems that say what a fact is about; two facts of a text share none."""
    return {stem for stem in stems(re.sub(r"[*@]", "", text)) if len(stem) > 3 and stem not in _COMMON}


def number(count: int) -> str:
    """A number as one writes it in a sentence."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def elsewhere(chance: random.Random, place: str, values: Values) -> str:
    """A town that the person does not live in."""
    towns = [town for town in part(values, load("writer_frames.toml")["towns"]["all"]) if town not in place]
    return chance.choice(towns)


_LIFE = "writer_life.toml"
_IMPERSONAL = 0.65  # the share of facts stated without a pronoun, where they can be
# How often a text holds one of these, beside age, day, home and family; tried in a random order until it is full.
_SHARES = (
    ("hobbies", 0.9), ("food", 0.6), ("pets", 0.4), ("objects", 0.6), ("learning", 0.65), ("worries", 0.75),
    ("habits", 0.5), ("body", 0.25), ("detail", 0.6), ("detail", 0.3), ("hobbies", 0.3), ("objects", 0.2),
)  # fmt: skip


class WrittenProfile(NamedTuple):
    text: str
    facts: int


def profile(chance: random.Random, values: Values = "all") -> WrittenProfile:
    """One profile, of these values; the same state of `chance` gives the same."""
    while True:
        life, day, details = _someone(chance, values)
        opening = _opening(life, day)
        facts = [*_home(life), *_family(life)]
        facts += _more(life, details, chance.randint(6, 8) - len(facts))  # beside age and day
        if chance.random() < 0.7:
            chance.shuffle(facts)
        at = chance.choice((0, 0, 0, 1, 2))
        size = chance.choice((5, 5, 6, 6, 7, 8))
        sentences = fit_into([*facts[:at], *opening, *facts[at:]], size, ("and",), chance)
        if len(facts) >= 6 and 5 <= len(sentences) <= 8:
            return WrittenProfile(" ".join(render(sentence, life.who) for sentence in sentences), len(facts) + 2)


def _someone(chance: random.Random, values: Values) -> tuple[Life, str, list[str]]:
    """A person of some age at some place, what fills the day there, and its details."""
    who: Who = chance.choices(("she", "he", "they"), (0.36, 0.36, 0.28))[0]
    cultures = load("writer_places.toml")
    homes = [(culture, line) for culture in part(values, cultures) for line in cultures[culture]["places"]]
    culture, line = chance.choice(homes)
    place, _, about = line.partition("; ")
    holds = {*about.split(), culture, who, "kin"}
    holds |= {group for group, members in load("writer_frames.toml")["culture"].items() if culture in members}
    days = entries("writer_days.toml", "days", values=values)
    entry = chance.choice([one for one in days if _needs(one) <= holds])
    age = chance.randint(entry.youngest, entry.oldest)
    holds |= entry.tags
    life = Life(chance, who, age, culture, place, holds, values, {tag for tag in entry.tags if tag.startswith("#")})
    day, *details = (life.fill(choose(markup, chance)) for markup in entry.text.split(" ; "))
    life.words |= subject_stems(" ".join((day, *details)))
    return life, day, details


def _needs(entry: TableEntry) -> set[str]:
    """What must hold of the place for a day of this kind; `alone`, `lodged` and `desk` follow from the day itself."""
    return {tag for tag in entry.tags if not tag.startswith("#")} - {"alone", "lodged", "desk"}


def _opening(life: Life, day: str) -> list[str]:
    """Age and day, in one sentence or two."""
    ages = load("writer_frames.toml")["age"]
    if life.chance.random() < 0.5:
        return [life.fill(life.chance.choice(ages["day"]).replace("{day}", day))]
    apart = [life.fill(choose(life.chance.choice(ages["alone"]), life.chance)), f"@ {day}"]
    life.chance.shuffle(apart)
    return apart


def _home(life: Life) -> list[str]:
    kind = "lodged" if "lodged" in life.holds else "young" if life.age <= 18 else "all"
    if kind == "all" and "alone" not in life.holds:
        _settle(life)
    home = life.draw(entries(_LIFE, "homes", kind, life.values))
    return [impersonal("homes", home, life.chance) if life.chance.random() < _IMPERSONAL else home] if home else []


def _settle(life: Life) -> None:
    """Whether there is a partner or a child, which decides what the home can be."""
    chance, age = life.chance, life.age
    couple = age >= 24 and chance.random() < 0.4
    if couple:
        partner = {"she": 0.92, "he": 0.08, "they": 0.5}[life.who]
        life.holds |= {"couple", "withman" if chance.random() < partner else "withwoman"}
    if 26 <= age <= 55 and chance.random() < (0.6 if couple else 0.15):
        life.holds.add("kids")
    if not couple:
        life.holds.add("nocouple")
    if not life.holds & {"couple", "kids"}:
        life.holds.add("solo")
        if age <= 45:
            life.holds.add(chance.choice(("withman", "withwoman")))


def _family(life: Life) -> list[str]:
    """One or two facts about the people who belong to the person."""
    kinds: list[str] = []
    if life.age <= 18:
        kinds = ["young"]
    elif "lodged" in life.holds or "alone" in life.holds:
        kinds = ["single"]
    else:
        kinds += ["couple"] if "couple" in life.holds else []
        kinds += ["parent"] if "kids" in life.holds else []
        kinds += ["grown"] if life.age >= 56 and life.chance.random() < 0.5 else []
    found: list[str] = []
    for kind in kinds or ["single"]:
        table = entries(_LIFE, "family", kind, life.values)
        if kind == "single" and life.holds & {"alone", "lodged"}:
            table = tuple(one for one in table if "kin" in one.tags)
        found += [fact for fact in (life.draw(table),) if fact]
    return found


def _more(life: Life, details: list[str], count: int) -> list[str]:
    """`count` further facts: of the work, and from the tables."""
    chance, found, left = life.chance, list[str](), list(details)
    if chance.random() < 0.12 and not MEAT.search(" ".join(sorted(life.words))):
        life.holds.add("meatless")
        life.groups.add("#fish")
        found += [life.fill(chance.choice(load(_LIFE)["food"]["diet"]))]
    kinds = list(_SHARES)
    chance.shuffle(kinds)
    asked = [kind for kind, share in kinds if chance.random() < share] + [kind for kind, _ in kinds] * 2
    for kind in asked:
        if len(found) >= count:
            break
        if kind == "detail":
            found += [left.pop(0)] if left else []
            continue
        key = "young" if kind == "worries" and life.age <= 18 else "all"
        fact = life.draw(entries(_LIFE, kind, key, life.values))
        if fact:
            found.append(impersonal(kind, fact, chance) if chance.random() < _IMPERSONAL else fact)
    return found
