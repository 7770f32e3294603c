"""The page on servers: its strings name models, its commands have these flags, its rows are those of the check."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from autogen_ext.models.openai import OpenAIChatCompletionClient

from i2a.cli.main import app
from i2a.models.check import NAMES
from i2a.models.spec import ModelSpec

PAGE = (Path(__file__).parents[2] / "docs/servers.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line for language, code in BLOCKS if not language for line in code.splitlines() if line.startswith("i2a ")]
STRINGS = sorted(set(re.findall(r"`((?:openai|litellm|hf|autogen):[^`]+)`", PAGE)))


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_has_these_flags(line: str) -> None:
    command: Any = typer.main.get_command(app)
    name, *words = shlex.split(line)
    context = command.make_context(name, words)
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, words, parent=context)


@pytest.mark.parametrize("string", STRINGS)
def test_a_model_string_is_one(string: str) -> None:
    assert str(ModelSpec.parse(string))


@pytest.mark.parametrize("string", [string for string in STRINGS if string.startswith("openai:")])
async def test_a_string_of_the_openai_protocol_opens(string: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    model = ModelSpec.parse(string).open()
    assert model.host
    await model.close()


def test_the_rows_of_the_check_are_those_of_the_table() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(NAMES)


def test_the_client_that_is_written_is_the_one_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_KEY", "sk-x")
    namespace: dict[str, Any] = {}
    exec(next(code for language, code in BLOCKS if language == "python"), namespace)
    assert isinstance(namespace["client"], OpenAIChatCompletionClient)
    assert ModelSpec.parse("autogen:client.json?key_env=MY_KEY").open().host == "api.openai.com"
