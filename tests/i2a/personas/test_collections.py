"""Collections of others are read as they are, one text at a time, and an error names the place."""

import gzip
import json
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest

from i2a.errors import UsageError
from i2a.personas.collections import MAX_LINE, columns, read_texts

ALOE = Path(__file__).parents[3].parent / "shared" / "aloe"
published = pytest.mark.skipif(not ALOE.is_dir(), reason=f"the published pools are not at {ALOE}")

TEXTS = ["She mends clocks.", "He sells fish.", "They keep bees in Gdańsk."]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def jsonl(*values: object) -> bytes:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode()


def parquet(path: Path, **named: Iterable[object]) -> Path:
    arrow = pytest.importorskip("pyarrow", reason="the extra `personas` is not installed")
    import pyarrow.parquet

    pyarrow.parquet.write_table(
        arrow.table({name: list(values) for name, values in named.items()}), path, row_group_size=2
    )
    return path


def complaint(path: Path, column: str | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        list(read_texts(path, column))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "A.TXT", "pool.v2.txt"])
def test_a_text_file_holds_one_text_to_a_line(tmp_path: Path, name: str) -> None:
    lines = "\ufeff" + "\r\n".join([TEXTS[0], "", "  ", *TEXTS[1:]])
    assert list(read_texts(written(tmp_path / name, lines.encode()))) == TEXTS


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_jsonl_file_holds_strings_or_objects(tmp_path: Path, name: str) -> None:
    assert list(read_texts(written(tmp_path / name, jsonl(*TEXTS)))) == TEXTS
    rows = [{"id": str(n), "persona": text, "n": n} for n, text in enumerate(TEXTS)]
    assert list(read_texts(written(tmp_path / name, jsonl(*rows)))) == TEXTS
    rows = [{"persona": text, "hobby": "none"} for text in TEXTS]
    assert list(read_texts(written(tmp_path / name, jsonl(*rows)), "persona")) == TEXTS


def test_two_strings_on_one_line_are_two_texts(tmp_path: Path) -> None:
    assert list(read_texts(written(tmp_path / "a.jsonl", b'"One."  "Two."\n"Three."'))) == ["One.", "Two.", "Three."]


def test_missing_texts_are_left_out(tmp_path: Path) -> None:
    rows = jsonl({"persona": None}, {"persona": " "}, {"persona": "She."})
    assert list(read_texts(written(tmp_path / "a.jsonl", rows), "persona")) == ["She."]
    assert list(read_texts(parquet(tmp_path / "a.parquet", persona=[None, "", "She."]))) == ["She."]


def test_a_parquet_file_is_read_by_column(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", uuid=["a", "b", "c"], persona=TEXTS, age=[1, 2, 3])
    assert list(read_texts(path)) == TEXTS
    assert list(read_texts(path, "uuid")) == ["a", "b", "c"]
    assert columns(path) == ["uuid", "persona"]


def test_columns_are_those_of_the_first_record(tmp_path: Path) -> None:
    assert columns(written(tmp_path / "a.jsonl", jsonl({"profile": "She.", "n": 1}))) == ["profile"]
    assert columns(written(tmp_path / "b.jsonl", jsonl("She."))) == []
    assert columns(written(tmp_path / "a.txt", b"She.")) == []


def test_an_error_names_the_line_and_the_columns_there_are(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", jsonl({"persona": "She.", "hobby": "fish"}))
    assert complaint(path, "profile") == f"{path}:1 has no column 'profile'; the columns there are: 'persona', 'hobby'"
    assert "2 columns of text; name the one to read" in complaint(path)
    path = parquet(tmp_path / "a.parquet", persona=["She."], hobby=["fish"])
    assert "no column 'profile'; the columns there are: 'persona', 'hobby'" in complaint(path, "profile")
    assert "2 columns of text" in complaint(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'"She."\n{"profile": \n', ":2 is not JSON"),
        (b'"She."\n\n7\n', ":3 holds a number where a text should be"),
        (b'"She."\n["She."]\n', ":2 holds an array where"),
        (b'"She."\n"\xff"\n', ":2 is not UTF-8 at byte 2"),
        (b'{"n": 7}\n', ":1 has no column of text"),
        (b"{}\n", "the columns there are: none"),
        (b"[" * 100_000, ":1 is not JSON"),
        (b'"She."\n"' + b"a" * MAX_LINE, ":2 is longer than 1,048,576 bytes"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in complaint(written(tmp_path / "a.jsonl", content))


def test_a_row_that_is_no_text_is_named(tmp_path: Path) -> None:
    assert "row 1 holds a number in 'age'" in complaint(parquet(tmp_path / "a.parquet", age=[7, 8]), "age")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    whole = gzip.compress("\n".join(str(number) for number in range(100_000)).encode())
    for name, content in (
        ("a.txt.gz", whole[: len(whole) // 2]),
        ("b.jsonl.gz", b"not packed"),
        ("c.txt.gz", whole[:99] + b"!" * 999),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert "damaged after line" in complaint(path)
    path = parquet(tmp_path / "a.parquet", persona=TEXTS)
    path.write_bytes(path.read_bytes()[:-20])
    assert "cannot be read as Parquet" in complaint(path)


def test_a_file_that_is_not_there_or_of_another_kind_is_named(tmp_path: Path) -> None:
    assert "No such file" in complaint(tmp_path / "a.jsonl")
    assert "No such file" in complaint(tmp_path / "a.parquet")
    (tmp_path / "b.txt").mkdir()
    assert "Is a directory" in complaint(tmp_path / "b.txt")
    for name in ("a.csv", "a", "a.parquet.gz", "a.gz"):
        assert "give .txt, .jsonl (either also as .gz) or .parquet" in complaint(tmp_path / name)
    assert "a text file has no columns" in complaint(written(tmp_path / "c.txt", b"She."), "persona")


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt.gz"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, (json.dumps("She mends clocks. " * 50) + "\n").encode() * 5_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_texts(path)) == 5_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@published
def test_the_published_pools_are_read_whole() -> None:
    assert len(list(read_texts(ALOE / "profile.jsonl"))) == 331
    assert len(list(read_texts(ALOE / "personality.jsonl"))) == 71
