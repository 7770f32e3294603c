"""What a newcomer types, and what comes back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import i2a

HEAVY = {"torch", "autogen_core", "autogen_agentchat", "datasets", "transformers", "aiohttp", "numpy", "pyarrow"}


def loaded(*args: str, but: frozenset[str] = frozenset()) -> set[str]:
    """Heavy libraries that are loaded once the command is through; `but` some."""
    code = (
        f"import sys; from i2a.cli.main import main; sys.argv = ['i2a', *{args!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print(*sorted({HEAVY | {'pydantic'}!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()) - but


def test_help_starts_without_the_heavy_libraries() -> None:
    shown = i2a("--help").stdout
    for command in ("simulate", "scenarios", "show", "import", "export", "serve", "train", "evaluate", "compare"):
        assert command in shown
    assert loaded("--help") == set()


@pytest.mark.parametrize(
    "command",
    [
        *("simulate", "evaluate", "choice", "benchmark build", "train sft", "personas grow", "serve", "show", "export"),
        *("report", "compare"),
    ],
)
def test_the_help_of_a_command_loads_its_settings_and_nothing_heavy(command: str) -> None:
    assert loaded(*command.split(), "--help", but=frozenset({"pydantic"})) == set()


def test_help_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, most in (("80", 80), ("110", 110), ("200", 200)):
        monkeypatch.setenv("COLUMNS", columns)
        width = max(map(len, i2a("simulate", "--help").stdout.splitlines()))
        assert most - 8 <= width <= most


def test_flags_and_a_toml_file_say_the_same(tmp_path: Path) -> None:
    lines = ['scenario = "aloe"', "conversations = 3", "turns = 2", "seed = 4", 'out = "from-file"']
    (tmp_path / "run.toml").write_text("\n".join([*lines, "quiet = true", "[role-model]", 'judge = "offline"']))
    i2a("simulate", "--config", "run.toml", cwd=tmp_path)
    i2a("simulate", "--conversations", "3", "--turns", "2", "--seed", "4", "--out", "flags", "--quiet", cwd=tmp_path)
    assert (tmp_path / "from-file/trees.jsonl").read_bytes() == (tmp_path / "flags/trees.jsonl").read_bytes()
    (tmp_path / "run.toml").write_text("converstations = 3\n")
    assert "did you mean 'conversations'?" in i2a("simulate", "--config", "run.toml", cwd=tmp_path, check=2).stderr
    (tmp_path / "run.toml").write_text("[role_models]\n")
    assert "`role_models` is now `role_model`" in i2a("simulate", "--config", "run.toml", cwd=tmp_path, check=2).stderr


def test_a_file_of_settings_without_its_flag_is_refused_in_one_line(tmp_path: Path) -> None:
    for command in ("simulate", "evaluate"):
        done = i2a(command, "run.toml", "--out", "run", cwd=tmp_path, check=2)
        assert done.stderr.strip() == "i2a: pass a file of settings with --config: --config run.toml"
    assert "unexpected argument 'aloe'" in i2a("simulate", "aloe", "--out", "run", cwd=tmp_path, check=2).stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--model", "gpt-4o"], "'gpt-4o' is not a model"),
        (["--model", "anthropic:x"], "there is no kind of model 'anthropic'"),
        (
            ["--scenario", "nope"],
            "no scenario 'nope'; there are: aloe, drift, full_tree, sessions, siblings, tutor",
        ),
        (["--role-model", "jugde=offline"], "has no role 'jugde'"),
        (["--conversations", "500"], "400"),
        (["--profiles", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--conversations", "0"], "--conversations"),
    ],
)
def test_a_wrong_flag_gives_one_line_and_writes_nothing(tmp_path: Path, flags: list[str], said: str) -> None:
    done = i2a("simulate", *flags, "--out", "run", cwd=tmp_path, check=2)
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_tree_is_shown_with_labels_verdicts_and_what_the_inducer_knew(tmp_path: Path) -> None:
    i2a("simulate", "--conversations", "2", "--turns", "3", "--out", tmp_path / "run", "--quiet")
    shown = i2a("show", tmp_path / "run", "1").stdout
    for piece in (
        "aloe-0-000001",
        "profile",
        "personality",
        "[preferred]",
        "[rejected]",
        "inducer knew",
        "judge, shown",
    ):
        assert piece in shown
    stored = json.loads(i2a("show", tmp_path / "run", "aloe-0-000001", "--json").stdout)
    assert stored["id"] == "aloe-0-000001"
    assert "holds no tree 'aloe-7'" in i2a("show", tmp_path / "run", "aloe-7", check=2).stderr


def test_markup_in_a_model_text_does_no_harm(tmp_path: Path) -> None:
    profiles, personalities = tmp_path / "profiles.jsonl", tmp_path / "personalities.jsonl"
    profiles.write_text(
        json.dumps("She keeps a [red]boat[/red] and a [/] in the harbour. She likes [bold]rowing.") + "\n"
    )
    personalities.write_text(json.dumps("She is [link=x]blunt[/link] and dry.") + "\n")
    pools = ("--profiles", profiles, "--personalities", personalities)
    i2a("simulate", *pools, "--conversations", "1", "--turns", "2", "--out", tmp_path / "run", "--quiet")
    assert "[red]boat[/red]" in i2a("show", tmp_path / "run").stdout


def test_the_published_record_goes_both_ways(tmp_path: Path) -> None:
    i2a("simulate", "--conversations", "3", "--turns", "3", "--out", tmp_path / "run", "--quiet")
    i2a("export", tmp_path / "run", "--format", "aloe", "--out", tmp_path / "record.jsonl")
    i2a("import", tmp_path / "record.jsonl", "--out", tmp_path / "back")
    assert (tmp_path / "back/trees.jsonl").read_bytes() == (tmp_path / "run/trees.jsonl").read_bytes()


def test_scenarios_are_listed_with_their_roles_by_name_or_path(tmp_path: Path) -> None:
    i2a("scenarios", "new", "interview", cwd=tmp_path)
    listed = i2a("scenarios", "list", "./interview.py", cwd=tmp_path).stdout
    assert "roles: user, interviewer; options: turns=4" in listed
    assert "aloe" not in listed
    assert {"aloe", "full_tree", "tutor"} <= {
        row["name"] for row in json.loads(i2a("scenarios", "list", "--json").stdout)
    }
