"""Files that version 0.1.0 wrote can still be read. They are in `fixtures/v1`, whose README says how they were made.

Through the command alone, so that nothing here depends on how the code is laid out. Resuming these runs may be refused,
because their manifests have the versions and fingerprints of that time.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import i2a

STORED = Path(__file__).parent / "fixtures" / "v1"


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    """A copy, for commands lock a folder that they read or write beside it."""
    return Path(shutil.copytree(STORED, tmp_path / "v1"))


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_the_files_name_no_folder_of_the_machine_they_were_made_on() -> None:
    files = [file for file in STORED.rglob("*") if file.is_file()]
    assert len(files) > 30
    assert not [
        file for file in files for root in (b"/tmp/", b"/work/", b"/root/", b"/home/") if root in file.read_bytes()
    ]


def test_a_corpus_is_shown(v1: Path) -> None:
    counts = json.loads(i2a("show", "corpus", "--json", cwd=v1).stdout)
    expected = {"trees": 3, "utterances": 18, "pairs": 6, "labelled": 5, "flipped": 1, "unjudged": 0, "failed": 0}
    assert counts.items() >= expected.items()
    [tree] = [tree for tree in lines(v1 / "corpus/trees.jsonl") if tree["id"] == "aloe-2"]
    assert json.loads(i2a("show", "corpus", "aloe-2", "--json", cwd=v1).stdout) == tree
    assert "Another one:  i2a show corpus NUMBER" in i2a("show", "corpus", cwd=v1).stdout


def test_a_corpus_is_not_written_over(v1: Path) -> None:
    done = i2a("simulate", "--conversations", "3", "--turns", "2", "--out", "corpus", cwd=v1, check=2)
    assert "corpus already holds a run" in done.stderr
    assert (v1 / "corpus/trees.jsonl").read_bytes() == (STORED / "corpus/trees.jsonl").read_bytes()


@pytest.mark.parametrize("kind", ["dpo", "sft", "aloe"])
def test_a_corpus_is_exported_to_the_same_rows(v1: Path, kind: str) -> None:
    i2a("export", "corpus", "--format", kind, "--out", "again.jsonl", cwd=v1)
    assert lines(v1 / "again.jsonl") == lines(v1 / f"export/{kind}.jsonl")
    assert len(lines(v1 / "again.jsonl")) == (3 if kind == "aloe" else 5)


def test_an_export_is_imported_to_the_same_trees(v1: Path) -> None:
    i2a("import", "export/aloe.jsonl", "--out", "imported", cwd=v1)
    assert lines(v1 / "imported/trees.jsonl") == lines(v1 / "corpus/trees.jsonl")


def test_an_evaluation_is_compared_with_the_numbers_it_had(v1: Path) -> None:
    [comparison] = json.loads(i2a("compare", "evaluation", "--json", cwd=v1).stdout)["comparisons"]
    stored = json.loads((v1 / "evaluation/summary.json").read_text("utf-8"))
    for name in ("protocol", "engine", "mode", "judges", "simulator", "personas", "baseline"):
        assert comparison[name] == stored[name], name
    for candidate in ("generic", "oracle"):
        for name in ("al", "avg", "ir", "r2", "n_ir", "n_r2", "counts"):
            assert comparison["candidates"][candidate][name] == stored["candidates"][candidate][name], name


def test_an_evaluation_is_rated_by_other_judges(v1: Path) -> None:
    flags = ["--rejudge", "evaluation", "--protocol", "strict", "--out", "strict", "--quiet", "--json"]
    summary = json.loads(i2a("evaluate", *flags, cwd=v1).stdout)["summary"]
    assert summary["protocol"] == "strict"
    assert summary["candidates"].keys() == {"generic", "oracle"}


def test_the_users_of_a_corpus_are_replayed(v1: Path) -> None:
    flags = ["--replay", "corpus", "--out", "replayed", "--quiet", "--json"]
    summary = json.loads(i2a("evaluate", "offline:generic", *flags, cwd=v1).stdout)["summary"]
    assert (summary["mode"], summary["personas"]["cases"]) == ("replay", 3)


def test_all_of_it_goes_into_a_report(v1: Path) -> None:
    done = i2a("report", "corpus", "evaluation", "base", "sft", "--out", "report.html", cwd=v1)
    assert done.stdout.startswith("7 conversations")
    page = (v1 / "report.html").read_text("utf-8")
    assert all(name in page for name in ("corpus", "evaluation", "generic", "oracle", "base", "sft"))


def test_models_talk(v1: Path) -> None:
    """A model and an adapter, whose configuration names the folder of its base."""
    candidates = [f"{name}=hf:{name}?max_new_tokens=4" for name in ("base", "sft")]
    flags = ["--cases", "1", "--turns", "1", "--out", "talk", "--quiet", "--json"]
    summary = json.loads(i2a("evaluate", *candidates, *flags, cwd=v1).stdout)["summary"]
    assert not any(summary["failed"].values())
    assert {name: made["counts"]["cases"] for name, made in summary["candidates"].items()} == {"base": 1, "sft": 1}


@pytest.mark.parametrize(("model", "adapter"), [("base", False), ("sft", True)])
def test_training_starts_from_a_model(v1: Path, model: str, adapter: bool) -> None:
    flags = ["--max-steps", "1", "--batch", "4", "--max-length", "512", "--out", "again", "--quiet", "--json"]
    result = json.loads(i2a("train", "sft", "corpus", "--model", model, *flags, cwd=v1).stdout)
    assert (result["rows"], result["steps"], result["adapter"]) == (5, 1, adapter)
    stored = json.loads((v1 / "sft/result.json").read_text("utf-8"))
    # After its only step the adapter is still next to where it began.
    assert result["first"]["loss"] == pytest.approx(stored["first"]["loss"], rel=1e-3)
