"""One function: what the offline engine answers to a list of chat messages. Pure: no I/O, no state, no clock."""

from collections.abc import Sequence
from typing import Protocol

from i2a.errors import UsageError
from i2a.jsonl import JsonMapping
from i2a.models.model import Message
from i2a.simulator.parts import chooser, controls, forms, inducer, judge, responder, user, writer
from i2a.simulator.parts.prompt_parser import read
from i2a.simulator.parts.writer_markup import Values

__all__ = ["MODELS", "AnswerFunction", "answer", "named"]

# `oracle` is the engine itself, whose replies show what it knows of the person; an evaluation asks for it by name.
MODELS = ("offline", *(f"offline:{name}" for name in ("oracle", *controls.CONTROLS)))


class AnswerFunction(Protocol):
    """`answer`, or a control in its place."""

    def __call__(self, messages: Sequence[Message], /, *, seed: int, schema: JsonMapping | None = None) -> str: ...


def answer(messages: Sequence[Message], *, seed: int, schema: JsonMapping | None = None, values: Values = "all") -> str:
    """The reply to `messages`; the same messages, seed and schema give the same text in every process.

    `values`: from which of them a Persona Writer draws.
    """
    if messages and "<kind>" in messages[0].content and writer.asks_for_personas(messages[0].content):
        return writer.write(messages, seed=seed, values=values)
    wanted = frozenset(schema.get("properties", ())) if schema else frozenset[str]()
    rated = not wanted.isdisjoint(("score", "passes")) and any("<reply>" in message.content for message in messages)
    known = not schema or "winner" in wanted or {"profile", "personality"} <= wanted or rated or wanted == {"letter"}
    task = read(messages, form=not known)
    profile, personality = task.system.get("profile", ""), task.system.get("personality", "")
    if task.role == "form":
        return forms.fill(schema or {}, task, seed=seed)
    if task.role == "judge":
        replies = (task.request["reply_1"], task.request["reply_2"])
        return judge.prefer(replies, task.dialogue, judge.recipient(profile, personality), seed=seed)
    if task.role == "rater":
        reply, person = task.request["reply"], judge.recipient(profile, personality)
        if "passes" in wanted:
            return judge.passes(reply, task.dialogue, person, seed=seed)
        limits = (schema or {})["properties"]["score"]
        scale = limits.get("minimum", 1), limits.get("maximum", 5)
        return judge.rate(reply, task.dialogue, person, seed=seed, scale=scale)
    if task.role == "chooser":
        return chooser.pick(task, controls.answering, seed=seed)
    if task.role == "inducer":
        return inducer.infer(profile, personality, task.dialogue)
    if task.role == "user":
        return user.speak(user.character(tuple(task.system.items())), task.dialogue, seed=seed)
    if task.system.get("kind") == "note":
        return controls.note(task.dialogue)
    if "known" in task.system:
        return responder.informed(task.system["known"], task.dialogue, seed=seed)
    if task.probing:
        return responder.probe(task.dialogue, seed=seed)
    return responder.generic(task.dialogue, seed=seed)


def named(name: str) -> AnswerFunction:
    """What answers as `offline:NAME`; the engine itself without a name. Raises `UsageError` for an unknown one."""
    if name in ("", "oracle"):
        return answer
    if name not in controls.CONTROLS:
        raise UsageError(f"there is no offline:{name}; write offline, or one of {', '.join(MODELS[1:])}")
    control = controls.CONTROLS[name]

    def reply(messages: Sequence[Message], /, *, seed: int, schema: JsonMapping | None = None) -> str:
        task = read(messages)
        if task.role == "chooser":
            return chooser.pick(task, control, seed=seed)
        return control(task.dialogue, task.system.get("known", ""), seed)

    return reply
