"""The report in a real browser: it opens, filters, unfolds and compares; hostile words stay words; nothing goes out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import complaints_of, i2a

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> [red]loud[/red]"
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a corpus, one conversation of which is hostile, and an evaluation of two candidates."""
    folder = tmp_path_factory.mktemp("report")
    i2a("simulate", "--scenario", "full_tree", "--conversations", "3", "--out", folder / "corpus", "--quiet")
    candidates = ["offline:generic", "offline:oracle"]
    i2a("evaluate", *candidates, "--cases", "4", "--turns", "2", "--out", folder / "eval", "--quiet")
    trees = folder / "corpus/trees.jsonl"
    first, *others = map(json.loads, trees.read_text("utf-8").splitlines())
    first["persona"]["profile"] = HOSTILE
    for node in first["nodes"]:
        node["content"] = HOSTILE
        for verdict in node["verdicts"]:
            verdict["reason"] = HOSTILE
    trees.write_text("".join(json.dumps(tree) + "\n" for tree in [first, *others]), "utf-8")
    i2a("report", folder / "corpus", folder / "eval", "--title", HOSTILE, "--out", folder / "report.html")
    return folder / "report.html"


@pytest.fixture(params=[1280, 390], ids=["wide", "narrow"])
def page(request: pytest.FixtureRequest, browser: Any, report: Path) -> Iterator[Any]:
    """The open report; in the end, nobody has complained and nothing was fetched."""
    page = browser.new_page(viewport={"width": request.param, "height": 800})
    complaints = complaints_of(page)
    page.goto(report.as_uri())
    page.wait_for_selector(".card")
    yield page
    page.close()
    assert complaints == [report.as_uri()]


def shown(page: Any) -> str:
    return str(page.inner_text("#count"))


def test_everything_is_there_and_nothing_is_wider_than_the_screen(page: Any) -> None:
    assert shown(page) == "11 of 11 conversations"
    assert "Offline simulator" in page.inner_text(".engine")
    assert page.locator("tbody th", has_text="offline:oracle").count() >= 2  # results and audit
    assert page.locator("img.chart").evaluate("image => image.naturalWidth") > 100
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_hostile_words_stay_words(page: Any) -> None:
    assert page.title() == HOSTILE
    assert page.inner_text("h1") == HOSTILE
    assert page.locator(".said").first.inner_text() == HOSTILE
    assert page.locator("#tree img, #tree script").count() == 0


def test_the_list_is_filtered_by_words_candidate_score_and_disagreement(page: Any) -> None:
    page.select_option("#candidate", "offline:oracle")
    assert shown(page) == "4 of 11 conversations"
    page.fill("#least", "5.1")
    assert shown(page) == "0 of 11 conversations"
    assert "Change the filter" in page.inner_text("#tree")
    page.fill("#least", "")
    page.select_option("#candidate", "")
    page.fill("#search", "BENCH oracle")
    assert shown(page) == "4 of 11 conversations"
    page.fill("#search", "")
    page.check("#disagreement")
    assert int(shown(page).split()[0]) < 11


def test_the_list_is_walked_by_keys_and_enter_goes_to_the_tree(page: Any) -> None:
    page.focus("#list")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    assert page.get_attribute("#list", "aria-activedescendant") == "option-10"
    assert page.get_attribute("#option-10", "aria-selected") == "true"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "tree"


def test_a_branch_is_followed_and_what_the_inducer_knew_unfolds(page: Any) -> None:
    page.locator(".row").nth(1).click()
    page.wait_for_function("name => document.querySelector('#tree h3').textContent === name", arg="full_tree-0-000001")
    before = page.locator(".said").all_inner_texts()
    assert page.locator(".siblings").first.locator(".card").count() == 2  # siblings, side by side
    page.get_by_role("button", name="Follow this branch").first.click()
    after = page.locator(".said").all_inner_texts()
    assert before[:3] == after[:3]
    assert before[3:] != after[3:]
    knowledge = page.locator("details", has_text="What the Inducer knew").first
    knowledge.locator("summary").click()
    assert knowledge.locator("p").is_visible()
    page.locator("summary", has_text="Verdicts").first.click()
    assert "Shown preferred, then rejected" in page.locator("details[open]", has_text="Verdicts").inner_text()


def test_two_candidates_stand_side_by_side_on_the_same_case(page: Any) -> None:
    page.select_option("#candidate", "offline:generic")
    assert page.locator(".dialogue").count() == 1
    page.select_option("#compare", label="offline:oracle")
    page.wait_for_selector(".columns.two")
    titles = page.locator(".dialogue h4").all_inner_texts()
    assert titles == ["offline:generic", "offline:oracle"]
    users = [page.locator(".dialogue").nth(i).locator(".card.user .said").first.inner_text() for i in (0, 1)]
    assert users[0] == users[1]  # both met the same person
