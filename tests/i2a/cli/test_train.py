"""`i2a train`: the flags say what the settings say, and errors are one line."""

import builtins
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from i2a.cli import train as commands
from i2a.errors import Interrupted, UsageError
from training.settings import DPO, SFT, Training

APP: Any = typer.main.get_command(commands.train)
STAGES: dict[str, type[Training]] = {"sft": SFT, "dpo": DPO}
stages = pytest.mark.parametrize("stage", STAGES)
NEEDED = ["runs/a", "--model", "m", "--out", "o"]


def options(stage: str) -> dict[str, Any]:
    return {parameter.name: parameter for parameter in APP.commands[stage].params}


def called(*args: str) -> None:
    APP(args, standalone_mode=False)


@stages
def test_the_help_tells_both_learning_rates(stage: str) -> None:
    told = [float(number) for number in re.findall(r"\d[\d.]*(?:e-\d+)?", options(stage)["learning_rate"].help)]
    assert {STAGES[stage].full_rate, STAGES[stage].lora_rate} <= set(told)


def test_what_is_not_installed_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_trl(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "training.dpo":
            raise ModuleNotFoundError("No module named 'trl'", name="trl")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_trl)
    with pytest.raises(UsageError, match=r"this needs the package trl: pip install 'interact-to-align\[train\]'"):
        called("dpo", *NEEDED)


def test_flags_and_a_file_make_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def sft(config: object, console: object, card: object) -> dict[str, object]:
        given.append(config)
        return {}

    monkeypatch.setattr("training.sft.sft", sft)
    (tmp_path / "sft.toml").write_text('runs = ["a"]\nmodel = "m"\nout = "o"\nbatch = 8\nreport_to = ["wandb"]')
    called("sft", "--config", str(tmp_path / "sft.toml"), "--batch", "16", "--full", "--quiet")
    (config,) = given
    assert (config.runs, config.batch, config.lora, config.report_to) == ([tmp_path / "a"], 16, False, ["wandb"])
    assert config.quiet
    with pytest.raises(UsageError, match=r"RUN is required: .*, e.g. runs/first"):
        called("sft", "--model", "m", "--out", "o")


def test_ctrl_c_before_the_first_step_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.dpo.dpo", interrupted)
    with pytest.raises(Interrupted, match="--resume continues"):
        called("dpo", *NEEDED)


def test_the_first_process_has_its_word_before_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def refuses(*_: Any, **__: Any) -> None:
        raise UsageError("no")

    monkeypatch.setattr("training.sft.sft", refuses)
    monkeypatch.setattr("time.sleep", waited.append)
    for rank, expected in (("0", []), ("1", [commands.WAIT])):
        monkeypatch.setenv("RANK", rank)
        with pytest.raises(UsageError):
            called("sft", *NEEDED)
        assert waited == expected


@pytest.mark.parametrize("name", ["single", "ddp", "fsdp"])
def test_a_configuration_for_accelerate_is_where_it_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from accelerate.commands.config.config_args import ClusterConfig

    called("accelerate", name)
    file = Path(capsys.readouterr().out.strip())
    assert ClusterConfig.from_yaml_file(str(file)).num_processes == yaml.safe_load(file.read_text())["num_processes"]


def test_a_configuration_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="there are: ddp, fsdp, single"):
        called("accelerate", "tpu")
