"""The Judge: sees the whole persona and chooses which of two replies this user would prefer."""

from agents.answers import Preference
from agents.prompt import Prompt
from agents.role import Role, RoleView


class Judge(Role[Preference]):
    """Compares the last two replies it was shown, in that order, whoever wrote them. Values: `profile`, `personality`.

    Raises `ValueError` if it was shown fewer than two.
    """

    prompt = Prompt.beside(__file__, "judge.txt")
    visible_roles = frozenset({"preferred", "rejected"})
    max_tokens = 512

    def values(self, view: RoleView) -> dict[str, str]:
        if len(view.shown) < 2:
            raise ValueError("the judge compares two replies; write: await judge(here, one, other)")
        first, second = view.shown[-2:]
        return {"first": first.content, "second": second.content}
