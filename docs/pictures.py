"""Draws the pictures of README and docs, from real runs: live.svg, report.png and view.png. Needs Linux and Chromium.

Run: python docs/pictures.py
"""

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

ASSETS = Path(__file__).parents[1] / "assets"
I2A = [sys.executable, "-m", "i2a.cli"]
COLUMNS, LINES = 110, 36
FAR = 0.6  # of the frames of the live view, which one is drawn
SHOWN = "i2a simulate --conversations 24 --turns 6 --concurrency 8 --out runs/first"


def live(folder: Path) -> None:
    """A frame of the live view, while a server with the offline engine answers as slowly as a model does."""
    server = [*I2A, "serve", "--port", "0", "--latency", "0.1", "--slots", "16"]
    with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        model = serving.stdout.readline().strip()
        frames = printed([*I2A, *SHOWN.split()[1:], "--model", model], folder)
        serving.terminate()
    full = [frame for frame in frames if "Ctrl-C" in frame]
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(full[int(len(full) * FAR)].strip("\n")))
    svg = console.export_svg(title=f"{SHOWN} --model openai:offline@...")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # fonts of another server
    (ASSETS / "live.svg").write_text(svg, "utf-8")


def printed(command: list[str], folder: Path) -> list[str]:
    """What a command draws on a terminal, frame by frame."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment |= {"TERM": "xterm-256color", "OPENAI_API_KEY": "none"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    drawn = b""
    try:
        while part := os.read(terminal, 65536):
            drawn += part
    except OSError:  # the other side is closed
        pass
    os.close(terminal)
    if process.wait():
        raise SystemExit(drawn.decode(errors="replace"))
    return re.split(r"\r(?:\x1b\[1A|\x1b\[2K)+", drawn.decode().replace("\r\n", "\n"))


def report(folder: Path) -> None:
    """A conversation in the report on the run, in a browser."""
    from playwright.sync_api import sync_playwright

    file = folder / "report.html"
    subprocess.run([*I2A, "report", "runs/first", "--out", file, "--force"], cwd=folder, check=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 720})
        page.goto(file.as_uri())
        page.wait_for_selector(".card")
        for what in ("What the Inducer knew", "Verdicts"):
            page.locator("summary", has_text=what).first.click()
        page.locator(".card").first.evaluate("card => card.scrollIntoView()")
        page.screenshot(path=ASSETS / "report.png")
        browser.close()


def view(folder: Path) -> None:
    """Two candidates on the same case, in the view."""
    from playwright.sync_api import sync_playwright

    candidates = ["offline:generic", "offline:oracle"]
    evaluation = [*I2A, "evaluate", *candidates, "--cases", "12", "--turns", "5", "--out", "runs/eval", "--quiet"]
    subprocess.run(evaluation, cwd=folder, check=True)
    command = [*I2A, "view", "runs", "--json"]
    with (
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as serving,
        sync_playwright() as playwright,
    ):
        assert serving.stdout is not None
        address = json.loads(serving.stdout.readline())["address"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{address}#/runs%2Feval")
        page.wait_for_selector(".card")
        page.locator(".beside input").first.check()
        page.wait_for_selector(".columns.two")
        page.screenshot(path=ASSETS / "view.png")
        browser.close()
        serving.terminate()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        live(Path(name))
        report(Path(name))
        view(Path(name))
