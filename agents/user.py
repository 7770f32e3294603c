"""The User: role-plays a persona and reveals it gradually."""

from agents.prompt import Prompt
from agents.role import Role


class User(Role):
    """A person with a profile and a personality, in a chat. `facts`: `profile`, `personality`."""

    prompt = Prompt.beside(__file__, "user.txt")
    dialogue = frozenset({"user", "assistant", "preferred"})
    voice = "user"
