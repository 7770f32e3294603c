"""The Memory: writes the note that is all that is left of a chat when the person comes back."""

from types import MappingProxyType

from agents.prompt import Prompt
from agents.role import Role
from i2a.trees.tree import NOTE

ASK = "That was it for today. What do you remember about me? Write it down for yourself, for the next time we talk."
FRAME = "What you wrote down about me after we last talked: {note}"


class Memory(Role):
    """Answers the request for a note at the end of a chat."""

    prompt = Prompt.beside(__file__, "memory.txt")
    chat_role = "assistant"
    max_tokens = 512
    brings = MappingProxyType({NOTE: "user"})
