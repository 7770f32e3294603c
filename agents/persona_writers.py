"""The Persona Writers: write a batch of profiles or personalities, shown a few as examples of the form."""

from agents.prompt import Prompt
from agents.role import Role

# A batch that is cut has lost its last text, and no other.


class ProfileWriter(Role):
    """Writes profiles. Values: `count`, `examples` (one a line)."""

    prompt = Prompt.beside(__file__, "profile_writer.txt")
    keeps_cut = True
    max_tokens = None


class PersonalityWriter(Role):
    """Writes personalities. Values: `count`, `examples` (one a line)."""

    prompt = Prompt.beside(__file__, "personality_writer.txt")
    keeps_cut = True
    max_tokens = None
