"""Every command: its flags are its settings, its help explains them, its example can be typed."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import typer
from pydantic import BaseModel, Field
from typer.testing import CliRunner

from i2a.cli.command import Command, command
from i2a.cli.flags import assignments
from i2a.cli.main import app, load
from i2a.errors import Interrupted, UsageError
from i2a.plugins import installed
from i2a.settings import Flag, holds
from i2a.settings import load as settings_of
from tests.fakes import install_plugins

ROOT: Any = typer.main.get_command(app)


def commands(group: Any = ROOT, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands below a group, each with the words that name it."""
    for name in group.list_commands(typer.Context(group)):
        found = group.get_command(typer.Context(group), name)
        if hasattr(found, "list_commands"):
            yield from commands(found, *path, name)
        else:
            yield (*path, name), found


ALL = dict(commands())
OURS: dict[tuple[str, ...], Command] = {}
for point in installed("commands").values():
    loaded = load(point)
    if isinstance(loaded, typer.Typer):
        OURS |= {
            (point.name, info.name or info.callback.__name__): info.callback
            for info in loaded.registered_commands
            if isinstance(info.callback, Command)
        }
    else:
        OURS[(point.name,)] = loaded
MODELS = {words: found.settings for words, found in OURS.items() if found.settings is not None}

every_command = pytest.mark.parametrize("words", sorted(ALL), ids=" ".join)
with_settings = pytest.mark.parametrize("words", sorted(MODELS), ids=" ".join)


def shown(words: tuple[str, ...]) -> str:
    done = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "120", "NO_COLOR": "1"})
    assert done.exit_code == 0, done.output
    return done.output


def parsed(words: tuple[str, ...], args: list[str]) -> dict[str, Any]:
    """What Typer makes of the arguments. Fails for flags that do not exist."""
    return dict(ALL[words].make_context("i2a", args).params)


def test_all_commands_are_made_the_same_way() -> None:
    assert OURS.keys() == ALL.keys()
    assert all(isinstance(found, Command) for found in OURS.values())
    without = {
        ("models", "check"),
        ("scenarios", "new"),
        ("scenarios", "check"),
        ("scenarios", "list"),
        ("train", "accelerate"),
    }
    assert OURS.keys() - MODELS.keys() == without


@every_command
def test_an_example_stands_in_the_help_and_can_be_typed(words: tuple[str, ...]) -> None:
    example = OURS[words].example
    assert "Example:\n    " + example.replace("\n", "\n    ") in shown(words)
    typed = 0
    for line in example.replace("\\\n", " ").splitlines():
        args = shlex.split(line, comments=True)
        if args[0] != "i2a" or "..." in args:
            continue
        named = next(name for name in ALL if tuple(args[1 : 1 + len(name)]) == name)
        values = parsed(named, args[1 + len(named) :])
        if named in MODELS:
            settings_of(MODELS[named], None, flags(named, values))
        typed += named == words
    assert typed or words == ("train", "accelerate")


def flags(words: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in values.items() if name in MODELS[words].model_fields and value}
    return {
        name: assignments(value, name) if holds(MODELS[words].model_fields[name].annotation, dict) else value
        for name, value in given.items()
    }


@with_settings
def test_every_setting_is_a_flag_that_the_help_explains(words: tuple[str, ...]) -> None:
    model, text = MODELS[words], "".join(shown(words).split())
    assert {*model.model_fields, "config", "as_json"} == {parameter.name for parameter in ALL[words].params} - {"help"}
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.description.endswith((".", "]")), name
        for flag in (Flag.of(field).names or Flag.of(field).metavar * Flag.of(field).positional or name).split("/"):
            assert Flag.of(field).positional or f"--{flag.removeprefix('--').replace('_', '-')}" in text, name
        assert "".join(field.description.partition(" [default")[0].split()) in text, name


@with_settings
def test_the_help_tells_the_default_of_each_setting(words: tuple[str, ...]) -> None:
    helps = {parameter.name: parameter.help for parameter in ALL[words].params}
    for name, field in MODELS[words].model_fields.items():
        if field.is_required():
            assert helps[name].endswith("required]"), name
            assert field.examples, name
        elif field.default not in (None, False, True, [], {}):
            told = re.search(r"default: (.+)\]$", helps[name])
            default = field.default[0] if isinstance(field.default, list) else field.default
            assert told is not None, name
            assert told[1] == str(default), name


