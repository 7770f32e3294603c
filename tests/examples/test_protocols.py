"""The protocols among the examples rate replies on scales of their own, by what their prompts show."""

from pathlib import Path

import pytest

from evaluation.judge import find_rater
from i2a import evaluate, read_trees
from i2a.testing import ScriptedModel

PROTOCOLS = sorted((Path(__file__).parents[2] / "examples/protocols").glob("*.py"))
BLIND = PROTOCOLS[0].with_name("blind.py")


@pytest.mark.parametrize("file", PROTOCOLS, ids=lambda file: file.name)
def test_every_reply_gets_a_score_of_the_scale(file: Path, tmp_path: Path) -> None:
    result = evaluate(
        out=tmp_path / "run", candidates=["offline:generic"], cases=2, turns=2, protocol=str(file), judge=["offline"]
    )
    protocol = find_rater(str(file)).protocol
    scores = result.to_dataframe()["score"]
    assert len(scores) == 4
    assert scores.between(protocol.lowest, protocol.highest).all()


def test_the_blind_judge_sees_the_dialogue_and_not_the_persona(tmp_path: Path) -> None:
    judge = ScriptedModel(lambda _: '{"reason": "It listens.", "score": 3}')
    result = evaluate(
        out=tmp_path / "run",
        candidates=["offline:generic"],
        cases=1,
        turns=2,
        protocol=str(BLIND),
        clients={"judge": judge},
    )
    assert list(result.to_dataframe()["score"]) == [3, 3]
    (tree,) = read_trees(tmp_path / "run")
    shown = judge.requests[-1].text
    assert tree.persona.profile not in shown
    assert tree.persona.personality not in shown
    assert all(node.content in shown for node in tree.ends[0].path)
