"""Rows of one role: labels, else scores, else all; under the prompt that it was sent; or the reason why none."""

from pathlib import Path
from typing import Any

import pytest

from i2a import simulate
from i2a.errors import UsageError
from i2a.testing import ScriptedModel
from i2a.trees.json import dump, load, read
from i2a.trees.persona import Persona
from i2a.trees.tree import KeptAnswer, Node, SentPrompt, Tree, Utterance, Verdict
from training.corpus import Corpus
from training.export import dpo as dpo_format
from training.role_rows import BARE
from training.rows import PairFilter, dpo_rows, sft_rows
from training.settings import SFT

DOCTOR = SentPrompt("You are a doctor.")
PATIENT = SentPrompt("You have a migraine.", "(You come in.)")
EXAMPLES = Path(__file__).parents[2] / "examples"


def of(role: str, score: str = "score", min_score: float | None = None, **others: Any) -> PairFilter:
    return PairFilter.of_role(role, score, min_score, **others)


def consultation() -> tuple[Tree, Node]:
    """The opening of a patient, and nothing else yet."""
    tree = Tree("t-0", "doctor", Persona("", "She mends clocks.", "Brisk.", "p-1", "t-1"), 3)
    return tree, tree.add(None, Utterance("patient", "My head hurts.", prompt=PATIENT))


def drafts(tree: Tree, here: Node, *scores: float | None, prompt: SentPrompt | None = DOCTOR) -> list[Node]:
    """Questions of the doctor; the first one is asked."""
    made = [tree.add(here, Utterance("doctor", f"Question {i}?", prompt=prompt)) for i in range(len(scores))]
    for node, score in zip(made, scores, strict=True):
        if score is not None:
            node.metadata["score"] = score
    tree.keep(made[0])
    return made


def said(messages: Any) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]


def learnt(tree: Tree, pairs: PairFilter) -> list[str]:
    return [row["completion"][0]["content"] for row in sft_rows(tree, pairs).rows]


def pairs_of(tree: Tree, pairs: PairFilter) -> list[tuple[str, str]]:
    return [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in dpo_rows(tree, pairs).rows]


# What the role was sent.


def test_a_row_has_the_prompt_of_the_role_as_it_was_sent_and_the_dialogue_in_its_view() -> None:
    tree, here = consultation()
    (question,) = drafts(tree, here, None)
    tree.add(question, Utterance("patient", "Since May.", prompt=PATIENT))
    (row,) = sft_rows(tree, of("doctor")).rows
    assert said(row["prompt"]) == [("system", "You are a doctor."), ("user", "My head hurts.")]
    assert said(row["completion"]) == [("assistant", "Question 0?")]
    assert (row["tree"], row["profile"], row["personality"], row["turn"]) == ("t-0", "p-1", "t-1", 1)


def test_an_opening_answers_the_request_of_its_prompt_and_so_do_later_turns() -> None:
    tree, here = consultation()
    (question,) = drafts(tree, here, None)
    tree.add(question, Utterance("patient", "Since May.", prompt=PATIENT))
    first, second = sft_rows(tree, of("patient")).rows
    begin = [("system", "You have a migraine."), ("user", "(You come in.)")]
    assert said(first["prompt"]) == begin
    assert said(second["prompt"]) == [*begin, ("assistant", "My head hurts."), ("user", "Question 0?")]
    assert [first["turn"], second["turn"]] == [1, 2]


def test_a_request_before_the_words_of_others_is_one_message_with_them() -> None:
    tree, here = consultation()
    drafts(tree, here, None, prompt=SentPrompt("", "(He comes in.)"))
    (row,) = sft_rows(tree, of("doctor")).rows
    assert said(row["prompt"]) == [("user", "(He comes in.)\n\nMy head hurts.")]


def test_a_request_that_shows_the_dialogue_is_not_followed_by_it() -> None:
    tree, here = consultation()
    drafts(tree, here, None, prompt=SentPrompt("A doctor.", "Patient: My head hurts.", shows_dialogue=True))
    (row,) = sft_rows(tree, of("doctor")).rows
    assert said(row["prompt"]) == [("system", "A doctor."), ("user", "Patient: My head hurts.")]


def test_a_private_hint_is_not_learnt_and_rows_without_a_prompt_are_counted() -> None:
    tree, here = consultation()
    drafts(tree, here, None, prompt=SentPrompt("She likes tea.", private=True))
    made = sft_rows(tree, of("doctor"))
    assert said(made.rows[0]["prompt"]) == [("user", "My head hurts.")]
    assert made.written == {"rows": 1, BARE: 1}


def test_an_opening_that_nothing_asked_for_is_left_out_and_counted() -> None:
    tree = consultation()[0]
    tree.roots[0].prompt = SentPrompt("You have a migraine.")
    made = sft_rows(tree, of("patient"))
    assert made.rows == []
    assert made.left_out == {"replies without a message of another speaker, or a request, to answer": 1}


