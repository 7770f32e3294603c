"""The Inducer: sees the persona and the dialogue, and lists what the dialogue has revealed of the persona."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from agents.answers import Inference
from agents.prompt import Prompt
from agents.role import Role, RoleView
from i2a.text import shortened
from i2a.words import weight, words

BEGINNING = 4  # letters
FUNCTION_WORDS = frozenset(
    words(
        """the and but for not with without this that these those they them their there then than has have had was were
        are been being will would could should can may might must does did done from into about over very really also
        just she her hers his him its our your you who whom whose which what when where why how user assistant person
        people someone somebody something anything nothing none only some any all more most much many other like likes
        a i an as at be by do he if in is it me my no of on or so to up us we am id im re ve
        und der die das ist nicht mit ein eine les des est une los las con por para que"""
    )
)


class Inducer(Role[Inference]):
    """Lists, in the words of the persona, what the user has revealed so far. Values: `profile`, `personality`."""

    prompt = Prompt.beside(__file__, "inducer.txt")
    transcript_roles = frozenset({"user", "assistant", "preferred"})
    max_tokens = 1024

    def fault(self, answer: BaseModel, view: RoleView, values: Mapping[str, str]) -> str:
        """As for any role; and items, if there are any, must have something in common with persona or dialogue."""
        assert isinstance(answer, Inference)
        items = [*answer.profile, *answer.personality]
        known = [values[name] for name in ("profile", "personality", "dialogue") if name in values]
        if not (mistake := super().fault(answer, view, values)) and items and known and not grounded(items, known):
            return f"{shortened(items[0], 80)!r} is in none of profile, personality and dialogue; copy what is"
        return mistake


def grounded(items: Sequence[str], known: Sequence[str]) -> bool:
    """Whether any of `items` shares content with any of the texts `known`: a word, or its beginning."""
    said = {beginning for text in known for beginning in beginnings(text)}
    return any(not said.isdisjoint(beginnings(item)) for item in items)


def beginnings(text: str) -> Iterator[str]:
    """The content words of `text` by their beginnings, so that `bakes` and `baker` meet; in a script without spaces,
    pairs of letters."""
    found = words(text)
    for word, following in zip(found, [*found[1:], ""], strict=True):
        if weight(word) < 1:
            yield word + following
        elif word not in FUNCTION_WORDS:
            yield word.removesuffix("s")[:BEGINNING]