@every_command
def test_what_must_be_given_stands_in_the_usage(words: tuple[str, ...]) -> None:
    usage = " ".join(shown(words).partition("\n\n")[0].split())
    assert usage.startswith(f"Usage: root {' '.join(words)} ") or usage.startswith(f"Usage: i2a {' '.join(words)} ")
    for name, field in MODELS[words].model_fields.items() if words in MODELS else ():
        word = Flag.of(field).metavar if Flag.of(field).positional else f"--{name.replace('_', '-')} "
        assert (f" {word}" in usage) == field.is_required(), name


def test_the_help_is_as_wide_as_the_terminal() -> None:
    for width in (80, 120, 180):
        command = [sys.executable, "-m", "i2a.cli", "train", "sft", "--help"]
        text = subprocess.check_output(command, env=os.environ | {"COLUMNS": str(width)}, text=True)
        longest = max(map(len, text.splitlines()))
        assert 0.8 * width < longest <= width, width


@with_settings
def test_each_command_takes_a_file_and_prints_json(words: tuple[str, ...]) -> None:
    text = shown(words)
    assert "--config FILE.toml" in text
    assert "--json" in text
    assert ("--quiet" in text) == ("quiet" in MODELS[words].model_fields)


def values_of(model: type[BaseModel]) -> Iterator[tuple[str, list[str], Any]]:
    """For each setting a value: its name, as it is typed, as it stands in a TOML file."""
    for name, field in model.model_fields.items():
        flag, dashed = Flag.of(field), f"--{name.replace('_', '-')}"
        low = next((part.ge for part in field.metadata if hasattr(part, "ge")), None)
        if holds(field.annotation, bool):
            yield name, [(flag.names or dashed).split("/")[0]], True
        elif flag.metavar in ("ROLE=N", "FIELD=N"):
            yield name, [dashed, "judge=3", dashed, "user=4"], {"judge": 3, "user": 4}
        elif flag.metavar == "K/N":
            yield name, [dashed, "2/3"], "2/3"
        elif name == "reward":
            yield name, [dashed, "judge=1", dashed, "length=-0.5"], {"judge": 1.0, "length": -0.5}
        elif holds(field.annotation, dict):
            yield name, [dashed, "judge=offline", dashed, "user=x=1"], {"judge": "offline", "user": "x=1"}
        elif (literal := re.search(r"Literal\['(\w+)'", str(field.annotation))) is not None:
            several = holds(field.annotation, list)
            yield name, [dashed, literal[1]], [literal[1]] if several else literal[1]
        elif holds(field.annotation, list):
            named = flag.names or dashed
            yield name, ["a", "b"] if flag.positional else [named, "a", named, "b"], ["a", "b"]
        elif holds(field.annotation, int):
            number = field.default if isinstance(field.default, int) else max(low or 0, 1)
            yield name, [dashed, str(number)], number
        elif holds(field.annotation, float):
            yield name, [dashed, "0.25"], 0.25
        else:
            text = f"{name}.txt"
            yield name, [text] if flag.positional else [flag.names or dashed, text], text


CLASH = {
    "personas",
    "role",
    "replay",
    "rejudge",
    "label_smoothing",
    "faults",
    "rate_limit",
    "server_error",
    "drop",
    "slow",
    "html",
}


@with_settings
def test_flags_and_a_toml_file_say_the_same(words: tuple[str, ...], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [row for row in values_of(MODELS[words]) if row[0] not in CLASH]
    lines = [f"{name.replace('_', '-')} = {toml(value)}" for name, _, value in rows]
    Path("all.toml").write_text("\n".join(lines), "utf-8")
    from_file = settings_of(MODELS[words], Path("all.toml"), {})
    typed = parsed(words, [arg for _, args, _ in rows for arg in args])
    assert settings_of(MODELS[words], None, flags(words, typed)) == from_file
    assert from_file.model_fields_set == {name for name, _, _ in rows}


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {json.dumps(part)}" for name, part in value.items()) + "}"
    return json.dumps(value)


@pytest.mark.parametrize(("old", "new"), [("prices", "price"), ("view", "quiet")])
@pytest.mark.parametrize("words", [("simulate",), ("evaluate",), ("personas", "grow")], ids=" ".join)
def test_old_names_in_a_file_are_answered_with_the_new_ones(
    words: tuple[str, ...], old: str, new: str, tmp_path: Path
) -> None:
    file = tmp_path / "old.toml"
    file.write_text(f'{old} = "x"')
    with pytest.raises(UsageError, match=f"`{old}` is now `{new}`"):
        CliRunner().invoke(app, [*words, "--config", str(file)], catch_exceptions=False)


