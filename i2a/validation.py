"""The first error of a pydantic `ValidationError` in words."""

from pydantic import ValidationError


def problem(error: ValidationError) -> str:
    """`where: what`, or only what is wrong if it is the value as a whole."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
