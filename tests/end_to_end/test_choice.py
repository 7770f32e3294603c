"""The protocol `choice` as a user runs it: items are built, candidates of every kind choose, a report is written."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Server, i2a


def test_a_corpus_makes_items_and_a_server_answers_like_the_engine_in_process(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    server = serve("--faults", "0.02")
    i2a("simulate", "--conversations", "5", "--turns", "5", "--out", tmp_path / "corpus", "--quiet")
    build = (
        "benchmark",
        "build",
        "--from",
        tmp_path / "corpus",
        "--every",
        "1",
        "--out",
        tmp_path / "items",
        "--quiet",
    )
    made = json.loads(i2a(*build, "--json").stdout)["items"]
    assert made["items"] > 0
    assert made["simulated"]
    candidates = (f"far={server.model}", "near=offline", f"told=oracle:{server.model}", "shuffled=shuffled:offline")
    size = ("--items", tmp_path / "items", "--out", tmp_path / "run", "--quiet")
    found = json.loads(i2a("choice", *candidates, *size, "--json").stdout)["summary"]["strata"]["all"]
    for number in ("accuracy", "by_turn", "errors"):
        assert found["far"][number] == found["near"][number]
    assert found["told"]["accuracy"]["value"] > found["near"]["accuracy"]["value"] + 20
    page = tmp_path / "report.html"
    i2a("report", tmp_path / "run", tmp_path / "items", "--out", page)
    text = page.read_text("utf-8")
    assert text.index("Choice, without a judge: run") < text.index(">Runs<")
    assert "Offline simulator" in text


@pytest.mark.timeout(240)  # torch alone takes long to start on a busy machine
def test_a_local_model_chooses_by_likelihood_and_by_its_implicit_reward(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra `train` is not installed")
    from tests.tiny import checkpoint

    one, other = (checkpoint(tmp_path / f"model-{n}", seed=n, max_position_embeddings=16384) for n in (0, 1))
    size = ("--cases", "2", "--quiet", "--json")
    candidates = (f"tiny=hf:{one}", f"last=last:hf:{one}", f"told=oracle:hf:{one}")
    by_itself = json.loads(i2a("choice", *candidates, "--out", tmp_path / "a", *size).stdout)["summary"]
    assert by_itself["methods"] == dict.fromkeys(("tiny", "last", "told"), "logprobs")
    assert by_itself["models"]["tiny"]["effective"]["dtype"] == "float32"
    exact = f"hf:{other}?max_batch=1"  # the same sums to the bit
    against = (f"tiny=hf:{one}", f"same={exact}", "--reference", exact, "--out", tmp_path / "b")
    rewarded = json.loads(i2a("choice", *against, *size).stdout)["summary"]
    for summary in (by_itself, rewarded):
        for row in summary["strata"]["all"].values():
            assert (row["scored"], row["unscored"]) == (summary["counts"]["all"], 0)
    assert rewarded["strata"]["all"]["same"]["accuracy"]["value"] == 25, "nothing was learnt: all are alike"
    scores = scores_of(tmp_path / "b")
    assert all(value == 0 for score in scores["same"] for value in score.values())
    assert all(value != 0 for score in scores["tiny"] for value in score.values())
    assert all(value < 0 for score in scores_of(tmp_path / "a")["tiny"] for value in score.values())


def scores_of(run: Path) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {}
    for line in (run / "choices.jsonl").read_text("utf-8").splitlines():
        choice = json.loads(line)
        found.setdefault(choice["candidate"], []).append(choice["scores"])
    return found
