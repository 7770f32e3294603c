"""The Judge: sees the whole persona and says which of two replies this user would rather get."""

from collections.abc import Sequence

from autogen_agentchat.messages import BaseChatMessage, TextMessage

from agents.answers import Preference
from agents.prompt import Prompt
from agents.role import Role


class Judge(Role):
    """Compares the last two replies it was shown, in that order. `facts`: `profile`, `personality`.

    Raises `ValueError` if it was shown fewer than two.
    """

    prompt = Prompt.beside(__file__, "judge.txt")
    asides = frozenset({"preferred", "rejected"})
    answer = Preference

    def values(self, view: Sequence[BaseChatMessage]) -> dict[str, str]:
        replies = [m.content for m in view if m.source in self.asides and isinstance(m, TextMessage)]
        if len(replies) < 2:
            raise ValueError("the judge compares two replies: show it a preferred and a rejected one first")
        return {"first": replies[-2], "second": replies[-1]}
