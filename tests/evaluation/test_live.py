"""A live dialogue: the user talks, the candidate answers, every reply is rated."""

from typing import Any

from agents.inducer import Inducer
from agents.role import introduce
from agents.user import User
from evaluation.candidates import Candidate
from evaluation.live import live
from i2a.errors import BadRequest
from i2a.testing import Request
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree
from tests.evaluation.parts import OTHER, PERSONA, client, empty, judges, plausible, rated, who
from tests.fakes import ScriptedClient, spoken


async def talk(model: ScriptedClient, *others: str, turns: int, candidate: str = "offline") -> Tree:
    """A live dialogue of all on one model; `others`: who else is there, of donor and inducer."""

    def values(persona: Persona) -> dict[str, str]:
        return {"profile": persona.profile, "personality": persona.personality}

    roles: dict[str, Any] = {
        "user": User("user", model, **values(PERSONA)),
        "donor": User("donor", model, **values(OTHER)),
        "inducer": Inducer("inducer", model, **values(PERSONA)),
        "candidate": Candidate.parse(candidate).play(model, PERSONA),
    }
    introduce(roles.values())
    tree = empty()
    there = {name: role for name, role in roles.items() if name in ("user", "candidate", *others)}
    await live(tree, judges=judges(model), turns=turns, **there)
    return tree


async def test_every_reply_is_rated_after_the_message_that_it_answers() -> None:
    tree = await talk(client(), turns=3)
    (end,) = tree.ends
    assert spoken(end) == ["user", "candidate"] * 3
    assert [
        (message.content, reply.content) for message, reply in zip(end.path[::2], end.path[1::2], strict=True)
    ] == rated(tree)


async def test_the_user_answers_the_candidate_and_the_candidate_knows_no_persona() -> None:
    model = client()
    await talk(model, turns=2)
    by_role = {role: [r for r in model.requests if who(r) == role] for role in ("user", "candidate")}
    assert "The candidate says" in by_role["user"][1].text
    assert all(PERSONA.profile in request.text for request in by_role["user"])
    assert not any("baker" in request.text for request in by_role["candidate"])


async def test_the_inducer_is_asked_once_at_the_end_if_at_all() -> None:
    model = client()
    tree = await talk(model, "inducer", turns=3)
    assert sum(who(request) == "inducer" for request in model.requests) == 1
    assert [node.inference is not None for node in tree] == [False, False, False, False, True, False]


async def test_an_inducer_that_fails_costs_no_dialogue() -> None:
    def answer(request: Request) -> str:
        if who(request) == "inducer":
            raise BadRequest("too long")
        return plausible(request)

    tree = await talk(client(answer), "inducer", turns=1)
    assert tree.roots[0].metadata == {"inducer": "too long"}


async def test_a_shuffled_candidate_sees_its_own_replies_under_messages_of_somebody_else_and_then_the_last() -> None:
    model = client()
    tree = await talk(model, "donor", turns=3, candidate="shuffled:offline")
    donor, own = tree.roots
    assert [node.speaker for node in donor.children[0].children] == ["donor"]
    strange = [node.content for node in tree if node.path[0] is donor]
    mine = [node.content for node in tree if node.path[0] is own]
    assert len(strange) == 4, "as many turns as there is history to show"
    assert [reply for _, reply in rated(tree)] == mine[1::2], "what is rated answers the true user"
    views = [[m.content for m in r.messages] for r in model.requests if who(r) == "candidate"][-3:]
    assert views == [[mine[0]], [strange[0], mine[1], mine[2]], [strange[0], mine[1], strange[2], mine[3], mine[4]]]
    heard = [request.text for request in model.requests if who(request) == "user" and PERSONA.profile in request.text]
    assert not any(text in heard[-1] for text in strange), "the true user never hears of it"


async def test_a_candidate_that_sees_the_last_message_sees_nothing_else() -> None:
    model = client()
    tree = await talk(model, turns=3, candidate="last:offline")
    mine = [node.content for node in tree]
    views = [[m.content for m in r.messages] for r in model.requests if who(r) == "candidate"]
    assert views == [[mine[0]], [mine[2]], [mine[4]]]
    heard = [request.text for request in model.requests if who(request) == "user"]
    assert mine[1] in heard[-1], "the user has heard all of it"
