"""What a script and the modules beside it do, as text that a comment, a docstring or another layout does not change."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from agents.role import Role
from i2a.digests import digest

DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def fingerprint_of(file: Path, roles: Mapping[str, type[Role[object]]]) -> str:
    """Changes when what the code of a file does, a module beside it that it imports, or a prompt of a role changes."""
    return digest("\x1e".join([*code_of(file), *(f"{name} {role.prompt.text}" for name, role in roles.items())]))


def code_of(file: Path) -> list[str]:
    """The code of `file`, then that of each module in its folder that is imported, by it or by one of these."""
    folder, found = file.resolve().parent, {file.resolve(): ast.parse(file.read_text("utf-8"))}
    waiting = [*found.values()]
    while waiting:
        for beside in _imported(waiting.pop(), folder):
            if beside not in found:
                found[beside] = ast.parse(beside.read_text("utf-8"))
                waiting.append(found[beside])
    first, *others = found
    return [_code(found[path]) for path in (first, *sorted(others))]


def _imported(module: ast.Module, folder: Path) -> Iterator[Path]:
    """The files in `folder` that hold what the module imports."""
    for node in ast.walk(module):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            for place in (folder.joinpath(*parts).with_suffix(".py"), folder.joinpath(*parts, "__init__.py")):
                if place.is_file():
                    yield place.resolve()


def _code(module: ast.Module) -> str:
    for node in ast.walk(module):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(module)
