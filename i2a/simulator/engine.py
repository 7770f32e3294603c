"""One function: what the offline engine answers to a list of chat messages. Pure: no I/O, no state, no clock."""

from collections.abc import Mapping, Sequence
from typing import Any

from i2a.models.model import Message
from i2a.simulator.parts import forms, inducer, judge, rating, responder, user, writer
from i2a.simulator.parts.prompt_parser import read
from i2a.simulator.parts.writer_values import Values

__all__ = ["Message", "answer"]


def answer(
    messages: Sequence[Message], *, seed: int, schema: Mapping[str, Any] | None = None, values: Values = "all"
) -> str:
    """The reply to `messages`; the same messages, seed and schema give the same text in every process.

    `values`: from which of them a Persona Writer draws.
    """
    if messages and "<kind>" in messages[0].content and writer.asks_for_personas(messages[0].content):
        return writer.write(messages, seed=seed, values=values)
    wanted = frozenset(schema.get("properties", ())) if schema else frozenset[str]()
    rated = not wanted.isdisjoint(("score", "passes")) and any("<reply>" in message.content for message in messages)
    known = not schema or "winner" in wanted or {"profile", "personality"} <= wanted or rated
    task = read(messages, form=not known)
    profile, personality = task.given.get("profile", ""), task.given.get("personality", "")
    if task.role == "form":
        return forms.fill(schema or {}, task, seed=seed)
    if task.role == "judge":
        replies = (task.asked["reply_1"], task.asked["reply_2"])
        return judge.prefer(replies, task.dialogue, judge.persona(profile, personality), seed=seed)
    if task.role == "rater":
        rate = rating.passes if "passes" in wanted else rating.rate
        return rate(task.asked["reply"], task.dialogue, judge.persona(profile, personality), seed=seed)
    if task.role == "inducer":
        return inducer.infer(profile, personality, task.dialogue)
    if task.role == "user":
        return user.speak(user.character(tuple(task.given.items())), task.dialogue, seed=seed)
    if "known" in task.given:
        return responder.informed(task.given["known"], task.dialogue, seed=seed)
    if task.probing:
        return responder.probe(task.dialogue, seed=seed)
    return responder.generic(task.dialogue, seed=seed)
