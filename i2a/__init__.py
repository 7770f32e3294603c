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
    from i2a.api import (
        build_items,
        choose,
        estimate,
        evaluate,
        read_trees,
        select,
        simulate,
        to_dataframe,
        train_dpo,
        train_grpo,
        train_sft,
    )
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
    "select",
    "simulate",
    "to_dataframe",
    "train_dpo",
    "train_grpo",
    "train_sft",
]

PLACES = dict.fromkeys(("build_items", "choose", "estimate", "evaluate", "read_trees", "simulate"), "i2a.api")
PLACES |= dict.fromkeys(("select", "to_dataframe", "train_dpo", "train_grpo", "train_sft"), "i2a.api")
PLACES |= {"Prompt": "agents.prompt", "Role": "agents.role", "scenario": "scenarios.script"}
PLACES |= {"Node": "i2a.trees.tree", "Persona": "i2a.trees.persona", "Tree": "i2a.trees.tree"}
PLACES |= {"PersonaPool": "i2a.personas.pool"}
# The packages beside this one that a name needs, and that another project may have too.
NEEDS = dict.fromkeys(("Prompt", "Role"), "agents") | dict.fromkeys(
    ("scenario", "select", "simulate"), "agents scenarios"
)
NEEDS |= dict.fromkeys(("build_items", "choose", "evaluate"), "agents scenarios evaluation")
NEEDS |= dict.fromkeys(("train_dpo", "train_sft"), "training") | {"train_grpo": "agents scenarios training"}


if not TYPE_CHECKING:  # a type checker finds a wrong name

    def __getattr__(name: str) -> object:  # loaded on demand, so that `i2a --help` stays quick
        if name == "__version__":
            from i2a.extras import our_version

            return our_version()
        if name not in PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name in NEEDS:
            from i2a.siblings import check

            check(*NEEDS[name].split())
        return getattr(import_module(PLACES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__, "__version__"]
