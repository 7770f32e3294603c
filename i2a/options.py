"""The options of a plug-in: the keyword-only parameters of a function, read and checked by their annotations.

A value may come from Python, from TOML, or as text from the command line: `3`, `on`, or JSON for what is not one word.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, get_type_hints

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from i2a.errors import UsageError
from i2a.validation import problem

PLAIN = (bool, int, float, str, list, dict, type(None))  # what an option without an annotation may have as its default


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a function. `owner`: whose they are, in words, for error messages."""

    owner: str
    defaults: Mapping[str, object]
    types: Mapping[str, TypeAdapter[Any]]

    @classmethod
    def of(cls, function: Callable[..., Any], owner: str) -> Self:
        """Raises `TypeError` for an option without a default, or one that JSON cannot express."""
        hints = get_type_hints(function, include_extras=True)
        defaults, types = {}, {}
        for option in inspect.signature(function).parameters.values():
            if option.kind is not option.KEYWORD_ONLY:
                continue
            if option.default is option.empty:
                raise TypeError(f"option {option.name!r} needs a default")
            if option.name not in hints and not isinstance(option.default, PLAIN):
                raise TypeError(f"option {option.name!r} needs an annotation, or a number, a text or a list as default")
            default_type = Any if option.default is None else type(option.default)
            types[option.name] = _adapter(hints.get(option.name, default_type))
            try:
                defaults[option.name] = _as_json(types[option.name], option.default)
            except (PydanticSerializationError, TypeError, ValueError):
                raise TypeError(f"option {option.name!r} has a default that JSON cannot express") from None
        return cls(owner, defaults, types)

    def resolve(self, values: Mapping[str, object]) -> dict[str, object]:
        """All options as JSON values, `values` in place of defaults. Raises `UsageError`."""
        options = dict(self.defaults)
        for name, value in values.items():
            if name not in options:
                known = ", ".join(options) or "none"
                raise UsageError(f"{self.owner} has no option {name!r}; its options: {known}")
            try:
                options[name] = _as_json(self.types[name], _read(self.types[name], value))
            except ValidationError as error:
                raise UsageError(f"option {name}={value!r} of {self.owner}: {problem(error)}") from None
        return options

    def arguments(self, resolved: Mapping[str, object]) -> dict[str, object]:
        """What `resolve` gave, as the function takes it: of the annotated types."""
        return {name: self.types[name].validate_python(value) for name, value in resolved.items()}


def resolve(function: Callable[..., Any], values: Mapping[str, object], owner: str) -> dict[str, object]:
    """All options of `function` as it takes them, `values` in place of defaults. Raises `UsageError`."""
    options = Options.of(function, owner)
    return options.arguments(options.resolve(values))


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation, config=ConfigDict(coerce_numbers_to_str=True))
    except PydanticUserError:  # a pydantic model brings its own configuration
        return TypeAdapter(annotation)


def _read(kind: TypeAdapter[Any], value: object) -> object:
    """`value` as it is or, if it is a text that does not fit, as JSON. Raises `ValidationError` about the first."""
    try:
        return kind.validate_python(value)
    except ValidationError:
        if not isinstance(value, str):
            raise
        try:
            return kind.validate_json(value)
        except ValidationError as error:
            if error.errors()[0]["type"] == "json_invalid":
                return kind.validate_python(value)  # raises: it is no JSON, so that is not what was meant
            raise


def _as_json(kind: TypeAdapter[Any], value: object) -> object:
    stored = kind.dump_python(value, mode="json", warnings="none")
    json.dumps(stored)
    return stored
