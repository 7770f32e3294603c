"""The view shows what happens, in words where there is no terminal, and takes nothing that a model said for markup."""

import asyncio
import io
import re
from typing import Any

import pytest
from rich.console import Console

from i2a.errors import BadRequest, Interrupted, RateLimited
from i2a.models.call import InFlight
from i2a.models.model import Completion, Price
from i2a.models.usage import UsageTracker
from i2a.runs.live import View, money, roles_table
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree, Utterance
from tests.fakes import virtually


def console(*, terminal: bool = False, width: int = 160, height: int = 40, **options: Any) -> Console:
    size: dict[str, Any] = {"width": width, "height": height, "color_system": None}
    return Console(file=io.StringIO(), force_terminal=terminal, **size | options)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def last_frame(console: Console) -> list[str]:
    """The lines of the last frame that was drawn."""
    frames = re.split(r"\r(?:\x1b\[1A|\x1b\[2K)+", printed(console))
    return re.sub(
        r"\x1b\[[?\d;]*[a-zA-Z]", "", [frame for frame in frames if "conversations" in frame][-1]
    ).splitlines()


def rendered(*things: object) -> str:
    out = console()
    out.print(*things)
    return printed(out)


@pytest.fixture
def meter() -> UsageTracker:
    meter = UsageTracker({"m": Price(1.0, 2.0), "n": None})
    meter.add("user", "m", Completion("Hello.", "stop", 1_000_000, 500_000))
    meter.usage["judge", "n"].replayed = 3
    meter.usage["judge", "n"].retries = 2
    return meter


@pytest.fixture
def tree() -> Tree:
    tree = Tree("aloe-0", "aloe", Persona("p-1", "A baker.", "Blunt."), 7)
    here = tree.add(None, Utterance("user", "I [bold]bake[/bold] [link=http://x]bread[/link] :smile:\nat night"))
    tree.add(here, Utterance("preferred", "Oh? [/]"))
    return tree


async def watched(view: View, seconds: float) -> None:
    watching = asyncio.create_task(view.watch())
    await asyncio.sleep(seconds)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(None, "price unknown"), (0.0, "$0.00"), (0.0123, "$0.0123"), (12.345, "$12.35"), (1234.5, "$1,234.50")],
)
def test_money_is_told_in_dollars_and_an_unknown_price_as_such(amount: float | None, text: str) -> None:
    assert money(amount) == text


def test_a_table_has_a_line_for_each_role(meter: UsageTracker) -> None:
    header, judge, user = (line.split() for line in rendered(roles_table(meter, 100)).strip().splitlines())
    assert header == ["role", "calls", "prompt", "tokens", "answer", "tokens", "cost", "retries", "stored"]
    assert judge == ["judge", "0", "0", "0", "?", "2", "3"]
    assert user == ["user", "1", "1,000,000", "500,000", "$2.00", "0", "0"]


def test_a_table_leaves_out_columns_of_nothing() -> None:
    meter = UsageTracker({"n": None})
    meter.add("user", "n", Completion("Hello.", "stop", 10, 5))
    header, user = (line.split() for line in rendered(roles_table(meter)).strip().splitlines())
    assert header == ["role", "calls", "prompt", "tokens", "answer", "tokens"]
    assert user == ["user", "1", "10", "5"]


@pytest.mark.parametrize("width", [40, 50, 60, 80])
def test_a_table_has_whole_numbers_in_a_narrow_terminal(meter: UsageTracker, width: int) -> None:
    meter.usage["openai:qwen3-235b@http://localhost:8000/v1", "m"].calls = 12_345
    text = rendered(roles_table(meter, width))
    assert max(map(len, text.splitlines())) <= width
    assert "12,345" in text
    numbers = re.sub(r"openai\S*", "", text)
    assert "…" not in numbers