# Which replies are learnt.


def test_without_labels_and_scores_every_reply_is_learnt() -> None:
    tree, here = consultation()
    drafts(tree, here, None, None)
    assert learnt(tree, of("doctor")) == ["Question 0?", "Question 1?"]


def test_of_scored_replies_the_best_is_learnt_and_of_equals_the_first() -> None:
    tree, here = consultation()
    drafts(tree, here, 2, 5, 5)
    assert learnt(tree, of("doctor")) == ["Question 1?"]
    assert learnt(tree, of("doctor", min_score=5)) == ["Question 1?"]
    made = sft_rows(tree, of("doctor", min_score=5.5))
    assert made.left_out == {"replies that did not score best in their place": 2, "replies with a score below 5.5": 1}


def test_a_score_may_be_nested_and_what_is_no_number_is_none() -> None:
    tree, here = consultation()
    (question,) = drafts(tree, here, None)
    question.metadata["found"] = {"score": 4, "good": True}
    assert learnt(tree, of("doctor", "found.score", 4)) == ["Question 0?"]
    for name in ("found.good", "found", "found.score.x", "other"):
        assert sft_rows(tree, of("doctor", name, 0)).left_out == {"replies without a score": 1}


def test_labels_come_before_scores_and_rejected_replies_can_be_the_target() -> None:
    tree, here = consultation()
    one, other, third = drafts(tree, here, 1, 5, 5)
    one.label, other.label = "preferred", "rejected"
    assert learnt(tree, of("doctor")) == ["Question 0?"]
    assert learnt(tree, of("doctor", target="rejected")) == ["Question 1?"]
    assert pairs_of(tree, of("doctor")) == [("Question 0?", "Question 1?")]
    assert third.label is None


def test_replies_that_were_compared_without_a_result_are_not_learnt() -> None:
    tree, here = consultation()
    one, other = drafts(tree, here, None, None)
    here.verdicts = [Verdict(one, other, one, ""), Verdict(other, one, other, "")]
    assert sft_rows(tree, of("doctor")).left_out == {"replies that were compared, but not labelled": 2}
    assert dpo_rows(tree, of("doctor")).left_out == {"pairs on which the verdicts disagree": 1}


def test_a_margin_of_verdicts_counts_for_sft_of_a_role_too() -> None:
    tree, here = consultation()
    one, other = drafts(tree, here, None, None)
    one.label, other.label = "preferred", "rejected"
    here.verdicts = [Verdict(one, other, one, ""), Verdict(other, one, one, ""), Verdict(one, other, other, "")]
    assert learnt(tree, of("doctor", min_margin=0.3)) == ["Question 0?"]
    assert sft_rows(tree, of("doctor", min_margin=0.4)).rows == []


def test_cut_and_empty_replies_are_left_out() -> None:
    tree, here = consultation()
    one, other = drafts(tree, here, None, None)
    one.finish_reason, other.content = "length", " "
    assert sft_rows(tree, of("doctor")).left_out == {
        "replies that were cut at their limit of tokens": 1,
        "empty replies": 1,
    }
    assert learnt(tree, of("doctor", keep_cut=True)) == ["Question 0?"]


# Pairs.


def test_the_best_scored_reply_is_preferred_to_the_worst() -> None:
    tree, here = consultation()
    drafts(tree, here, 2, 5, 1, None)
    assert pairs_of(tree, of("doctor")) == [("Question 1?", "Question 2?")]
    assert pairs_of(tree, of("doctor", min_margin=4)) == [("Question 1?", "Question 2?")]
    assert dpo_rows(tree, of("doctor", min_margin=4.5)).left_out == {"pairs with a margin below 4.5": 1}


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ((None,), "replies that stand alone, with no other in their place"),
        ((None, None), "places of several replies that have neither labels nor scores"),
        ((3, None), "places with a score for one reply only"),
        ((3, 3), "places in which all replies have the same score"),
    ],
)
def test_where_there_is_no_pair_the_reason_is_counted(scores: tuple[float | None, ...], reason: str) -> None:
    tree, here = consultation()
    drafts(tree, here, *scores)
    assert dpo_rows(tree, of("doctor")).left_out == {reason: 1}


def test_labelled_openings_make_a_pair() -> None:
    tree, here = consultation()
    other = tree.add(None, Utterance("patient", "Doctor, help.", prompt=PATIENT))
    here.label, other.label = "rejected", "preferred"
    assert pairs_of(tree, of("patient")) == [("Doctor, help.", "My head hurts.")]
    assert [pair.history for pair in tree.pairs] == [[]]
    without = dpo_rows(tree, PairFilter())
    assert (without.rows, without.left_out) == ([], {"pairs without a message of another speaker to answer": 1})


