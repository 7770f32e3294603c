"""One rule for all that can be plugged in: a name, the path of a Python file, or `package:object`.

A name is looked up in an entry-point group (`i2a.scenarios`, `i2a.models`, ...); a `path.py` holds one object of the
kind that is looked for, or names it as `path.py:object`. See `docs/plugins.md`.
"""

import importlib
import importlib.util
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from i2a.errors import I2AError, UsageError

T = TypeVar("T")


def installed(group: str) -> dict[str, EntryPoint]:
    """The plug-ins of a group that can be named, by name."""
    return {point.name: point for point in sorted(entry_points(group=f"i2a.{group}"), key=lambda point: point.name)}


def find(group: str, name: str, kind: type[T]) -> T:
    """What `name` stands for in the group, an object of `kind`. Raises `UsageError`.

    `group` is the plural of what is looked for: `scenarios`, `formats`.
    """
    path, _, attribute = name.partition(":")
    if path.endswith(".py"):
        module = load_file(Path(path))
        return _only(module, kind, name) if not attribute else _checked(_attribute(module, attribute, name), kind, name)
    if attribute:
        try:
            imported = importlib.import_module(path)
        except ImportError as error:
            raise UsageError(f"{name}: cannot import {path}: {error}") from None
        return _checked(_attribute(imported, attribute, name), kind, name)
    points = installed(group)
    if name not in points:
        what = group.removesuffix("s")
        raise UsageError(
            f"there is no {what} {name!r}; there are: {', '.join(points)}; or give the path of a .py file, "
            "or package:object"
        )
    return _checked(points[name].load(), kind, name)


def load_file(path: Path) -> ModuleType:
    """The module in the file at `path`; modules beside it can be imported. Raises `UsageError` with the user's line."""
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"plugin_{path.stem}", path)
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
    except Exception as error:  # noqa: BLE001 - whatever a user's file raises is told in one line
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
    return f"{path}:{line}: {kind}{error}" if line else f"{path}: {kind}{error}"


def _attribute(module: ModuleType, attribute: str, name: str) -> object:
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise UsageError(f"{name}: {module.__name__} has no {attribute!r}") from None


def _only(module: ModuleType, kind: type[T], name: str) -> T:
    """The one object of `kind` that the module defines itself; what it imported is not meant."""
    found = [value for value in vars(module).values() if isinstance(value, kind)]
    own = [value for value in found if getattr(value, "__module__", module.__name__) == module.__name__] or found
    if len(own) != 1:
        raise UsageError(f"{name}: found {len(own)} objects of kind {kind.__name__}, need one; write {name}:OBJECT")
    return own[0]


def _checked(found: object, kind: type[T], name: str) -> T:
    if not isinstance(found, kind):
        raise UsageError(f"{name} is a {type(found).__name__}, not a {kind.__name__}")
    return found
