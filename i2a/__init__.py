"""Interact to align: grow branching conversations between LLM agents, train on them, and measure the effect.

from i2a import simulate, read_trees

simulate(out="runs/first", conversations=4)
for tree in read_trees("runs/first"):
    print(tree.persona.id, len(tree.pairs))
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.prompt import Prompt
    from agents.role import Role
    from i2a.api import build_items, choose, estimate, evaluate, read_trees, simulate, train_dpo, train_sft
    from i2a.personas.pool import PersonaPool
    from i2a.trees.persona import Persona
    from i2a.trees.tree import Node, Tree
    from scenarios.script import scenario

    __version__: str

__all__ = [
    "Node",
    "Persona",
    "PersonaPool",
    "Prompt",
    "Role",
    "Tree",
    "build_items",
    "choose",
    "estimate",
    "evaluate",
    "read_trees",
    "scenario",
    "simulate",
    "train_dpo",
    "train_sft",
]

PLACES = dict.fromkeys(("build_items", "choose", "estimate", "evaluate", "read_trees", "simulate"), "i2a.api")
PLACES |= {"train_dpo": "i2a.api", "train_sft": "i2a.api"}
PLACES |= {"Prompt": "agents.prompt", "Role": "agents.role", "scenario": "scenarios.script"}
PLACES |= {"Node": "i2a.trees.tree", "Persona": "i2a.trees.persona", "Tree": "i2a.trees.tree"}
PLACES |= {"PersonaPool": "i2a.personas.pool"}


if not TYPE_CHECKING:  # a type checker finds a wrong name

    def __getattr__(name: str) -> object:  # loaded on demand, so that `i2a --help` stays quick
        if name == "__version__":
            from importlib.metadata import version

            return version("i2a")
        if name not in PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(PLACES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__, "__version__"]
