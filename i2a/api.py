"""What `from i2a import simulate, evaluate, ...` gives: what the commands do, as functions of their settings.

Settings are given by keyword, `simulate(out="runs/a", conversations=4)`, or as an object, `simulate(Simulation(...))`;
keywords win. Nothing is printed without a `console` (of rich). All work in a notebook. Heavy packages are imported when
a function is called.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from i2a.errors import UsageError
from i2a.extras import needs
from i2a.jsonl import JsonObject
from i2a.runs.sync import run_sync
from i2a.settings import Settings, from_keywords
from i2a.threads import wait_passively
from i2a.trees import frame
from i2a.trees.json import read, trees_of
from i2a.trees.tree import Tree

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import Console

    from evaluation.benchmark import EvalResult
    from evaluation.choice.build import BuildResult
    from evaluation.choice.run import ChoiceRunResult
    from evaluation.choice.settings import Choosing, ItemBuild
    from evaluation.settings import Evaluation
    from i2a.models.autogen import Client
    from i2a.runs.config import RunConfig
    from i2a.runs.dry_run import RunEstimate
    from i2a.runs.outcome import RunResult
    from i2a.runs.plan import RunPlan
    from scenarios.selection import Selected, Selection
    from scenarios.settings import Simulation
    from training.settings import DPO, GRPO, SFT


def simulate(
    config: "Simulation | None" = None,
    *,
    clients: Mapping[str, "Client"] = {},
    console: "Console | None" = None,
    **settings: object,
) -> "RunResult":
    """Grow a corpus of conversation trees, as `i2a simulate` does: `simulate(out="runs/a", conversations=4)`.

    `clients` are open model clients of your own, by role (`{"judge": client}`) or model string; `"*"` serves every role
    without one. They stay open. Raises `UsageError` for invalid settings, before anything is written or called.
    A run that stops early, or in which conversations fail, is returned as well; `result.raise_for_status()` raises the
    reason.
    """
    from scenarios.settings import Simulation
    from scenarios.simulation import simulate_async

    return run_sync(simulate_async(_settled(Simulation, config, settings), clients=clients, console=console))


def evaluate(
    config: "Evaluation | None" = None,
    *,
    clients: Mapping[str, "Client"] = {},
    console: "Console | None" = None,
    **settings: object,
) -> "EvalResult":
    """Measure candidates on the ALOE benchmark, as `i2a evaluate` does, curves included.

    For instance `evaluate(out="runs/eval", candidates=["base=hf:runs/base", "tuned=hf:runs/dpo"])`. `clients` as for
    `simulate`, also by the name of a candidate. Raises `UsageError` as `simulate` does.
    """
    with needs("evaluate"):
        from evaluation.benchmark import evaluate as run
        from evaluation.settings import Evaluation
        from i2a.report.plots import draw

    return run(_settled(Evaluation, config, settings), clients=clients, console=console, draw=draw)


def choose(
    config: "Choosing | None" = None,
    *,
    clients: Mapping[str, "Client"] = {},
    console: "Console | None" = None,
    **settings: object,
) -> "ChoiceRunResult":
    """Have candidates choose the reply that suits the person, as `i2a choice` does, curves included.

    For instance `choose(out="runs/choice", candidates=["base=hf:runs/base", "tuned=hf:runs/dpo"])`. `clients` by the
    name of a candidate, as `reference`, or by model string. Raises `UsageError` as `simulate` does.
    """
    with needs("evaluate"):
        from evaluation.choice.run import choose as run
        from evaluation.choice.settings import Choosing
        from i2a.report.choice import draw

    return run(_settled(Choosing, config, settings), clients=clients, console=console, draw=draw)


def build_items(
    config: "ItemBuild | None" = None,
    *,
    clients: Mapping[str, "Client"] = {},
    console: "Console | None" = None,
    **settings: object,
) -> "BuildResult":
    """Make items for `choose`, as `i2a benchmark build` does: `build_items(out="runs/items", source="runs/corpus")`.

    `clients` as for `simulate`. Raises `UsageError` as `simulate` does.
    """
    with needs("evaluate"):
        from evaluation.choice.build import build_items as run
        from evaluation.choice.settings import ItemBuild

    return run(_settled(ItemBuild, config, settings), clients=clients, console=console)


def estimate(config: "RunConfig", *, clients: Mapping[str, "Client"] = {}) -> "RunEstimate":
    """What a run with these settings would take, as `--dry-run` tells it: `estimate(Simulation(out="runs/a", ...))`.

    The settings are those of `simulate`, `evaluate`, `choose`, `build_items` or of `i2a personas grow`. Nothing is
    written, and no model is called but for a `probe`. Raises `UsageError` as the run would.
    """
    from i2a.runs.dry_run import estimate as estimated

    return run_sync(estimated(_plan(config, clients), config))


def _plan(config: "RunConfig", clients: Mapping[str, "Client"]) -> "RunPlan":
    from i2a.personas.settings import Growth
    from scenarios.settings import Simulation

    if isinstance(config, Simulation):
        from scenarios.simulation import plan_simulation

        return plan_simulation(config, clients)
    if isinstance(config, Growth):
        with needs("personas"):
            from i2a.personas.growth import planned

        return planned(config, clients)
    with needs("evaluate"):
        from evaluation.benchmark import plan_of
        from evaluation.choice.build import plan_build
        from evaluation.choice.run import plan_choices
        from evaluation.choice.settings import Choosing, ItemBuild
        from evaluation.settings import Evaluation

    match config:
        case Evaluation():
            return plan_of(config, clients).run
        case Choosing():
            return plan_choices(config, clients).run
        case ItemBuild():
            return plan_build(config, clients)[0]
    raise UsageError(f"{type(config).__name__} are not the settings of a run that pays")


def train_sft(config: "SFT | None" = None, *, console: "Console | None" = None, **settings: object) -> JsonObject:
    """Fine-tune a model on preferred replies, as `i2a train sft` does, model card included; gives `result.json`.

    For instance `train_sft(runs=["runs/a"], model="Qwen/Qwen2.5-0.5B-Instruct", out="runs/sft")`. Raises `UsageError`
    for what cannot work, and `Interrupted` after Ctrl-C. `training.sft.sft_trainer` gives the trainer itself.
    """
    wait_passively()
    with needs("train"):
        from i2a.report.cards.model import model_card
        from training.settings import SFT
        from training.sft import sft

    return sft(_settled(SFT, config, settings), console, model_card)


def train_dpo(config: "DPO | None" = None, *, console: "Console | None" = None, **settings: object) -> JsonObject:
    """Train a model to prefer the chosen replies, as `i2a train dpo` does, model card included; gives `result.json`.

    For instance `train_dpo(runs=["runs/a"], model="runs/sft", out="runs/dpo")`. Raises as `train_sft` does.
    `training.dpo.dpo_trainer` gives the trainer itself.
    """
    wait_passively()
    with needs("train"):
        from i2a.report.cards.model import model_card
        from training.dpo import dpo
        from training.settings import DPO

    return dpo(_settled(DPO, config, settings), console, model_card)


def train_grpo(
    config: "GRPO | None" = None,
    *,
    clients: Mapping[str, "Client"] = {},
    console: "Console | None" = None,
    **settings: object,
) -> JsonObject:
    """Train a model by talking with the simulated person, as `i2a train grpo` does, model card included; gives
    `result.json`.

    For instance `train_grpo(model="runs/sft", out="runs/grpo", reward={"judge": 1.0})`. `clients` as for `simulate`, of
    the roles that are not trained. Raises as `train_sft` does.
    """
    wait_passively()
    with needs("train"):
        from i2a.report.cards.model import model_card
        from training.grpo import grpo
        from training.settings import GRPO

    return grpo(_settled(GRPO, config, settings), console, model_card, clients=clients)


def select(config: "Selection | None" = None, **settings: object) -> "Selected":
    """Keep the conversations of runs that are good enough, as `i2a select` does; says how many each rule left out.

    For instance `select(runs=["runs/a"], out="runs/good", min_agreement=0.8)`. Raises `UsageError`.
    """
    from scenarios.selection import Selection
    from scenarios.selection import select as select_from

    return select_from(_settled(Selection, config, settings))


def read_trees(run: str | Path) -> Iterator[Tree]:
    """The trees of a run's folder, or of a file of trees, one at a time. Raises `UsageError` with file and line."""
    return read(trees_of(Path(run)))


def to_dataframe(trees: str | Path | Tree | Iterable[Tree]) -> "DataFrame":
    """A table for pandas of every utterance of trees, or of the run in a folder: `to_dataframe("runs/first")`.

    The columns: see `i2a.trees.frame.utterances`. What a run used, and what an evaluation scored, are tables of the
    results: `simulate(...).usage.to_dataframe()`, `evaluate(...).to_dataframe()`. Raises `UsageError` without pandas.
    """
    if isinstance(trees, str | Path):
        trees = read_trees(trees)
    return frame.to_dataframe(frame.utterances([trees] if isinstance(trees, Tree) else trees))


def _settled(model: type[Settings], config: Settings | None, settings: Mapping[str, object]) -> Settings:
    """The settings of `config` and, over them, those given by keyword. Raises `UsageError`."""
    if config is not None and not settings:
        return config
    given = {} if config is None else {name: getattr(config, name) for name in config.model_fields_set}
    return from_keywords(model, {**given, **settings})
