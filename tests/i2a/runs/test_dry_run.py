"""A dry run tells what a run will take, before it is made: near what it then takes, and without a trace."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evaluation.settings import Evaluation
from i2a import estimate, evaluate, simulate
from i2a.cli.main import app
from i2a.errors import BadRequest, ConversationsFailed, UsageError
from i2a.jsonl import JsonMapping
from i2a.models.model import Completion, Message, Model, Price, estimate_tokens
from i2a.models.spec import ModelSpec
from i2a.models.usage import UsageTracker
from i2a.personas.growth import grow_pool
from i2a.personas.settings import Growth
from i2a.runs.dry_run import RunEstimate
from i2a.runs.outcome import RunResult
from i2a.runs.run_folder import RunFolder
from scenarios.settings import Simulation
from tests.fakes import ScriptedClient

WITHIN = 0.15


class Talkative(Model):
    """The engine, with two sentences more in every message, and another count of tokens. Counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._engine = ModelSpec.parse("offline").open()

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        self.calls += 1
        found = await self._engine.complete(messages, parameters)
        text = found.content
        if "response_format" not in parameters:
            number = int(parameters["seed"]) % 97
            text += (
                f" It was number {number} of the many buses that go by. Nobody has told me where number {number} goes."
            )
        prompt = sum(estimate_tokens(message.content) for message in messages) + 11
        return Completion(text, "stop", prompt, estimate_tokens(text) + 2)

    def price(self) -> Price:
        return Price(1.0, 4.0)


def settings(tmp_path: Path, **given: Any) -> Simulation:
    return Simulation(**{"out": tmp_path / "run", "conversations": 12, "turns": 3, **given})


def tokens(usage: UsageTracker) -> int:
    return sum(used.tokens for used in usage.usage.values())


def calls(found: RunEstimate) -> dict[str, int]:
    sums = Counter[str]()
    for (role, _), amount in found.amounts.items():
        sums[role] += round(amount.calls)
    return dict(sums)


def calls_of(run: RunResult) -> dict[str, int]:
    return {role: used.calls for role, used in run.usage.by_role().items()}


def test_of_an_offline_run_everything_is_known_but_the_spread_of_its_conversations(tmp_path: Path) -> None:
    config = settings(tmp_path)
    found, run = estimate(config), simulate(config)
    assert calls(found) == calls_of(run)
    assert found.tokens.estimate == pytest.approx(tokens(run.usage), rel=0.05)
    assert found.tokens.low < tokens(run.usage) < found.tokens.high
    assert found.units == 12
    assert found.cost is not None
    assert found.cost.high == 0


def test_a_dry_run_calls_nobody_and_leaves_nothing(tmp_path: Path) -> None:
    model = Talkative()
    found = estimate(settings(tmp_path), clients={"*": model})
    assert found.calls == 12 * 3 * 6
    assert not model.calls
    assert not list(tmp_path.iterdir())


def test_what_a_talkative_model_takes_lies_in_the_range(tmp_path: Path) -> None:
    config, clients = settings(tmp_path), {"*": Talkative()}
    found, run = estimate(config, clients=clients), simulate(config, clients=clients)
    cost = run.usage.cost()
    assert found.cost is not None
    assert cost is not None
    assert found.cost.low < cost < found.cost.high
    assert found.tokens.low < tokens(run.usage) < found.tokens.high


def test_a_probe_of_the_model_itself_comes_near(tmp_path: Path) -> None:
    model = Talkative()
    config = settings(tmp_path, probe=2)
    found = estimate(config, clients={"*": model})
    assert model.calls == 2 * 3 * 6
    assert not list(tmp_path.iterdir())
    run = simulate(settings(tmp_path), clients={"*": model})
    cost = run.usage.cost()
    assert found.cost is not None
    assert cost is not None
    assert found.cost.estimate == pytest.approx(cost, rel=WITHIN)
    assert found.tokens.estimate == pytest.approx(tokens(run.usage), rel=WITHIN)
    assert found.cost.low < cost < found.cost.high


def test_an_earlier_run_tells_as_much(tmp_path: Path) -> None:
    clients: Mapping[str, Any] = {"*": Talkative()}
    simulate(settings(tmp_path, out=tmp_path / "early", conversations=4, seed=5), clients=clients)
    found = estimate(settings(tmp_path, probe=tmp_path / "early"), clients=clients)
    run = simulate(settings(tmp_path), clients=clients)
    assert found.tokens.estimate == pytest.approx(tokens(run.usage), rel=WITHIN)
    assert found.tokens.low < tokens(run.usage) < found.tokens.high
    assert "4 conversations of" in found.basis


