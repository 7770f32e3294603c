"""Options of a plug-in: the keyword-only parameters of its function. Values come from Python, TOML or a flag."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from i2a.errors import UsageError
from i2a.validation import problem


def resolve(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of `function`: those `given`, as what they are annotated with, and the defaults of the others.

    A text may be plain (`4`, `yes`) or JSON (`["a", "b"]`). Raises `UsageError`.
    """
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    options = {option.name: option for option in parameters if option.kind is option.KEYWORD_ONLY}
    if unknown := [name for name in given if name not in options]:
        raise UsageError(f"there is no option {unknown[0]!r}; options: {', '.join(options) or 'none'}")
    values = {name: _value(options[name], value) for name, value in given.items()}
    return {name: option.default for name, option in options.items()} | values


def _value(option: inspect.Parameter, value: Any) -> Any:
    adapter: TypeAdapter[Any] = TypeAdapter(_type(option))
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        message = f"option {option.name}={value}: {problem(error)}"
    if isinstance(value, str):
        try:
            return adapter.validate_python(json.loads(value))
        except ValueError:  # that of JSON, or pydantic's, which is one too
            pass
    raise UsageError(message)


def _type(option: inspect.Parameter) -> Any:
    """What an option is annotated with; without annotation, the type of its default."""
    if option.annotation is not option.empty:
        return option.annotation
    return Any if option.default in (None, option.empty) else type(option.default)
