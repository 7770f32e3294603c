"""A replay: the stored messages as they stand, whatever the candidate says to them."""

import asyncio

from evaluation.candidates import Brief, Candidate
from evaluation.cases import first_dialogue
from evaluation.replay import replay
from i2a.trees.tree import Node, SentPrompt, Tree, Utterance
from tests.evaluation.parts import OTHER, PERSONA, client, dialogue, empty, judges, rated, who
from tests.fakes import ScriptedClient


def stored(*texts: str) -> tuple[Node, ...]:
    tree = Tree("t", "aloe", OTHER, 0)
    tree.keep(dialogue(tree, *texts, reply="preferred"))
    return first_dialogue(tree)


PATH = stored("One.", "Reply one.", "Two.", "Reply two.", "Three.", "Reply three.")
STRANGE = stored("Uno.", "Reply uno.", "Dos.", "Reply dos.")


async def replayed(
    turns: int, donor: tuple[Node, ...] = (), as_: str = "offline"
) -> tuple[Tree, ScriptedClient, list[tuple[str, str]]]:
    model, tree = client(), empty()
    candidate = Candidate.parse(as_).play(model, PERSONA)
    await replay(tree, candidate, judges(model), path=PATH, turns=turns, donor=donor)
    return tree, model, rated(tree)


def views(model: ScriptedClient) -> list[list[tuple[str, str]]]:
    return [[(m.role[0].upper(), m.content) for m in r.messages] for r in model.requests if who(r) == "candidate"]


async def test_each_reply_follows_the_stored_history_and_not_the_candidates_own() -> None:
    _, model, asked = await replayed(3)
    history = [("U", "One."), ("A", "Reply one."), ("U", "Two."), ("A", "Reply two."), ("U", "Three.")]
    assert views(model) == [history[:1], history[:3], history]
    assert [message for message, _ in asked] == ["One.", "Two.", "Three."]


async def test_all_turns_go_out_at_once() -> None:
    async def slowly() -> str:
        await asyncio.sleep(0.001)
        return "Hm."

    model = client(lambda _: slowly())
    await replay(empty(), Candidate.parse("offline").play(model, PERSONA), {}, path=PATH, turns=3)
    assert model.most_in_flight == 3


async def test_the_tree_goes_on_through_the_stored_replies_and_keeps_the_candidates_beside_them() -> None:
    tree, _, _ = await replayed(3)
    for message in [node for node in tree if node.speaker == "user"]:
        assert [(node.speaker, node.continued) for node in message.children] == [
            ("assistant", True),
            ("candidate", False),
        ]
    assert [node.content for node in tree.ends[0].path] == [node.content for node in PATH]


async def test_no_more_turns_are_replayed_than_asked_for() -> None:
    tree, _, asked = await replayed(2)
    assert len(asked) == 2
    assert "Three." not in [node.content for node in tree]


async def test_a_shuffled_candidate_sees_the_replies_that_were_given_to_this_person_under_messages_of_another() -> None:
    _, model, asked = await replayed(3, STRANGE, "shuffled:offline")
    past = [("U", "Uno."), ("A", "Reply one."), ("U", "Dos."), ("A", "Reply two.")]
    assert views(model) == [[("U", "One.")], [*past[:2], ("U", "Two.")], [*past, ("U", "Three.")]]
    assert [message for message, _ in asked] == ["One.", "Two.", "Three."]


async def test_beyond_the_donors_messages_the_earliest_replies_are_left_out() -> None:
    _, model, _ = await replayed(3, STRANGE[:2], "shuffled:offline")
    assert views(model)[-1] == [("U", "Uno."), ("A", "Reply two."), ("U", "Three.")]


async def test_the_last_message_alone_is_what_last_sees() -> None:
    _, model, _ = await replayed(3, as_="last:offline")
    assert views(model) == [[("U", "One.")], [("U", "Two.")], [("U", "Three.")]]


def test_the_stored_dialogue_is_the_one_that_was_held_with_the_user() -> None:
    tree = Tree("t", "evaluation", OTHER, 0)
    tree.keep(tree.add(tree.add(None, Utterance("donor", "Somebody else.")), Utterance("candidate", "Hm.")))
    first = tree.add(None, Utterance("user", "Hello."))
    tree.add(first, Utterance("rejected", "Left behind."))
    tree.keep(tree.add(first, Utterance("preferred", "Hi.")))
    assert [(node.speaker, node.content) for node in first_dialogue(tree)] == [("user", "Hello."), ("assistant", "Hi.")]


MOTION = SentPrompt("Speak for cats.", "(You are called up.)")


def debate() -> Tree:
    """A chair opens, con and pro speak; con is not sent any prompt."""
    tree = Tree("t", "debate", OTHER, 0)
    here = tree.add(None, Utterance("chair", "Cats or dogs?"))
    for speaker, words, prompt in (("con", "Dogs.", None), ("pro", "Cats.", MOTION), ("con", "Why?", None)):
        here = tree.keep(tree.add(here, Utterance(speaker, words, prompt=prompt)))
    return tree


def test_a_role_of_any_name_can_be_the_one_whose_place_is_taken() -> None:
    tree = debate()
    path = first_dialogue(tree, "pro")
    assert [(node.speaker, node.content) for node in path] == [
        ("user", "Cats or dogs?\n\nDogs."),
        ("assistant", "Cats."),
        ("user", "Why?"),
    ]
    assert [node.prompt for node in path] == [None, MOTION, None]
    assert [node.speaker for node in first_dialogue(tree, "con")] == ["user", "assistant", "user", "assistant"]
    assert first_dialogue(tree, "chair") == first_dialogue(tree, "nobody") == first_dialogue(tree) == ()


async def test_the_candidate_is_sent_what_the_role_was_sent_in_whose_place_it_stands() -> None:
    for name, system in (("offline", "Speak for cats."), ("brief:offline", f"Speak for cats.\n\n{Brief.prompt.text}")):
        model = client()
        candidate = Candidate.parse(name).play(model, PERSONA)
        await replay(empty(), candidate, {}, path=first_dialogue(debate(), "pro"), turns=5)
        opening = [("system", system), ("user", "(You are called up.)\n\nCats or dogs?\n\nDogs.")]
        asked = [[(message.role, message.content) for message in request.messages] for request in model.requests]
        assert asked == [opening, [*opening, ("assistant", "Cats."), ("user", "Why?")]]
