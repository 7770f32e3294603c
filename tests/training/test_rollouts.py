"""An iteration of rollouts is a run: its trees, the tokens that were drawn, and what there is to watch."""

import asyncio
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from i2a.errors import BadRequest, BudgetSpent, ConversationsFailed, UsageError
from i2a.models.local.template import ChatTemplate
from i2a.models.model import Price
from i2a.runs.run_folder import RunFolder
from i2a.testing import Request, ScriptedModel
from i2a.trees.json import read
from scenarios import Simulation
from scenarios.policy import places_of
from tests import tiny
from tests.fakes import ScriptedClient
from training.rollouts import Rollout, policy_of, read_rollout, roll_out

WORDS = tiny.tokenizer()
CHAT = ChatTemplate.for_training(WORDS, "tiny")
SETTINGS = Simulation(
    out=Path("unused"), scenario="siblings", conversations=3, turns=2, replies=3, reward={"length": 1.0}, quiet=True
)

LIMIT: dict[str, Any] = {"max_new_tokens": 12}


def rolled(folder: Path, iteration: int = 7, *, seed: int = 0, **changes: Any) -> Rollout:
    client = changes.pop("client", None) or ScriptedClient()
    console = changes.pop("console", None)
    config = SETTINGS.model_copy(update=changes)
    model = tiny.model(WORDS, seed=seed)
    return roll_out(
        config, model, CHAT, iteration, folder, max_new_tokens=12, clients={"user": client}, console=console
    )


def test_an_iteration_is_a_run_with_a_sample_for_every_reply(tmp_path: Path) -> None:
    found = rolled(tmp_path)
    assert found.folder == tmp_path / "0007"
    trees = list(read(tmp_path / "0007/trees.jsonl"))
    assert [tree.id for tree in trees] == [f"0007/siblings-{n}" for n in range(3)]
    replies = [node for tree in found.trees for place in places_of(tree, "policy") for node in place]
    assert len(replies) == len(found.samples) == 3 * 2 * 3
    for node in replies:
        sample = found.samples[node]
        assert CHAT.text(sample.reply) == node.content
        assert node.usage is not None
        assert node.usage.completion_tokens == len(sample.reply) == len(sample.logprobs)
        assert WORDS.decode(sample.prompt).count("<|im_start|>") == len(node.path)


def test_each_iteration_meets_other_people_and_the_same_one_the_same(tmp_path: Path) -> None:
    first, second = rolled(tmp_path / "a", 0), rolled(tmp_path / "a", 1)
    assert [tree.persona.id for tree in first.trees] != [tree.persona.id for tree in second.trees]
    rolled(tmp_path / "b", 0)
    assert (tmp_path / "a/0000/trees.jsonl").read_bytes() == (tmp_path / "b/0000/trees.jsonl").read_bytes()


def test_an_iteration_that_was_cut_off_goes_on_to_the_same_trees_and_samples(tmp_path: Path) -> None:
    whole = rolled(tmp_path / "whole", concurrency=1)
    with pytest.raises(BudgetSpent):
        rolled(tmp_path / "cut", concurrency=1, max_tokens=400)
    asked = ScriptedClient()
    found = rolled(tmp_path / "cut", concurrency=1, client=asked)
    assert 0 < asked.calls["user"] < 6
    assert (tmp_path / "cut/0007/trees.jsonl").read_bytes() == (tmp_path / "whole/0007/trees.jsonl").read_bytes()
    assert list(found.samples.values()) == list(whole.samples.values())
    assert found.record == whole.record


