"""Foreign text, made fit for a terminal."""


def one_line(text: str) -> str:
    """`text` in one line and printable: whatever a model writes must not steer the terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
