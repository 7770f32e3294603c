"""Options are read by their annotations: as Python has them, as TOML has them, or as text from the command line."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel

from i2a.errors import UsageError
from i2a.options import Options, resolve


class Point(BaseModel):
    x: int = 1


def function(  # type: ignore[no-untyped-def]
    *,
    turns: int = 2,
    mood: str = "calm",
    warm: bool = False,
    heat: float = 0.5,
    motions: list[str] = [],  # noqa: B006
    side: Literal["pro", "con"] = "pro",
    most: int | None = None,
    point: Point = Point(),  # noqa: B008
    plain=3,
) -> None: ...


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("turns", 3, 3),
        ("turns", "3", 3),
        ("mood", "wild", "wild"),
        ("mood", 3, "3"),
        ("mood", "null", "null"),
        ("warm", "on", True),
        ("warm", "yes", True),
        ("warm", "1", True),
        ("warm", "False", False),
        ("warm", "off", False),
        ("heat", "0.7", 0.7),
        ("heat", 1, 1.0),
        ("motions", '["A", "B"]', ["A", "B"]),
        ("motions", ["A"], ["A"]),
        ("side", "con", "con"),
        ("most", "4", 4),
        ("most", "null", None),
        ("point", '{"x": 4}', Point(x=4)),
        ("point", {"x": "4"}, Point(x=4)),
        ("plain", "5", 5),
    ],
)
def test_a_value_is_read_as_the_annotation_says(name: str, given: Any, read: Any) -> None:
    value = resolve(function, {name: given}, "it")[name]
    assert (value, type(value)) == (read, type(read))


@pytest.mark.parametrize(
    ("name", "given", "complaint"),
    [
        ("turns", "three", "option turns='three' of it: Input should be a valid integer"),
        ("turns", 2.7, "valid integer"),
        ("turns", None, "valid integer"),
        ("warm", "perhaps", "valid boolean"),
        ("warm", 5, "valid boolean"),
        ("heat", "hot", "valid number"),
        ("motions", "wild", "valid list"),
        ("side", "both", "Input should be 'pro' or 'con'"),
        ("point", '{"x": "far"}', "x: Input should be a valid integer"),
        ("length", 3, "it has no option 'length'; its options: turns, mood, warm"),
    ],
)
def test_what_does_not_fit_is_an_error_and_is_never_bent(name: str, given: Any, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(function, {name: given}, "it")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_defaults_are_stored_as_json() -> None:
    assert Options.of(function, "it").resolve({}) == {
        "turns": 2,
        "mood": "calm",
        "warm": False,
        "heat": 0.5,
        "motions": [],
        "side": "pro",
        "most": None,
        "point": {"x": 1},
        "plain": 3,
    }
