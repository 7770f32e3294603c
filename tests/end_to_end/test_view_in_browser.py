"""The view in a real browser: it lists, filters, links, grows, rates by keys; hostile words stay words."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from i2a.models.model import Completion
from i2a.runs.journal import Journal
from i2a.runs.sync import run_sync
from i2a.trees.json import dump
from i2a.trees.persona import Persona
from i2a.trees.tree import RATINGS, Inference, Tree, Utterance, Verdict
from tests.end_to_end.conftest import complaints_of
from tests.i2a.report.folders import run

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra: dev)")
HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\u202e\u2066&lt;b>"
)


def grown(number: int) -> str:
    tree = Tree(f"t{number}", "aloe", Persona(f"p{number}", "Keeps bees.", "Blunt.", "p", "t"), number)
    message = tree.add(None, Utterance("user", f"message {number}", None, None))
    one, other = (tree.add(message, Utterance(name, f"{name} of {number}", None, None)) for name in ("a", "b"))
    message.verdicts = [Verdict(one, other, one, "x"), Verdict(other, one, (one, other)[number % 2], "y")]
    tree.add(tree.keep(one), Utterance("user", f"later {number}", None, None))
    return dump(tree) + "\n"


def hostile() -> str:
    persona = Persona(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, fields={HOSTILE: HOSTILE})
    tree = Tree(HOSTILE, HOSTILE, persona, 0, {"candidate": HOSTILE, "case": HOSTILE})
    message = tree.add(None, Utterance(HOSTILE, HOSTILE, None, HOSTILE))
    reply = tree.add(message, Utterance(HOSTILE, "long " * 200_000, None, None))
    message.verdicts = [Verdict(reply, reply, reply, HOSTILE)]
    message.inference = Inference(reason=HOSTILE, profile=[HOSTILE], personality=[HOSTILE])
    reply.metadata = {RATINGS: {HOSTILE: {"score": 2, "reason": HOSTILE}}, "faults": [HOSTILE]}
    return dump(tree) + "\n"


def rated(case: int) -> str:
    options = {"candidate": "secret-name", "case": f"case{case}"}
    tree = Tree(f"secret-name/{case}", "evaluation", Persona("p", "Bees.", "Blunt.", "p", "t"), 0, options)
    message = tree.add(None, Utterance("user", "Hello.", None, None))
    tree.add(message, Utterance("candidate", f"Reply {case}.", None, None)).metadata[RATINGS] = {
        "j": {"score": 1, "reason": ""}
    }
    return dump(tree) + "\n"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    root.mkdir()
    corpus: dict[str, object] = {"personas": {"conversations": 402}}
    run(root / "corpus", corpus, trees_jsonl="".join(map(grown, range(400))))
    run(root / "hostile", {HOSTILE: HOSTILE}, trees_jsonl=hostile())
    run(root / "eval", {"protocol": "aloe"}, trees_jsonl="".join(map(rated, range(24))))
    return root


@contextmanager
def viewed(*flags: object) -> Iterator[str]:
    command = [sys.executable, "-m", "i2a.cli", "view", "--json", *map(str, flags)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["address"]
        finally:
            process.terminate()
    assert process.returncode == 0


@contextmanager
def opened(browser: Any, address: str, **how: Any) -> Iterator[Any]:
    """A page; in the end nobody has complained, and only this server was asked."""
    page = browser.new_page(**how)
    complaints = complaints_of(page, address.split("#")[0])
    page.goto(address)
    yield page
    page.close()
    assert complaints == []


def starts(page: Any, selector: str, text: str) -> None:
    """Wait until an element begins with this text."""
    sync_api.expect(page.locator(selector)).to_have_text(re.compile("^" + re.escape(text)))


def test_conversations_are_filtered_walked_and_linked_to_and_grow(browser: Any, runs: Path) -> None:
    with viewed(runs) as address, opened(browser, f"{address}#/runs%2Fcorpus") as page:
        page.wait_for_selector(".card")
        assert page.inner_text("#count") == "400 of 400 conversations"
        assert page.locator(".row").count() < 40, "only what is in sight is in the page"
        page.select_option("#label", "flipped")
        starts(page, "#count", "200 of 400")
        page.fill("#words", "message 37")
        starts(page, "#count", "6 of 400")  # 37 and 371, 373, ...
        page.select_option("#label", "")
        page.fill("#words", "")
        starts(page, "#count", "400 of")
        page.focus("#list")
        page.keyboard.press("End")
        starts(page, "#tree h2", "t399")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "tree"
        assert page.locator(".siblings .card").count() == 2
        page.get_by_role("button", name="#2", exact=True).click()
        page.wait_for_selector(".card.focused[data-node='2']")
        assert page.url.endswith("#/runs%2Fcorpus/t399/2")
        with (runs / "corpus/trees.jsonl").open("a") as lines:
            lines.writelines(map(grown, (400, 401)))
        starts(page, "#count", "402 of 402")
        assert page.inner_text("#tree h2") == "t399", "what one reads stays"
        page.goto(f"{address}#live/runs%2Fcorpus")
        page.wait_for_selector(".live[data-state='complete']")
        assert page.inner_text("#facts").startswith("402 of 402 conversations")


@pytest.mark.parametrize("link", ["t7/1", "t7"])
def test_a_link_opens_its_tree_and_node(browser: Any, runs: Path, link: str) -> None:
    with viewed(runs) as address, opened(browser, f"{address}#/runs%2Fcorpus/{link}") as page:
        page.wait_for_selector("#tree h2")
        assert page.inner_text("#tree h2") == "t7"
        assert page.locator(".card.focused").count() == ("/" in link)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_hostile_words_stay_words_on_any_screen(browser: Any, runs: Path, width: int, scheme: str) -> None:
    how = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with viewed(runs) as address, opened(browser, f"{address}#/runs%2Fhostile", **how) as page:
        page.wait_for_selector(".card")
        assert page.text_content("#tree h2") == HOSTILE
        assert page.locator(".said").first.text_content() == HOSTILE
        assert page.locator("#screen img, #screen script, #screen b:has(script)").count() == 0
        assert len(page.locator(".said").nth(1).text_content()) < 5000, (
            "of a long text the beginning, until it is asked"
        )
        page.get_by_role("button", name="All 1,000,000 characters").click()
        assert len(page.locator(".said").nth(1).text_content()) == 1_000_000
        assert page.title() == "runs/hostile · i2a view"
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


def evil(root: Path) -> None:
    """An evaluation, going, of which people and programs have made all that they can."""
    tree = Tree(HOSTILE, "evaluation", Persona(HOSTILE, HOSTILE, HOSTILE, "p", "t"), 0)
    tree.options = {"candidate": HOSTILE, "case": HOSTILE}
    reply = tree.add(tree.add(None, Utterance("user", HOSTILE)), Utterance("candidate", HOSTILE))
    reply.metadata[RATINGS] = {HOSTILE: {"score": 1, "reason": HOSTILE}}
    rating = {"candidate": HOSTILE, "case": HOSTILE, "turn": 1, "score": 5, "rater": HOSTILE, "comment": HOSTILE}
    curve = {HOSTILE: {"al": [1.0, 2.0], "intervals": {"al": [[0.5, 1.5], None]}}}
    summary = {"judge": HOSTILE, "candidates": curve, "other_judges": {}}
    folder = run(
        root / "evil",
        {"protocol": "aloe", "personas": {"cases": 9}, "candidates": {HOSTILE: {}}},
        trees_jsonl=dump(tree) + "\n",
        ratings_jsonl=json.dumps(rating) + "\n",
        summary_json=json.dumps(summary),
        failures_jsonl=json.dumps({"id": "x", "reason": HOSTILE}) + "\n",
    )

    async def said() -> None:
        with Journal(folder / "journal.sqlite") as journal:
            await journal.write(HOSTILE + "2", b"k", HOSTILE, HOSTILE, Completion(HOSTILE, "stop", 1, 1))

    run_sync(said())


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_hostile_words_stay_words_on_every_screen(browser: Any, runs: Path, width: int, scheme: str) -> None:
    evil(runs)
    shows = {"live": ".said", "curves": ".chart", "rate": ".asked .said", "differences": "tbody .said", "": ".card"}
    how = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with viewed(runs, "--rate", HOSTILE[:80]) as address, opened(browser, f"{address}#/", **how) as page:
        page.wait_for_selector(".run")
        for screen, what in shows.items():
            page.goto(f"{address}#{screen}/runs%2Fevil")
            page.wait_for_selector(f"#screen {what}")
            if what != ".chart":
                assert page.locator(what).first.text_content() in HOSTILE or HOSTILE in page.text_content("#screen")
            assert page.locator("#screen img, #screen script, #screen b:has(script)").count() == 0
            assert page.title() == "runs/evil · i2a view"
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), screen


def test_twenty_replies_are_rated_by_keys_by_two_people_with_a_break(browser: Any, runs: Path) -> None:
    def rated_by(name: str, keys: str, before: int) -> None:
        flags = [runs / "eval", "--rate", name, "--items", 20]
        with viewed(*flags) as address, opened(browser, f"{address}#rate/eval") as page:
            for done, key in enumerate(keys, before):
                starts(page, "#rated", f"{done} of 20")
                assert "secret-name" not in page.content()
                page.keyboard.press(key)
            starts(page, "#rated", f"{before + len(keys)} of")

    rated_by("ann", "12345" * 2, 0)
    rated_by("ann", "55555" * 2, 10)
    rated_by("bob", "4" * 20, 0)
    lines = [json.loads(line) for line in (runs / "eval/ratings.jsonl").read_text("utf-8").splitlines()]
    assert [line["score"] for line in lines if line["rater"] == "ann"] == [1, 2, 3, 4, 5] * 2 + [5] * 10
    items = {name: {line["case"] for line in lines if line["rater"] == name} for name in ("ann", "bob")}
    assert len(items["ann"]) == 20
    assert items["ann"] == items["bob"]
    with viewed(runs / "eval") as address, opened(browser, f"{address}#differences/eval") as page:
        page.wait_for_selector("tbody tr")
        assert page.locator("tbody tr").count() == 20
        page.locator("tbody a").first.click()
        page.wait_for_selector(".card.focused")


def test_an_answer_has_a_comment_is_skipped_with_a_reason_and_taken_back(browser: Any, runs: Path) -> None:
    with viewed(runs / "eval", "--rate", "ann") as address, opened(browser, f"{address}#rate/eval") as page:
        page.wait_for_selector(".asked")
        page.keyboard.press("c")
        page.keyboard.type("too 4 long")
        page.keyboard.press("Enter")
        page.keyboard.press("2")
        starts(page, "#rated", "1 of")
        page.select_option("#skip", "unreadable")
        starts(page, "#rated", "2 of")
        page.keyboard.press("b")
        page.wait_for_selector("#back")
        page.keyboard.press("4")
        starts(page, "#rated", "2 of")
    lines = [json.loads(line) for line in (runs / "eval/ratings.jsonl").read_text("utf-8").splitlines()]
    assert (lines[0]["score"], lines[0]["comment"]) == (2, "too 4 long")
    assert lines[1]["skipped"] == "unreadable"
