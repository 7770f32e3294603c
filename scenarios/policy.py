"""One role of a scenario as the policy: where the script asks it once, it gives several replies, and one goes on.

Whatever the script does with the reply that it gets, the others stand beside it in the tree as its siblings; each is
given its rewards, apart and summed. Works with any scenario and any model; training is one reader of such trees.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from agents.role import Role
from i2a.errors import ModelError, UsageError
from i2a.jsonl import JsonObject
from i2a.models.autogen import Client
from i2a.models.spec import ModelSpec
from i2a.runs.clients import has_likelihoods, spec_for
from i2a.runs.collector import model_errors
from i2a.runs.session import Session
from i2a.trees.tree import REWARD, REWARDS, UNSCORED, Node, Placed, Tree, Utterance
from scenarios.rewards import Reward, Value, find_reward
from scenarios.script import Scenario
from scenarios.settings import Simulation

POLICY, RATER = "policy", "judge"  # a role of this name is the policy; one of a reward is played by policy or raters
# In the metadata of a node: why nothing follows it; how many replies beside it failed.
ENDED, LOST = "ended", "failed_siblings"


@dataclass(frozen=True, slots=True)
class WeightedReward:
    """A reward in a sum. `casts`: the model of each role that it asks, once for each rater."""

    reward: Reward
    weight: float
    casts: Sequence[Mapping[str, ModelSpec]]


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """`role`: whose replies are siblings. `replies`: how many. `follow`: which goes on. `rewards`: by name."""

    role: str
    replies: int
    follow: Literal["random", "best"]
    rewards: Mapping[str, WeightedReward]

    @classmethod
    def of(cls, config: Simulation, scenario: Scenario, clients: Mapping[str, Client]) -> "PolicyPlan | None":
        """What the settings say; None if no role is the policy. Raises `UsageError`."""
        role = policy_role(config, scenario)
        if role is None:
            if config.reward:
                raise UsageError("--reward scores the replies of a policy; say which role that is: --policy ROLE")
            return None
        if scenario.roles[role].answer is not None:
            raise UsageError(f"{role} cannot be the policy: it answers with a form, and a policy is a role that speaks")
        if config.follow == "best" and not any(config.reward.values()):
            raise UsageError("--follow best needs a reward that counts, e.g. --reward judge=1")
        own = spec_for(role, config.model_of(role), clients)
        raters = [spec_for(RATER, text, clients) for text in config.rater or [config.model_of(RATER)]]
        rewards = {}
        for name, weight in config.reward.items():
            found = find_reward(name)
            others = {
                asked: own if asked == POLICY else spec_for(asked, config.model_of(asked), clients)
                for asked in found.roles
                if asked != RATER
            }
            judged = RATER in found.roles
            casts = [{**others, RATER: rater} for rater in raters] if judged else [others]
            if found.likelihoods:
                check_likelihoods(name, casts)
            rewards[name] = WeightedReward(found, weight, casts)
        return cls(role, config.replies, config.follow, rewards)

    @property
    def models(self) -> dict[str, ModelSpec]:
        """All that the rewards ask: by role, and raters also by their model strings."""
        casts = [cast for each in self.rewards.values() for cast in each.casts]
        by_name = {str(spec): spec for cast in casts for role, spec in cast.items() if role == RATER}
        first = {role: spec for cast in reversed(casts) for role, spec in cast.items()}
        return {**(by_name if len(by_name) > 1 else {}), **first}

    @property
    def asked(self) -> dict[str, type[Role[object]]]:
        """The roles that the rewards ask; those of one name in two rewards under the name of the reward, too."""
        return {
            f"{role} of reward {name}": kind
            for name, each in self.rewards.items()
            for role, kind in each.reward.roles.items()
        }

    @property
    def fingerprint(self) -> JsonObject:
        return {
            "role": self.role,
            "replies": self.replies,
            "follow": self.follow,
            "rewards": {name: [each.weight, each.reward.fingerprint] for name, each in self.rewards.items()},
            "raters": sorted(
                {str(cast[RATER]) for each in self.rewards.values() for cast in each.casts if RATER in cast}
            ),
        }

    def with_personas_of_rewards(self, scenario: Scenario) -> Scenario:
        """The scenario as one whose people are drawn: whom a reward tells of somebody needs somebody."""
        return replace(scenario, roles={**scenario.roles, **self.asked})

    async def grow(
        self, scenario: Scenario, tree: Tree, session: Session, models: Mapping[str, ModelSpec], options: JsonObject
    ) -> None:
        """Grow `tree`, and give every reply of the policy its rewards.

        A turn that fails ends the conversation there, and what came before it counts. Raises `ModelError` only where no
        reply of the policy came before it.
        """
        clients = session.clients(tree.id, tree.seed, models)
        clients[self.role].keeps_cut = True  # a reply that is too long is for the rewards to judge
        asked = TreeRewards(self.rewards, tree, session)
        roles = scenario.cast(tree, clients, asked.roles)
        siblings = Siblings(tree, self, asked)
        roles[self.role].speaks_through(siblings.speak)
        try:
            await scenario.play(tree, roles, options)
        except (ModelError, ExceptionGroup) as error:
            reason = model_errors(error)[0]
            if not any(node.speaker == self.role for node in tree):
                raise
            (tree.ends or tree.roots)[-1].metadata[ENDED] = f"{type(reason).__name__}: {reason}"
        async with asyncio.TaskGroup() as group:
            for place in places_of(tree, self.role):
                if REWARDS not in place[0].metadata:
                    group.create_task(asked.score(place))


def policy_role(config: Simulation, scenario: Scenario) -> str | None:
    """The role whose replies are siblings, if there is one. Raises `UsageError` for a name that is none of a role."""
    if config.policy is not None:
        scenario.check_roles([config.policy])
    return config.policy or (POLICY if POLICY in scenario.roles else None)


def check_likelihoods(name: str, casts: Sequence[Mapping[str, ModelSpec]]) -> None:
    """Raises `UsageError` for a model without what the reward of this name needs."""
    for role, spec in (pair for cast in casts for pair in cast.items()):
        if not has_likelihoods(spec):
            raise UsageError(
                f"reward {name}: {spec} gives no log-probabilities of replies; take one that does: "
                f"--role-model {role}=hf:FOLDER"
            )


def places_of(tree: Tree, role: str) -> list[list[Node]]:
    """The replies of a role, those to the same words together, depth first."""
    places: dict[Node | None, list[Node]] = {}
    for node in tree:
        if node.speaker == role:
            places.setdefault(node.parent, []).append(node)
    return list(places.values())


class TreeRewards:
    """The rewards of one tree, with the roles that they ask. No reward shares a client with another, so that who else
    is asked changes no answer."""

    def __init__(self, rewards: Mapping[str, WeightedReward], tree: Tree, session: Session) -> None:
        self._rewards, self._tree = rewards, tree
        self._casts: dict[str, list[dict[str, Role[object]]]] = {}
        for name, each in rewards.items():
            self._casts[name] = []
            for models in each.casts:
                clients = session.clients(tree.id, tree.seed, models)
                people = {role: tree.persona_of(role).values for role in models}
                self._casts[name].append(
                    {role: each.reward.roles[role](role, clients[role], **people[role]) for role in models}
                )

    @property
    def roles(self) -> list[Role[object]]:
        return [role for casts in self._casts.values() for cast in casts for role in cast.values()]

    async def score(self, replies: Sequence[Node]) -> None:
        """Write into the metadata of replies in one place what each reward gives them, and the weighted sum.

        There is no sum where a reward that counts could not be had; one of weight 0 is only looked at.
        """
        if not self._rewards:
            return
        async with asyncio.TaskGroup() as group:
            asked = {
                name: [
                    group.create_task(each.reward.of(self._tree, replies, self._told(cast, replies[0])))
                    for cast in self._casts[name]
                ]
                for name, each in self._rewards.items()
            }
        for place, reply in enumerate(replies):
            values: dict[str, Value] = {}
            for name, tasks in asked.items():
                found = [task.result()[place] for task in tasks]
                missing = [worth.reason for worth in found if worth.value is None]
                values[name] = None if missing else sum(worth.value or 0.0 for worth in found) / len(found)
                if missing:
                    reply.metadata.setdefault(UNSCORED, {})[name] = missing[0]
            reply.metadata[REWARDS], reply.metadata[REWARD] = values, self._sum(values)

    def _told(self, cast: Mapping[str, Role[object]], reply: Node) -> Mapping[str, Role[object]]:
        """The roles, told of whom the person is by then, if it changes; those with a persona of their own keep it."""
        holds = self._tree.persona_at(reply)
        if holds is self._tree.persona:
            return cast
        return {name: role if name in self._tree.personas else role.told_of(holds) for name, role in cast.items()}

    def _sum(self, values: Mapping[str, Value]) -> Value:
        total = 0.0
        for name, each in self._rewards.items():
            value = values[name]
            if each.weight:
                if value is None:
                    return None
                total += each.weight * value
        return total


@dataclass(frozen=True, slots=True)
class Siblings:
    """Has the policy reply several times where it is asked once."""

    tree: Tree
    plan: PolicyPlan
    asked: TreeRewards

    async def speak(self, ask: Callable[[], Coroutine[Any, Any, Utterance]], here: Node | None) -> Utterance:
        """The reply that goes on; all of them stand in the tree by then. One that failed is missing, and counted.

        Raises the `ModelError` of the first if all failed.
        """
        answers = await asyncio.gather(*(ask() for _ in range(self.plan.replies)), return_exceptions=True)
        said: list[Utterance] = []
        errors: list[ModelError] = []
        for answer in answers:
            if isinstance(answer, ModelError):
                errors.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                said.append(answer)
        if not said:
            raise errors[0]
        nodes = [self.tree.add(here, each) for each in said]
        if errors:
            nodes[0].metadata[LOST] = len(errors)
        if self.plan.follow == "best":
            await self.asked.score(nodes)
        chosen = self._followed(nodes)
        placed = Placed(*said[chosen])
        placed.node = nodes[chosen]
        return placed

    def _followed(self, nodes: Sequence[Node]) -> int:
        """The place of the reply that goes on: the best of those with a reward, else one by chance.

        Chance follows from the replies, and not from `tree.random`: of branches that grow at once, none knows when its
        turn to draw is.
        """
        scored = [place for place, node in enumerate(nodes) if node.metadata.get(REWARD) is not None]
        if self.plan.follow == "best" and scored:
            return max(scored, key=lambda place: (nodes[place].metadata[REWARD], -place))
        chance = random.Random(f"{self.tree.chance}/{[node.content for node in nodes[0].path[:-1]]}")
        return chance.randrange(len(nodes))
