"""What a run will do, decided before anything is written or called."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from i2a.errors import UsageError
from i2a.models.autogen import Client
from i2a.models.spec import ModelSpec
from i2a.runs.config import parts_of
from i2a.runs.panels import turns_of
from i2a.trees.tree import Tree

if TYPE_CHECKING:
    from i2a.runs.live import View
    from i2a.runs.session import Session

SHARD = "shard"  # its key in a fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """The work of a run. `i2a.runs.runner.execute` carries it out.

    fingerprint   what must be equal to resume the run
    models        all that are called, by role or name
    roles         the models of each role, where `models` does not say it by role
    trees         empty trees, to be grown side by side; a complete corpus is in their order
    grow          grows one tree; an `i2a.errors.ModelError` becomes a failure record, any other error is a bug
    work          instead of trees: a coroutine that calls models in its own order, e.g. in waves
    unit          what is counted, in the plural
    steps         how far a growing tree is, and how far it is to come (0: unknown); default: its turns
    step_unit     what these steps are, in the plural
    target        the final count of these; default: the number of trees
    panel         what the live view shows of `work`; default: one of the trees
    warnings      for the manifest
    failures      copied from an earlier run
    metadata      what else the manifest of a new run contains; a resumed run keeps what it has
    keeps_broken  whether the nodes of a failed tree are kept
    needed        about how many tokens a call of each role takes, if that can be told: at first, and more by each turn
    turns         how many these are
    replan        how a worker process has the plan again, given stand-ins for `clients`: what `grow` needs of it is all
                  that must be equal. Can be pickled; None: the run needs one process
    clients       open ones of the caller's own, by role or model string
    simulated     for models that are not called here, by model string: whether they are a simulator
    """

    fingerprint: Mapping[str, object]
    models: Mapping[str, ModelSpec]
    trees: Sequence[Tree] = ()
    grow: "Callable[[Tree, Session], Awaitable[None]] | None" = None
    work: "Callable[[Session, View], Coroutine[Any, Any, None]] | None" = None
    unit: str = "conversations"
    steps: Callable[[Tree], tuple[int, int]] = turns_of
    step_unit: str = "turns"
    target: int | None = None
    panel: Callable[[], RenderableType | None] | None = None
    warnings: Sequence[str] = ()
    failures: Sequence[Mapping[str, object]] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)
    keeps_broken: bool = False
    needed: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    turns: int = 0
    simulated: Mapping[str, bool] = field(default_factory=dict)
    roles: Mapping[str, Collection[ModelSpec]] = field(default_factory=dict)
    replan: "Callable[[Mapping[str, Client]], RunPlan] | None" = None
    clients: Mapping[str, Client] = field(default_factory=dict)

    def sharded(self, shard: str | None) -> "RunPlan":
        """Every N-th tree of the plan from the K-th on, for a shard K/N. Raises `UsageError` if there is none."""
        if shard is None:
            return self
        part, parts = parts_of(shard)
        trees = self.trees[part - 1 :: parts]
        if not trees:
            raise UsageError(f"shard {shard} of {len(self.trees)} {self.unit} is empty: make at most that many shards")
        fingerprint, failures = {**self.fingerprint, SHARD: shard}, self.failures[part - 1 :: parts]
        return replace(self, trees=trees, fingerprint=fingerprint, failures=failures)

    def models_of(self, role: str) -> Collection[ModelSpec]:
        """The models that play a role. Raises `UsageError` if there is no such role."""
        roles = self.roles or {name: [spec] for name, spec in self.models.items()}
        if role not in roles:
            raise UsageError(f"there is no role {role!r} here; the roles: {', '.join(roles)}")
        return roles[role]
