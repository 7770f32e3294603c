"""An evaluation as a whole: the same users for all, numbers that come again, and nothing made up or dropped."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evaluation.benchmark import EvalResult, evaluate
from evaluation.settings import Evaluation
from i2a.errors import BadRequest, ConversationsFailed, ServerError, UsageError
from i2a.report.evaluation_result import counted, print_result
from i2a.report.plots import draw
from i2a.testing import Request
from i2a.trees.json import read
from i2a.trees.tree import Tree
from scenarios.settings import Simulation
from scenarios.simulation import simulate
from tests.evaluation.parts import LLM, client, evaluation_by, plausible, pools, rating, who
from tests.evaluation.parts import OTHER_LLM as OTHER
from tests.fakes import ScriptedClient, mark

OUTPUTS = ("scores.jsonl", "summary.json", "trees.jsonl", "curves.svg", "curves.png")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evaluated(tmp_path_factory.mktemp("finished") / "run").run.folder


def evaluated(out: Path, *candidates: str, model: ScriptedClient | None = None, **given: Any) -> EvalResult:
    """`model` answers for every model that is not offline."""
    settings = {"candidates": list(candidates) or ["offline"], "cases": 3, "turns": 2, "quiet": True}
    return evaluation_by(model or client(), Evaluation(out=out, **settings | given), draw=draw)


def trees(result: EvalResult) -> list[Tree]:
    return list(read(result.run.folder / "trees.jsonl"))


def outputs(result: EvalResult) -> dict[str, bytes]:
    return {name: (result.run.folder / name).read_bytes() for name in OUTPUTS}


def test_one_tree_a_candidate_and_case_with_the_seed_and_opening_of_the_case(tmp_path: Path) -> None:
    found = trees(evaluated(tmp_path / "a", "offline", "offline:parrot", "brief:offline"))
    assert len(found) == 9
    by_case: dict[str, list[Tree]] = {}
    for tree in found:
        by_case.setdefault(tree.options["case"], []).append(tree)
    assert len(by_case) == 3
    for same in by_case.values():
        assert [tree.options["candidate"] for tree in same] == ["offline", "offline:parrot", "brief:offline"]
        assert len({(tree.seed, tree.persona, tree.roots[0].content) for tree in same}) == 1


def test_the_controls_come_out_in_the_right_order(tmp_path: Path) -> None:
    result = evaluated(tmp_path / "a", "offline:generic", "offline:oracle", "offline:parrot", cases=8, turns=4)
    found = result.written["candidates"]
    assert found["offline:parrot"]["avg"] < found["offline:generic"]["avg"] < found["offline:oracle"]["avg"]
    assert found["offline:generic"]["intervals"]["avg"][1] < found["offline:oracle"]["intervals"]["avg"][0]


def test_the_result_says_what_it_was_measured_with(tmp_path: Path) -> None:
    written = json.loads((evaluated(tmp_path / "a", "told=brief:offline").run.folder / "summary.json").read_text())
    assert (written["protocol"], written["engine"], written["mode"]) == ("aloe", "offline simulator", "live")
    assert written["simulator"].keys() == {"model", "prompt"}
    assert written["personas"]["cases"] == 3
    assert written["models"]["told"]["wrapper"] == "brief"
    assert written["failed"] == {"told": 0}
    assert written["usage"]["judge"]["calls"] == 6


@pytest.mark.parametrize(
    ("user", "judge", "engine"),
    [
        ("offline", LLM, "offline simulator"),
        (LLM, "offline", "offline simulator"),
        ("openai:offline@http://localhost:1/v1", LLM, "offline simulator"),
        (LLM, LLM, "LLM"),
    ],
)
def test_one_offline_part_makes_it_the_offline_simulator(tmp_path: Path, user: str, judge: str, engine: str) -> None:
    assert evaluated(tmp_path / "a", user=user, judge=[judge]).written["engine"] == engine


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(tmp_path: Path) -> None:
    candidates = ("offline", "shuffled:offline:facts", "offline:oracle")
    one, two = (evaluated(tmp_path / name, *candidates, concurrency=n) for name, n in (("a", 1), ("b", 7)))
    assert outputs(one) == outputs(two)
    assert outputs(evaluated(tmp_path / "c", *candidates, seed=1))["scores.jsonl"] != outputs(one)["scores.jsonl"]


def test_stopped_by_its_budget_and_resumed_gives_the_same_bytes(tmp_path: Path) -> None:
    whole = evaluated(tmp_path / "whole", "offline", "offline:oracle")
    cut = evaluated(tmp_path / "cut", "offline", "offline:oracle", max_tokens=8_000, concurrency=1)
    assert cut.run.left > 0
    assert cut.run.stopped is not None
    assert cut.summary is None
    assert not (cut.run.folder / "summary.json").exists(), "no numbers of half a run"
    assert outputs(evaluated(tmp_path / "cut", "offline", "offline:oracle", resume=True)) == outputs(whole)


def test_a_complete_run_is_only_derived_anew(tmp_path: Path) -> None:
    first = evaluated(tmp_path / "a", LLM)
    before = outputs(first)
    for name in OUTPUTS:
        if name != "trees.jsonl":
            (first.run.folder / name).unlink()
    model = client()
    assert outputs(evaluated(tmp_path / "a", LLM, model=model, resume=True)) == before
    assert model.requests == []


@pytest.mark.parametrize(
    "other",
    [
        {"candidates": ["brief:offline"]},
        {"seed": 5},
        {"turns": 3},
        {"protocol": "strict"},
        {"judge": [LLM]},
        {"user": LLM},
        {"cases": 4},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_run_does_not_go_on_under_other_conditions(finished: Path, other: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="holds another run"):
        evaluated(finished, resume=True, **other)


def test_a_failed_dialogue_is_counted_and_can_be_redone(tmp_path: Path) -> None:
    def moody(request: Request) -> str:
        if int(mark(str(request.messages[0].content)), 16) % 2:
            raise BadRequest("too long")
        return plausible(request)

    first = evaluated(tmp_path / "a", LLM, "offline", model=client(moody), cases=6)
    assert 0 < first.run.failed < 6
    assert first.written["failed"] == {LLM: first.run.failed, "offline": 0}
    assert first.written["failures"] == {"too long": first.run.failed}
    counts = first.written["candidates"][LLM]["counts"]
    assert counts["cases"] == 6 - first.run.failed
    assert sum(counts["scored"]) == 2 * (6 - first.run.failed)
    again = evaluated(tmp_path / "a", LLM, "offline", cases=6, retry_failed=True)
    assert (again.run.failed, again.written["failed"]) == (0, {LLM: 0, "offline": 0})
    assert sum(again.written["candidates"][LLM]["counts"]["scored"]) == 12


def test_where_every_dialogue_fails_there_are_no_numbers(tmp_path: Path) -> None:
    def down(request: Request) -> str:
        raise ServerError("down")

    result = evaluated(tmp_path / "a", LLM, model=client(down), retries=0)
    assert (result.run.failed, result.summary, result.written) == (3, None, {})


def width(interval: list[float]) -> float:
    return interval[1] - interval[0]


def test_a_judge_that_talks_nonsense_costs_scores_and_invents_none(tmp_path: Path) -> None:
    def sober(request: Request) -> str:
        return rating(1 + int(mark(reply_in(request)), 16) % 5)

    def drunk(request: Request) -> str:
        return "Well, well." if int(mark("drunk", reply_in(request)), 16) % 10 < 3 else sober(request)

    profiles, personalities = pools(tmp_path, 10, 10)
    size = {"profiles": profiles, "personalities": personalities, "cases": None, "turns": 4, "judge": [LLM]}
    clear = evaluated(tmp_path / "clear", model=client(sober), **size)
    blurred = evaluated(tmp_path / "blurred", model=client(drunk), **size)
    assert (blurred.run.failed, blurred.run.left) == (0, 0)
    counts = blurred.written["candidates"]["offline"]["counts"]
    unscored = sum(counts["unscored"])
    assert 80 < unscored < 160
    assert sum(counts["scored"]) == 400 - unscored
    lines = {name: (tmp_path / name / "scores.jsonl").read_text().splitlines() for name in ("clear", "blurred")}
    pairs = [(json.loads(a), json.loads(b)) for a, b in zip(lines["clear"], lines["blurred"], strict=True)]
    assert sum(b["score"] is None for _, b in pairs) == unscored
    assert all(b["score"] in (None, a["score"]) for a, b in pairs), "what is scored is scored as before"
    assert all("no usable answer" in b["reason"] for _, b in pairs if b["score"] is None)
    wide, narrow = (r.written["candidates"]["offline"]["intervals"]["al"] for r in (blurred, clear))
    assert sum(map(width, wide)) > sum(map(width, narrow))


def reply_in(request: Request) -> str:
    """The reply that a judge is shown, which it may be shown again with its mistake."""
    return next(str(m.content) for m in request.messages if "<reply>" in str(m.content)).partition("<reply>")[2]


def test_several_judges_rate_side_by_side_and_their_agreement_is_told(tmp_path: Path) -> None:
    alone = evaluated(tmp_path / "alone", judge=[LLM])
    both = evaluated(tmp_path / "both", judge=["offline", LLM])
    assert both.written["judge"] == "offline"
    assert both.written["other_judges"][LLM]["candidates"] == alone.written["candidates"]
    assert {pair["replies"] for pair in both.written["agreement"]["pairs"]} == {6}
    assert alone.written["agreement"] is None


def test_human_ratings_can_be_brought_in_later(tmp_path: Path) -> None:
    result = evaluated(tmp_path / "a")
    lines = [json.loads(line) for line in (tmp_path / "a/scores.jsonl").read_text().splitlines()]
    rows = [{key: line[key] for key in ("candidate", "case", "turn", "score")} for line in lines]
    (tmp_path / "people.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    again = evaluated(tmp_path / "a", resume=True, ratings=tmp_path / "people.jsonl")
    assert again.written["agreement"]["pairs"][0]["equal"] == 1
    assert again.written["candidates"] == result.written["candidates"]


def test_ratings_of_a_slice_calibrate_avg_and_the_summary_says_by_how_many(tmp_path: Path) -> None:
    """People who give a point less than the judge, where they can, take what that is on average off its mean."""
    size: dict[str, Any] = {"cases": 20, "turns": 3, "judge": [LLM]}
    before = evaluated(tmp_path / "a", **size)
    assert before.written["calibrated"] is None
    lines = [json.loads(line) for line in (tmp_path / "a/scores.jsonl").read_text().splitlines()]
    rows = [
        {**{key: line[key] for key in ("candidate", "case", "turn")}, "score": max(1, line["score"] - 1)}
        for line in lines
    ]
    for name, kept in (("many", rows), ("few", rows[:5])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    many = evaluated(tmp_path / "a", resume=True, ratings=tmp_path / "many.jsonl", **size)
    found = many.written["calibrated"][LLM]["offline"]
    assert found["ratings"] == 60
    assert found["avg"]["value"] == pytest.approx(sum(row["score"] for row in rows) / 60)
    few = evaluated(tmp_path / "a", resume=True, ratings=tmp_path / "few.jsonl", **size)
    said = "withheld: 5 of its replies are rated by people, need 30"
    assert few.written["calibrated"][LLM]["offline"]["avg"]["reason"] == said
    shown = Console(width=200)
    with shown.capture() as text:
        print_result(many, shown)
        print_result(few, shown)
    assert "calibrated by 60 replies that people rated" in text.get()
    assert f"calibrated AVG {said}" in text.get()


def test_replay_asks_all_candidates_the_same_and_nobody_else(tmp_path: Path) -> None:
    simulate(Simulation(out=tmp_path / "corpus", conversations=3, turns=3, quiet=True))
    model, candidates = client(), (LLM, "offline:oracle", "shuffled:offline")
    result = evaluated(tmp_path / "a", *candidates, model=model, replay=tmp_path / "corpus", turns=5)
    assert {who(request) for request in model.requests} == {"candidate"}
    assert len(model.requests) == 9
    assert (result.written["mode"], result.written["turns"]) == ("replay", 3)
    assert result.written["engine"] == "offline simulator"
    assert result.written["simulator"]["model"] == "offline"
    asked: dict[str, list[tuple[str, int, str]]] = {}
    for line in (tmp_path / "a/scores.jsonl").read_text().splitlines():
        score = json.loads(line)
        asked.setdefault(score["candidate"], []).append((score["case"], score["turn"], score["message"]))
    assert asked[LLM] == asked["offline:oracle"] == asked["shuffled:offline"]
    assert result.written["audit"]["dialogues"] == 3, "users that say the same count once"
    assert result.written["audit"]["inducer"]["asked"] == 9, "what the stored trees hold is audited too"


def test_an_evaluation_can_itself_be_replayed(tmp_path: Path) -> None:
    evaluated(tmp_path / "a", "offline", "shuffled:offline")
    result = evaluated(tmp_path / "b", "offline:generic", replay=tmp_path / "a", cases=None)
    assert result.written["personas"]["cases"] == 6
    assert result.run.failed == 0


def test_the_persona_reaches_user_and_judge_and_no_candidate_but_the_oracle(tmp_path: Path) -> None:
    model = client()
    found = trees(evaluated(tmp_path / "a", LLM, model=model, user=OTHER, judge=[OTHER], inducer=OTHER, cases=1))
    persona = found[0].persona
    knows = {who(request): persona.profile in request.text for request in model.requests}
    assert knows == {"user": True, "judge": True, "inducer": True, "candidate": False}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"judge": ["offline", "offline"]}, "named twice"),
        ({"baseline": "nobody"}, "is no candidate"),
        ({"ratings": Path("nowhere.csv")}, "no such file"),
        ({"cases": 101}, "cannot draw 101"),
        ({"replay": Path("nowhere")}, "nowhere"),
        ({"user": "gpt-4o"}, "is not a model"),
        ({"max_cost": 1.0, "judge": [LLM]}, "--price"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    settings = {"candidates": ["offline"], "cases": 3, "turns": 2}
    with pytest.raises(UsageError, match=said):
        evaluate(Evaluation(out=tmp_path / "a", **settings | given))
    assert not (tmp_path / "a").exists()


def test_clients_of_ones_own_serve_by_role_and_by_candidate_and_stay_open(tmp_path: Path) -> None:
    user, judge, tuned = client(), client(), client()
    config = Evaluation(out=tmp_path / "a", candidates=["tuned=offline", "offline"], cases=2, turns=2, quiet=True)
    result = evaluate(config, clients={"user": user, "judge": judge, "tuned": tuned})
    assert {who(request) for request in user.requests} == {"user"}
    assert {who(request) for request in judge.requests} == {"judge"}
    assert {who(request) for request in tuned.requests} == {"candidate"}
    assert len(tuned.requests) == 4
    assert result.written["judge"] == "client:ScriptedClient"
    assert result.written["models"]["tuned"]["model"] == "client:ScriptedClient"
    assert result.written["engine"] == "LLM", "a simulated candidate is measured as any other is"
    assert not any(model.closed for model in (user, judge, tuned))


def test_a_client_that_nobody_asks_is_refused(tmp_path: Path) -> None:
    config = Evaluation(out=tmp_path / "a", candidates=["offline"], cases=2, turns=2)
    with pytest.raises(UsageError, match="no role 'jugde'; the roles: offline, user, inducer, judge"):
        evaluate(config, clients={"jugde": client()})
    assert not (tmp_path / "a").exists()


async def test_it_works_where_an_event_loop_runs_already(tmp_path: Path) -> None:
    assert evaluated(tmp_path / "a").run.complete


def candidate_seeds(model: ScriptedClient) -> list[int | None]:
    return [request.seed for request in model.requests if who(request) == "candidate"]


def test_a_candidate_is_sent_other_seeds_in_each_run_but_users_and_judges_the_same(tmp_path: Path) -> None:
    """Nobody can tell persona or case by a seed, not even with all cases and seeds of an evaluation at hand."""
    candidate, other = (client(lambda _: "Hm.") for _ in range(2))
    one, two = client(), client()
    for name, mine, rest in (("a", candidate, one), ("b", other, two)):
        config = Evaluation(out=tmp_path / name, candidates=[LLM], cases=3, turns=2, user=OTHER, judge=[OTHER])
        evaluate(config, clients={LLM: mine, OTHER: rest})
    seeds = candidate_seeds(candidate)
    assert len(set(seeds)) == 6
    assert not set(seeds) & set(candidate_seeds(other))
    assert [(r.role, r.seed) for r in one.requests] == [(r.role, r.seed) for r in two.requests]


def test_the_salt_stands_in_the_manifest_so_that_a_resumed_run_sends_the_same_seeds(tmp_path: Path) -> None:
    whole, halves = client(), client()
    evaluated(tmp_path / "whole", LLM, model=whole, concurrency=1)
    manifest = (tmp_path / "whole/manifest.json").read_text("utf-8")
    assert len(json.loads(manifest)["salt"]) == 32
    (tmp_path / "halves").mkdir()
    (tmp_path / "halves/manifest.json").write_text(manifest, "utf-8")
    cut = evaluated(tmp_path / "halves", LLM, model=halves, resume=True, max_tokens=1500, concurrency=1)
    assert cut.run.left > 0
    evaluated(tmp_path / "halves", LLM, model=halves, resume=True, concurrency=1)
    assert candidate_seeds(halves) == candidate_seeds(whole)


def test_all_candidates_meet_the_same_user_whatever_seeds_they_are_sent(tmp_path: Path) -> None:
    mute, model = client(lambda _: "Hm."), client()
    config = Evaluation(out=tmp_path / "a", candidates=[LLM, f"again={LLM}"], cases=2, turns=3, user=OTHER)
    result = evaluate(config, clients={LLM: mute, "again": mute, OTHER: model})
    said = [[node.content for node in tree if node.speaker == "user"] for tree in trees(result)]
    assert said[:2] == said[2:]
    assert len(set(candidate_seeds(mute))) == 12


# What breaks off, and what nobody scored.


def overflowing(request: Request) -> str:
    """A candidate whose context is full at its third reply."""
    if not request.role or request.role == "candidate":
        replies = sum(message.role == "assistant" for message in request.messages)
        if replies >= 2:
            raise BadRequest("context length exceeded")
    return plausible(request)


@pytest.mark.parametrize("replayed", [False, True], ids=["live", "replay"])
def test_a_dialogue_that_breaks_off_counts_with_its_rated_turns(tmp_path: Path, finished: Path, replayed: bool) -> None:
    given: dict[str, Any] = {"turns": 4}
    if replayed:
        given["replay"] = evaluated(tmp_path / "stored", turns=4).run.folder
    first = evaluated(tmp_path / "a", LLM, "offline", model=client(overflowing), **given)
    assert first.written["failed"] == first.written["broken"] == {LLM: 3, "offline": 0}
    counts = first.written["candidates"][LLM]["counts"]
    assert counts == {"cases": 3, "scored": (3, 3, 0, 0), "unscored": (0, 0, 0, 0), "missing": (0, 0, 3, 3)}
    assert first.written["candidates"][LLM]["al"][0] is not None
    with pytest.raises(ConversationsFailed, match="context length exceeded"):
        first.raise_for_status()
    assert f"{LLM}: 3 dialogues broke off, and count with their rated turns" in "\n".join(counted(first.written))
    again = evaluated(tmp_path / "a", LLM, "offline", retry_failed=True, **given)
    assert again.written["broken"] == {LLM: 0, "offline": 0}
    assert again.written["candidates"][LLM]["counts"]["scored"] == (3, 3, 3, 3)
    again.raise_for_status()


def test_where_every_dialogue_breaks_off_there_are_numbers_all_the_same(tmp_path: Path) -> None:
    result = evaluated(tmp_path / "a", LLM, model=client(overflowing), turns=4)
    assert (result.run.finished, result.run.failed) == (0, 3)
    assert result.written["candidates"][LLM]["counts"]["scored"] == (3, 3, 0, 0)


def test_where_a_judge_scores_nothing_the_command_fails_with_the_commonest_reason(tmp_path: Path) -> None:
    result = evaluated(tmp_path / "a", model=client(lambda request: "Well, well."), judge=[LLM])
    with pytest.raises(ConversationsFailed) as error:
        result.raise_for_status()
    assert str(error.value).startswith(f"no reply of offline was scored by {LLM}, most often because: ")
    assert "no usable answer" in str(error.value)
    assert error.value.exit_code == 3


# Other scenarios.


def test_a_change_is_measured_and_the_summary_says_so_unlike_that_of_the_paper(tmp_path: Path, finished: Path) -> None:
    given: dict[str, Any] = {
        "scenario": "drift",
        "option": {"change": 2},
        "turns": 3,
        "cases": 6,
        "judge": ["offline", LLM],
    }
    result = evaluated(tmp_path / "a", "offline:oracle", "shuffled:offline", **given)
    assert result.written["dialogue"] == {"scenario": "drift", "turns": 3, "change": 2, "exchange": "personality"}
    for found in (result.written, result.written["other_judges"][LLM]):
        assert {len(found["course"][name]["curve"]) for name in ("offline:oracle", "shuffled:offline")} == {3}
    lines = [json.loads(line) for line in (tmp_path / "a/scores.jsonl").read_text("utf-8").splitlines()]
    assert all("other" in line for line in lines)
    assert set(result.to_dataframe()["other"].iloc[0]) == {"score", "reason"}
    plain = json.loads((finished / "summary.json").read_text("utf-8"))
    assert plain.keys().isdisjoint({"dialogue", "course"})


def test_before_the_change_everything_is_as_without_one(tmp_path: Path) -> None:
    plain = trees(evaluated(tmp_path / "a", turns=3, cases=2))
    changed = trees(evaluated(tmp_path / "b", turns=3, cases=2, scenario="drift", option={"change": 3}))
    for one, other in zip(plain, changed, strict=True):
        contents = [[node.content for node in tree] for tree in (one, other)]
        assert contents[0][:4] == contents[1][:4]
        assert contents[0][4] != contents[1][4]


def test_other_judges_rate_a_change_for_both_personas_and_the_first_ratings_stay(tmp_path: Path) -> None:
    given: dict[str, Any] = {"scenario": "drift", "option": {"change": 2}, "turns": 3}
    first = evaluated(tmp_path / "a", "offline:oracle", **given)
    config = Evaluation(out=tmp_path / "b", rejudge=tmp_path / "a", judge=["offline"], quiet=True)
    again = evaluation_by(client(), config)
    assert again.written["course"] == first.written["course"]
    assert (tmp_path / "b/scores.jsonl").read_bytes() == (tmp_path / "a/scores.jsonl").read_bytes()


def test_sessions_are_measured_with_a_turn_count_that_runs_on(tmp_path: Path) -> None:
    given: dict[str, Any] = {"scenario": "sessions", "turns": 4, "cases": 6}
    result = evaluated(tmp_path / "a", "none=no-note:offline", "all=history:offline", "offline:retrieval", **given)
    assert result.written["dialogue"] == {"scenario": "sessions", "turns": 4, "sessions": 2}
    found = result.written["course"]
    assert found["all"]["minus_baseline"]["start"]["value"] is not None
    assert all(result.written["candidates"][name]["counts"]["scored"] == (6,) * 4 for name in found)
    assert result.written["audit"]["dialogues"] == 18


@pytest.mark.parametrize(
    ("candidate", "given", "why"),
    [
        ("offline", {"scenario": "drift", "option": {"change": 9}}, "changes at a turn from 2 to 2"),
        ("offline", {"scenario": "drift", "option": {"chnge": 2}}, "drift has no option 'chnge'"),
        ("offline", {"option": {"change": 2}}, "aloe has no option 'change'"),
        ("offline", {"scenario": "sessions", "turns": 3}, "3 turns are not 2 sessions"),
        ("shuffled:offline", {"scenario": "sessions"}, "take other-note:"),
        ("history:offline", {}, "add --scenario sessions"),
        ("true-note:offline", {"scenario": "sessions", "user": LLM}, "add --inducer MODEL"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_it_costs_anything(
    tmp_path: Path, candidate: str, given: dict[str, Any], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        evaluated(tmp_path / "a", candidate, **given)
    assert not (tmp_path / "a").exists()
