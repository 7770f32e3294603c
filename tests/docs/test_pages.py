"""What the documents show is what happens: commands have these flags, programs run, links lead somewhere."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from i2a.cli.main import app
from i2a.models.spec import ModelSpec
from i2a.settings import load
from scenarios.template import write
from scenarios.trial import trial
from tests.i2a.cli.test_flags import ALL, MODELS

CHECKOUT = Path(__file__).parents[2]
PAGES = sorted((CHECKOUT / "docs").glob("*.md"))
DOCUMENTS = [CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/paper/README.md")]
DOCUMENTS += PAGES
ELSEWHERE = {"plugins.md"}  # its files are written and its commands typed, see test_plugins.py
SHELL = {"", "sh", "console", "bash"}

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))


def blocks(document: Path) -> list[tuple[str, str]]:
    """The language and the text of each code block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def commands(document: Path) -> list[str]:
    """The commands of `i2a` in a document, one line each."""
    text = "\n".join(code for language, code in blocks(document) if language in SHELL).replace("\\\n", " ")
    return [line.partition(" # ")[0].strip() for line in text.splitlines() if line.startswith("i2a ")]


def name(document: Path) -> str:
    return document.relative_to(CHECKOUT).as_posix()


LINES = [
    (name(document), line) for document in DOCUMENTS if document.name not in ELSEWHERE for line in commands(document)
]


@pytest.mark.parametrize(("document", "line"), sorted(set(LINES)))
def test_a_command_has_these_flags(document: str, line: str) -> None:
    command: Any = typer.main.get_command(app)
    called, *words = shlex.split(line)
    context = command.make_context(called, words)
    while hasattr(command, "resolve_command"):
        called, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(called, words, parent=context)


FILES = [
    (name(document), number, code)
    for document in DOCUMENTS
    for number, (language, code) in enumerate(blocks(document))
    if language == "toml" and document.name not in ELSEWHERE
]


@pytest.mark.parametrize(("document", "number", "code"), FILES, ids=[f"{page}-{number}" for page, number, _ in FILES])
def test_a_file_of_settings_is_one_of_the_command_in_its_first_line(
    document: str, number: int, code: str, tmp_path: Path
) -> None:
    words = tuple(code.splitlines()[0].removeprefix("# ").split())
    (tmp_path / "file.toml").write_text(code, "utf-8")
    assert load(MODELS[words], tmp_path / "file.toml", {}).model_fields_set


@pytest.mark.parametrize("file", sorted((CHECKOUT / "examples").rglob("*.toml")), ids=lambda file: file.name)
def test_a_file_of_settings_in_examples_is_one_of_the_command_in_its_first_lines(file: Path) -> None:
    (line,) = re.findall(
        rf"^# .*\bi2a(?:\.cli)? ([a-z ]+) --config {re.escape(file.name)}$", file.read_text("utf-8"), re.M
    )
    assert load(MODELS[tuple(line.split())], file, {}).model_fields_set


PROGRAMS = [
    (name(document), number, code)
    for document in PAGES
    for number, (language, code) in enumerate(blocks(document))
    if language == "python" and document.name not in ELSEWHERE
]


@pytest.mark.parametrize(
    ("document", "number", "code"), PROGRAMS, ids=[f"{page}-{number}" for page, number, _ in PROGRAMS]
)
def test_a_program_runs_and_a_scenario_passes_its_check(document: str, number: int, code: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(code, "utf-8")
    if "@scenario" in code:
        assert "fine" in trial(tmp_path / "program.py")
        return
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_first_scenario_is_the_one_that_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = CHECKOUT / "docs/scenarios.md"
    assert write("interview").read_text("utf-8") in [code for language, code in blocks(page) if language == "python"]


@every_document
def test_what_is_shown_as_json_is_json(document: Path) -> None:
    for language, code in blocks(document):
        if language == "json":
            json.loads(code)


@every_document
def test_a_model_string_is_one(document: Path) -> None:
    for string in re.findall(r"`((?:openai|litellm|autogen|hf):[^`\s]+|offline:\w+)`", document.read_text("utf-8")):
        assert str(ModelSpec.parse(string.replace("@URL", "@http://localhost:8000/v1")))


@every_document
def test_every_file_and_heading_that_is_linked_exists(document: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text("utf-8")):
        file = document.parent / target if target else document
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@every_document
def test_every_path_in_code_marks_exists(document: Path) -> None:
    rooms = "i2a|agents|scenarios|training|evaluation|examples|benchmarks|docs|tests"
    for path in re.findall(rf"`((?:{rooms})/[\w./]*)`", document.read_text("utf-8")):
        assert (CHECKOUT / path).exists(), path


def test_every_command_is_shown_somewhere() -> None:
    shown = " ".join(line for _, line in LINES)
    for words in ALL.keys() - {("train", "base"), ("train", "accelerate")}:
        assert f"i2a {' '.join(words)} " in f"{shown} ", words
