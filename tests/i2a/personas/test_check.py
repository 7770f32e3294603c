"""Pools of personas are checked by themselves and against each other; of which kind they are is found out and said."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from i2a.errors import UsageError
from i2a.personas.pool import PersonaPool

np = pytest.importorskip("numpy", reason="the extra `personas` is not installed")
pytest.importorskip("sklearn", reason="the extra `personas` is not installed")

from i2a.personas.check import examine, in_words, likely, pools_of  # noqa: E402

PROFILES = list(PersonaPool.read().profiles.values())
PERSONALITIES = list(PersonaPool.read().personalities.values())


class Letters:
    """An encoder that counts letters: the same letters are the same direction."""

    name = "letters"
    threshold = 0.999
    warnings = ("it only counts letters",)

    def encode(self, texts: Sequence[str]) -> Any:
        rows = np.array(
            [[text.lower().count(chr(code)) for code in range(97, 123)] for text in texts], dtype=np.float32
        )
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pool(path: Path, texts: Sequence[str], column: str | None = None) -> Path:
    rows = (json.dumps({column: text} if column else text) for text in texts)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_the_kind_of_a_file_is_what_its_columns_say(tmp_path: Path) -> None:
    (found,) = pools_of(pool(tmp_path / "a.jsonl", PROFILES, "personality"), None, None)
    assert (found.kind, found.guessed, len(found.texts)) == ("personality", False, 20)


def test_the_kind_of_bare_texts_is_guessed_and_said(tmp_path: Path) -> None:
    assert (likely(PROFILES), likely(PERSONALITIES)) == ("profile", "personality")
    (found,) = pools_of(pool(tmp_path / "a.jsonl", PERSONALITIES), None, None)
    assert (found.kind, found.guessed) == ("personality", True)
    (found,) = pools_of(pool(tmp_path / "a.jsonl", PERSONALITIES), "profile", None)
    assert (found.kind, found.guessed) == ("profile", False)


def test_a_file_of_personas_holds_two_pools(tmp_path: Path) -> None:
    PersonaPool.of_personas(PersonaPool.read().draw(40, 0)).write(tmp_path / "a.jsonl")
    assert [(found.kind, len(found.texts)) for found in pools_of(tmp_path / "a.jsonl", None, None)] == [
        ("profile", 20),
        ("personality", 20),
    ]


def test_a_column_of_another_name_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"persona": PROFILES[0], "hobby": "None."}), encoding="utf-8")
    assert pools_of(file, "profile", "persona")[0].texts == PROFILES[:1]
    with pytest.raises(UsageError, match="2 columns of text; name the one to read"):
        pools_of(file, "profile", None)


def test_pools_are_checked_and_held_against_each_other(tmp_path: Path) -> None:
    first = pools_of(pool(tmp_path / "a.jsonl", [*PROFILES[:12], PROFILES[0], "Too short."], "profile"), None, None)
    second = pools_of(pool(tmp_path / "b.jsonl", PROFILES[10:], "profile"), None, None)
    other_kind = pools_of(pool(tmp_path / "c.jsonl", PERSONALITIES, "personality"), None, None)
    benchmark = pools_of(pool(tmp_path / "d.jsonl", PROFILES[:1], "profile"), None, None)
    found = examine([*first, *second, *other_kind], benchmark, Letters())
    assert list(found.rejected) == [{"too short": 1}, {}, {}]
    assert found.reports[0].repeated == 1
    assert [(pool.file.name, other.file.name, known, o.exact) for pool, other, known, o in found.overlaps] == [
        ("a.jsonl", "b.jsonl", False, 2),
        ("b.jsonl", "a.jsonl", False, 2),
        ("a.jsonl", "d.jsonl", True, 2),
        ("b.jsonl", "d.jsonl", True, 0),
    ]
    lines = "\n".join(in_words(found))
    assert f"{tmp_path / 'a.jsonl'}: 14 profiles\n" in lines
    assert "1 (7.1%): 1 too short" in lines
    assert f"against the benchmark {tmp_path / 'd.jsonl'}: of 14 profiles, 2 word for word" in lines
    assert PROFILES[0][:60] in lines.partition("benchmark")[2]
    assert "Note: it only counts letters" in lines


def test_what_a_text_holds_cannot_steer_the_terminal(tmp_path: Path) -> None:
    texts = [f"\x1b[31mred\x1b[0m {PROFILES[0]}", f"\x1b[31mred\x1b[0m  {PROFILES[0]}"]
    found = examine(pools_of(pool(tmp_path / "a.jsonl", texts, "profile"), None, None), [], Letters())
    assert "\x1b" not in "\n".join(in_words(found))
