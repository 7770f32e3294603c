"""Options of a plug-in come from Python, from TOML or as the text of a flag, and mean the same."""

from typing import Any, Literal

import pytest

from i2a.errors import UsageError
from i2a.options import resolve


def plug_in(
    tree: object,
    *,
    turns: int = 10,
    share: float | None = None,
    plain: bool = False,
    moods: list[str] = ["calm"],  # noqa: B006 - never changed
    target: Literal["preferred", "rejected"] = "preferred",
    note: str = "",
    bare=3,
) -> None: ...


DEFAULTS = {
    "turns": 10,
    "share": None,
    "plain": False,
    "moods": ["calm"],
    "target": "preferred",
    "note": "",
    "bare": 3,
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"turns": "4", "bare": "5"}, {"turns": 4, "bare": 5}),
        ({"share": "0.5"}, {"share": 0.5}),
        ({"share": "null"}, {"share": None}),
        ({"share": 1}, {"share": 1.0}),
        ({"moods": '["wild", "calm"]'}, {"moods": ["wild", "calm"]}),
        ({"target": "rejected"}, {"target": "rejected"}),
        ({"note": "5"}, {"note": "5"}),
        *(({"plain": text}, {"plain": True}) for text in ("true", "yes", "on", "1", True)),
        *(({"plain": text}, {"plain": False}) for text in ("false", "no", "off", "0", False)),
    ],
)
def test_values_become_what_the_option_is_annotated_with(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert resolve(plug_in, given) == DEFAULTS | expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"turn": 4}, "there is no option 'turn'; options: turns, share, plain"),
        ({"turns": "four"}, "option turns=four: Input should be a valid integer"),
        ({"turns": "4.5"}, "option turns=4.5: Input should be a valid integer"),
        ({"target": "both"}, "option target=both: Input should be 'preferred' or 'rejected'"),
        ({"moods": "wild"}, "option moods=wild: Input should be a valid list"),
    ],
)
def test_what_does_not_fit_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}"):
        resolve(plug_in, given)


def test_a_function_without_options_takes_none() -> None:
    assert resolve(len, {}) == {}
    with pytest.raises(UsageError, match="options: none"):
        resolve(len, {"plain": True})
