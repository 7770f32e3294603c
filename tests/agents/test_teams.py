"""Each role works in teams that are not ours, and there the Rejected Responder is never told the hint."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.base import TaskResult, Team
from autogen_agentchat.messages import StructuredMessage, TextMessage
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat

from agents.answers import Inference, Preference
from agents.inducer import Inducer
from agents.judge import Judge
from agents.responders import PreferredResponder, RejectedResponder
from agents.role import Role
from agents.user import User
from i2a.testing import Request
from tests.fakes import ScriptedClient, plausible

SECRET = "keeps bees"
ORDER = ["user", "inducer", "preferred", "rejected", "judge"]


def answer(request: Request) -> str:
    if request.role == "inducer":
        return json.dumps({"reason": "it shows", "profile": [SECRET], "personality": []})
    return plausible(request)


def roles_on(client: ScriptedClient) -> dict[str, Role[Any]]:
    values = {"profile": f"A baker who {SECRET}.", "personality": "Blunt."}
    return {
        "user": User("user", client, **values),
        "inducer": Inducer("inducer", client, **values),
        "preferred": PreferredResponder("preferred", client),
        "rejected": RejectedResponder("rejected", client),
        "judge": Judge("judge", client, **values),
    }


def round_robin(roles: dict[str, Role[Any]]) -> Team:
    return RoundRobinGroupChat([*roles.values()], max_turns=10)


def graph(roles: dict[str, Role[Any]]) -> Team:
    builder = DiGraphBuilder()
    for role in roles.values():
        builder.add_node(role)
    for source, target in (
        ("user", "inducer"),
        ("inducer", "preferred"),
        ("user", "rejected"),
        ("preferred", "judge"),
        ("rejected", "judge"),
    ):
        builder.add_edge(roles[source], roles[target])
    builder.set_entry_point(roles["user"])
    return GraphFlow(participants=[*roles.values()], graph=builder.build())


async def two_rounds(make: Callable[[dict[str, Role[Any]]], Team], client: ScriptedClient) -> list[TaskResult]:
    """Two rounds of five utterances each. A GraphFlow goes through its graph once in a run.

    There is no task: its source would be `user`, which a GraphFlow takes for the word of the User.
    """
    team = make(roles_on(client))
    return [await team.run() for _ in range(2 if isinstance(team, GraphFlow) else 1)]


@pytest.mark.parametrize("make", [round_robin, graph])
async def test_every_role_speaks_once_in_each_round(make: Callable[[dict[str, Role[Any]]], Team]) -> None:
    client = ScriptedClient(answer)
    await two_rounds(make, client)
    assert client.calls == dict.fromkeys(ORDER, 2)


@pytest.mark.parametrize("make", [round_robin, graph])
async def test_the_hint_reaches_the_preferred_responder_and_never_the_other(
    make: Callable[[dict[str, Role[Any]]], Team],
) -> None:
    client = ScriptedClient(answer)
    await two_rounds(make, client)
    assert all(SECRET in request.text for request in client.of("preferred"))
    assert not any(SECRET in request.text for request in client.of("rejected"))
    assert not any("winner" in request.text for request in client.of("rejected"))
    said = {m.content for request in client.of("rejected") for m in request.messages[1:]}
    assert not any(text.startswith("preferred says") for text in said)


@pytest.mark.parametrize("make", [round_robin, graph])
async def test_the_judge_compares_the_two_latest_replies(make: Callable[[dict[str, Role[Any]]], Team]) -> None:
    client = ScriptedClient(answer)
    results = await two_rounds(make, client)
    messages = [message for result in results for message in result.messages]
    texts = {name: [m.content for m in messages if m.source == name and isinstance(m, TextMessage)] for name in ORDER}
    for turn, request in enumerate(client.of("judge")):
        assert set(request.replies) == {texts["preferred"][turn], texts["rejected"][turn]}


@pytest.mark.parametrize("make", [round_robin, graph])
async def test_verdicts_and_inferences_come_as_values(make: Callable[[dict[str, Role[Any]]], Team]) -> None:
    results = await two_rounds(make, ScriptedClient(answer))
    structured = [m for result in results for m in result.messages if isinstance(m, StructuredMessage)]
    assert {type(message.content) for message in structured} == {Inference, Preference}
    assert len(structured) == 4


@pytest.mark.parametrize("make", [round_robin, graph])
async def test_inferences_and_verdicts_are_no_part_of_a_transcript(
    make: Callable[[dict[str, Role[Any]]], Team],
) -> None:
    client = ScriptedClient(answer)
    await two_rounds(make, client)
    for request in (*client.of("inducer"), *client.of("judge")):
        transcript = request.text.partition("<dialogue>\n")[2].partition("\n</dialogue>")[0]
        speakers = {line.partition(":")[0] for line in transcript.splitlines()}
        assert speakers <= {"User", "Assistant", "Preferred"}, transcript


async def test_in_a_round_robin_everybody_speaks_in_order() -> None:
    (result,) = await two_rounds(round_robin, ScriptedClient(answer))
    assert [message.source for message in result.messages] == ORDER * 2


async def test_in_a_round_robin_the_user_hears_what_the_preferred_responder_said() -> None:
    client = ScriptedClient(answer)
    (result,) = await two_rounds(round_robin, client)
    reply = next(m.content for m in result.messages if m.source == "preferred" and isinstance(m, TextMessage))
    assert reply in client.of("user")[1].text


async def test_a_team_is_saved_and_goes_on() -> None:
    client = ScriptedClient(answer)
    team = RoundRobinGroupChat([*roles_on(client).values()], max_turns=5)
    await team.run()
    state = json.loads(json.dumps(await team.save_state()))
    again = RoundRobinGroupChat([*roles_on(client).values()], max_turns=5)
    await again.load_state(state)
    await again.run()
    assert "user says" in client.of("user")[1].text
