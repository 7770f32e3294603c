"""`i2a personas check` and `sample`: what a person reads, what a script reads, and errors in one line."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from i2a.cli.personas import check, sample
from i2a.errors import UsageError
from i2a.personas.pool import PersonaPool

app = typer.Typer()
app.command()(check)
app.command()(sample)

PROFILES = list(PersonaPool.read().profiles.values())
PERSONALITIES = list(PersonaPool.read().personalities.values())


needs_extra = pytest.mark.usefixtures("extra")


@pytest.fixture
def extra() -> None:
    for name in ("numpy", "sklearn", "matplotlib"):
        pytest.importorskip(name, reason="the extra `personas` is not installed")


def i2a(*args: object) -> str:
    """What the command prints; its `UsageError` is raised, as the core wants it."""
    result = CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def complaint(*args: object) -> str:
    with pytest.raises(UsageError) as caught:
        i2a(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pool(path: Path, texts: Sequence[str], column: str | None = None) -> Path:
    rows = (json.dumps({column: text} if column else text) for text in texts)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


@needs_extra
def test_check_prints_figures_json_and_a_picture(tmp_path: Path) -> None:
    file = pool(tmp_path / "a.jsonl", PERSONALITIES, "personality")
    benchmark = pool(tmp_path / "b.jsonl", PERSONALITIES[:2])
    png = tmp_path / "a.png"
    args = ("check", file, "--against", benchmark, "--encoder", "tfidf")
    printed = i2a(*args, "--png", png)
    assert "20 personalities" in printed
    assert "purely agreeable" in printed
    assert "2 word for word" in printed
    head = png.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert (int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")) == (1200, 900)
    made = json.loads(i2a(*args, "--json"))
    assert made["pools"][0]["size"] == 20
    assert made["pools"][0]["rejected"] == {}
    assert made["overlaps"][0]["exact"] == 2
    assert made["overlaps"][0]["benchmark"] is True


@needs_extra
def test_pools_of_the_same_name_get_a_picture_each(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    files = [pool(tmp_path / folder / "$x_1$.jsonl", PROFILES[:3], "profile") for folder in ("a", "b", "c")]
    i2a("check", *files, "--encoder", "tfidf", "--png", tmp_path / "a.png")
    assert int.from_bytes((tmp_path / "a.png").read_bytes()[20:24], "big") == 1350


@needs_extra
def test_check_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    file = pool(tmp_path / "a.jsonl", PROFILES[:2], "profile")
    empty = pool(tmp_path / "b.jsonl", [])
    assert "No such file" in complaint("check", tmp_path / "none.jsonl")
    assert "no text in it" in complaint("check", empty)
    assert "holds a profile in each record, no personality" in complaint("check", file, "--kind", "personality")
    assert "has no column 'persona'" in complaint("check", file, "--column", "persona")
    assert "cannot be written" in complaint("check", file, "--encoder", "tfidf", "--png", tmp_path / "no" / "a.png")


def test_sample_writes_personas_that_the_core_reads(tmp_path: Path) -> None:
    profiles = pool(tmp_path / "p.jsonl", PROFILES[:5])
    personalities = pool(tmp_path / "t.jsonl", PERSONALITIES[:3])
    args = ("sample", "--profiles", profiles, "--personalities", personalities)
    printed = i2a(*args, "--count", 15, "--seed", 4, "--out", tmp_path / "new" / "a.jsonl")
    assert printed == f"15 personas of 5 profiles and 3 personalities are in {tmp_path / 'new' / 'a.jsonl'}\n"
    drawn = PersonaPool.read_file(tmp_path / "new" / "a.jsonl").personas
    assert len({(persona.profile, persona.personality) for persona in drawn}) == 15
    assert list(drawn) == PersonaPool.read(profiles, personalities).draw(15, 4)
    made = i2a(*args, "--count", 6, "--seed", 4, "--out", tmp_path / "b.jsonl", "--json")
    assert json.loads(made) == {"personas": 6, "profiles": 5, "personalities": 3, "notes": []}
    assert PersonaPool.read_file(tmp_path / "b.jsonl").personas == drawn[:6]


def test_sample_overwrites_nothing_unasked(tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    i2a("sample", "--count", 2, "--out", out)
    assert "exists already; add --force" in complaint("sample", "--count", 3, "--out", out)
    i2a("sample", "--count", 3, "--out", out, "--force")
    assert len(PersonaPool.read_file(out).personas) == 3
    profiles = pool(tmp_path / "p.jsonl", PROFILES)
    said = complaint("sample", "--profiles", profiles, "--count", 2, "--out", profiles, "--force")
    assert "is one of the pools" in said


def test_sample_cannot_draw_more_than_there_are(tmp_path: Path) -> None:
    said = complaint("sample", "--count", 401, "--out", tmp_path / "a.jsonl")
    assert "20 profiles and 20 personalities give 400" in said
    assert not (tmp_path / "a.jsonl").exists()


def test_the_commands_load_nothing_heavy() -> None:
    heavy = {"numpy", "sklearn", "matplotlib", "pyarrow", "pydantic", "i2a.pools"}
    code = f"import sys, i2a.cli.personas; print(sorted(set(sys.modules) & {heavy!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_extra_is_one_line(tmp_path: Path) -> None:
    file = pool(tmp_path / "a.jsonl", PROFILES[:2])
    # None in sys.modules is how Python itself marks a module that cannot be imported.
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from i2a.cli.personas import personas; from i2a.errors import UsageError\n"
        f"try: personas(['check', {str(file)!r}, '--encoder', 'tfidf'])\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.count("\n") == 1, done.stderr
    assert "pip install" in done.stdout
    assert "interact-to-align[personas]" in done.stdout
