"""What an evaluation comes down to before anything is written or called, however its dialogues come about."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol

from evaluation.judge import RATERS, Rater
from evaluation.live import Rate
from evaluation.settings import Evaluation
from evaluation.summary import Conditions
from i2a.errors import UsageError
from i2a.models.spec import ModelSpec
from i2a.models.usage import Meter, Price, find_price, parse_price
from i2a.runs.session import Session
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree
from scenarios.cast import Cast

SCENARIO = "evaluation"
OFFLINE, LLM = "offline simulator", "LLM"


class Dialogues(Protocol):
    """How the dialogue of a tree comes about: held, replayed, or taken over as it was."""

    def cast(self, session: Session, tree: Tree) -> Cast:
        """Those who talk in this tree."""
        ...

    async def hold(self, tree: Tree, cast: Cast, rate: Rate) -> None:
        """Let the empty tree grow, with a rating for every reply."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """One tree for each candidate and case; `trees` come empty, their ids are `CANDIDATE/CASE`.

    `candidates`: name -> what it is. `lost`: failures of an earlier run that this one goes on from. `models` are all
    that are called, beside the judges. `identity` is what a resumed run must share with the one it goes on with;
    `about` is only written down.
    """

    conditions: Conditions
    candidates: Mapping[str, Mapping[str, Any]]
    judges: Mapping[str, ModelSpec]
    rater: type[Rater]
    dialogues: Dialogues
    trees: Sequence[Tree]
    models: Sequence[ModelSpec]
    prices: Mapping[str, Price | None]
    identity: Mapping[str, Any]
    about: Mapping[str, Any]
    lost: Sequence[Mapping[str, Any]] = ()


def facts(persona: Persona) -> dict[str, str]:
    """The persona, for the prompts of those who may know it."""
    return {"profile": persona.profile, "personality": persona.personality}


def check_early(config: Evaluation, names: Sequence[str]) -> None:
    """Raises `UsageError` now for what would else come up after the run."""
    if config.baseline not in (None, *names):
        raise UsageError(f"--baseline {config.baseline!r} is no candidate; choose one of: {', '.join(names)}")
    if config.ratings is not None and not config.ratings.is_file():
        raise UsageError(f"--ratings {config.ratings}: there is no such file")


def judges_of(config: Evaluation) -> tuple[dict[str, ModelSpec], type[Rater]]:
    """The judges under the names that stand in the scores, their model strings; and what they are asked for."""
    specs = [ModelSpec.parse(text) for text in config.judge]
    judges = {str(spec): spec for spec in specs}
    if len(judges) < len(specs):
        raise UsageError("a judge is named twice; a second opinion comes from another model or other parameters")
    return judges, RATERS[config.protocol]


def provenance(judges: Mapping[str, ModelSpec], rater: type[Rater]) -> dict[str, dict[str, str]]:
    return {name: {"model": str(spec), "prompt": rater.prompt.fingerprint} for name, spec in judges.items()}


def is_offline(spec: ModelSpec) -> bool:
    """Whether the offline engine answers, in this process or behind `i2a serve`."""
    return "offline" in (spec.kind, spec.name)


def engine(specs: Iterable[ModelSpec]) -> str:
    """What plays the user and the judges, in words. One offline part makes the numbers those of a simulator."""
    return OFFLINE if any(is_offline(spec) for spec in specs) else LLM


def priced(models: Iterable[ModelSpec], config: Evaluation) -> dict[str, Price | None]:
    """The price of every model. Raises `UsageError` for a budget in money without them."""
    prices = {str(spec): find_price(spec) for spec in models} | dict(map(parse_price, config.price))
    Meter(prices, max_cost=config.max_cost)
    return prices


def identity(
    conditions: Conditions, candidates: Mapping[str, Mapping[str, Any]], inducer: Mapping[str, str] | None
) -> dict[str, Any]:
    return {
        "scenario": SCENARIO,
        **conditions.as_json(),
        "candidates": candidates,
        "inducer": inducer,
        "versions": {name: version(name) for name in ("i2a", "autogen-agentchat")},
    }


def about(config: Evaluation, notes: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "config": config.as_json(),
        "notes": list(notes),
        "python": platform.python_version(),
    }
