"""Where a model's context is full, the oldest turns are left out of the call, the node says so, and nothing is lost."""

import json

import pytest

from agents.inducer import Inducer
from agents.judge import Judge
from agents.role import introduce
from agents.user import User
from agents.window import openings, too_long
from i2a.errors import ContextOverflow
from i2a.models.model import Completion
from i2a.testing import Request
from i2a.trees.persona import Persona
from i2a.trees.summary import Summary
from i2a.trees.tree import LEFT_OUT, Node, Tree, Utterance
from tests.fakes import ScriptedClient, plausible, preference

VALUES = {"profile": "A baker.", "personality": "Blunt."}
ROOM = 4000  # characters


class Narrow(ScriptedClient):
    """A model with room for so many characters, which says so or, as some do, only refuses."""

    says_how_much = True

    def __init__(self, room: int = ROOM, answer: object = plausible) -> None:
        def narrow(request: Request) -> object:
            if len(request.text) > room:
                sizes = {"context": room // 4, "needed": len(request.text) // 4} if self.says_how_much else {}
                raise ContextOverflow("too long", **sizes)
            return answer(request)  # type: ignore[operator]

        super().__init__(narrow)


def dialogue(turns: int) -> tuple[Tree, Node]:
    tree = Tree("t-0", "test", Persona("p", "A baker.", "Blunt."), 7)
    here: Node | None = None
    for turn in range(turns):
        here = tree.add(here, Utterance("user", f"Message {turn}, about bread. " + "More of it. " * 20))
        here = tree.add(here, Utterance("preferred", f"Reply {turn}. " + "I see what you mean. " * 10))
    assert here is not None
    return tree, here


@pytest.mark.parametrize("says", [True, False])
async def test_the_oldest_turns_are_left_out_and_the_node_says_how_many(says: bool) -> None:
    tree, here = dialogue(12)
    client = Narrow()
    client.says_how_much = says
    user = User("user", client, **VALUES)
    introduce([user])
    said = await user(here)
    left_out = said.notes[LEFT_OUT]["user"]
    sent = client.requests[-1].messages
    assert 0 < left_out < 12
    assert f"Message {left_out - 1}," not in client.requests[-1].text
    assert sent[2].content.startswith(f"Message {left_out},")  # after instructions and request
    assert [message.role for message in sent[1:4]] == ["user", "assistant", "user"]
    assert sent[-1].content.startswith("Reply 11.")
    assert len(client.requests) <= 6
    node = tree.add(here, said)
    assert node.metadata[LEFT_OUT] == {"user": left_out}
    assert Summary.of([tree]).shortened == 1


async def test_a_dialogue_that_fits_is_sent_whole() -> None:
    _, here = dialogue(2)
    client = Narrow()
    said = await User("user", client, **VALUES)(here)
    assert said.notes == {}
    assert len(client.requests) == 1


async def test_what_was_left_out_for_an_answer_with_structure_stands_at_the_node_it_is_about() -> None:
    tree, here = dialogue(12)
    message = tree.add(here, Utterance("user", "And the bread?"))
    await Inducer("inducer", Narrow(6000), **VALUES)(message)
    assert message.metadata[LEFT_OUT]["inducer"] > 0
    one, other = (tree.add(message, Utterance("preferred", text)) for text in ("Bread!", "Well."))
    await Judge("judge", Narrow(6000, lambda request: preference("1")), **VALUES)(message, one, other)
    assert set(message.metadata[LEFT_OUT]) == {"inducer", "judge"}
    assert json.loads(json.dumps(message.metadata)) == message.metadata


async def test_the_last_turn_is_never_left_out() -> None:
    _, here = dialogue(3)
    with pytest.raises(ContextOverflow):
        await User("user", Narrow(100), **VALUES)(here)


async def test_an_answer_that_was_cut_because_the_context_was_full_is_asked_for_again_with_less() -> None:
    """As llama.cpp does it: it takes the prompt, and ends with `length` where the room ends."""
    _, here = dialogue(12)

    def fill(request: Request) -> Completion:
        prompt = min(len(request.text) // 6, 1020)
        return (
            Completion("Hel", "length", prompt, 1024 - prompt) if prompt > 900 else Completion("Hm.", "stop", prompt, 9)
        )

    said = await User("user", ScriptedClient(fill, context=1024), **VALUES)(here)
    assert said.content == "Hm."
    assert said.notes[LEFT_OUT]["user"] > 0


def test_a_turn_is_what_the_first_speaker_says_and_all_up_to_their_next_message() -> None:
    said = [Utterance(speaker, speaker * 10) for speaker in ("a", "b", "b", "a", "a", "b")]
    assert openings(said) == [0, 3, 4]
    assert too_long(ContextOverflow("", context=100, needed=110), said, 440) == 2
    assert too_long(ContextOverflow(""), said, 440) == 1
    assert too_long(ContextOverflow(""), said[4:], 440) == 0
