"""What works without an extra works without its packages, and the rest says in one line which extra to install.

Each environment is made of links to the packages that `pip install` of an extra brings.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from i2a import simulate
from i2a.errors import UsageError
from i2a.extras import DISTRIBUTION, install, needs
from i2a.siblings import ROOT
from tests.tiny import checkpoint

Run = Callable[..., dict[str, tuple[int, str]]]

EACH_LINE = """
import shlex, sys
from i2a.cli import main
for line in sys.argv[1:]:
    sys.argv = shlex.split(line)
    print(">>>", line, file=sys.stderr, flush=True)
    try:
        main.main()
    except SystemExit as end:
        print("<<<", end.code or 0, file=sys.stderr, flush=True)
"""


@cache
def brought_by(distribution: str, extra: str = "") -> frozenset[str]:
    """The distributions that an installation brings, those that it depends on included."""
    found, todo = set[tuple[str, str]](), [(distribution, extra)]
    while todo:
        name, wanted = todo.pop()
        if (name, wanted) in found:
            continue
        found.add((name, wanted))
        try:
            needed = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:  # of another platform
            continue
        for requirement in needed:
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                todo += [(canonicalize_name(requirement.name), part) for part in ("", *requirement.extras)]
    return frozenset(canonicalize_name(name) for name, _ in found)


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes the folder of packages that an installation with an extra has, of links to those of this environment."""

    @cache
    def made(extra: str) -> Path:
        folder = tmp_path_factory.mktemp(f"with-{extra}")
        for name in brought_by(DISTRIBUTION, extra):
            try:
                found = distribution(name)
            except PackageNotFoundError:
                continue
            for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
                if not (folder / top).exists():
                    (folder / top).symlink_to(Path(str(found.locate_file(top))))
        return folder

    return made


@pytest.fixture(scope="module")
def run(environments: Callable[[str], Path], folder: Path) -> Run:
    """Runs command lines where only an extra is installed: exit code and stderr of each."""

    def run(extra: str, *lines: str) -> dict[str, tuple[int, str]]:
        path = os.pathsep.join(map(str, (ROOT, environments(extra))))
        # -S: without the packages of this environment
        done = subprocess.run(
            [sys.executable, "-S", "-c", EACH_LINE, *lines],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        parts = re.findall(r"^>>> (.*)\n([\s\S]*?)^<<< (\d+)$", done.stderr, re.MULTILINE)
        assert [line for line, _, _ in parts] == list(lines), done.stderr[-2000:]
        return {line: (int(code), said) for line, said, code in parts}

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus."""
    folder = tmp_path_factory.mktemp("extras")
    simulate(out=folder / "first", conversations=4, turns=2)
    return folder


def test_what_an_installation_brings_is_read_from_our_metadata() -> None:
    assert {"rich", "autogen-core"} <= brought_by(DISTRIBUTION)
    assert not {"numpy", "torch", "jinja2"} & brought_by(DISTRIBUTION)
    assert {"torch", "numpy", "pyarrow"} <= brought_by(DISTRIBUTION, "train")
    assert "torch" not in brought_by(DISTRIBUTION, "evaluate")
    everything = {extra: brought_by(DISTRIBUTION, extra) for extra in ("train", "evaluate", "personas", "select")}
    assert brought_by(DISTRIBUTION, "all") == frozenset().union(*everything.values())


WORKS = {
    "": [
        "i2a simulate --conversations 2 --turns 2 --out again",
        "i2a show first",
        "i2a show first 1 --json",
        "i2a export first --out aloe.jsonl",
        "i2a export first --format dpo --out dpo.jsonl",
        "i2a export first --format sft --out sft.csv",
        "i2a import aloe.jsonl --out aloe",
        "i2a scenarios list",
        "i2a scenarios new interview",
        "i2a scenarios check interview.py",
        "i2a personas sample --count 10 --out people.jsonl",
        "i2a train accelerate ddp",
        "i2a train dpo --help",
        "i2a evaluate --help",
        "i2a report --help",
    ],
    "evaluate": [
        "i2a evaluate offline:generic offline:oracle --cases 2 --turns 2 --out eval",
        "i2a choice offline --cases 2 --out choice",
        "i2a benchmark build --cases 6 --turns 2 --out items",
        "i2a compare eval",
        "i2a report first eval --out report.html",
    ],
    "personas": [
        "i2a personas grow --kind profile --encoder tfidf --target 24 --out pool.jsonl",
        "i2a personas check pool.jsonl --encoder tfidf --png pool.png",
        "i2a export first --format dpo --out dpo.parquet",
    ],
    "train": [
        "i2a export first --format sft --out sft.parquet",
        "i2a train sft first --model base --max-steps 1 --batch 4 --out sft",
    ],
}


@pytest.mark.parametrize("extra", WORKS)
def test_what_an_extra_is_for_works_with_it_alone(extra: str, run: Run, folder: Path) -> None:
    if extra == "train":
        checkpoint(folder / "base")
    for line, (code, said) in run(extra, *WORKS[extra]).items():
        assert code == 0, (line, said)


REFUSED = {
    "i2a report first --out r.html": "evaluate",
    "i2a evaluate offline --cases 2 --out e": "evaluate",
    "i2a compare first": "evaluate",
    "i2a choice offline --out c": "evaluate",
    "i2a benchmark build --out b": "evaluate",
    "i2a personas grow --kind profile --out g.jsonl": "personas",
    "i2a personas check first/trees.jsonl": "personas",
    "i2a export first --format dpo --out d.parquet": "personas",
    "i2a personas grow --kind profile --candidates x.parquet --out h.jsonl": "personas",
    "i2a train sft first --model m --out s": "train",
    "i2a train dpo first --model m --out t": "train",
    "i2a train base --out u": "train",
    "i2a simulate --model hf:some/model --out v": "train",
}


def test_without_an_extra_each_command_says_in_one_line_which_one_to_install(run: Run) -> None:
    for line, (code, said) in run("", *REFUSED).items():
        assert code == 2, (line, said)
        assert re.fullmatch(rf"i2a: .* needs the package \w+: {re.escape(install(REFUSED[line]))}\n", said), (
            line,
            said,
        )


def test_every_package_of_an_extra_that_is_missing_is_one_line_with_the_command() -> None:
    with pytest.raises(UsageError, match=r"^Parquet needs the package pyarrow: pip install 'interact-to-align\[x\]'$"):  # noqa: SIM117
        with needs("x", "Parquet"):
            raise ModuleNotFoundError("No module named 'pyarrow.parquet'", name="pyarrow.parquet")
    with pytest.raises(ModuleNotFoundError), needs("x"):
        raise ModuleNotFoundError("No module named 'i2a.nothing'", name="i2a.nothing")
