"""Several judges in the place of one: each compares in both orders, and enough of them must name one winner.

A jury is a judge that leads others. Scripts call it as they call any judge.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agents.role import Role
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.models.autogen import Client
from i2a.models.spec import ModelSpec
from i2a.runs.clients import spec_for
from i2a.runs.session import Session
from i2a.trees.tree import Node, Tree
from scenarios.script import Scenario
from scenarios.settings import Simulation

JUDGE = "judge"  # the role that a jury plays
Rule = Literal["majority", "unanimity"]


@dataclass(frozen=True, slots=True)
class Jury:
    """`members`: judges with the names of their models, None for one that is alone."""

    members: Sequence[tuple[str | None, Any]]
    rule: Rule = "majority"

    def agree(self, votes: Sequence[Node | None]) -> Node | None:
        """Whom enough members name; None is the vote of one whose orders disagree, or who gave no answer."""
        enough = len(votes) if self.rule == "unanimity" else len(votes) // 2 + 1
        [(winner, count), *_] = Counter(votes).most_common() or [(None, 0)]
        return winner if count >= enough else None


def jury_of(judge: Any) -> Jury:
    """The jury that a judge leads, or that it is alone."""
    led: Jury | None = getattr(judge, "jury", None)
    return led or Jury([(None, judge)])


@dataclass(frozen=True, slots=True)
class JuryPlan:
    """The models of a jury, and its rule."""

    models: Sequence[ModelSpec]
    rule: Rule

    @classmethod
    def of(cls, config: Simulation, scenario: Scenario, clients: Mapping[str, Client]) -> "JuryPlan | None":
        """What the settings say; None without a jury. Raises `UsageError`."""
        if not config.jury:
            return None
        if JUDGE not in scenario.roles:
            raise UsageError(f"--jury plays the role judge, and scenario {scenario.name} has none")
        if len(set(config.jury)) < max(2, len(config.jury)):
            raise UsageError("--jury takes two models or more, each once, such as --jury openai:a --jury openai:b")
        if JUDGE in config.role_model:
            raise UsageError("--jury and --role-model judge both say who judges; leave one out")
        return cls([spec_for(JUDGE, text, clients) for text in config.jury], config.jury_rule)

    @property
    def others(self) -> dict[str, ModelSpec]:
        """All but the first, which has the role's own client, by model string."""
        return {str(spec): spec for spec in self.models[1:]}

    @property
    def fingerprint(self) -> JsonObject:
        return {"models": [str(spec) for spec in self.models], "rule": self.rule}

    def seats(self, scenario: Scenario, tree: Tree, session: Session) -> dict[str, Role[object]]:
        """The other judges of one tree, by model string."""
        kind, values = scenario.roles[JUDGE], tree.persona_of(JUDGE).values
        return {
            name: kind(JUDGE, session.clients(tree.id, tree.seed, {JUDGE: spec})[JUDGE], **values)
            for name, spec in self.others.items()
        }

    def lead(self, judge: Any, others: Mapping[str, Role[object]]) -> None:
        """From now on `compare` asks all of them."""
        judge.jury = Jury([(str(self.models[0]), judge), *others.items()], self.rule)
