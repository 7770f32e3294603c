"""How flags are written that hold more than one value."""


def assignments(texts: list[str] | None, flag: str) -> dict[str, str]:
    """`NAME=VALUE` texts as a dictionary. Raises `UsageError`."""
    from i2a.errors import UsageError

    pairs: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (equals and name and value):
            raise UsageError(f"{flag} {text!r}: write NAME=VALUE")
        pairs[name] = value
    return pairs
