"""The two Responders: the same instructions, with and without the Inducer's inference as a private hint."""

from collections.abc import Sequence

from autogen_agentchat.messages import BaseChatMessage, StructuredMessage

from agents.answers import Inference
from agents.prompt import Prompt
from agents.role import Role


class RejectedResponder(Role):
    """Replies without a hint. It never sees what the Inducer says, in a team that tells everybody neither."""

    prompt = Prompt.beside(__file__, "responder.txt")
    voice = "assistant"


class PreferredResponder(Role):
    """Replies with the Inducer's latest inference as a private hint."""

    prompt = Prompt.beside(__file__, "responder.txt", "hint.txt")
    asides = frozenset({"inducer"})
    aside_answers = (Inference,)
    voice = "assistant"

    def values(self, view: Sequence[BaseChatMessage]) -> dict[str, str]:
        inferences = [m.content for m in view if isinstance(m, StructuredMessage) and isinstance(m.content, Inference)]
        return {"known": describe(inferences[-1]) if inferences else NOTHING}


NOTHING = "(nothing yet)"


def describe(inference: Inference) -> str:
    """An inference as the hint shows it: a list of each kind that holds something."""
    parts = {"Profile": inference.profile, "Personality": inference.personality}
    return "\n".join("\n- ".join([f"{title}:", *items]) for title, items in parts.items() if items) or NOTHING
