"""Text for people: foreign text made fit for a terminal, and counts with their nouns."""

import unicodedata


def one_line(text: str) -> str:
    """`text` in one line and printable: text from a model must not control the terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def shortened(text: str, length: int) -> str:
    """The beginning of `text` in one line, in so many characters at most."""
    line = one_line(text)
    return line if len(line) <= length else f"{line[: length - 1]}\u2026"


def is_blank(text: str) -> bool:
    """Whether there is nothing to see: blanks, and marks of no width such as U+200B."""
    return all(unicodedata.category(char) in ("Cc", "Cf", "Zs", "Zl", "Zp") for char in text)


def counted(count: int, what: str) -> str:
    """`2,000 pairs without a verdict`, `1 pair without a verdict`: `what` begins with a plural that ends in s."""
    noun, space, rest = what.partition(" ")
    if count == 1:
        noun = f"{noun.removesuffix('ies')}y" if noun.endswith("ies") else noun.removesuffix("s")
    return f"{count:,} {noun}{space}{rest}"
