"""Whether `agents`, `scenarios`, `training` and `evaluation` are ours: other projects have packages of these names.

openai-agents installs a package `agents`, and a folder `training` may lie beside a script of yours.
"""

from importlib.util import find_spec
from pathlib import Path

from i2a.errors import ForeignPackage

ROOT = Path(__file__).parents[1]
SIBLINGS = ("agents", "scenarios", "training", "evaluation")
MARK = b'"""i2a: '  # how the `__init__.py` of each of them begins


def check(*names: str) -> None:
    """Raise `ForeignPackage` if one of these packages is somebody else's, with the way out. None is imported."""
    for name in names:
        found, ours = _file_of(name), ROOT / name / "__init__.py"
        if found is None or found.resolve() != ours.resolve():
            raise ForeignPackage(_shadowed(name, found))
        with ours.open("rb") as file:
            if file.read(len(MARK)) != MARK:
                raise ForeignPackage(
                    f"{ours.parent} was overwritten by another project's package `{name}` (openai-agents has one): "
                    "install i2a into an environment of its own"
                )


def _file_of(name: str) -> Path | None:
    try:
        spec = find_spec(name)
    except ValueError:  # a module that was made by hand
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _shadowed(name: str, found: Path | None) -> str:
    if found is None:
        return f"the package `{name}` of i2a is not found: install i2a again, into an environment of its own"
    place = found.parent if found.name == "__init__.py" else found
    said = f"`{name}` is {place} here, not the package of i2a"
    if {"site-packages", "dist-packages"} & {*place.parts}:
        return f"{said}: install i2a into an environment of its own"
    return f"{said}: run `python -P` (or set PYTHONSAFEPATH=1), or rename it"
