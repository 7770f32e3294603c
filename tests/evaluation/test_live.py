"""A live dialogue: the user talks, the candidate answers, every reply is rated."""

from agents.inducer import Inducer
from agents.user import User
from evaluation.candidates import Candidate
from evaluation.live import live
from i2a.errors import BadRequest
from scenarios.cast import Cast
from tests.evaluation.parts import OTHER, PERSONA, client, empty, noted, plausible, who
from tests.fakes import Request, ScriptedClient, spoken


def cast_of(model: ScriptedClient) -> Cast:
    def facts(persona: object) -> dict[str, str]:
        return {"profile": persona.profile, "personality": persona.personality}  # type: ignore[attr-defined]

    return Cast(
        {
            "user": User("user", model, **facts(PERSONA)),
            "donor": User("donor", model, **facts(OTHER)),
            "inducer": Inducer("inducer", model, **facts(PERSONA)),
            "candidate": Candidate.parse("offline").play(model, PERSONA),
        }
    )


async def test_every_reply_is_rated_after_the_message_that_it_answers() -> None:
    tree = empty()
    rate, asked = noted()
    await live(tree, cast_of(client()), rate, turns=3)
    (end,) = tree.ends
    assert spoken(end) == ["user", "candidate"] * 3
    assert [
        (message.content, reply.content) for message, reply in zip(end.path[::2], end.path[1::2], strict=True)
    ] == asked


async def test_the_user_answers_the_candidate_and_the_candidate_knows_no_persona() -> None:
    model = client()
    await live(empty(), cast_of(model), noted()[0], turns=2)
    by_role = {role: [r for r in model.requests if who(r) == role] for role in ("user", "candidate")}
    assert "The candidate says" in by_role["user"][1].text
    assert all(PERSONA.profile in request.text for request in by_role["user"])
    assert not any("baker" in request.text for request in by_role["candidate"])


async def test_the_inducer_is_asked_once_at_the_end_if_at_all() -> None:
    model, tree = client(), empty()
    await live(tree, cast_of(model), noted()[0], turns=3, induce=True)
    assert sum(who(request) == "inducer" for request in model.requests) == 1
    assert [node.inference is not None for node in tree] == [False, False, False, False, True, False]


async def test_an_inducer_that_fails_costs_no_dialogue() -> None:
    def answer(request: Request) -> str:
        if who(request) == "inducer":
            raise BadRequest("too long")
        return plausible(request)

    tree = empty()
    await live(tree, cast_of(client(answer)), noted()[0], turns=1, induce=True)
    assert tree.roots[0].notes == {"inducer": "too long"}


async def test_a_shuffled_candidate_sees_the_history_of_somebody_else_and_the_message_of_this_user() -> None:
    model, tree = client(), empty()
    rate, asked = noted()
    await live(tree, cast_of(model), rate, turns=3, shuffle=True)
    donor, own = tree.roots
    assert [node.speaker for node in donor.children[0].children] == ["donor"]
    strange = [node.content for node in tree if node.path[0] is donor]
    mine = [node.content for node in tree if node.path[0] is own]
    assert len(strange) == 4, "as many turns as there is history to show"
    assert [reply for _, reply in asked] == mine[1::2], "what is rated answers the true user"
    views = [[str(m.content) for m in r.messages] for r in model.requests if who(r) == "candidate"][-3:]
    assert views == [[mine[0]], [*strange[:2], mine[2]], [*strange, mine[4]]]
    heard = [request.text for request in model.requests if who(request) == "user" and PERSONA.profile in request.text]
    assert not any(text in heard[-1] for text in strange), "the true user never hears of it"
