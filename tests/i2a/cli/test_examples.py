"""The examples in the help: every command has one that runs here and now, and a TOML file that it takes."""

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from i2a.cli.main import app
from i2a.settings import load
from tests.i2a.cli.test_flags import ALL, MODELS, OURS, shown, with_settings
from tests.i2a.report.folders import run

# Each needs what those before it have made.
ORDER = ["simulate", "show", "export", "import", "scenarios new", "scenarios check", "scenarios list", "personas grow"]
ORDER += ["personas check", "personas sample", "train accelerate", "evaluate", "choice", "benchmark build", "compare"]
ORDER += ["report", "merge", "select", "models check"]
# A model of another server or of the hub, several GPUs; or what only these make.
ELSEWHERE = re.compile(r"openai:|Qwen/|^accelerate |hf:|runs/eval|runs/sft runs/dpo")
TRAINING, ENDLESS = {"train base", "train sft", "train dpo", "train grpo", "demo"}, "serve"  # tests of training train
VIEW = "view"  # endless too


def lines(words: str) -> list[str]:
    return OURS[tuple(words.split())].example.replace("\\\n", " ").splitlines()


def test_the_examples_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done: list[str] = []
    for words in ORDER:
        here = [line for line in lines(words) if not ELSEWHERE.search(line) and line not in done]
        assert here or words in done or any(line.startswith(f"i2a {words}") for line in done), words
        for line in here:
            result = CliRunner().invoke(app, shlex.split(line)[1:], catch_exceptions=False)
            assert result.exit_code == 0, (line, result.output)
        done += here
    assert {*ORDER, *TRAINING, ENDLESS, VIEW} == {" ".join(words) for words in ALL}


def test_the_view_of_the_examples_starts(tmp_path: Path) -> None:
    for name in ("runs/eval", "runs/first"):
        (tmp_path / "runs").mkdir(exist_ok=True)
        run(tmp_path / name, {"protocol": "aloe"})
    for line in lines(VIEW):
        command = [sys.executable, "-m", "i2a.cli", *shlex.split(line)[1:]]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as server:
            assert server.stdout is not None
            assert server.stdout.readline().startswith("Open http://127.0.0.1:")
            server.send_signal(signal.SIGTERM)
        assert server.returncode == 0


def test_the_server_of_the_example_starts(tmp_path: Path) -> None:
    (line,) = lines(ENDLESS)
    command = [sys.executable, "-m", "i2a.cli", *shlex.split(line)[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("openai:offline@http://127.0.0.1:")
        server.send_signal(signal.SIGTERM)


def test_an_evaluation_has_the_folders_that_a_training_makes() -> None:
    made = {
        match
        for words in ("train sft", "train dpo")
        for match in re.findall(r"--out (\S+)", OURS[tuple(words.split())].example)
    }
    for words in ("evaluate", "choice"):
        used = set(re.findall(r"hf:(\S+)", OURS[(words,)].example))
        assert used
        assert used <= made


@with_settings
def test_the_file_in_the_help_is_one_that_the_command_takes(words: tuple[str, ...], tmp_path: Path) -> None:
    text = OURS[words].toml
    assert "\n\n  A file for --config:\n    " + text.replace("\n", "\n    ") + "\n" in shown(words)
    file = tmp_path / "file.toml"
    file.write_text(text, "utf-8")
    stored = load(MODELS[words], file, {})
    assert len(stored.model_fields_set) >= 2


@pytest.mark.parametrize("word", ["Inducer", "AL(k)"])
def test_a_word_of_ours_is_explained_where_it_is_first_met(word: str) -> None:
    explained = {"Inducer": r"Inducer,?( who)? lists", "AL(k)": r"AL\(k\), the alignment level, is the mean score"}
    for words in ALL:
        text = " ".join(shown(words).partition("Options:")[0].split())
        assert word not in text or re.search(explained[word], text), words