def test_without_a_terminal_a_line_now_and_then_tells_how_it_goes(meter: UsageTracker, tree: Tree) -> None:
    out = console()
    view = View(out, meter, unit="conversations", total=4, done=1)
    for failed in (None, BadRequest("too [long]")):
        view.begins(tree)
        view.ends(tree, failed=failed)
    virtually(watched(view, 35))
    failure, *lines = printed(out).splitlines()
    assert failure == "failed: aloe-0: too [long]"
    assert len(lines) == 3
    assert lines[0].startswith("3/4 conversations (75%), 1 failed, ")
    assert "1,500,000 tokens" in lines[0]
    assert "price unknown" in lines[0]
    assert "2 retries" in lines[0]


@pytest.mark.parametrize("dumb", [False, True])
def test_a_line_of_a_log_is_not_broken(meter: UsageTracker, dumb: bool) -> None:
    """Nor is a frame drawn in a terminal that cannot take it back."""
    out = console(width=30, terminal=dumb, _environ={"TERM": "dumb"})
    view = View(out, meter, unit="conversations", total=4)
    virtually(watched(view, 15))
    assert "\x1b" not in printed(out)
    assert len(printed(out).splitlines()) == (1 if not dumb else 4)


def test_a_failure_is_told_as_it_comes_and_the_same_again_after_a_while(meter: UsageTracker) -> None:
    out = console()
    view = View(out, meter, unit="conversations", total=30)

    async def failing() -> None:
        watching = asyncio.create_task(view.watch())
        for i in range(12):
            tree = Tree(f"t-{i}", "aloe", Persona("p", "A baker.", "Blunt."), 7)
            view.begins(tree)
            view.ends(tree, failed=RateLimited("busy") if i % 2 else BadRequest("too long"))
            await asyncio.sleep(1.5)
        watching.cancel()
        view.say_news(final=True)

    virtually(failing())
    told = [line for line in printed(out).splitlines() if line.startswith("failed")]
    assert told == [
        "failed: t-0: too long",
        "failed: t-1: busy",
        "failed: t-2 and 2 others: too long",
        "failed: t-3 and 2 others: busy",
        "failed: t-8 and 1 other: too long",
        "failed: t-9 and 1 other: busy",
    ]


def test_in_a_terminal_a_conversation_grows_before_your_eyes(meter: UsageTracker, tree: Tree) -> None:
    out = console(terminal=True)
    view = View(out, meter, unit="conversations", total=4, done=1)
    view.begins(tree)
    virtually(watched(view, 1))
    text = printed(out)
    assert "1/4 conversations" in text
    assert "I [bold]bake[/bold]" in text


def dialogue(number: int, turns: int, *, of: int = 10) -> Tree:
    """A dialogue in its turn number `turns`, the last one unanswered."""
    tree = Tree(f"aloe-{number}", "aloe", Persona("p", "A baker.", "Blunt."), 7, {"turns": of})
    here = None
    for turn in range(turns):
        here = tree.add(here, Utterance("user", f"Question {turn} of {number}."))
        pair = [tree.add(here, Utterance(who, f"{who} {turn} of {number}.")) for who in ("preferred", "rejected")]
        here = tree.keep(pair[turn % 2])
    tree.add(here, Utterance("user", f"Question {turns} of {number}."))
    return tree


def shown(width: int, height: int, *, conversations: int = 8, usage: UsageTracker | None = None) -> list[str]:
    out = console(terminal=True, width=width, height=height)
    total = 10 * conversations
    view = View(out, usage or UsageTracker({}), unit="conversations", total=conversations, steps_total=total)
    for number in range(conversations):
        view.begins(dialogue(number, 4))
    virtually(watched(view, 1))
    return last_frame(out)


def test_the_bar_moves_with_every_turn() -> None:
    lines = shown(100, 30)
    assert lines[0].startswith("0/8 conversations")
    assert "40%" in lines[0]
    assert "32/80 turns" in lines[1]


def test_without_a_count_of_turns_the_bar_goes_by_the_usual_length(meter: UsageTracker) -> None:
    out = console()
    view = View(out, meter, unit="conversations", total=2)
    whole, half = dialogue(0, 5), dialogue(1, 2)
    whole.options = half.options = {}
    for tree in (whole, half):
        view.begins(tree)
    view.ends(whole)
    virtually(watched(view, 15))
    far = (1 + sum(1 for _ in half) / sum(1 for _ in whole)) / 2
    assert f"1/2 conversations ({far:.0%})" in printed(out)


