"""Every command prints on any terminal: one without the characters, of 20 columns, or one that nobody reads."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from i2a.trees.json import read, write
from scenarios import Simulation, simulate

FOREIGN = "Grüße, 你好 \U0001f642 → and \udc80".encode(errors="replace").decode()
TERMINALS = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "LANG=C": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "dumb, 20 columns": {"TERM": "dumb", "COLUMNS": "20"},
}
COMMANDS = ["show run", "show run 0 --json", "show run --json", "scenarios list", "export --help", "show nöwhere"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run whose persona and words no small character set has."""
    folder = tmp_path_factory.mktemp("terminals")
    simulate(Simulation(out=folder / "run", conversations=2, turns=2, quiet=True))
    trees = list(read(folder / "run/trees.jsonl"))
    for node in trees[0]:
        node.content = f"{FOREIGN} {node.content}"
    write(folder / "run/trees.jsonl", trees)
    return folder


def i2a(folder: Path, command: str, environment: dict[str, str], **how: object) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "i2a.cli", *command.split()]
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    return subprocess.run(line, cwd=folder, env={**os.environ, **environment}, check=False, **given)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("terminal", TERMINALS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_on_any_terminal(folder: Path, command: str, terminal: str) -> None:
    done = i2a(folder, command, TERMINALS[terminal])
    assert done.returncode == (2 if "nöwhere" in command else 0), done.stderr
    assert b"Traceback" not in done.stderr
    if command == "show run 0 --json":
        first = json.loads(done.stdout)["nodes"][0]["content"]
        assert first.startswith(FOREIGN), "JSON is the same on every terminal"


@pytest.mark.parametrize("command", COMMANDS[:-1])
def test_nobody_has_to_read_to_the_end(folder: Path, command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # as `| head` does
    done = i2a(folder, command, {}, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_output_that_cannot_be_written_is_one_line(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = i2a(folder, "show run --json", {}, stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"i2a: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize(("columns", "lines"), [(50, 20), (80, 24), (200, 50)])
def test_the_live_view_fits_a_terminal_and_leaves_nothing_behind(tmp_path: Path, columns: int, lines: int) -> None:
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    command = "i2a.cli simulate --conversations 6 --turns 6 --concurrency 3 --out run"
    running = subprocess.Popen(
        [sys.executable, "-m", *command.split()],
        cwd=tmp_path,
        env={**environment, "TERM": "xterm-256color"},
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    printed = b""
    try:
        while part := os.read(terminal, 65536):
            printed += part
    except OSError:  # the other side is closed
        pass
    os.close(terminal)
    assert running.wait() == 0
    *frames, last = re.split(r"\r(?:\x1b\[1A|\x1b\[2K)+", printed.decode())
    for frame in frames:
        drawn = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", frame).splitlines()
        assert len(drawn) < lines
        assert max(map(len, drawn), default=0) <= columns
    assert any("6 conversations" in frame and "Ctrl-C" in frame for frame in frames)
    assert "conversations ━" not in last
    assert "6 trees with 108 utterances" in " ".join(last.split())
