"""The words of a text in any script, as they look to a reader: without case, accents, punctuation and hidden marks."""

import re
import unicodedata
from functools import lru_cache

# Cyrillic and Greek letters, after case folding, and the Latin ones that they look like.
LOOKALIKES = str.maketrans(
    "аеіјорсухѕԁԛԝһӏвкмнтгпαβγεηικνορτυχω",
    "aeijopcyxsdqwhlbkmhtrnabyenikvoptuxw",
)
# A letter of a script without spaces (Thai, Lao, Burmese, Khmer, Japanese, Chinese) is a word of its own.
SPACELESS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
WORD = re.compile(rf"[{SPACELESS}]|[^\W_{SPACELESS}]+")


def words(text: str) -> list[str]:
    """The words of `text`: without case, accents, punctuation and marks that do not show, letters by their looks."""
    if text.isascii():
        return WORD.findall(text.casefold())
    plain = unicodedata.normalize("NFKD", text)
    seen = "".join(char for char in plain if unicodedata.category(char) not in ("Mn", "Mc", "Cf"))
    return WORD.findall(seen.casefold().translate(LOOKALIKES))


@lru_cache(maxsize=65536)
def weight(word: str) -> float:
    """What a word counts for: in a script without spaces two letters make about one."""
    return 0.5 if len(word) == 1 and ord(word) > 0xDFF and WORD.match(word) else 1.0
