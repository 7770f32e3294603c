"""Anybody's table of people is a pool: what a column means follows from its name, and what is left out is said."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from i2a.errors import UsageError
from i2a.personas.pool import PersonaPool
from i2a.trees.persona import Persona

NEMOTRON = {
    "uuid": "5f3c0c7e",
    "professional_persona": "A machinist who trusts her hands.",
    "persona": "Mary, a machinist from Ohio, mends old radios.",
    "skills_and_expertise_list": "['lathes', 'soldering']",
    "sex": "Female",
    "age": 61,
    "marital_status": "widowed",
    "city": "Dayton",
    "country": "USA",
}
PEOPLE = """\
\ufeffid,Profile,Personality,Age,Home town,Notes
ann,"She bakes,
every day.",Blunt.,34,Köln,
bob,He fishes.,Shy.,52,,"says ""hm"" a lot"
"""


def whole(path: Path, **how: bool) -> PersonaPool:
    return PersonaPool.read_file(path, any_fields=True, **how)


def complaint(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        whole(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_csv_of_whole_people_keeps_all_that_it_says(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE, "utf-8")
    pool = whole(tmp_path / "people.csv")
    assert [persona.id for persona in pool.personas] == ["ann", "bob"]
    assert pool.personas[0].profile == "She bakes,\nevery day."
    assert pool.personas[0].fields == {"age": "34", "home_town": "Köln"}
    assert pool.personas[1].fields == {"age": "52", "notes": 'says "hm" a lot'}
    assert pool.field_names == ("age", "home_town", "notes")
    (said,) = pool.warnings
    assert said.startswith("people.csv: 2 personas; ")
    assert "further fields: age, home_town, notes" in said


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "jsonl", "jsonl.gz", "csv.gz", "parquet"])
def test_every_form_gives_the_same_people(tmp_path: Path, form: str) -> None:
    rows = [{"id": "a", "profile": "One.", "town": "Oslo"}, {"id": "b", "profile": "Two.", "town": "Bonn"}]
    path = tmp_path / f"people.{form}"
    sign = "\t" if form == "tsv" else ","
    if form == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        text = {
            "json": json.dumps(rows, indent=2),
            "jsonl": "\n".join(map(json.dumps, rows)),
        }.get(form.removesuffix(".gz"), "\n".join(sign.join(row) for row in (rows[0], *(r.values() for r in rows))))
        path.write_bytes(gzip.compress(text.encode()) if form.endswith(".gz") else text.encode())
    assert whole(path).personas == tuple(
        Persona(row["id"], row["profile"], fields={"town": row["town"]}) for row in rows
    )


def test_a_folder_of_nemotron_personas_is_read_by_its_columns(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for part in (0, 1):
        row = {**NEMOTRON, "uuid": f"id-{part}", "persona": f"{NEMOTRON['persona']} {part}"}
        parquet.write_table(pa.Table.from_pylist([row]), tmp_path / "data" / f"train-0000{part}.parquet")
    (tmp_path / "README.md").write_text("# Nemotron", "utf-8")
    (tmp_path / "dataset_infos.json").write_text("{}", "utf-8")
    pool = whole(tmp_path)
    assert [(p.id, p.profile, p.personality) for p in pool.personas] == [
        (f"id-{part}", f"{NEMOTRON['persona']} {part}", "") for part in (0, 1)
    ]
    assert pool.personas[0].fields["age"] == 61
    assert "profile from 'persona'; id from 'uuid'" in pool.warnings[-1]

    halves = PersonaPool.read(profiles=tmp_path)
    drawn = halves.draw(1, 0)[0]
    assert drawn.personality
    assert drawn.fields["city"] == "Dayton"
    assert halves.pairs == 2 * 20


def test_persona_hub_is_a_file_of_profiles(tmp_path: Path) -> None:
    path = tmp_path / "persona.jsonl"
    path.write_text('{"persona": "A Political Analyst."}\n{"persona": "A baker.", "general domain": "Food"}\n', "utf-8")
    pool = PersonaPool.read(profiles=path)
    assert list(pool.profiles.values()) == ["A Political Analyst.", "A baker."]
    assert pool.field_names == ("general_domain",)


def test_people_may_be_nothing_but_fields(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("age,occupation\n34,baker\n34,nurse\n34,baker\n", "utf-8")
    pool = whole(path)
    assert [persona.values["occupation"] for persona in pool.personas] == ["baker", "nurse"]
    assert len({persona.id for persona in pool.personas}) == 2
    assert len({persona.profile_id for persona in pool.draw(2, 0)}) == 2
    assert "people.csv:4 repeats line 2" in pool.warnings[0]


def test_two_people_of_the_same_halves_differ_by_their_fields(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    lines = [{"profile": "P.", "personality": "T.", "age": age} for age in (20, 70)]
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    assert len({persona.id for persona in whole(path).personas}) == 2


def test_each_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('id,profile\na,One.\nb\nc,"open\n', "utf-8")
    assert "line 3 (1 cells for 2 columns), line 4 (not CSV: unexpected end of data)" in complaint(path)
    pool = whole(path, skip_bad=True)
    assert [persona.id for persona in pool.personas] == ["a"]
    assert sum("left out" in warning for warning in pool.warnings) == 2

    path.write_bytes("id,profile\na,Kö\n".encode("latin-1"))
    assert "line 2 (not UTF-8" in complaint(path)
    (tmp_path / "people.json").write_text('[{"profile": "One."},\n {"profile": "Two."},\n {"prof', "utf-8")
    assert "line 3 (not JSON" in complaint(tmp_path / "people.json")


def test_columns_that_say_nothing_of_a_person_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,id\n1,2\n", "utf-8")
    assert "names a column twice" in complaint(tmp_path / "a.csv")
    (tmp_path / "b.jsonl").write_text('{"persona": "A baker.", "memory": {"a": [1]}}', "utf-8")
    assert "not read, as they are no plain values: memory" in whole(tmp_path / "b.jsonl").warnings[0]
    (tmp_path / "c.json").write_text('[{"id": 7}]', "utf-8")
    assert "nothing about a person" in complaint(tmp_path / "c.json")


def test_a_language_is_a_field_under_one_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("profile,lang\nUne boulangère.,French\nA baker.,\n", "utf-8")
    assert [persona.language for persona in whole(tmp_path / "a.csv").personas] == ["French", ""]


@pytest.mark.parametrize("pairs", [True, False])
def test_what_is_written_is_read_back_with_its_fields(tmp_path: Path, pairs: bool) -> None:
    fields = {"age": 3, "likes": ["tea", "rain"], "vegan": True}
    if pairs:
        pool = PersonaPool.of_personas(
            [Persona("", "P.", "T.", fields=fields), Persona("x", fields=fields), Persona("y", "Q.")]
        )
    else:
        pool = PersonaPool({"p": "P."}, {"t": "T."}, fields={"profile": {"p": fields}})
    pool.write(tmp_path / "pool.jsonl")
    again = whole(tmp_path / "pool.jsonl")
    assert again == pool
    assert again.fingerprint == pool.fingerprint
    assert {str(persona.fields) for persona in again.all()} <= {str(fields), "{}"}
