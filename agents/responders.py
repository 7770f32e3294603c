"""The two Responders: the same instructions, with and without the Inducer's inference as a private hint."""

from agents.answers import Inference
from agents.prompt import Prompt
from agents.role import Role, RoleView


class RejectedResponder(Role):
    """Replies without a hint. Never sees the Inducer's answers, not even in a team that broadcasts everything."""

    prompt = Prompt.beside(__file__, "responder.txt")
    chat_role = "assistant"
    max_tokens = 512
    keeps_prompt = False  # it is the same for all trees


class PreferredResponder(Role):
    """Replies with the Inducer's latest inference as a private hint."""

    prompt = Prompt.beside(__file__, "responder.txt", "hint.txt")
    visible_roles = frozenset({"inducer"})
    visible_answers = (Inference,)
    chat_role = "assistant"
    max_tokens = 512
    private = frozenset({"known"})
    keeps_prompt = False  # the hint is not for learning, and follows from the inference of the node

    def values(self, view: RoleView) -> dict[str, str]:
        inferences = [answer for answer in view.answers if isinstance(answer, Inference)]
        return {"known": describe(inferences[-1]) if inferences else NOTHING}


NOTHING = "(nothing yet)"


def describe(inference: Inference) -> str:
    """An inference as the text of the hint: a list for each kind that is not empty."""
    parts = {"Profile": inference.profile, "Personality": inference.personality}
    return "\n".join("\n- ".join([f"{title}:", *items]) for title, items in parts.items() if items) or NOTHING
