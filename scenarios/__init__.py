"""Scenario scripts: who speaks when, and how the tree grows. A script imports `Cast` and `scenario` from here."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios.cast import Cast
    from scenarios.script import Scenario, scenario

__all__ = ["Cast", "Scenario", "scenario"]


def __getattr__(name: str) -> Any:  # loaded on demand, so that `i2a --help` stays quick
    if name == "Cast":
        from scenarios.cast import Cast

        return Cast
    if name in ("Scenario", "scenario"):
        from scenarios import script

        return getattr(script, name)
    raise AttributeError(name)
