"""A person while a profile is being written: which entries of the tables fit, and the names and numbers for them."""

import random
import re
from dataclasses import dataclass, field

from i2a.simulator.language.text import load, stems
from i2a.simulator.parts.writer_markup import Entry, Who, choose
from i2a.simulator.parts.writer_values import Values, part

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

    def fits(self, entry: Entry) -> bool:
        needs = {tag for tag in entry.tags if not tag.startswith("#")}
        return entry.youngest <= self.age <= entry.oldest and needs <= self.holds and not entry.tags & self.groups

    def draw(self, table: tuple[Entry, ...]) -> str | None:
        """One entry that fits and shares no telling word with what is there already, filled in."""
        able = [entry for entry in table if self.fits(entry)]
        self.chance.shuffle(able)
        for entry in able[:20]:
            markup = choose(entry.text, self.chance)
            if "lodged" in self.holds and _NEEDS_A_HOUSE.search(markup):
                continue
            text = self.fill(markup)
            said = telling(text)
            if not said & self.words:
                self.words |= said
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


def telling(text: str) -> set[str]:
    """The stems that tell what a fact is about; two facts of a text share none."""
    return {stem for stem in stems(re.sub(r"[*@]", "", text)) if len(stem) > 3 and stem not in _COMMON}


def number(count: int) -> str:
    """A number as one writes it in a sentence."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def elsewhere(chance: random.Random, place: str, values: Values) -> str:
    """A town that the person does not live in."""
    towns = [town for town in part(values, load("writer_frames.toml")["towns"]["all"]) if town not in place]
    return chance.choice(towns)