class Job(BaseModel):
    name: str = Field(description="Name.", examples=["x"])
    speed: Literal["slow", "fast"] | None = Field(None, description="How fast. [default: as it comes]")
    share: float = Field(0.5, gt=0, lt=1, description="A share.")
    resume: bool = False


def of(function: Any, **more: Any) -> typer.Typer:
    made = typer.Typer(rich_markup_mode=None)
    made.command()(command(Job, example="i2a job --name x", **more)(function))
    return made


def test_a_command_of_ones_own_is_ten_lines() -> None:
    seen: list[Any] = []

    def job(config: Job, as_json: bool) -> None:
        """Do a job."""
        seen.append((config, as_json))

    done = CliRunner().invoke(of(job), ["--name", "a", "--share", "0.25", "--json"], catch_exceptions=False)
    assert (done.exit_code, seen) == (0, [(Job(name="a", share=0.25), True)])
    text = " ".join(CliRunner().invoke(of(job), ["--help"], env={"COLUMNS": "120"}).output.split())
    assert "--speed slow|fast How fast. [default: as it comes]" in text
    assert "--share FLOAT A share. [0<x<1; default: 0.5]" in text
    assert "--name TEXT Name. [required]" in text


def test_a_missing_package_is_one_line_with_what_to_install_but_a_bug_of_ours_is_not() -> None:
    def missing(name: str) -> Any:
        def job(config: Job, as_json: bool) -> None:
            raise ModuleNotFoundError(name, name=name)

        return of(job, extra="train")

    with pytest.raises(UsageError, match=r"this needs the package torch: pip install 'interact-to-align\[train\]'"):
        CliRunner().invoke(missing("torch"), ["--name", "a"], catch_exceptions=False)
    with pytest.raises(ModuleNotFoundError):
        CliRunner().invoke(missing("i2a.trees.tre"), ["--name", "a"], catch_exceptions=False)


def test_ctrl_c_says_how_to_go_on() -> None:
    def job(config: Job, as_json: bool) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"^interrupted; the same command with --resume continues$"):
        CliRunner().invoke(of(job), ["--name", "a"], catch_exceptions=False)


def test_what_stands_behind_an_equals_sign_stays_text() -> None:
    assert assignments(["a=1", 'b=["x=y"]', "c="], "--option") == {"a": "1", "b": '["x=y"]', "c": ""}
    for wrong in ("a", "=1"):
        with pytest.raises(UsageError, match="write NAME=VALUE"):
            assignments([wrong], "--option")


def test_another_package_can_bring_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugins(
        tmp_path, monkeypatch, "commands", greet="tests.i2a.cli.test_flags:greet", broken="no.such.module:x"
    )
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).output
    assert re.search(r"greet +Say hello\.", text)
    assert "the command 'broken' (no.such.module:x) cannot be loaded: No module named 'no'" in " ".join(text.split())
    assert CliRunner().invoke(app, ["greet", "Anna"]).output == "Hello Anna\n"
    with pytest.raises(UsageError, match=r"'broken' \(no.such.module:x\) cannot be loaded"):
        CliRunner().invoke(app, ["broken"], catch_exceptions=False)


def test_a_command_of_ones_own_is_run_by_its_place(tmp_path: Path) -> None:
    file = tmp_path / "hello.py"
    file.write_text(
        "import typer\nfrom i2a.cli.command import command\n"
        '@command(example="i2a ./hello.py Anna")\n'
        'def hello(name: str) -> None:\n    """Say hello."""\n    typer.echo(f"Hello {name}")\n',
        "utf-8",
    )
    assert CliRunner().invoke(app, [str(file), "Anna"]).output == "Hello Anna\n"
    assert "Say hello." in CliRunner().invoke(app, [f"{file}:hello", "--help"]).output
    with pytest.raises(UsageError, match="has no 'hi'"):
        CliRunner().invoke(app, [f"{file}:hi"], catch_exceptions=False)
    assert CliRunner().invoke(app, ["hello"]).exit_code == 2


def greet(name: str) -> None:
    """Say hello.

    And no more.
    """
    typer.echo(f"Hello {name}")
