"""Rollouts: conversations that the policy has with its weights as they are, each iteration a run in its own folder.

`rollouts/0007/` holds trees, journal and manifest as any run does, so it can be shown, exported, trained on, and goes
on after a crash. Beside its answers the journal keeps the tokens that were drawn; training learns from just these.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console

from i2a.digests import digest, seed_of
from i2a.errors import BudgetSpent, UsageError
from i2a.jsonl import JsonObject
from i2a.models.autogen import Client
from i2a.models.local.policy import PolicyModel, ServedPolicyModel, TokenSample, answering, digest_of_weights
from i2a.models.local.template import ChatTemplate
from i2a.models.model import FREE
from i2a.models.usage import UsageTracker
from i2a.runs.clients import KIND
from i2a.runs.outcome import RunResult
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import RunFolder
from i2a.runs.runner import execute
from i2a.runs.session import prices_of
from i2a.runs.sync import run_sync
from i2a.trees.json import read
from i2a.trees.tree import REWARD, REWARDS, SAMPLE, UNSCORED, Node, Tree
from scenarios.policy import ENDED, LOST, places_of, policy_role
from scenarios.script import find
from scenarios.settings import Simulation
from scenarios.simulation import plan_simulation
from training.advantages import spread
from training.vllm_server import VLLMServer

MORE = "--resume with a higher --max-cost goes on"


@dataclass(frozen=True, slots=True)
class Rollout:
    """The trees of one iteration. `samples`: what was drawn for each reply of `policy`, the role that is trained."""

    folder: Path
    policy: str
    trees: Sequence[Tree]
    samples: Mapping[Node, TokenSample]

    @property
    def unscored(self) -> str:
        """Why replies have no reward, in the words of most of them."""
        replies = (node for tree in self.trees for place in places_of(tree, self.policy) for node in place)
        reasons = Counter(reason for node in replies for reason in node.metadata.get(UNSCORED, {}).values())
        return max(reasons, key=lambda reason: reasons[reason], default="")

    @property
    def record(self) -> JsonObject:
        """What there is to watch, as numbers for a log; none of a reward that no reply has."""
        replies = [node for tree in self.trees for place in places_of(tree, self.policy) for node in place]
        found = spread(self.trees)
        lengths = [len(sample.reply) for sample in self.samples.values()]
        rewards = [node.metadata[REWARD] for node in replies if node.metadata.get(REWARD) is not None]
        terms: dict[str, list[float]] = {}
        for node in replies:
            for name, value in node.metadata.get(REWARDS, {}).items():
                terms.setdefault(name, []).extend([] if value is None else [value])
        return {
            "conversations": len(self.trees),
            "ended_early": sum(ENDED in node.metadata for tree in self.trees for node in tree),
            "failed": len(RunFolder(self.folder).failures()),
            "replies": len(replies),
            "replies_failed": sum(node.metadata.get(LOST, 0) for node in replies),
            "replies_unscored": len(replies) - len(rewards),
            "replies_cut": sum(node.cut for node in replies) / len(replies) if replies else 0.0,
            **({"reply_tokens": fmean(lengths)} if lengths else {}),
            **({"reward": fmean(rewards)} if rewards else {}),
            **{f"reward/{name}": fmean(values) for name, values in terms.items() if values},
            "reward_spread": found.mean,
            "no_spread": found.without / found.groups if found.groups else 0.0,
        }


def roll_out(
    config: Simulation,
    model: Any,
    template: ChatTemplate,
    iteration: int,
    folder: Path,
    *,
    temperature: float = 1.0,
    max_new_tokens: int = 256,
    clients: Mapping[str, Client] = {},
    console: Console | None = None,
    server: VLLMServer | None = None,
    **settings: Any,
) -> Rollout:
    """Let `model` have the conversations of `config`, in `folder/0007` for iteration 7, with people of its own draw.

    `server` answers in its place, once it has its weights. `settings`: further ones of `PolicyModel`. Goes on with an
    iteration that was cut off, and only reads one that is complete; one of other weights is moved aside. Raises
    `UsageError`, what stopped the run (budget, Ctrl-C), and `ConversationsFailed` if all of them failed.
    """
    out, weights = folder / f"{iteration:04}", digest_of_weights(model)
    role = policy_of(config)
    with answering(model):
        settings |= {"identity": weights, "temperature": temperature, "max_new_tokens": max_new_tokens}
        if server is None:
            policy = PolicyModel(model, template, **settings)
        else:
            server.update(model)
            policy = ServedPolicyModel(model, template, server.url, server.served, **settings)
        set_aside(out, weights)
        run = config.model_copy(
            update={"out": out, "resume": True, "seed": seed_of(f"{config.seed}/rollouts/{iteration}"), "check": False}
        )
        plan = plan_simulation(run, {**clients, role: policy}, name=f"{iteration:04}/{find(config.scenario).name}")
        if iteration:
            plan = replace(plan, needed={})  # whether there is room was told before the first
        result: RunResult = run_sync(_carried_out(plan, within_budget(plan, run, folder), policy, console))
    if isinstance(result.stopped, BudgetSpent) and config.max_cost is not None:
        raise BudgetSpent(f"the budget of ${config.max_cost:g} is spent; {MORE}")
    if not result.complete:
        result.raise_for_status()
    return read_rollout(out, role)


async def _carried_out(plan: RunPlan, run: Simulation, policy: PolicyModel, console: Console | None) -> RunResult:
    try:
        return await execute(plan, run, console=console)
    finally:
        await policy.close()


def within_budget(plan: RunPlan, run: Simulation, folder: Path) -> Simulation:
    """The run of an iteration with what the others, also those moved aside, have left of the money.

    Raises `BudgetSpent` where nothing is left, `UsageError` for a model without a price."""
    if run.max_cost is None:
        return run
    left, prices = run.max_cost, prices_of(plan, run)
    for other in folder.iterdir() if folder.exists() else ():
        if other != run.out and RunFolder(other).manifest_file.exists():
            with RunFolder(other).journal() as journal:
                spent = journal.spent()
            gone = {each.model: FREE for each in spent if each.model.startswith(f"{KIND}:")}  # clients of that time
            left -= UsageTracker({**gone, **prices}, before=spent).cost() or 0.0
    if left <= 0:
        raise BudgetSpent(f"the budget of ${run.max_cost:g} is spent; {MORE}")
    return run.model_copy(update={"max_cost": left})


def policy_of(config: Simulation) -> str:
    """The role that is trained. Raises `UsageError` if there is none."""
    role = policy_role(config, find(config.scenario))
    if role is None:
        raise UsageError(f"scenario {config.scenario} has no role called policy; say whom to train: --policy ROLE")
    return role


def set_aside(out: Path, weights: str) -> None:
    """Rename the folder of an iteration that other weights had: `0007.old`, `0007.old2`, ..."""
    folder = RunFolder(out)
    if not folder.manifest_file.exists():
        return
    if weights in folder.manifest()["identity"].get("checkpoints", {}).values():
        return
    old = out.with_name(f"{out.name}.old")
    number = 1
    while old.exists():
        number += 1
        old = out.with_name(f"{out.name}.old{number}")
    out.rename(old)


def read_rollout(folder: Path, policy: str) -> Rollout:
    """The trees of a finished iteration in their order, with the samples of the replies of the role `policy`."""
    drawn = read_samples(folder)
    trees = list(read(RunFolder(folder).trees_file))
    samples = {node: drawn[key] for tree in trees for node, key in _replies(tree, policy) if key in drawn}
    return Rollout(folder, policy, trees, samples)


def _replies(tree: Tree, policy: str) -> Iterator[tuple[Node, tuple[str, str]]]:
    for place in places_of(tree, policy):
        for node in place:
            yield node, (tree.id, str(node.metadata.get(SAMPLE)))


def read_samples(folder: Path) -> dict[tuple[str, str], TokenSample]:
    """What was drawn in a run, by the id of the tree and the digest that the metadata of the node has as `sample`."""
    with RunFolder(folder).journal() as journal:
        return {(tree, digest(text)): TokenSample.load(text) for tree, text in journal.samples()}
