"""The Inducer: sees the persona and the dialogue, and says what the dialogue has revealed of it."""

from agents.answers import Inference
from agents.prompt import Prompt
from agents.role import Role


class Inducer(Role[Inference]):
    """Notes, in the persona's own words, what the user has revealed so far. Values: `profile`, `personality`."""

    prompt = Prompt.beside(__file__, "inducer.txt")
    transcript_roles = frozenset({"user", "assistant", "preferred"})