@pytest.mark.parametrize(("width", "height"), [(50, 20), (80, 24), (120, 40), (200, 50)])
def test_the_frame_fills_the_terminal_and_no_more(width: int, height: int, meter: UsageTracker) -> None:
    lines = shown(width, height, usage=meter)
    assert len(lines) == height - 1
    assert max(map(len, lines)) <= width
    assert len(lines[-1]) + len("^C") < width, "what the terminal echoes must not break the last line"
    assert "".join(lines).count("Question 4 of") == {20: 1, 24: 1, 40: 3, 50: 8}[height]


def test_after_ctrl_c_the_view_stays_and_counts_what_is_still_in_flight(meter: UsageTracker) -> None:
    out, in_flight = console(terminal=True), InFlight()
    view = View(out, meter, unit="conversations", total=2, in_flight=in_flight)
    view.begins(dialogue(0, 2))
    with in_flight, in_flight:
        in_flight.stop(Interrupted("interrupted"))
        view.interrupted()
        virtually(watched(view, 1))
    assert last_frame(out)[-1].rstrip() == "Finishing 2 calls; Ctrl-C again: stop at once"
    assert "Question 2 of 0" in "".join(last_frame(out))


def test_failures_are_counted_by_reason_in_the_frame(meter: UsageTracker) -> None:
    out = console(terminal=True, width=60)
    view = View(out, meter, unit="conversations", total=9)
    for number in range(3):
        view.begins(tree := dialogue(number, 1))
        view.ends(tree, failed=BadRequest("[red]too long") if number else RateLimited("busy " * 30))
    virtually(watched(view, 1))
    lines = last_frame(out)
    assert "2 failed: [red]too long" in lines
    assert any(line.startswith("1 failed: busy busy") and line.endswith("…") for line in lines)


def test_quiet_shows_only_what_is_said(meter: UsageTracker, tree: Tree) -> None:
    out = console()
    view = View(out, meter, unit="conversations", total=4, quiet=True)
    view.begins(tree)
    virtually(watched(view, 60))
    assert printed(out) == ""
    view.say("Stopping [now].")
    assert printed(out) == "Stopping [now].\n"


def test_a_conversation_that_is_over_is_not_shown_any_more(meter: UsageTracker, tree: Tree) -> None:
    other = Tree("aloe-1", "aloe", Persona("p", "A baker.", "Blunt."), 7)
    for failed in (None, RateLimited("busy")):
        out = console(terminal=True)
        view = View(out, meter, unit="conversations", total=2)
        view.begins(tree)
        view.begins(other)
        view.ends(tree, failed=failed)
        virtually(watched(view, 1))
        assert "aloe-1" in printed(out)
        assert "aloe-0" not in printed(out)


@pytest.mark.parametrize("terminal", [False, True])
def test_what_the_run_waits_for_is_shown_and_what_came_out_said_once(meter: UsageTracker, terminal: bool) -> None:
    out = console(terminal=terminal)
    waiting, notes = ["waiting until 14:05 for 127.0.0.1:8000"], ["m at 127.0.0.1: takes no seed"]
    view = View(out, meter, unit="conversations", total=4, waiting=lambda: waiting, notes=lambda: notes)
    virtually(watched(view, 35))
    view.say_news()
    assert "waiting until 14:05 for 127.0.0.1:8000" in printed(out)
    assert printed(out).count("takes no seed") == 1


def test_what_is_estimated_is_marked(meter: UsageTracker) -> None:
    meter.add("user", "m", Completion("Hello.", "stop", 1, 1, estimated=True))
    user = rendered(roles_table(meter)).strip().splitlines()[2].split()
    assert user == ["user", "2", "~1,000,001", "~500,001", "~$2.00", "0", "0"]
