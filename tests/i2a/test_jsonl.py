"""JSON Lines: whatever a killed process leaves behind, what was written before it can be read and added to."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2a import jsonl
from i2a.errors import UsageError

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXT, values, max_size=3),
    max_leaves=6,
)


def values(file: Path) -> list[object]:
    return [value for _, value in jsonl.read(file)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.jsonl"


@given(st.lists(JSON, max_size=5), st.data())
def test_any_cut_of_a_file_gives_a_prefix_of_its_values(
    tmp_path_factory: pytest.TempPathFactory, written: list[object], data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("cut") / "some.jsonl"
    whole = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in written).encode()
    cut = data.draw(st.integers(0, len(whole)))
    file.write_bytes(whole[:cut])
    found = values(file)
    assert found == written[: len(found)]
    assert len(found) >= whole[:cut].count(b"\n")


@given(st.lists(st.dictionaries(TEXT, JSON, max_size=3), min_size=1, max_size=5), st.data())
def test_a_cut_file_that_was_repaired_can_be_appended_to(
    tmp_path_factory: pytest.TempPathFactory, written: list[dict[str, object]], data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("cut") / "some.jsonl"
    for value in written:
        jsonl.append(file, jsonl.dumps(value))
    whole = file.read_bytes()
    file.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    before = values(file)
    jsonl.repair(file)
    assert values(file) == before
    jsonl.append(file, '{"new": 1}')
    assert values(file) == [*before, {"new": 1}]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}\n{"b": 2}\n',
        '{"a": 1}\n{"b": 2}',
        '\ufeff{"a": 1}\r\n\r\n  \n{"b": 2}\r\n',
        '{"a": 1}\n{"b": 2}\n{"c": ',
        '{"a": 1}\n{"b": 2}\n12',
    ],
)
def test_blank_lines_marks_and_ends_of_any_kind_are_no_matter(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    assert values(file) == [{"a": 1}, {"b": 2}]


def test_a_line_knows_its_number_and_where_it_starts(file: Path) -> None:
    file.write_bytes('\ufeff{"ä": 1}\n\n{"b": 2}'.encode())
    found = list(jsonl.lines(file))
    assert [line.number for line in found] == [1, 3]
    whole = file.read_bytes()
    assert [whole[line.start : line.start + len(line.text)] for line in found] == [line.text for line in found]


def test_a_line_that_is_no_json_is_named_unless_it_is_the_torn_last_one(file: Path) -> None:
    file.write_text('{"a": 1}\n{"b": \n{"c": 3}\n')
    with pytest.raises(UsageError, match=r"some\.jsonl:2: not JSON"):
        values(file)


def test_an_error_of_the_parser_gets_file_and_line(file: Path) -> None:
    def refuse(line: bytes) -> None:
        raise UsageError(f"no {line.decode()} please")

    file.write_text("\n1\n")
    with pytest.raises(UsageError, match=r"^\S*some\.jsonl:2: no 1 please$"):
        list(jsonl.parse(file, refuse))


def test_a_missing_file_has_no_lines_unless_it_must_exist(file: Path) -> None:
    assert values(file) == []
    jsonl.repair(file)
    assert not file.exists()
    with pytest.raises(UsageError, match="cannot be read: there is no such file"):
        list(jsonl.read(file, must_exist=True))
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        list(jsonl.read(file.parent))


@given(JSON)
def test_a_value_does_not_differ_from_itself(value: object) -> None:
    assert list(jsonl.differences(value, value)) == []


def test_a_difference_is_named_by_its_place_and_a_value_that_is_missing_is_none() -> None:
    one = {"seed": 1, "judge": {"model": "a", "seed": 2}, "gone": 3}
    other = {"seed": 1, "judge": {"model": "b", "seed": 2}, "new": 4, "none": None}
    found = [("judge.model", "a", "b"), ("gone", 3, None), ("new", None, 4)]
    assert list(jsonl.differences(one, other)) == found


def test_a_file_that_others_made_keeps_its_torn_last_line_so_that_the_loss_is_seen() -> None:
    source = [b'{"a": 1}\n', b'{"b": ']
    assert [line.text for line in jsonl.split(source)] == [b'{"a": 1}']
    assert [line.text for line in jsonl.split(source, torn=True)] == [b'{"a": 1}', b'{"b":']


# Files that others made.


@pytest.mark.parametrize(
    "text",
    [
        b'\n\n{"a": 1}\n\n \t\n{"a":2}\n\n',
        b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}\r\n',
        b'{"a": 1}\n{"a": 2}' + b"\0" * 50,
        b'{"a": 1}\n' + b"\0" * 50 + b'\n{"a": 2}\n' + b"\0" * 50,
        b'{"a": 1}\n\0\0\0{"a": 2}\n{"a": 3, "b',
    ],
    ids=["blank lines", "BOM and CRLF", "zeros at the end", "zeros between", "zeros before, and torn"],
)
def test_what_editors_and_crashes_add_is_left_out(file: Path, text: bytes) -> None:
    file.write_bytes(text)
    assert values(file) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (gzip.compress(b'{"a": 1}\n', mtime=0), "is compressed (gzip); unpack it with gunzip"),
        (b"\x28\xb5\x2f\xfd rest", "is compressed (zstd); unpack it with unzstd"),
        ('{"a": 1}\n'.encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ('{"a": 1}\n'.encode("utf-16-be"), "is UTF-16; save it as UTF-8"),
        (b"PAR1\x15\x04", "is Parquet; write it as JSON lines"),
    ],
)
def test_what_is_no_text_is_named(file: Path, text: bytes, what: str) -> None:
    file.write_bytes(text)
    with pytest.raises(UsageError) as error:
        values(file)
    assert str(error.value) == f"{file} {what}"


@pytest.mark.parametrize(
    ("text", "torn"),
    [
        (b"", False),
        (b"{}\n", False),
        (b"{}", False),
        (b'{}\n{"a', True),
        (b"{}\n\0\0", False),
        (b"{}\n12", True),
        (b"\x1f\x8bxy", False),
    ],
)
def test_a_torn_last_line_can_be_told(file: Path, text: bytes, torn: bool) -> None:
    file.write_bytes(text)
    assert jsonl.is_torn(file) == torn


def test_what_cannot_be_repaired_is_named(file: Path) -> None:
    file.mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        jsonl.repair(file)
