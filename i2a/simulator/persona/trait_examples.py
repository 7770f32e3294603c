"""Traits read from conduct: `presses the lift button nine times` is impatient, though no word says so.

A sentence shows the trait whose example it is like. The examples are those that the personality writer draws on.
"""

import re
from functools import lru_cache

from i2a.simulator.language.text import load, stems

_ALTERNATIVES = re.compile(r"\([^()]*\)")
_MARKUP = re.compile(r"@[mrs]?(?!\w)|\*")
_FORGIVEN = 5  # content words of an example for each one that may be missing


@lru_cache(maxsize=8192)
def traits_shown(text: str) -> tuple[str, ...]:
    """The names of the traits whose examples the text is like, in the order of the table."""
    said = stems(text)
    likely = {at for word in said for at in _BY_WORD.get(word, ())}
    found = (_EXAMPLES[at] for at in sorted(likely))
    return tuple(dict.fromkeys(name for name, known in found if len(known - said) <= len(known) // _FORGIVEN))


def _examples() -> list[tuple[str, frozenset[str]]]:
    """Each example as its trait and content words; words that change from case to case are left out."""
    found = []
    for name, entry in load("writer_traits.toml").items():
        for line in entry["says"]:
            fixed = stems(_MARKUP.sub(" ", _ALTERNATIVES.sub(" ", line)))
            if len(fixed) >= 3:
                found.append((name, fixed))
    return found


_EXAMPLES = _examples()
_BY_WORD: dict[str, list[int]] = {}
for _at, (_, _words) in enumerate(_EXAMPLES):
    for _word in _words:
        _BY_WORD.setdefault(_word, []).append(_at)
