"""One rule for all that can be plugged in: a name, the path of a Python file, or `package:object`.

A name is looked up in an entry-point group (`i2a.scenarios`, `i2a.models`, ...); a `path.py` holds one object of the
kind that is looked for, or names it as `path.py:object`. `find` looks for an object of a class, `find_class` for a
class. See `docs/plugins.md`.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from i2a.errors import I2AError, UsageError

T = TypeVar("T")
PREFIX = "plugin_"  # of the names of modules that are loaded by their path


class NotFound(UsageError):
    """There is a file or a package, but nothing of the kind that is looked for in it."""


def installed(group: str) -> dict[str, EntryPoint]:
    """The plug-ins of a group that can be named, by name."""
    return {point.name: point for point in sorted(entry_points(group=f"i2a.{group}"), key=lambda point: point.name)}


def find(group: str, name: str, kind: type[T]) -> T:
    """What `name` stands for in the group, an object of `kind`. Raises `UsageError`.

    `group` is the plural of what is looked for: `scenarios`, `formats`.
    """

    def checked(found: object) -> T:
        if not isinstance(found, kind):
            raise NotFound(f"{name} is a {type(found).__name__}, not a {kind.__name__}")
        return found

    module, found = _named(group, name)
    if module is None:
        return checked(found)
    values = [value for value in vars(module).values() if isinstance(value, kind)]
    return _only(values, module, name, f"{kind.__name__}")


def find_class(group: str, name: str, base: type[T]) -> type[T]:
    """What `name` stands for in the group, `base` or a class that extends it. Raises `UsageError`.

    A class that others in the same file extend, or that is abstract, is not meant.
    """
    module, found = _named(group, name)
    if module is None:
        if not (isinstance(found, type) and issubclass(found, base)):
            what = f"class {found.__name__}" if isinstance(found, type) else type(found).__name__
            raise NotFound(f"{name} is a {what}, not a subclass of {base.__module__}.{base.__qualname__}")
        return found
    classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, base)]
    own = [value for value in classes if value.__module__ == module.__name__ and not isabstract(value)]
    last = [value for value in own if not any(other is not value and issubclass(other, value) for other in own)]
    return _only(last, module, name, f"subclass of {base.__module__}.{base.__qualname__}")


def by_place(name: str) -> bool:
    """Whether `name` says where a plug-in is: `path.py`, `path.py:object`, `package:object`. Else it is installed."""
    return ":" in name or name.endswith(".py")


def _named(group: str, name: str) -> tuple[ModuleType | None, object]:
    """The module to look through and None, where `name` is the path of a file; else None and what is named."""
    path, _, attribute = name.partition(":")
    if path.endswith(".py"):
        module = load_file(Path(path))
        return (None, _attribute(module, attribute, name)) if attribute else (module, None)
    if attribute:
        try:
            return None, _attribute(importlib.import_module(path), attribute, name)
        except ImportError as error:
            raise UsageError(f"{name}: cannot import {path}: {error}") from None
    points = installed(group)
    if name not in points:
        what = group.removesuffix("s")
        raise UsageError(
            f"there is no {what} {name!r}; there are: {', '.join(points)}; or give the path of a .py file, "
            "or package:object"
        )
    return None, points[name].load()


def load_file(path: Path) -> ModuleType:
    """The module in the file at `path`; modules beside it can be imported. Raises `UsageError` with the user's line."""
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file")
    spec = importlib.util.spec_from_file_location(PREFIX + path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    folder = str(path.parent.resolve())
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except I2AError:
        raise
    except SyntaxError as error:
        where = f"{error.filename or path}:{error.lineno}"
        raise UsageError(f"{where}: {error.msg}: {(error.text or '').strip()}") from None
    except Exception as error:  # noqa: BLE001 - any error of a user's file is reported in one line
        raise UsageError(blame(error, path)) from None
    finally:
        sys.path.remove(folder)
    return module


def blame(error: BaseException, path: Path) -> str:
    """`error` in one line, with the line of the user's own file where it came up."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    trace, line = error.__traceback__, 0
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    kind = "" if isinstance(error, I2AError) else f"{type(error).__name__}: "
    forgot = isinstance(error, AttributeError | TypeError) and "coroutine" in str(error) and "await" not in str(error)
    hint = "; write await before the call" if forgot else ""
    return f"{path}:{line}: {kind}{error}{hint}" if line else f"{path}: {kind}{error}{hint}"


def file_of(error: BaseException) -> Path | None:
    """The file of a plug-in, loaded by its path, whose code raised `error` or called what did."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").startswith(PREFIX):
            return Path(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    return None


def _attribute(module: ModuleType, attribute: str, name: str) -> object:
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise NotFound(f"{name}: {module.__name__} has no {attribute!r}") from None


def _only(found: Sequence[T], module: ModuleType, name: str, kind: str) -> T:
    """The one that the module defines itself; what it imported is not meant."""
    own = [value for value in found if getattr(value, "__module__", module.__name__) == module.__name__] or found
    if not own:
        raise NotFound(f"{name}: found no {kind}, need one")
    if len(own) > 1:
        raise UsageError(f"{name}: found {len(own)}, need one {kind}; write {name}:OBJECT")
    return own[0]