def test_a_finished_iteration_is_only_read_and_one_of_other_weights_is_moved_aside(tmp_path: Path) -> None:
    first = rolled(tmp_path)
    asked = ScriptedClient()
    again = rolled(tmp_path, client=asked)
    assert not asked.requests
    assert list(again.samples.values()) == list(first.samples.values())
    other = rolled(tmp_path, seed=1)
    assert list(other.samples.values()) != list(first.samples.values())
    rolled(tmp_path, seed=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0007", "0007.old", "0007.old2"]
    assert list(read_rollout(tmp_path / "0007.old", "policy").samples.values()) == list(first.samples.values())


def test_what_there_is_to_watch(tmp_path: Path) -> None:
    record = rolled(tmp_path, reward={"length": 1.0, "repetition": 0.0}).record
    assert record["conversations"] == 3
    assert record["replies"] == 18
    assert record["replies_failed"] == record["replies_unscored"] == record["failed"] == record["ended_early"] == 0
    assert record["reward"] == record["reward/length"] > 0
    assert 0 <= record["reward/repetition"] <= 1
    assert 1 <= record["reply_tokens"] <= 12
    assert 0 < record["replies_cut"] <= 1
    assert record["reward_spread"] >= 0
    assert 0 <= record["no_spread"] <= 1


def test_a_role_of_any_scenario_can_be_the_policy(tmp_path: Path) -> None:
    model = tiny.model(WORDS)
    config = SETTINGS.model_copy(update={"scenario": "tutor", "policy": "tutor", "conversations": 1})
    client = ScriptedClient()
    found = roll_out(config, model, CHAT, 0, tmp_path, max_new_tokens=8, clients={"*": client})
    assert found.policy == "tutor"
    assert len(found.samples) == 6
    assert client.calls["tutor"] == 0
    with pytest.raises(UsageError, match=r"no role called policy.*--policy ROLE"):
        policy_of(SETTINGS.model_copy(update={"scenario": "tutor"}))


def test_if_every_conversation_fails_there_is_nothing_to_learn(tmp_path: Path) -> None:
    def failing(request: Request) -> str:
        raise BadRequest("nobody is there")

    with pytest.raises(ConversationsFailed, match="nobody is there"):
        rolled(tmp_path, client=ScriptedClient(failing))


def test_the_model_is_in_training_again_afterwards(tmp_path: Path) -> None:
    model = tiny.model(WORDS).train()
    roll_out(SETTINGS, model, CHAT, 0, tmp_path, max_new_tokens=4, clients={"user": ScriptedClient()})
    assert model.training
    assert all(weight.grad is None and not torch.is_inference(weight) for weight in model.parameters())


def test_it_also_works_where_an_event_loop_is_running(tmp_path: Path) -> None:
    async def notebook() -> Rollout:
        return rolled(tmp_path)

    assert asyncio.run(notebook()).samples


class Paid(ScriptedModel):
    """A dollar a token."""

    def price(self) -> Price:
        return Price(1e6, 1e6)


def test_a_budget_is_one_for_all_iterations(tmp_path: Path) -> None:
    """The second one stops, and goes on with more money; a third is not begun without."""
    cost = spent(rolled(tmp_path, 0, client=Paid(), max_cost=1e6))
    with pytest.raises(BudgetSpent, match=r"the budget of \$.* is spent; --resume with a higher --max-cost"):
        rolled(tmp_path, 1, client=Paid(), max_cost=1.5 * cost, concurrency=1)
    asked = Paid()
    with pytest.raises(BudgetSpent):
        rolled(tmp_path, 2, client=asked, max_cost=cost)
    assert not asked.requests
    assert spent(rolled(tmp_path, 1, client=Paid(), max_cost=3 * cost, concurrency=1)) > 0.5 * cost


def spent(found: Rollout) -> int:
    """Dollars."""
    with RunFolder(found.folder).journal() as journal:
        return sum(each.prompt_tokens + each.completion_tokens for each in journal.spent() if each.role == "user")


def test_what_there_is_to_say_of_a_models_room_is_said_once(tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=200)
    for iteration in range(2):
        rolled(tmp_path, iteration, console=console)
    assert console.file.getvalue().count("has room for") == 1  # type: ignore[attr-defined]
