"""What a scenario script is: a coroutine with roles. How one is declared, found by name or path, and loaded."""

import importlib.util
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from agents.role import Role
from i2a.digests import digest
from i2a.errors import I2AError, UsageError
from scenarios.cast import Cast

Script = Callable[..., Awaitable[None]]
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
OPTIONS = (bool, int, float, str, list, type(None))
SHAPE = "async def NAME(tree: Tree, cast: Cast, *, OPTION: TYPE = DEFAULT) -> None"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script and the roles it calls. `options`: the keyword-only parameters of the script, with their defaults."""

    name: str
    about: str
    roles: Mapping[str, type[Role]]
    options: Mapping[str, Any]
    script: Script

    @property
    def file(self) -> Path:
        return Path(inspect.getfile(self.script))

    @property
    def fingerprint(self) -> str:
        """Changes when the file of the script or a prompt of a role changes."""
        parts = [self.file.read_text("utf-8"), *(f"{name} {role.prompt.text}" for name, role in self.roles.items())]
        return digest("\x1e".join(parts))

    def settle(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All options, those given converted to the type of the default. Raises `UsageError`."""
        options = dict(self.options)
        for name, value in given.items():
            if name not in options:
                known = ", ".join(options) or "none"
                raise UsageError(f"scenario {self.name} has no option {name!r}; its options: {known}")
            kind = type(options[name])
            try:
                options[name] = _convert(value, kind)
            except (KeyError, ValueError):
                raise UsageError(f"option {name}={value!r} of scenario {self.name} must be {kind.__name__}") from None
        return options


def scenario(*, roles: Mapping[str, type[Role]]) -> Callable[[Script], Scenario]:
    """Declare a scenario. `roles` names the cast: `{"user": User, ...}`. Raises `UsageError` for a wrong shape."""

    def declare(script: Script) -> Scenario:
        where = f"{Path(inspect.getfile(script)).name}:{inspect.getsourcelines(script)[1]}"
        if not inspect.iscoroutinefunction(script):
            raise UsageError(f"{where}: the script must be a coroutine; write: {SHAPE}")
        if not isinstance(roles, Mapping):
            raise UsageError(f"{where}: roles name the cast; write @scenario(roles={{'user': User, ...}})")
        parameters = list(inspect.signature(script).parameters.values())
        if [p.name for p in parameters[:2]] != ["tree", "cast"]:
            raise UsageError(f"{where}: the script takes the tree and the cast first; write: {SHAPE}")
        for option in parameters[2:]:
            if option.kind is not option.KEYWORD_ONLY or option.default is option.empty:
                raise UsageError(f"{where}: option {option.name!r} needs a * before it and a default; write: {SHAPE}")
            if not isinstance(option.default, OPTIONS):
                raise UsageError(f"{where}: option {option.name!r} must be a number, a text, true or false, or a list")
        for name, role in roles.items():
            if not (isinstance(role, type) and issubclass(role, Role)):
                raise UsageError(f"{where}: role {name!r} is {role!r}, not a subclass of agents.role.Role")
            if not name.isidentifier() or name.startswith("_") or hasattr(Cast, name):
                raise UsageError(f"{where}: {name!r} cannot name a role; write another Python identifier")
        about = (inspect.getdoc(script) or "").partition("\n")[0]
        options = {option.name: option.default for option in parameters[2:]}
        return Scenario(script.__name__, about, dict(roles), options, script)

    return declare


def installed() -> dict[str, str]:
    """The scenarios that can be named, and where each comes from."""
    return {point.name: point.value for point in sorted(entry_points(group="i2a.scenarios"), key=lambda p: p.name)}


def find(name: str) -> Scenario:
    """The scenario with this name, or in the file at this path. Raises `UsageError`."""
    if name.endswith(".py") or "/" in name:
        return load(Path(name))
    for point in entry_points(group="i2a.scenarios"):
        if point.name == name:
            found = point.load()
            if isinstance(found, Scenario):
                return found
            raise UsageError(f"scenario {name}: {point.value} is not decorated with @scenario(roles=...)")
    raise UsageError(
        f"there is no scenario {name!r}; there are: {', '.join(installed())}; or give the path of a .py file"
    )


def load(path: Path) -> Scenario:
    """The one scenario in the file at `path`. Raises `UsageError`: what is wrong, where, what to write instead."""
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; `i2a scenarios new NAME` writes one to start from")
    spec = importlib.util.spec_from_file_location(f"scenario_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except UsageError:
        raise
    except SyntaxError as error:
        where = f"{error.filename or path}:{error.lineno}"
        raise UsageError(f"{where}: {error.msg}: {(error.text or '').strip()}") from None
    except Exception as error:  # noqa: BLE001 - whatever a user's file raises is told in one line
        raise UsageError(blame(error, path)) from None
    scenarios = [value for value in vars(module).values() if isinstance(value, Scenario)]
    found = [value for value in scenarios if value.file.resolve() == path.resolve()]
    if len(found) != 1:
        raise UsageError(
            f"{path}: found {len(found)} scenarios, need one; write @scenario(roles={{...}}) above: {SHAPE}"
        )
    return found[0]


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


def _convert(value: Any, kind: type) -> Any:
    """`value` as the `kind` of the option's default. Raises `ValueError` rather than change what was meant."""
    if isinstance(value, str) and kind in (int, float, bool):
        return kind(value) if kind is not bool else BOOLEANS[value.lower()]
    if (kind is float and type(value) is int) or (kind is str and type(value) in (int, float)):
        return kind(value)
    if kind is type(None) or type(value) is kind:
        return value
    raise ValueError(value)
