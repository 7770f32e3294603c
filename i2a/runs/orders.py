"""What a worker process is told when it starts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from i2a.models.autogen import Client
from i2a.models.model import Model

if TYPE_CHECKING:
    from i2a.runs.plan import RunPlan


@dataclass(frozen=True, slots=True)
class Described:
    """What roles ask of a model before they call it. `stateless`: the worker opens one of its own."""

    structured_output: bool
    limits_answers: bool
    simulated: bool
    in_process: bool
    context: int | None
    stateless: bool

    @classmethod
    def of(cls, model: Model) -> "Described":
        return cls(
            model.structured_output,
            model.limits_answers,
            model.simulated,
            model.in_process,
            model.context,
            model.stateless,
        )


@dataclass(frozen=True, slots=True)
class Orders:
    """How to have the plan of the run again, and the settings of the session that concern the roles.

    models   in the order in which the plan names them
    clients  for each client of the caller's own: its name there, which of them it is, and what its class is called
    shows    whether somebody watches the conversations grow
    """

    replan: "Callable[[Mapping[str, Client]], RunPlan]"
    models: Sequence[Described]
    clients: Sequence[tuple[str, int, str]]
    folder: Path
    manifest: Mapping[str, object]
    max_calls: int
    retries: int
    keeps_cut: bool
    max_tokens: Mapping[str, int]
    shows: bool
