"""The Inducer notes what was really said, in the persona's words, and nothing else."""

from typing import Any

from i2a.simulator.language.text import fold
from i2a.simulator.parts import user
from i2a.simulator.persona.facts import facts
from i2a.simulator.persona.style import traits

PROFILE = (
    "She is a 40-year-old nurse. She has a dog named Bruno and enjoys rowing and jazz "
    "concerts. She is married to a pilot."
)
PERSONALITY = "She is sarcastic. She is warm. She is punctual."


def test_nothing_said_nothing_known(chats: Any) -> None:
    found = chats.infer(PROFILE, PERSONALITY, [("User", "Hello there, it rains.")])
    assert found["profile"] == found["personality"] == []


def test_a_fact_is_copied_in_the_personas_words(chats: Any) -> None:
    assert chats.infer(PROFILE, "", [("User", "I went rowing at dawn.")])["profile"] == ["rowing"]


def test_an_unsaid_name_is_not_revealed(chats: Any) -> None:
    assert chats.infer(PROFILE, "", [("User", "My dog is asleep.")])["profile"] == ["a dog"]
    assert chats.infer(PROFILE, "", [("User", "My dog Bruno is asleep.")])["profile"] == ["a dog named Bruno"]


def test_what_the_assistant_says_does_not_count(chats: Any) -> None:
    lines = [
        ("User", "Hello."),
        ("Assistant", "Are you a nurse with a dog named Bruno who likes rowing?"),
        ("User", "Maybe."),
    ]
    assert chats.infer(PROFILE, "", lines)["profile"] == []


def test_a_trait_needs_more_than_one_sign(chats: Any) -> None:
    once = [("User", "Oh joy. The bus was late.")]
    twice = [*once, ("Assistant", "Hm."), ("User", "Alert the press, it rained.")]
    assert chats.infer(PROFILE, PERSONALITY, once)["personality"] == []
    assert chats.infer(PROFILE, PERSONALITY, twice)["personality"] == ["sarcastic"]


def test_precision_and_recall_against_what_was_meant(
    chats: Any, personas: dict[str, tuple[str, str]], monkeypatch: Any
) -> None:
    """The truth is the simulator's own plan, not the word match that both sides share."""
    meant: list[Any] = []
    plan = user.plan

    def noted(*args: Any) -> Any:
        meant.append(plan(*args))
        return meant[-1]

    monkeypatch.setattr(user, "plan", noted)
    right = said = revealed = 0
    for profile, personality in personas.values():
        for seed in range(10, 13):
            meant.clear()
            chat = chats.converse(profile, personality, seed=seed, turns=8)
            truth = {move.fact.text for move in meant if move.kind == "reveal"}
            found = set(chat[-1].inference["profile"])
            right += len(found & truth)
            said += len(found)
            revealed += len(truth)
    assert right / said >= 0.95
    assert right / revealed >= 0.95


def test_traits_are_only_those_that_the_persona_has(chats: Any, personas: dict[str, tuple[str, str]]) -> None:
    for name, (profile, personality) in personas.items():
        for chat in chats.turns[name]:
            assert set(chat[-1].inference["personality"]) <= {trait.text for trait in traits(personality)}
            assert all(part in fold(profile) for part in chat[-1].inference["profile"])


def test_recall_of_traits_grows(chats: Any) -> None:
    first = sum(len(chat[0].inference["personality"]) for several in chats.turns.values() for chat in several)
    last = sum(len(chat[-1].inference["personality"]) for several in chats.turns.values() for chat in several)
    assert last >= first + len(chats.turns)


def test_all_facts_said_are_all_found(chats: Any) -> None:
    everything = [("User", fact.text) for fact in facts(PROFILE)]
    assert len(chats.infer(PROFILE, "", everything)["profile"]) == len(facts(PROFILE))
