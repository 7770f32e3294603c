"""i2a: scenario scripts; who speaks when, and how the tree grows. What a script or a program needs is here by name."""

from importlib import import_module
from typing import TYPE_CHECKING

from i2a.siblings import check

if TYPE_CHECKING:
    from scenarios.script import Scenario, scenario
    from scenarios.settings import Simulation
    from scenarios.simulation import simulate

__all__ = ["Scenario", "Simulation", "scenario", "simulate"]

PLACES = {"Scenario": "script", "Simulation": "settings"}
PLACES |= {"scenario": "script", "simulate": "simulation"}


if not TYPE_CHECKING:  # a type checker finds a wrong name

    def __getattr__(name: str) -> object:  # loaded on demand, so that `i2a --help` stays quick
        if name == "Cast":
            raise ImportError(
                "there is no Cast any more: roles are parameters; `i2a scenarios new NAME` shows the form"
            )
        if name not in PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        check("agents")
        return getattr(import_module(f"scenarios.{PLACES[name]}"), name)
