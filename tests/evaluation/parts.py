"""Stand-ins for an evaluation: a persona, a dialogue, and models that answer as the prompt's first words ask."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evaluation.benchmark import EvalResult, evaluate
from evaluation.judge import AloeRater, Rater
from evaluation.settings import Evaluation
from i2a.testing import Request
from i2a.trees.persona import Persona
from i2a.trees.tree import Node, Tree, Utterance
from tests.fakes import ScriptedClient, mark

PERSONA = Persona("", "She is a baker. She has two cats named Salt and Pepper.", "She is blunt.", "p1", "t1")
OTHER = Persona("", "He drives a tram. He plays chess.", "He is shy.", "p2", "t2")


def who(request: Request) -> str:
    """Who asks; the donor is a user, too."""
    if request.role == "judge" and request.schema and "passes" in request.schema["properties"]:
        return "strict judge"
    return "user" if request.role == "donor" else request.role


def rating(score: object, reason: str = "so") -> str:
    return json.dumps({"reason": reason, "score": score})


def plausible(request: Request) -> str:
    """An answer of the right form that follows from the request and its seed."""
    sign = mark(request.text, request.seed)
    match who(request):
        case "judge":
            return rating(1 + int(sign, 16) % 5, sign)
        case "strict judge":
            return json.dumps({"reason": sign, "passes": int(sign, 16) % 2 == 0})
        case "inducer":
            return json.dumps({"reason": sign, "profile": ["She is a baker"], "personality": []})
        case role:
            return f"The {role} says {sign}."


LLM = "openai:x@http://localhost:1/v1"
OTHER_LLM = "openai:y@http://localhost:1/v1"


def evaluation_by(model: ScriptedClient, config: Evaluation, **more: Any) -> EvalResult:
    """An evaluation in which `model` serves every model that is not offline."""
    named = {*config.candidates, *config.judge, config.user, config.inducer}
    return evaluate(config, clients={text: model for text in named if text and text.startswith("openai:")}, **more)


def client(answer: Callable[[Request], Any] = plausible) -> ScriptedClient:
    return ScriptedClient(answer)


def dialogue(tree: Tree, *texts: str, reply: str = "candidate") -> Node:
    """Say `texts` in turns, the user first; returns the last node."""
    here: Node | None = None
    for i, text in enumerate(texts):
        here = tree.add(here, Utterance("user" if i % 2 == 0 else reply, text))
    assert here is not None
    return here


def empty(**options: Any) -> Tree:
    return Tree("a/c1", "evaluation", PERSONA, 7, {"candidate": "a", "case": "c1"} | options)


VALUES = {"profile": PERSONA.profile, "personality": PERSONA.personality}


def judges(model: ScriptedClient) -> dict[str, Rater[Any]]:
    """One judge."""
    return {"j": AloeRater("judge", model, **VALUES)}


def rated(tree: Tree) -> list[tuple[str, str]]:
    """The messages and replies that were rated, turn after turn."""
    replies = sorted((node for node in tree if "ratings" in node.metadata), key=lambda node: len(node.path))
    return [(reply.parent.content, reply.content) for reply in replies if reply.parent]


def pools(folder: Path, profiles: int, personalities: int) -> tuple[Path, Path]:
    """Files of so many profiles and personalities."""
    one, two = folder / "profiles.jsonl", folder / "personalities.jsonl"
    one.write_text("".join(json.dumps(f"Person {i} keeps {i} bees.") + "\n" for i in range(profiles)))
    two.write_text("".join(json.dumps(f"Somebody is {i} times shy.") + "\n" for i in range(personalities)))
    return one, two
