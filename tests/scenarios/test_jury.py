"""Several judges label together: by more than half of them or by all, each in both orders."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from i2a import read_trees, simulate
from i2a.errors import UsageError
from i2a.testing import Request, ScriptedModel, any_answer
from i2a.trees.summary import Summary
from i2a.trees.tree import Tree
from scenarios.jury import Jury

MODELS = ("openai:a@http://localhost:9/v1", "openai:b@http://localhost:9/v1", "openai:c@http://localhost:9/v1")


def judge(kind: str) -> ScriptedModel:
    """One that prefers the longer reply, the shorter one, or whatever it is shown first."""

    def answers(request: Request) -> str:
        if request.role != "judge":
            return any_answer(request)
        first, second = (request.text.rpartition(f"<{name}>")[2].partition(f"</{name}>")[0] for name in NAMES)
        longer = "1" if len(first) > len(second) else "2"
        winner = {"long": longer, "short": "2" if longer == "1" else "1", "first": "1"}[kind]
        return json.dumps({"reason": f"the {kind} one", "winner": winner})

    return ScriptedModel(answers)


NAMES = ("reply_1", "reply_2")


def responder(request: Request) -> str:
    return "Yes, and I would love to hear more of that." if request.role == "preferred" else "Yes."


def simulated(out: Path, kinds: Mapping[str, str], **settings: Any) -> list[Tree]:
    clients = {name: judge(kind) for name, kind in kinds.items()}
    speakers = {"preferred": ScriptedModel(responder), "rejected": ScriptedModel(responder)}
    given: dict[str, Any] = {"jury": list(kinds), "conversations": 2, "turns": 2, **settings}
    simulate(out=out, clients={**clients, **speakers}, **given)
    return list(read_trees(out))


def winners(trees: list[Tree]) -> set[str | None]:
    """The speakers of the preferred replies; None stands for pairs without a label."""
    replies = [node for tree in trees for node in tree if node.speaker == "preferred"]
    names = {"preferred": "preferred", "rejected": "rejected"}
    return {names.get(node.label or "") for node in replies}


@pytest.mark.parametrize(
    ("kinds", "majority", "unanimity"),
    [
        (("long", "long", "long"), "preferred", "preferred"),
        (("long", "short", "long"), "preferred", None),
        (("short", "first", "short"), "rejected", None),
        (("long", "short", "first"), None, None),
        (("long", "first", "first"), None, None),
    ],
)
def test_enough_judges_must_name_one_reply(
    tmp_path: Path, kinds: tuple[str, ...], majority: str | None, unanimity: str | None
) -> None:
    by_model = dict(zip(MODELS, kinds, strict=True))
    assert winners(simulated(tmp_path / "a", by_model)) == {majority}
    assert winners(simulated(tmp_path / "b", by_model, jury_rule="unanimity")) == {unanimity}


def test_every_verdict_says_whose_it_is_and_agreement_is_told(tmp_path: Path) -> None:
    trees = simulated(tmp_path, dict(zip(MODELS, ("long", "short", "long"), strict=True)))
    given = [verdict for node in trees[0] for verdict in node.verdicts]
    assert len(given) == 2 * 3 * 2
    assert {(verdict.judge, verdict.reason) for verdict in given} == {
        (MODELS[0], "the long one"),
        (MODELS[1], "the short one"),
        (MODELS[2], "the long one"),
    }
    assert trees[0].pairs[0].margin == pytest.approx(1 / 3)
    summary = Summary.of(trees)
    assert summary.as_json()["jury"] == {"pairs": 4, "unanimous": 0}
    assert (summary.labelled, summary.flipped) == (4, 0)


def test_a_judge_that_is_alone_leaves_no_trace_of_a_jury(tmp_path: Path) -> None:
    simulate(out=tmp_path, conversations=1, turns=1)
    text = (tmp_path / "trees.jsonl").read_text("utf-8") + (tmp_path / "manifest.json").read_text("utf-8")
    assert '"judge":"' not in text
    assert '"jury": {' not in text


def test_who_does_not_answer_has_no_vote() -> None:
    jury = Jury([("a", None), ("b", None)])
    assert jury.agree([None, None]) is None
    assert jury.agree([]) is None


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"jury": ["offline"]}, "two models or more"),
        ({"jury": [MODELS[0], MODELS[0]]}, "two models or more, each once"),
        ({"jury": list(MODELS), "role_model": {"judge": "offline"}}, "leave one out"),
        ({"jury": list(MODELS), "policy": "preferred"}, "several judges of a policy's reward are --rater"),
        ({"jury": list(MODELS), "scenario": "tutor"}, "has none"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(tmp_path: Path, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        simulate(out=tmp_path / "out", conversations=1, **settings)
    assert not (tmp_path / "out").exists()
