"""Data of the simulator are known for what they are, however the simulator was reached."""

import pytest

from i2a.runs.simulated import is_simulated, simulated_roles


@pytest.mark.parametrize(
    "model",
    ["offline", "offline:generic", "offline?latency=0.1", "openai:offline@http://127.0.0.1:8000/v1?temperature=0.5"],
)
def test_one_role_of_the_offline_engine_makes_a_run_simulated(model: str) -> None:
    manifest = {"identity": {"models": {"user": "openai:gpt-4o", "judge": model}}}
    assert is_simulated(manifest)
    assert simulated_roles(manifest) == ["judge"]


@pytest.mark.parametrize("model", ["openai:gpt-4o", "openai:qwen@http://offline:8000/v1", "hf:models/offline-base"])
def test_a_language_model_is_none_whatever_its_server_is_called(model: str) -> None:
    assert not is_simulated({"identity": {"models": {"user": model}}})


def test_evaluations_and_trainings_hand_it_on() -> None:
    assert is_simulated({"identity": {"engine": "LLM user, offline judge"}})
    assert not is_simulated({"identity": {"engine": "LLM"}})
    assert is_simulated({"identity": {}, "corpus": {"simulated": True}})
    assert not is_simulated({"identity": {"imported": {"file": "aloe.jsonl"}}})
    assert not is_simulated({})


def test_what_a_model_says_of_itself_is_recorded_and_counts() -> None:
    behind_a_server = "openai:some-name@http://127.0.0.1:8000/v1"
    identity = {"models": {"user": behind_a_server, "judge": "openai:gpt-4o"}}
    assert not is_simulated({"identity": identity})
    recorded = {"identity": identity, "simulated": {behind_a_server: True, "openai:gpt-4o": False}}
    assert is_simulated(recorded)
    assert simulated_roles(recorded) == ["user"]


def test_the_user_and_the_judges_of_an_evaluation_count_and_its_candidates_do_not() -> None:
    identity = {
        "candidates": {"a": {"model": "offline"}},
        "judges": {"openai:gpt-4o": {}},
        "simulator": {"model": None},
    }
    assert not is_simulated({"identity": identity, "simulated": {"offline": True, "openai:gpt-4o": False}})
    assert is_simulated({"identity": identity | {"simulator": {"model": "offline"}}})
    assert is_simulated({"identity": identity | {"judges": {"openai:gpt-4o": {}, "offline": {}}}})
