"""The Inducer: sees the persona and the dialogue, and lists what the dialogue has revealed of the persona."""

from agents.answers import Inference
from agents.prompt import Prompt
from agents.role import Role


class Inducer(Role[Inference]):
    """Lists, in the words of the persona, what the user has revealed so far. Values: `profile`, `personality`."""

    prompt = Prompt.beside(__file__, "inducer.txt")
    transcript_roles = frozenset({"user", "assistant", "preferred"})
