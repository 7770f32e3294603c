"""A candidate is a model and what it is told; a plain one is told nothing."""

from pathlib import Path

import pytest

from evaluation.candidates import Candidate, Oracle, is_control, parse_all
from i2a.errors import UsageError
from i2a.models.model import Completion
from i2a.testing import Request, ScriptedModel
from tests.evaluation.parts import PERSONA, client, dialogue, empty


@pytest.mark.parametrize(
    ("text", "name", "wrapper", "model"),
    [
        ("offline", "offline", "plain", "offline"),
        ("base=offline:generic", "base", "plain", "offline:generic"),
        ("reminder:offline", "reminder:offline", "reminder", "offline"),
        (
            "told=brief:openai:x@http://h:1/v1?temperature=0.5",
            "told",
            "brief",
            "openai:x@http://h:1/v1?temperature=0.5",
        ),
        ("openai:x@http://h:1/v1?temperature=0.5", "openai:x@http://h:1/v1?temperature=0.5", "plain", None),
        ("offline:oracle", "offline:oracle", "oracle", "offline:oracle"),
        ("after DPO=shuffled:offline", "after DPO", "shuffled", "offline"),
        ("last:offline:generic", "last:offline:generic", "last", "offline:generic"),
    ],
)
def test_a_candidate_is_a_name_a_wrapper_and_a_model(text: str, name: str, wrapper: str, model: str | None) -> None:
    found = Candidate.parse(text)
    assert (found.name, found.wrapper, str(found.model)) == (name, wrapper, model or text)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], "name at least one candidate"),
        (["a=offline", "a=offline:generic"], "two candidates are called 'a'"),
        (["gpt-4o"], "'gpt-4o' is not a model"),
        (["reminder:gpt-4o"], "'gpt-4o' is not a model"),
        (["shuffled:offline:oracle"], "gets the persona, and nothing else"),
        (['openai:a"b@http://h/v1'], "write NAME=MODEL"),
    ],
)
def test_what_names_no_candidate_is_refused_with_what_to_write(texts: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_all(texts)


async def heard_by(text: str) -> Request:
    """What the model of a candidate gets to read after one message of the user."""
    model = client()
    await Candidate.parse(text).play(model, PERSONA)(dialogue(empty(), "Hello.", "Hi!", "I have two cats."))
    (request,) = model.requests
    return request


async def test_a_plain_candidate_gets_the_dialogue_and_no_system_message() -> None:
    request = await heard_by("offline")
    assert request.messages == (("user", "Hello."), ("assistant", "Hi!"), ("user", "I have two cats."))


@pytest.mark.parametrize(
    ("text", "said"), [("reminder:offline", "Adapt to the person"), ("brief:offline", "at most three sentences")]
)
async def test_a_wrapper_says_one_thing_and_nothing_of_the_persona(text: str, said: str) -> None:
    request = await heard_by(text)
    system, *rest = request.messages
    assert system.role == "system"
    assert said in system.content
    assert "baker" not in request.text
    assert len(rest) == 3


@pytest.mark.parametrize("text", ["oracle:openai:x@http://h/v1", "offline:oracle"])
async def test_only_an_oracle_is_told_the_whole_persona(text: str) -> None:
    request = await heard_by(text)
    assert f"Profile:\n- {PERSONA.profile}\nPersonality:\n- {PERSONA.personality}" in request.text


def test_what_a_candidate_is_told_is_part_of_what_it_is() -> None:
    plain, brief = Candidate.parse("a=offline").identity, Candidate.parse("a=brief:offline").identity
    assert plain["prompt"] != brief["prompt"]
    assert plain["model"] == brief["model"] == "offline"


def test_what_a_control_is_shown_is_part_of_what_it_is() -> None:
    """So that an evaluation with another `shuffled` neither goes on nor is compared with this one."""
    assert "definition" not in Candidate.parse("offline").identity
    shown = {text: Candidate.parse(f"{text}:offline").identity["definition"] for text in ("shuffled", "last")}
    assert shown == {"shuffled": "another person's earlier messages, its own replies", "last": "the last message"}


OWN = """
from agents.prompt import Prompt
from evaluation.candidates import Plain

class Curious(Plain):
    prompt = Prompt("Ask back.")

class Insider(Plain):
    prompt = Prompt("You know this person: $profile $personality")
"""


def own(folder: Path) -> str:
    file = folder / "own.py"
    file.write_text(OWN, "utf-8")
    return str(file)


@pytest.mark.parametrize("model", ["offline", "openai:x@http://h:1/v1?temperature=0.5", "hf:runs/a:b"])
def test_a_wrapper_of_ones_own_stands_before_any_model(tmp_path: Path, model: str) -> None:
    found = Candidate.parse(f"c={own(tmp_path)}:Curious:{model}")
    assert (found.role.__name__, str(found.model)) == ("Curious", model)
    assert found.identity["prompt"] == found.role.prompt.fingerprint
    (tmp_path / "one.py").write_text(OWN.partition("class Insider")[0], "utf-8")
    assert str(Candidate.parse(f"{tmp_path}/one.py:{model}").model) == model


async def test_a_wrapper_tells_what_its_prompt_names(tmp_path: Path) -> None:
    request = await heard_by(f"{own(tmp_path)}:Insider:offline")
    assert request.messages[0] == ("system", f"You know this person: {PERSONA.profile} {PERSONA.personality}")
    assert "baker" not in (await heard_by(f"{own(tmp_path)}:Curious:offline")).text


def test_a_kind_of_model_in_a_file_is_no_wrapper(tmp_path: Path) -> None:
    file = tmp_path / "echo.py"
    file.write_text(
        "from i2a.models.model import Completion, Model\n"
        "class Echo(Model):\n"
        "    async def complete(self, messages, parameters): return Completion('', 'stop', 1, 1)\n",
        "utf-8",
    )
    for text in (f"{file}", f"{file}:Echo", f"{file}:Echo:loud"):
        assert (Candidate.parse(text).wrapper, str(Candidate.parse(text).model)) == ("plain", text)


def test_a_file_with_several_wrappers_is_asked_which(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"found 2, need one subclass of evaluation.candidates.Plain; write .*own.py:OBJECT"
    ):
        Candidate.parse(f"{own(tmp_path)}:offline")
    with pytest.raises(UsageError, match="there is no such file"):
        Candidate.parse(f"{tmp_path}/none.py:offline")


async def test_a_reply_that_is_cut_is_what_the_candidate_says() -> None:
    model = ScriptedModel(lambda request: Completion("I was just", "length", 1, 1))
    reply = await parse_all(["offline"])[0].play(model, PERSONA)(None)
    assert (reply.content, reply.finish_reason) == ("I was just", "length")


def test_a_control_is_known_by_its_model_not_by_its_name() -> None:
    controls = {
        text: is_control(Candidate.parse(text).identity)
        for text in ("tuned=offline:babble", "offline:generic", "babble=offline", "shuffled:offline:manner",
                     "offline:oracle", "offline:facts?seed=3", "babble=openai:babble@http://127.0.0.1:8000/v1")
    }  # fmt: skip
    found = [text for text, control in controls.items() if control]
    assert found == ["tuned=offline:babble", "offline:generic", "offline:facts?seed=3"]


def test_the_oracle_is_told_that_the_chat_may_not_have_shown_it() -> None:
    told = " ".join(Oracle.prompt.text.split())
    assert "the chat may not have revealed it yet" in told
    assert "has shown you" not in told
    assert "$known" in told