def test_replies_to_different_prompts_are_no_pair_unless_the_difference_is_private() -> None:
    tree, here = consultation()
    one, _ = drafts(tree, here, 1, 2)
    one.prompt = SentPrompt("You are a vet.")
    (reason,) = dpo_rows(tree, of("doctor")).left_out
    assert "different prompts" in reason
    one.prompt = SentPrompt("You are a vet.", private=True)
    assert len(dpo_rows(tree, of("doctor")).rows) == 1


# Answers with structure.


def test_an_answer_with_structure_is_learnt_from_the_request_that_it_answered() -> None:
    tree, here = consultation()
    sent = SentPrompt("Score it.", "Patient: My head hurts.", shows_dialogue=True)
    here.answers.append(KeptAnswer("observer", '{"score":3}', sent))
    (row,) = sft_rows(load(dump(tree)), of("observer")).rows
    assert said(row["prompt"]) == [("system", "Score it."), ("user", "Patient: My head hurts.")]
    assert said(row["completion"]) == [("assistant", '{"score":3}')]


def test_judge_and_inducer_of_the_paper_can_be_learnt_where_their_prompts_are_kept(tmp_path: Path) -> None:
    simulate(out=tmp_path / "run", conversations=1, turns=2, keep_prompts=True)
    (tree,) = read(tmp_path / "run/trees.jsonl")
    judged, induced = sft_rows(tree, of("judge")).rows, sft_rows(tree, of("inducer")).rows
    assert (len(judged), len(induced)) == (4, 2)
    reasons = [verdict.reason for node in tree for verdict in node.verdicts]
    assert all(any(reason in row["completion"][0]["content"] for reason in reasons) for row in judged)
    assert all(tree.persona.profile in row["prompt"][0]["content"] for row in [*judged, *induced])
    (opening, _) = sft_rows(tree, of("user")).rows
    assert tree.persona.profile in opening["prompt"][0]["content"]
    hinted = sft_rows(tree, of("preferred"))
    assert hinted.rows
    assert all(row["prompt"][0]["role"] == "user" for row in hinted.rows)  # the hint is not for learning


# A corpus.


def test_a_run_without_labels_makes_rows_of_the_role_with_its_prompt(tmp_path: Path) -> None:
    simulate(out=tmp_path / "run", conversations=2, turns=2, scenario=str(EXAMPLES / "doctor.py"))
    corpus = Corpus.read([tmp_path / "run"], sft_rows, of("doctor"))
    rows = list(corpus.rows())
    assert rows
    assert all(said(row["prompt"])[0][1].startswith("You are a doctor.") for row in rows)
    illnesses = [tree.roots[0].metadata["illness"] for tree in read(tmp_path / "run/trees.jsonl")]
    patient = list(Corpus.read([tmp_path / "run"], sft_rows, of("patient")).rows())
    assert {illness for row in patient for illness in illnesses if illness in row["prompt"][0]["content"]} == {
        *illnesses
    }


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    model = ScriptedModel.by_role(observer='{"reason": "", "score": 3, "diagnosed": false}')
    scenario = str(EXAMPLES / "doctor.py")
    simulate(out=tmp_path / "run", conversations=1, turns=1, scenario=scenario, clients={"*": model})
    with pytest.raises(UsageError, match=r"nobody called 'nurse' .*; --role takes one of patient \(2\), doctor \(3\)$"):
        Corpus.read([tmp_path / "run"], sft_rows, of("nurse"))
    with pytest.raises(
        UsageError, match=r"no row of role doctor .*: 1 place in which all replies have the same score$"
    ):
        Corpus.read([tmp_path / "run"], dpo_rows, of("doctor"))
    with pytest.raises(UsageError, match="say whose: --role NAME"):
        SFT(runs=[tmp_path], model="m", out=tmp_path / "out", min_score=1).pairs()


def test_rows_without_the_prompt_of_a_role_of_the_paper_are_warned_of(tmp_path: Path) -> None:
    simulate(out=tmp_path / "run", conversations=1, turns=2)
    corpus = Corpus.read([tmp_path / "run"], sft_rows, of("user"))
    assert any("row without the role's prompt" in line and "--keep-prompts" in line for line in corpus.warnings)


def test_an_export_takes_a_role(tmp_path: Path) -> None:
    tree, here = consultation()
    drafts(tree, here, 1, 2)
    (row,) = dpo_format.rows(tree, role="doctor").rows
    assert row["chosen"][0]["content"] == "Question 1?"
    (row,) = dpo_format.rows(tree, role="doctor", layout="messages").rows
    assert row["messages"][0]["role"] == "system"


def test_settings_without_a_role_resume_the_trainings_of_before() -> None:
    given: dict[str, Any] = {"runs": [Path("a")], "model": "m", "out": Path("o")}
    assert {"role", "score", "min_score"}.isdisjoint(SFT(**given).identity)
    assert SFT(**given, role="doctor").identity["role"] == "doctor"
