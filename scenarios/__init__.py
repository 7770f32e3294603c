"""Scenario scripts: who speaks when, and how the tree grows."""

from scenarios.cast import Cast
from scenarios.script import Scenario, scenario

__all__ = ["Cast", "Scenario", "scenario"]
