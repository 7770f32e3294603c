"""What a run comes down to before anything is written or called."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from i2a.models.spec import ModelSpec
from i2a.trees.tree import Tree

if TYPE_CHECKING:
    from i2a.runs.live import View
    from i2a.runs.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """The work of a run. `i2a.runs.runner.execute` carries it out.

    fingerprint   what a resumed run must share with the one it goes on with
    models        all that are called, by role or name
    trees         empty trees, to be grown side by side; a complete corpus is in their order
    grow          grows one of them, whose `i2a.errors.ModelError` is a record and whose other errors are bugs
    work          instead of trees: a coroutine that asks in its own order, e.g. in waves
    unit          what is counted, in the plural
    target        how many of these there will be; default: as many as trees
    panel         what the live view shows of `work`; of trees it shows one
    warnings      for the manifest
    failures      of conversations of an earlier run that this one takes over
    simulated     what is known of models that are not called here, by model string: whether they are a simulator
    """

    fingerprint: Mapping[str, object]
    models: Mapping[str, ModelSpec]
    trees: Sequence[Tree] = ()
    grow: "Callable[[Tree, Session], Awaitable[None]] | None" = None
    work: "Callable[[Session, View], Coroutine[Any, Any, None]] | None" = None
    unit: str = "conversations"
    target: int | None = None
    panel: Callable[[], RenderableType | None] | None = None
    warnings: Sequence[str] = ()
    failures: Sequence[Mapping[str, object]] = ()
    simulated: Mapping[str, bool] = field(default_factory=dict)
