"""The engine knows its task from the tags alone, answers any text, and gives the same answer in every process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from i2a.models.model import Message
from i2a.simulator.engine import answer

ROOT = Path(__file__).parents[3]
SCRIPT = """
import json, sys
from i2a.models.model import Message
from i2a.simulator.engine import answer
person = (
    "<profile>\\nShe has a red kite and enjoys rowing, chess and "
    "jam.\\n</profile>\\n<personality>\\nodd\\n</personality>"
)
opening = Message("user", "(The chat is open.)")
texts, chat = [], []
for seed in range(6):
    texts.append(answer([Message("system", person), opening, *chat], seed=seed))
    chat += [Message("assistant", texts[-1])]
    other = [Message({"assistant": "user", "user": "assistant"}[m.role], m.content) for m in chat]
    texts.append(answer([Message("system", "<known>\\nProfile:\\n- rowing\\n- chess\\n</known>"), *other], seed=seed))
    texts.append(answer(other, seed=seed))
    chat += [Message("user", texts[-1])]
print(json.dumps(texts))
"""
PERSON = "<profile>\nShe has a red kite.\n</profile>\n<personality>\nShe is shy.\n</personality>"


def test_answers_do_not_depend_on_the_process() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "777")
    }
    assert len(outputs) == 1


def test_two_replies_ask_for_a_verdict() -> None:
    asked = "<dialogue>\nUser: Hi.\n</dialogue>\n<reply_1>\nHello you.\n</reply_1>\n<reply_2>\n\n</reply_2>"
    verdict = json.loads(answer([Message("system", PERSON), Message("user", asked)], seed=1))
    assert list(verdict) == ["reason", "winner"]
    assert verdict["winner"] == "1"


def test_a_persona_and_a_dialogue_ask_for_an_inference() -> None:
    asked = "<dialogue>\nUser: My red kite flew well.\n</dialogue>"
    inference = json.loads(answer([Message("system", PERSON), Message("user", asked)], seed=1))
    assert inference["profile"] == ["a red kite"]


def test_a_persona_alone_asks_for_the_person() -> None:
    opening = Message("user", "(The chat is open. Write your first message.)")
    assert "{" not in answer([Message("system", PERSON), opening], seed=1)


def test_a_hint_asks_for_an_informed_reply() -> None:
    system = Message("system", "<known>\nProfile:\n- two dogs named Ada and Bob\nPersonality:\n- formal\n</known>")
    replies = {answer([system, Message("user", "The vet was stern with us today.")], seed=seed) for seed in range(20)}
    assert sum("Ada" in reply for reply in replies) > len(replies) / 2


def test_a_reply_never_claims_more_than_the_hint(chats: Any) -> None:
    from i2a.simulator.persona.evidence import false_claim

    replies = [chats.reply([("User", "I saw the sea.")], "(nothing yet)", seed) for seed in range(40)]
    assert not [reply for reply in replies if false_claim(reply, frozenset(), ["I saw the sea."])]


def test_no_system_prompt_at_all_is_a_plain_chat() -> None:
    assert answer([Message("user", "I baked bread today.")], seed=1)
    assert answer([], seed=1)


def test_other_tags_are_more_to_reveal() -> None:
    system = PERSON + "\n<misconception>\nThe pupil believes that the moon has no gravity.\n</misconception>"
    chat = [Message("system", system), Message("user", "(The chat is open.)")]
    for seed in range(12):
        said = answer(chat, seed=seed)
        chat += [Message("assistant", said), Message("user", "And why do you think so?")]
    first = chat[2].content
    later = " ".join(message.content for message in chat[3:] if message.role == "assistant")
    assert "gravity" not in first
    assert "moon has no gravity" in later


def test_any_schema_gets_a_valid_answer() -> None:
    schema = {
        "type": "object",
        "properties": {
            "reason": {"type": "string"},
            "found": {"enum": ["yes", "no"]},
            "level": {"type": "integer", "minimum": 2, "maximum": 4},
            "said": {"type": "array", "items": {"type": "string"}},
            "part": {"$ref": "#/$defs/Part"},
        },
        "$defs": {"Part": {"type": "object", "properties": {"sure": {"type": "boolean"}}}},
    }
    system = Message("system", "<misconception>\nThe moon has no gravity.\n</misconception>")

    def asked(said: str) -> Any:
        messages = [system, Message("user", f"<dialogue>\nPupil: {said}\nTutor: Why?\n</dialogue>")]
        return json.loads(answer(messages, seed=1, schema=schema))

    shown = asked("Surely the moon has no gravity at all.")
    assert (shown["found"], shown["said"], shown["part"]) == ("yes", ["The moon has no gravity"], {"sure": True})
    assert asked("I like cheese.")["found"] == "no"
    assert shown["reason"] == "Surely the moon has no gravity at all."
    assert 2 <= shown["level"] <= 4


@settings(max_examples=60, deadline=None)
@given(
    profile=st.text(max_size=300),
    personality=st.text(max_size=120),
    said=st.text(max_size=120),
    seed=st.integers(0, 2**63),
)
def test_any_text_gets_an_answer(profile: str, personality: str, said: str, seed: int) -> None:
    person = Message("system", f"<profile>\n{profile}\n</profile>\n<personality>\n{personality}\n</personality>")
    opening = Message("user", "(The chat is open.)")
    first = answer([person, opening], seed=seed)
    assert first
    assert answer([person, opening, Message("assistant", first), Message("user", said)], seed=seed) not in ("", first)
    json.loads(answer([person, Message("user", f"<dialogue>\nUser: {said}\n</dialogue>")], seed=seed))
    asked = f"<dialogue>\nUser: {said}\n</dialogue>\n<reply_1>\n{said}\n</reply_1>\n<reply_2>\n{profile}\n</reply_2>"
    assert json.loads(answer([person, Message("user", asked)], seed=seed))["winner"] in ("1", "2")
    assert answer([Message("system", f"<known>\n- {profile}\n</known>"), Message("user", said)], seed=seed)
    assert answer([Message("user", said)], seed=seed)


def test_very_long_text_costs_little() -> None:
    person = Message(
        "system",
        f"<profile>\n{'x' * 100_000} {'and a, ' * 20_000}\n</profile>\n<personality>\n{'is ' * 9_000}\n</personality>",
    )
    opening = Message("user", "(The chat is open.)")
    first = answer([person, opening], seed=1)
    assert len(answer([person, opening, Message("assistant", first), Message("user", "z" * 100_000)], seed=1)) < 1_000
