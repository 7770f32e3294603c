"""A live dialogue: the user talks, the candidate answers, every reply is rated."""

from typing import Any

import pytest

from agents.inducer import Inducer
from agents.memory import ASK
from agents.role import introduce
from agents.user import User
from evaluation.candidates import Candidate
from evaluation.judge import scores
from evaluation.live import Change, live
from i2a.errors import BadRequest
from i2a.testing import Request
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree
from tests.evaluation.parts import OTHER, PERSONA, client, empty, judges, plausible, rated, rating, who
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


# Where the person changes, and where it comes back.


async def course(candidate: str, **options: Any) -> tuple[Tree, ScriptedClient]:
    """A live dialogue of four turns in which all are one model; the judge gives a reply a 5 for the shy person."""

    def answer(request: Request) -> str:
        if who(request) == "judge":
            return rating(5 if OTHER.personality in request.text else 1)
        return "You keep bees." if ASK in request.messages[-1].content else plausible(request)

    model = client(answer)
    tree = empty()
    tree.personas = {"later": OTHER} if "change" in options else {}
    played = Candidate.parse(candidate)
    here, later = played.play(model, PERSONA), played.play(model, OTHER)
    roles = [User("user", model, **PERSONA.values), User("donor", model, **OTHER.values)]
    inducer = Inducer("inducer", model, **PERSONA.values)
    introduce([here, later, *roles, inducer])
    donor = roles[1] if played.role.meets_donor else None
    if "change" in options:
        options["change"] = Change(options["change"], later)
    await live(tree, roles[0], here, judges(model), donor, inducer, turns=4, **options)
    return tree, model


def of_role(model: ScriptedClient, role: str) -> list[str]:
    return [request.text for request in model.requests if who(request) == role]


async def test_from_the_change_on_the_person_is_another_and_replies_are_rated_for_both() -> None:
    tree, model = await course("offline", change=3)
    assert [OTHER.personality in text for text in of_role(model, "user")] == [False, False, True, True]
    assert OTHER.personality in of_role(model, "inducer")[0]
    found = list(scores(tree))
    assert [score.score for score in found] == [1, 1, 5, 5], "for the persona that holds"
    assert [score.other.score for score in found if score.other] == [5, 5, 1, 1]
    assert [score.turn for score in found] == [1, 2, 3, 4]


async def test_an_oracle_is_told_of_the_person_that_holds() -> None:
    _, model = await course("oracle:offline", change=3)
    told = [OTHER.personality in text for text in of_role(model, "candidate")]
    assert told == [False, False, True, True]


async def test_the_candidate_has_its_note_alone_of_an_earlier_session_and_judges_have_heard_all() -> None:
    tree, model = await course("offline", sessions=2)
    first, second = tree.roots
    asked = of_role(model, "candidate")
    assert ASK in asked[2]
    assert first.content in asked[2]
    assert "You keep bees." in asked[3]
    assert first.content not in asked[3]
    assert all(first.content in text for role in ("user", "judge") for text in of_role(model, role)[1:])
    assert not any("You keep bees." in text for role in ("user", "judge") for text in of_role(model, role))
    assert (second.speaker, [score.turn for score in scores(tree)]) == ("note", [1, 2, 3, 4])
    sent = [[message.role for message in request.messages] for request in model.requests if who(request) == "candidate"]
    assert sent[3:] == [["user"], ["user", "assistant", "user"]], "the note and the message are one"


@pytest.mark.parametrize(
    ("wrapper", "note", "sees_all"),
    [
        ("no-note", "", False),
        ("history", "", True),
        ("other-note", "You keep bees.", False),
        ("true-note", "a baker", False),
    ],
)
async def test_controls_of_a_note_carry_nothing_everything_somebody_elses_or_what_is_true(
    wrapper: str, note: str, sees_all: bool
) -> None:
    tree, model = await course(f"{wrapper}:offline", sessions=2)
    last = of_role(model, "candidate")[-1]
    mine = [root for root in tree.roots if "session" in root.metadata]
    assert len(mine) == 2
    assert (mine[1].speaker == "note", note in last) == (bool(note), True)
    assert (mine[0].content in last) is sees_all
    asked = [node for node in tree if node.content == ASK]
    assert [node.path[0].speaker for node in asked] == (["donor"] if wrapper == "other-note" else [])
