"""What is plugged in is found by one rule, whatever its kind, and what is wrong with it is said in one line."""

from abc import ABC, abstractmethod
from fractions import Fraction
from pathlib import Path

import pytest

from i2a.errors import UsageError
from i2a.plugins import NotFound, blame, by_place, file_of, find, find_class, load_file

HERE = "tests.i2a.test_plugins"


class Shape(ABC):
    """What the plug-ins of this test extend."""

    @abstractmethod
    def area(self) -> float: ...


third = Fraction(1, 3)
SHAPES = f"""
from abc import abstractmethod
from {HERE} import Shape

class Sided(Shape):
    @abstractmethod
    def sides(self): ...

class Square(Sided):
    def area(self): return 1.0
    def sides(self): return 4
"""


def written(folder: Path, text: str) -> str:
    file = folder / "mine.py"
    file.write_text(text, "utf-8")
    return str(file)


def test_an_object_is_found_in_a_file_by_its_place_and_by_import(tmp_path: Path) -> None:
    file = written(tmp_path, "from fractions import Fraction\nhalf = Fraction(1, 2)\nhalves = [half]\n")
    assert find("numbers", file, Fraction) == find("numbers", f"{file}:half", Fraction) == Fraction(1, 2)
    assert find("numbers", f"{HERE}:third", Fraction) == Fraction(1, 3)


def test_a_class_is_found_past_those_that_it_extends_or_imports(tmp_path: Path) -> None:
    file = written(tmp_path, SHAPES)
    for name in (file, f"{file}:Square"):
        assert find_class("shapes", name, Shape).__name__ == "Square"  # type: ignore[type-abstract]
    file = written(tmp_path, SHAPES + "class Unit(Square): ...\n")
    assert find_class("shapes", file, Shape).__name__ == "Unit"  # type: ignore[type-abstract]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", f"found no subclass of {HERE}.Shape, need one"),
        (f"from {HERE} import Shape", f"found no subclass of {HERE}.Shape, need one"),
        (
            SHAPES + "class Other(Sided):\n    area = sides = None\n",
            f"found 2, need one subclass of {HERE}.Shape; write .*mine.py:OBJECT",
        ),
    ],
)
def test_a_file_holds_one_class_of_the_kind(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_class("shapes", written(tmp_path, text), Shape)  # type: ignore[type-abstract]


def test_what_is_of_another_kind_is_not_found(tmp_path: Path) -> None:
    file = written(tmp_path, "x = 1\nclass Y: ...\n")
    for name, said in (
        (f"{file}:x", "x is a int, not a subclass of"),
        (f"{file}:Y", "is a class Y, not a subclass of"),
        (f"{file}:z", "has no 'z'"),
        ("fractions:Fraction", "is a class Fraction, not"),
    ):
        with pytest.raises(NotFound, match=said):
            find_class("shapes", name, Shape)  # type: ignore[type-abstract]
    with pytest.raises(NotFound, match="x is a int, not a Fraction"):
        find("numbers", f"{file}:x", Fraction)


def test_an_error_in_the_file_is_one_line_with_its_place(tmp_path: Path) -> None:
    file = written(tmp_path, "x = 1\ny = x.z\n")
    with pytest.raises(UsageError) as caught:
        find("numbers", file, Fraction)
    assert str(caught.value) == f"{file}:2: AttributeError: 'int' object has no attribute 'z'"


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    with pytest.raises(
        UsageError, match=r"^there is no protocol 'x'; there are: aloe, strict; or give the path of a \.py"
    ):
        find("protocols", "x", int)
    with pytest.raises(
        UsageError, match="there is no candidate 'x'; there are: brief, history, last, no-note, oracle, other-note"
    ):
        find("candidates", "x", int)


def test_a_name_says_where_it_is_or_is_installed() -> None:
    assert [by_place(name) for name in ("aloe", "./a.py", "a.py", "a.py:x", "a.b:x")] == [False, True, True, True, True]


def test_an_error_in_what_a_file_defines_is_found_there(tmp_path: Path) -> None:
    file = written(tmp_path, "def half(x):\n    return x / 0\n\nfrom fractions import Fraction\nn = Fraction(1)\n")
    half = vars(load_file(Path(file)))["half"]
    with pytest.raises(ZeroDivisionError) as caught:
        half(1)
    assert file_of(ExceptionGroup("", [caught.value])) == Path(file)
    assert blame(caught.value, Path(file)) == f"{file}:2: ZeroDivisionError: division by zero"
    with pytest.raises(ValueError, match="x") as ours:
        int("x")
    assert file_of(ours.value) is None


def test_a_call_that_was_not_awaited_is_named_as_the_cause(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("async def role(): ...\ncall = role()\ntry:\n    call.content\nfinally:\n    call.close()\n")
    with pytest.raises(UsageError, match=r":4: AttributeError: .*'content'; write await before the call$"):
        load_file(file)
