"""`i2a models check`: a line for each finding, and an exit code that a script can go by."""

import json

import pytest
from aiohttp.test_utils import unused_port
from typer.testing import CliRunner

from i2a.cli.main import app
from i2a.errors import ModelLacks, Unreachable, UsageError
from i2a.models.check import NAMES


def test_every_finding_is_a_line_and_advice_stands_below_it() -> None:
    done = CliRunner().invoke(app, ["models", "check", "offline"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "offline (a rule-based simulator)"
    marked = [line.split()[:2] for line in lines[1:-1] if "->" not in line]
    assert {name for _, name in marked} == set(NAMES)
    assert ["yes", "structure"] in marked
    assert ["no", "logprobs"] in marked
    assert lines[lines.index(next(line for line in lines if " logprobs " in line)) + 1].strip().startswith("-> ")
    assert lines[-1].endswith("$0.0000")


def test_as_json_it_is_one_object() -> None:
    done = CliRunner().invoke(app, ["models", "check", "offline", "--json"])
    found = json.loads(done.stdout)
    assert found["model"] == "offline"
    assert {finding["name"] for finding in found["findings"]} == set(NAMES)
    assert found["calls"] == 9
    assert found["cost"] == 0


def test_what_is_required_and_missing_is_an_error_of_its_own() -> None:
    assert CliRunner().invoke(app, ["models", "check", "offline", "--require", "structure"]).exit_code == 0
    done = CliRunner().invoke(app, ["models", "check", "offline", "--require", "seed", "--require", "logprobs"])
    assert isinstance(done.exception, ModelLacks)
    assert done.exception.exit_code == 3
    assert str(done.exception) == "offline lacks what is required: logprobs"


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    done = CliRunner().invoke(app, ["models", "check", f"openai:m@http://127.0.0.1:{unused_port()}/v1"])
    assert isinstance(done.exception, Unreachable)
    assert done.exception.exit_code == 1
    assert "no  answers" in done.stdout
    assert "usage" not in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["offline", "--require", "magic"], "there is no such check"),
        (["nonsense"], "no kind of model"),
        (["offline", "--price", "cheap"], "not a price"),
    ],
)
def test_what_cannot_be_checked_is_refused(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["models", "check", *words])
    assert isinstance(done.exception, UsageError)
    assert said in str(done.exception)


def test_a_price_is_taken_and_the_cost_told() -> None:
    done = CliRunner().invoke(app, ["models", "check", "offline", "--price", "1000/1000/500", "--json"])
    found = json.loads(done.stdout)
    assert found["cost"] == pytest.approx((found["prompt_tokens"] + found["completion_tokens"]) / 1000)