def test_a_run_of_other_turns_tells_nothing(tmp_path: Path) -> None:
    simulate(settings(tmp_path, out=tmp_path / "early", conversations=1, turns=2))
    with pytest.raises(UsageError, match="turns was 2 there, and is 3 here"):
        estimate(settings(tmp_path, probe=tmp_path / "early"))


def test_of_a_run_that_goes_on_only_what_is_left_is_estimated(tmp_path: Path) -> None:
    config = settings(tmp_path)
    simulate(config)
    folder = RunFolder(config.out)
    lines = folder.trees_file.read_bytes().splitlines(keepends=True)
    folder.trees_file.write_bytes(b"".join(lines[:9]))
    found = estimate(settings(tmp_path, resume=True))
    assert (found.units, found.calls) == (3, 3 * 3 * 6)
    assert folder.trees_file.read_bytes() == b"".join(lines[:9])


def test_of_a_run_that_is_complete_nothing_is_left(tmp_path: Path) -> None:
    simulate(settings(tmp_path, conversations=1, turns=1))
    found = estimate(settings(tmp_path, conversations=1, turns=1, resume=True))
    assert (found.units, found.calls, found.tokens.high) == (0, 0, 0)


def test_a_probe_without_a_dry_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--probe says how a --dry-run estimates"):
        simulate(settings(tmp_path, probe=2))


def test_every_candidate_of_an_evaluation_is_counted_by_itself(tmp_path: Path) -> None:
    config = Evaluation(out=tmp_path / "run", candidates=["a=offline", "b=brief:offline:generic"], cases=6, turns=2)
    found, done = estimate(config), evaluate(config)
    assert calls(found) == calls_of(done.run)
    assert found.tokens.estimate == pytest.approx(tokens(done.run.usage), rel=0.05)
    again = estimate(Evaluation(out=tmp_path / "again", rejudge=tmp_path / "run", judge=["offline?values=seen"]))
    assert calls(again) == {"judge": 2 * 6 * 2}


def test_a_growth_is_extrapolated_from_its_first_calls(tmp_path: Path) -> None:
    config = Growth(kind="profile", out=tmp_path / "pool.jsonl", target=160, encoder="tfidf")
    found = estimate(config)
    assert not list(tmp_path.iterdir())
    grown = grow_pool(config)
    assert grown.run is not None
    assert found.calls == pytest.approx(calls_of(grown.run)["writer"], rel=WITHIN)
    assert found.tokens.estimate == pytest.approx(tokens(grown.run.usage), rel=WITHIN)


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    words = ["simulate", "--conversations", "3", "--turns", "2", "--dry-run", "--out", str(tmp_path / "run")]
    model = "openai:some@http://127.0.0.1:9/v1"  # nobody is there
    shown = CliRunner().invoke(app, [*words, "--model", model], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "Dry run: 3 conversations, 36 calls; nothing is written" in shown.stderr
    assert f"price unknown; add --price '{model}=IN/OUT'" in shown.stderr.replace("\n", "")
    priced = [*words, "--model", model, "--price", f"{model}=1/2", "--json", "--max-cost", "0.001"]
    found = json.loads(CliRunner().invoke(app, priced, catch_exceptions=False).stdout)
    assert found["calls"] == 36
    assert found["cost"]["low"] < found["cost"]["estimate"] < found["cost"]["high"]
    assert {row["role"] for row in found["roles"]} == {"user", "inducer", "preferred", "rejected", "judge"}
    assert not list(tmp_path.iterdir())


def test_a_probe_that_fails_says_why(tmp_path: Path) -> None:
    def refuses(_: object) -> str:
        raise BadRequest("no such thing")

    with pytest.raises(ConversationsFailed, match="none of the sampled conversations came to its end: no such thing"):
        estimate(settings(tmp_path, probe=2), clients={"*": ScriptedClient(refuses)})


def test_a_run_without_a_journal_tells_nothing(tmp_path: Path) -> None:
    simulate(settings(tmp_path, out=tmp_path / "early", conversations=1))
    (tmp_path / "early/journal.sqlite").unlink()
    with pytest.raises(UsageError, match="has no journal, which would say what its conversations took"):
        estimate(settings(tmp_path, probe=tmp_path / "early"))
    assert not (tmp_path / "early/journal.sqlite").exists()


def test_a_dry_run_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"call i2a\.estimate"):
        simulate(settings(tmp_path, dry_run=True))
    assert not list(tmp_path.iterdir())
