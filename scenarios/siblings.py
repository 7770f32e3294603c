"""What a policy learns from: several replies to the same words, of which one goes on. With whom: the User."""

from agents.prompt import Prompt
from agents.role import Role
from agents.user import User
from i2a.trees.tree import Node, Tree
from scenarios.script import scenario


class Policy(Role):
    """Talks with the person under no instructions, as a model does that is trained or measured here."""

    prompt = Prompt("")
    chat_role = "assistant"
    max_tokens = 512


@scenario
async def siblings(tree: Tree, user: User, policy: Policy, *, turns: int = 10) -> None:
    """A person and a policy, whose replies to a message are --replies many; one of them goes on."""
    here: Node | None = None
    for _ in range(turns):
        here = tree.add(here, await user(here))
        here = tree.keep(tree.add(here, await policy(here)))
