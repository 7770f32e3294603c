"""What a scenario is: a coroutine whose parameters are its roles. How one is declared, found and loaded."""

import ast
import inspect
import sys
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from agents.prompt import Prompt
from agents.role import Role, introduce
from i2a import plugins
from i2a.errors import UsageError
from i2a.models.model import Model
from i2a.options import Options
from i2a.trees.persona import KINDS
from i2a.trees.tree import Tree
from scenarios.source import fingerprint_of
from scenarios.user_audit import person_audit

Script = Callable[..., Coroutine[Any, Any, None]]
FIRST_FORM = {"i2a.tree", "scenarios.cast", "scenarios.turn"}  # modules of version 0.1 that its scripts import
SHAPE = "async def NAME(tree: Tree, user: User, judge: Judge, *, turns: int = 10) -> None"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script, the roles it calls, and its options: the keyword-only parameters of the script, with their defaults.

    `audits`: whether what is said by roles that play the person is audited as it is said, and asked for again; None:
    where no simulator says it. `keep_prompts`: what every role is sent is kept with the tree, not only what
    `Role.keeps_prompt` says.
    """

    name: str
    about: str
    roles: Mapping[str, type[Role[object]]]
    script: Script
    _options: Options
    audits: bool | None = None
    keep_prompts: bool = False

    @property
    def options(self) -> Mapping[str, object]:
        """The options with their defaults, as JSON values."""
        return self._options.defaults

    @property
    def file(self) -> Path:
        return Path(inspect.getfile(self.script))

    @property
    def fingerprint(self) -> str:
        """Changes when what the script does, a module beside it that it imports, or a prompt of a role changes.

        Comments, docstrings and layout do not count. Files that the script reads are unknown to it.
        """
        return fingerprint_of(self.file, self.roles)

    @property
    def uses_personas(self) -> bool:
        """Whether a prompt tells a role of a persona, or the script itself reads one."""
        prompts = any(set(KINDS) & role.prompt.names for role in self.roles.values())
        return prompts or _reads_personas(self.file.read_text("utf-8"))

    @property
    def changes_persona(self) -> bool:
        """Whether a role becomes somebody else, so that trees need a second persona."""
        return any(role.changes for role in self.roles.values())

    def resolve(self, options: Mapping[str, object]) -> dict[str, object]:
        """All options as JSON values, `options` in place of defaults. Raises `UsageError`."""
        return self._options.resolve(options)

    def check_roles(self, names: Iterable[str]) -> None:
        """Raises `UsageError` for a name that is none of a role."""
        if unknown := [name for name in names if name not in self.roles]:
            raise UsageError(f"scenario {self.name} has no role {unknown[0]!r}; its roles: {', '.join(self.roles)}")

    def prompts_kept(self) -> list[str]:
        """The roles whose prompts are kept with the tree."""
        return [
            name
            for name, role in self.roles.items()
            if self.keep_prompts or (role.answer is None if role.keeps_prompt is None else role.keeps_prompt)
        ]

    def with_prompts(self, files: Mapping[str, Path], fields: AbstractSet[str] = frozenset()) -> "Scenario":
        """The scenario with other prompts, by role, from text files.

        A prompt may name what the one in its place names, the persona, also its further `fields`, and the dialogue.
        Raises `UsageError` for others.
        """
        self.check_roles(files)
        changed = {role: _with_prompt(role, self.roles[role], file, fields) for role, file in files.items()}
        return replace(self, roles={**self.roles, **changed})

    def grow(self, tree: Tree, clients: Mapping[str, Model], **options: Any) -> Coroutine[Any, Any, None]:
        """Grow `tree` with the client of each role in `clients`; `options` as `resolve` takes them.

        The persona of a role, as a rule that of the tree, fills `$profile`, `$personality` and its other fields in the
        prompts.
        """
        return self.play(tree, self.cast(tree, clients), options)

    def play(
        self, tree: Tree, roles: Mapping[str, Role[object]], options: Mapping[str, object]
    ) -> Coroutine[Any, Any, None]:
        """Run the script with these roles."""
        return self.script(tree, **roles, **self._options.arguments(self.resolve(options)))

    def cast(
        self, tree: Tree, clients: Mapping[str, Model], others: Collection[Role[object]] = ()
    ) -> dict[str, Role[object]]:
        """The roles of one tree by name. `others` are introduced to them: they read the tree, and are not called by the
        script."""
        roles = {name: kind(name, clients[name], **tree.persona_of(name).values) for name, kind in self.roles.items()}
        audits = {
            name: person_audit
            for name in roles
            if (not clients[name].simulated if self.audits is None else self.audits)
        }
        introduce([*others, *roles.values()], audits, self.prompts_kept())
        return roles


def _reads_personas(source: str) -> bool:
    """Whether a script asks a tree for a persona, as its syntax tells: `tree.persona`, `tree.persona_of(...)`."""
    asked = {"persona", "personas", "persona_of"}
    return any(isinstance(node, ast.Attribute) and node.attr in asked for node in ast.walk(ast.parse(source)))


def _with_prompt(name: str, kind: type[Role[Any]], file: Path, fields: AbstractSet[str]) -> type[Role[Any]]:
    try:
        prompt = Prompt(file.read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read as the prompt of {name}: {error}") from None
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from None
    known = kind.prompt.names | {*KINDS, *fields, "dialogue"}
    if unknown := sorted(prompt.names - known):
        there = ", ".join(f"${value}" for value in sorted(known))
        raise UsageError(f"{file}: no value for ${unknown[0]} of {name}; there are: {there}")
    return type(kind.__name__, (kind,), {"prompt": prompt, "__doc__": kind.__doc__, "__module__": kind.__module__})


def scenario(script: Script | None = None, /, *, roles: object = None) -> Scenario:
    """Declare a scenario: write `@scenario` above a coroutine with the shape of `SHAPE`.

    Parameters annotated with subclasses of `Role` are its roles, keyword-only ones its options. Raises `UsageError`
    that says what to write instead. `roles` was an argument in version 0.1.
    """
    if script is None:
        caller = sys._getframe(1)
        where = f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno}"
        raise UsageError(f"{where}: @scenario takes no arguments, roles are parameters; write @scenario above: {SHAPE}")
    where = f"{Path(inspect.getfile(script)).name}:{inspect.getsourcelines(script)[1]}"
    if not inspect.iscoroutinefunction(script):
        raise UsageError(f"{where}: the script must be a coroutine; write: {SHAPE}")
    try:
        hints = get_type_hints(script)
        options = Options.of(script, f"scenario {script.__name__}")
    except (NameError, TypeError) as error:
        raise UsageError(f"{where}: {error}; write: {SHAPE}") from None
    about = (inspect.getdoc(script) or "").partition("\n")[0]
    return Scenario(script.__name__, about, _roles(script, hints, where), script, options)


def _roles(script: Script, hints: Mapping[str, object], where: str) -> dict[str, type[Role[object]]]:
    """The parameters that are roles. Raises `UsageError` for one that is neither the tree, a role nor an option."""
    parameters = list(inspect.signature(script).parameters.values())
    if not parameters or parameters[0].name != "tree":
        raise UsageError(f"{where}: the script takes the tree first; write: {SHAPE}")
    roles: dict[str, type[Role[object]]] = {}
    for parameter in parameters[1:]:
        name, kind = parameter.name, hints.get(parameter.name)
        if parameter.kind is parameter.KEYWORD_ONLY:
            continue
        if name == "cast":
            raise UsageError(f"{where}: there is no cast any more, roles are parameters; write: {SHAPE}")
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD or parameter.default is not parameter.empty:
            raise UsageError(f"{where}: option {name!r} needs a * before it and a default; write: {SHAPE}")
        if not (isinstance(kind, type) and issubclass(kind, Role)):
            raise UsageError(
                f"{where}: {name!r} needs a subclass of Role as its annotation, or a * before; write: {SHAPE}"
            )
        if not hasattr(kind, "prompt"):
            raise UsageError(f'{where}: role {kind.__name__} has no prompt; write: prompt = Prompt("...")')
        roles[name] = kind
    return roles


def installed() -> dict[str, str]:
    """The scenarios that can be named, and where each comes from."""
    return {name: point.value for name, point in plugins.installed("scenarios").items()}


def find(name: str) -> Scenario:
    """The scenario with this name, in the file at this path, or `package:object`. Raises `UsageError`."""
    path, _, attribute = name.partition(":")
    if not attribute and (path.endswith(".py") or "/" in path):
        return load(Path(path))
    return plugins.find("scenarios", name, Scenario)


def load(path: Path) -> Scenario:
    """The one scenario in the file at `path`. Raises `UsageError`: what is wrong, where, what to write instead."""
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; `i2a scenarios new NAME` writes one to start from")
    try:
        module = plugins.load_file(path)
    except UsageError as error:
        missing = error.__context__
        if isinstance(missing, ModuleNotFoundError) and missing.name in FIRST_FORM:
            raise UsageError(f"{error}; this is a script of version 0.1, roles are parameters now: {SHAPE}") from None
        raise
    scenarios = [value for value in vars(module).values() if isinstance(value, Scenario)]
    found = [value for value in scenarios if value.file.resolve() == path.resolve()]
    if len(found) != 1:
        raise UsageError(f"{path}: found {len(found)} scenarios, need one; write @scenario above: {SHAPE}")
    return found[0]
