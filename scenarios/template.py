"""The file that `i2a scenarios new` writes: a minimal scenario with a role of its own."""

from pathlib import Path
from string import Template

from i2a.errors import UsageError

SCRIPT = Template('''"""$title: two people talk about something that one of them knows well."""

from agents.prompt import Prompt
from agents.role import Role
from agents.user import User
from i2a.trees.tree import Node, Tree
from scenarios import scenario


class Interviewer(Role):
    """Asks about the other's life."""

    prompt = Prompt("You interview a person about their life. Ask one short question that follows from their words.")


@scenario
async def $name(tree: Tree, user: User, interviewer: Interviewer, *, turns: int = 4) -> None:
    """A person is interviewed."""
    here: Node | None = None
    for _ in range(turns):
        here = tree.add(here, await user(here))
        here = tree.add(here, await interviewer(here))
''')


def write(name: str) -> Path:
    """Write NAME.py into the current folder. Raises `UsageError` if the file exists."""
    if not name.isidentifier():
        raise UsageError(f"{name!r} is no name for a scenario; write a Python identifier such as my_scenario")
    path = Path(f"{name}.py")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(SCRIPT.substitute(name=name, title=name.replace("_", " ").capitalize()))
    except FileExistsError:
        raise UsageError(f"{path} already exists; choose another name") from None
    return path
