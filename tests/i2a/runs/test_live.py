"""The view shows what happens, in words where there is no terminal, and takes nothing that a model said for markup."""

import asyncio
import io

import pytest
from rich.console import Console

from i2a.errors import BadRequest, RateLimited
from i2a.models.model import Completion, Price
from i2a.models.usage import UsageTracker
from i2a.runs.live import View, conversation, money, roles_table
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree, Utterance
from tests.fakes import virtually


def console(*, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=160, color_system=None)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


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
    header, judge, user = (line.split() for line in rendered(roles_table(meter)).strip().splitlines())
    assert header[0] == "role"
    assert judge == ["judge", "0", "3", "0", "0", "price", "unknown", "2"]
    assert user == ["user", "1", "0", "1,000,000", "500,000", "$2.00", "0"]


def test_what_a_model_said_is_no_markup(tree: Tree) -> None:
    text = rendered(conversation(tree))
    assert "I [bold]bake[/bold] [link=http://x]bread[/link] :smile: at night" in text
    assert "Oh? [/]" in text
    assert "aloe-0, persona p-1" in text


def test_a_conversation_without_utterances_can_be_shown() -> None:
    assert "t-0" in rendered(conversation(Tree("t-0", "aloe", Persona("p", "A baker.", "Blunt."), 7)))


@pytest.mark.parametrize(
    "evil",
    [
        "\x1b[2J\x1b[31mred",
        "\x1b]0;title\x07",
        "\r\x08\x08",
    ],
)
def test_what_a_model_said_does_not_steer_the_terminal(evil: str) -> None:
    tree = Tree("t-0", "aloe", Persona("p", "A baker.", "Blunt."), 7)
    tree.add(None, Utterance("user", f"Hello {evil}"))
    shown = rendered(conversation(tree))
    assert not {"\x1b", "\x07", "\x08", "\r"} & set(shown)


def test_without_a_terminal_a_line_now_and_then_tells_how_it_goes(meter: UsageTracker, tree: Tree) -> None:
    out = console()
    view = View(out, meter, unit="conversations", total=4, done=1)
    view.begins(tree)
    view.ends(tree)
    view.ends(tree, failed=BadRequest("too long"))
    virtually(watched(view, 35))
    lines = printed(out).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("3/4 conversations, 1 failed, ")
    assert "1,500,000 tokens" in lines[0]
    assert "price unknown" in lines[0]
    assert "2 retries" in lines[0]


def test_in_a_terminal_a_conversation_grows_before_your_eyes(meter: UsageTracker, tree: Tree) -> None:
    out = console(terminal=True)
    view = View(out, meter, unit="conversations", total=4, done=1)
    view.begins(tree)
    virtually(watched(view, 1))
    text = printed(out)
    assert "conversations" in text
    assert "1/4" in text
    assert "I [bold]bake[/bold]" in text


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
    assert user == ["user", "2", "0", "~1,000,001", "~500,001", "~$2.00", "0"]
