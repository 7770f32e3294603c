"""The Inducer: sees the persona and the dialogue, and says what the dialogue has revealed of it."""

from agents.answers import Inference
from agents.prompt import Prompt
from agents.role import Role


class Inducer(Role):
    """Notes, in the persona's own words, what the user has revealed so far. `facts`: `profile`, `personality`."""

    prompt = Prompt.beside(__file__, "inducer.txt")
    dialogue = frozenset({"user", "assistant", "preferred"})
    answer = Inference
