"""The User: role-plays a persona and reveals it gradually."""

from agents.prompt import Prompt
from agents.role import Role


class User(Role):
    """A person with a profile and a personality, in a chat. Values: `profile`, `personality`."""

    prompt = Prompt.beside(__file__, "user.txt")
    transcript_roles = frozenset({"user", "assistant", "preferred"})
    chat_role = "user"
    max_tokens = 512
    plays_person = True
    keeps_prompt = False  # it follows from the persona of the tree
