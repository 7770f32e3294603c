"""The view in a real browser beside commands that run: it follows them in their folders, and survives their end."""

import csv
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import I2A, Server
from tests.end_to_end.test_view_in_browser import opened, starts, viewed

V1 = Path(__file__).parents[1] / "fixtures/v1"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of version 1; a copy, as an index is put beside the trees."""
    return shutil.copytree(V1, tmp_path_factory.mktemp("old") / "v1")


@contextmanager
def started(*args: object) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([*I2A, *map(str, args), "--quiet"], stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[bytes]) -> None:
    _, said = process.communicate(timeout=90)
    assert process.returncode == 0, said.decode()


def test_three_commands_that_run_are_followed_until_they_have_ended(
    browser: Any, tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    runs = tmp_path / "runs"
    runs.mkdir()
    shutil.copytree(V1 / "evaluation", runs / "before")
    model = serve("--latency", "0.2", "--slots", "8").model
    simulate = ["simulate", "--conversations", 4, "--turns", 6, "--concurrency", 4, "--model", model]
    evaluate = ["evaluate", f"a={model}", "--cases", 2, "--turns", 6, "--user", model, "--judge", model]
    small = ["--batch", 4, "--micro-batch", 2, "--learning-rate", "1e-3", "--max-steps", 24]
    train = ["train", "sft", V1 / "corpus", "--model", V1 / "base", *small]
    with ExitStack() as stack:
        address = stack.enter_context(viewed(runs))
        going = {"trained": stack.enter_context(started(*train, "--out", runs / "trained"))}
        page = stack.enter_context(opened(browser, address))

        def appears(name: str) -> None:
            page.goto(address)
            while page.locator(".run", has_text=f"runs/{name}").count() == 0:
                if going[name].poll():
                    ended(going[name])
                page.wait_for_timeout(200)
                page.reload()
                page.wait_for_selector(".run")
            page.goto(f"{address}#live/runs%2F{name}")

        for name, flags in (("simulated", simulate), ("evaluated", evaluate)):
            going[name] = stack.enter_context(started(*flags, "--out", runs / name))
            appears(name)
            page.wait_for_selector(".live[data-state='going'] .conversation .said")
            before = page.locator(".conversation .said").count()
            page.locator(".conversation .said").nth(before).wait_for(state="attached")
            assert page.locator("#roles tbody tr").count() > 1
        appears("trained")
        page.wait_for_selector(".live figure.curve svg.chart", timeout=60_000)
        for process in going.values():
            ended(process)
        page.wait_for_selector(".live[data-state='complete']")
        for name, count in (("simulated", "4 of 4"), ("evaluated", "2 of 2")):
            page.goto(f"{address}#live/runs%2F{name}")
            page.wait_for_selector(".live[data-state='complete']")
            starts(page, "#facts", f"{count} conversations")
            page.get_by_role("link", name="Look at the finished conversations").click()
            starts(page, "#count", count)
            page.wait_for_selector(".card")


def test_curves_have_intervals_and_are_saved_as_picture_and_numbers(browser: Any, old: Path) -> None:
    with viewed(old) as address, opened(browser, f"{address}#curves/v1%2Fevaluation") as page:
        page.wait_for_selector("svg.chart")
        assert page.locator("svg.chart").first.locator("polyline").count() == 2
        assert page.locator("svg.chart").first.locator("polygon").count() == 2, "intervals"
        assert page.locator(".legend li").all_inner_texts() == [" generic", " oracle"]
        saved = {}
        for name in ("Picture (SVG)", "Numbers (CSV)"):
            with page.expect_download() as download:
                page.get_by_role("button", name=name).first.click()
            saved[name] = Path(download.value.path()).read_text("utf-8")
        assert saved["Picture (SVG)"].startswith("<svg")
        head, *rows = csv.reader(saved["Numbers (CSV)"].splitlines())
        assert head == ["name", "turn k", "alignment level", "low", "high"]
        assert [row[:3] for row in rows[:1]] == [["generic", "1", "2"]]
        page.goto(f"{address}#curves/v1%2Fsft")
        page.wait_for_selector("figcaption:has-text('loss')")
        page.goto(f"{address}#curves/v1%2Fcorpus")
        page.wait_for_selector(".empty")


def test_candidates_on_one_case_stand_side_by_side_with_their_scores_by_turn(browser: Any, old: Path) -> None:
    with viewed(old) as address, opened(browser, f"{address}#/v1%2Fevaluation") as page:
        page.wait_for_selector(".card")
        page.locator(".beside input").first.check()
        page.wait_for_selector(".columns.two")
        assert page.locator(".by-turn tbody th").all_inner_texts() == ["generic", "oracle"]
        assert page.locator(".by-turn tbody tr").first.locator("td").all_inner_texts() == ["2", "2"]
        page.locator(".beside input").first.uncheck()
        page.wait_for_selector(".columns:not(.two)")
