"""A scenario is a file that anybody can write: what is wrong with it is said in one line, with its place."""

import json
import textwrap
from pathlib import Path

import pytest

from i2a.errors import UsageError
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree
from scenarios.aloe import aloe
from scenarios.script import Scenario, find, installed, load
from scenarios.settings import Simulation
from scenarios.simulation import plan_simulation
from tests.fakes import ScriptedClient

GOOD = """
from agents.user import User
from scenarios import scenario

@scenario
async def chat(tree, user: User, *, turns: int = 2, mood: str = "calm", warm: bool = False, heat: float = 0.5) -> None:
    \"\"\"A person talks to themselves.

    More about it.\"\"\"
    tree.add(None, await user(None))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chat.py"


def written(file: Path, text: str = GOOD) -> Path:
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def complaint(file: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(written(file, text))
    message = str(caught.value)
    assert "\n" not in message
    assert "chat.py" in message
    return message


# What is right.


def test_a_scenario_is_read_off_its_script(file: Path) -> None:
    chat = load(written(file))
    assert (chat.name, chat.about) == ("chat", "A person talks to themselves.")
    assert chat.options == {"turns": 2, "mood": "calm", "warm": False, "heat": 0.5}
    assert list(chat.roles) == ["user"]
    assert chat.file == file


DEBATE = """
from agents.prompt import Prompt
from agents.role import Role
from scenarios import scenario

# No persona takes part.
class Speaker(Role):
    prompt = Prompt("Speak for the motion.")

@scenario
async def debate(tree, speaker: Speaker) -> None:
    \"\"\"Two sides, and no persona.\"\"\"
    tree.add(None, await speaker(None))
"""


def test_only_a_script_that_tells_or_reads_a_persona_uses_personas(file: Path) -> None:
    assert load(written(file)).uses_personas  # the user's prompt names it
    assert not load(written(file, DEBATE)).uses_personas
    assert load(written(file, f"{DEBATE}    print(tree.persona.profile)\n")).uses_personas


@pytest.mark.parametrize("setting", ["role_model", "role_max_tokens"])
def test_a_setting_of_a_role_that_the_scenario_lacks_is_refused(tmp_path: Path, setting: str) -> None:
    values = {"role_model": {"juge": "offline"}, "role_max_tokens": {"juge": 300}}
    config = Simulation(out=tmp_path / "run", **{setting: values[setting]})
    with pytest.raises(UsageError, match="scenario aloe has no role 'juge'; its roles: user, "):
        plan_simulation(config)


def test_a_scenario_is_found_by_name_or_by_path(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find("aloe") is aloe
    assert find(f"{written(file)}:chat").name == "chat"
    assert find("scenarios.aloe:aloe") is aloe
    assert find(str(written(file))).name == "chat"
    monkeypatch.chdir(file.parent)
    assert find("chat.py").name == "chat"
    assert find("./chat.py").name == "chat"


def test_a_scenario_is_found_through_a_link(file: Path, tmp_path: Path) -> None:
    written(file)
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    assert load(tmp_path / "link" / "chat.py").name == "chat"


def test_the_shipped_scenarios_are_installed_and_load() -> None:
    assert installed().keys() >= {"aloe", "full_tree", "tutor"}
    for name in ("aloe", "full_tree", "tutor"):
        found = find(name)
        assert isinstance(found, Scenario)
        assert found.name == name
        assert found.about


def test_a_script_may_bring_roles_of_its_own_and_import_another_scenario(file: Path) -> None:
    chat = load(
        written(
            file,
            """
            from agents.prompt import Prompt
            from agents.role import Role
            from scenarios.aloe import aloe
            from scenarios import scenario

            class Critic(Role):
                prompt = Prompt("Criticise.")

            @scenario
            async def review(tree, critic: Critic): ...
            """,
        )
    )
    assert (chat.name, chat.about, chat.options) == ("review", "", {})


# What is wrong.

HEAD = "from agents.user import User\nfrom scenarios import scenario\n\n"


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("@scenario\ndef chat(tree, user: User): ...", 4, "must be a coroutine"),
        ("@scenario\nasync def chat(tree, user: User):\n    yield", 4, "must be a coroutine"),
        ("@scenario\nasync def chat(user: User, tree): ...", 4, "takes the tree first"),
        ("@scenario\nasync def chat(): ...", 4, "takes the tree first"),
        ("@scenario\nasync def chat(tree, user: User, turns=2): ...", 4, "'turns' needs a *"),
        ("@scenario\nasync def chat(tree, user: User, *, turns): ...", 4, "option 'turns' needs a default"),
        ("@scenario\nasync def chat(tree, **more): ...", 4, "'more' needs a *"),
        ("@scenario\nasync def chat(tree, user): ...", 4, "'user' needs a subclass of Role as its annotation"),
        ("@scenario\nasync def chat(tree, user: int): ...", 4, "'user' needs a subclass of Role as its annotation"),
        ("@scenario\nasync def chat(tree, user: Usr): ...", 5, "name 'Usr' is not defined"),
        ("@scenario\nclass Chat: ...", 4, "must be a coroutine"),
        (
            "from agents.role import Role\n@scenario\nasync def chat(tree, user: Role): ...",
            5,
            "role Role has no prompt; write: prompt = Prompt",
        ),
        ("@scenario()\nasync def chat(tree, user: User): ...", 4, "write @scenario above"),
        ("@scenario(roles={'user': User})\nasync def chat(tree, cast): ...", 4, "roles are parameters"),
        ("@scenario\nasync def chat(tree, cast): ...", 4, "there is no cast any more, roles are parameters"),
        ("from scenarios import Cast", 4, "there is no Cast any more: roles are parameters"),
        ("from scenarios.cast import Cast", 4, "this is a script of version 0.1, roles are parameters now"),
        ("from nowhere import nothing", 4, "No module named 'nowhere'"),
        ("x = 1\nprint(y)", 5, "NameError: name 'y' is not defined"),
        ("def f():\n    return 1 / 0\n\nf()", 5, "ZeroDivisionError"),
        ("def f(:\n    pass", 4, "def f(:"),
    ],
)
def test_what_is_wrong_with_a_script_is_said_with_its_line(file: Path, body: str, line: int, said: str) -> None:
    message = complaint(file, HEAD + body)
    assert f"chat.py:{line}: " in message
    assert said in message


def test_a_script_of_the_first_form_is_told_what_to_write_instead(file: Path) -> None:
    message = complaint(file, HEAD + "@scenario(roles={'user': User})\nasync def chat(tree, cast): ...")
    assert (
        "@scenario takes no arguments, roles are parameters; write @scenario above: async def NAME(tree: Tree"
        in message
    )


def test_annotations_may_be_put_off(file: Path) -> None:
    assert list(load(written(file, "from __future__ import annotations\n" + GOOD)).roles) == ["user"]


@pytest.mark.parametrize("default", ["object()", "b'x'"])
def test_an_option_that_no_flag_and_no_manifest_could_hold_is_refused(file: Path, default: str) -> None:
    message = complaint(file, HEAD + f"@scenario\nasync def chat(tree, user: User, *, x={default}): ...")
    assert "'x'" in message


def test_a_module_beside_the_script_can_be_imported(file: Path) -> None:
    file.with_name("my_motions.py").write_text("MOTIONS = ['Tea is better.']")
    assert load(written(file, GOOD.replace("from scenarios", "from my_motions import MOTIONS\nfrom scenarios"))).roles


def test_an_error_in_a_module_that_the_script_imports_is_not_blamed_on_the_script(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(file.parent)
    (file.parent / "broken_helper.py").write_text("\n\n\ndef f(:\n")
    with pytest.raises(UsageError, match=r"broken_helper\.py:4: invalid syntax: def f\(:"):
        load(written(file, "import broken_helper"))


@pytest.mark.parametrize(
    ("count", "text"), [(0, "x = 1"), (0, "from scenarios.aloe import aloe"), (2, GOOD + GOOD.replace("chat", "talk"))]
)
def test_a_file_holds_one_scenario(file: Path, count: int, text: str) -> None:
    message = complaint(file, text)
    assert f"found {count} scenarios, need one" in message


def test_a_file_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.py: there is no such file; `i2a scenarios new"):
        find(str(tmp_path / "nowhere.py"))


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"no scenario 'allo'; there are: .*aloe.*full_tree.*tutor"):
        find("allo")


# Options.


@pytest.mark.parametrize(
    ("given", "settled"),
    [
        ({}, {}),
        ({"turns": 3}, {"turns": 3}),
        ({"turns": "3"}, {"turns": 3}),
        ({"mood": "wild"}, {"mood": "wild"}),
        ({"mood": 3}, {"mood": "3"}),
        ({"warm": "yes"}, {"warm": True}),
        ({"warm": "False"}, {"warm": False}),
        ({"warm": True}, {"warm": True}),
        ({"heat": "0.7"}, {"heat": 0.7}),
        ({"heat": 1}, {"heat": 1.0}),
    ],
)
def test_options_take_the_type_of_their_default(
    file: Path, given: dict[str, object], settled: dict[str, object]
) -> None:
    chat = load(written(file))
    options = chat.resolve(given)
    assert options == {**chat.options, **settled}
    assert [type(value) for value in options.values()] == [int, str, bool, float]


def test_an_option_that_does_not_fit_is_told(file: Path) -> None:
    with pytest.raises(UsageError, match="option turns='three' of scenario chat: Input should be a valid integer"):
        load(written(file)).resolve({"turns": "three"})
    with pytest.raises(UsageError, match="scenario chat has no option 'length'; its options: turns, mood, warm, heat"):
        load(written(file)).resolve({"length": 3})


TYPED = """
from typing import Literal
from pydantic import BaseModel
from agents.user import User
from scenarios import scenario

class Motion(BaseModel):
    text: str

seen = []

@scenario
async def chat(tree, user: User, *, motion: Motion = Motion(text="x"), side: Literal["pro", "con"] = "pro") -> None:
    seen.append((motion, side))
"""


async def test_options_of_any_type_are_stored_as_json_and_reach_the_script_as_what_they_are(file: Path) -> None:
    chat = load(written(file, TYPED))
    options = chat.resolve({"motion": '{"text": "Tea."}', "side": "con"})
    assert options == json.loads(json.dumps(options)) == {"motion": {"text": "Tea."}, "side": "con"}
    await chat.grow(Tree("t", "chat", Persona("p", "A baker.", "Blunt."), 1), {"user": ScriptedClient()}, **options)
    ((motion, side),) = chat.script.__globals__["seen"]
    assert (type(motion).__name__, motion.text, side) == ("Motion", "Tea.", "con")


# Fingerprint.


def test_the_fingerprint_changes_with_the_file_and_with_nothing_else(file: Path) -> None:
    before = load(written(file)).fingerprint
    assert load(file).fingerprint == before
    assert load(written(file.with_name("other_name.py"))).fingerprint == before
    assert load(written(file, GOOD + "# changed\n\n\n")).fingerprint == before
    assert load(written(file, GOOD + "CHANGED = True\n")).fingerprint != before


def test_docstrings_do_not_count_and_a_text_that_is_used_does(file: Path) -> None:
    text = """
    '''A module.'''
    from agents.user import User
    from scenarios import scenario

    @scenario
    async def chat(tree, user: User):
        '''Nothing yet.'''
        tree.roots.append("Hi.")
    """
    before = load(written(file, text)).fingerprint
    assert load(written(file, text.replace("Nothing yet.", "Still nothing."))).fingerprint == before
    assert load(written(file, text.replace("A module.", ""))).fingerprint == before
    assert load(written(file, text.replace("Hi.", "Ho."))).fingerprint != before


def test_modules_beside_the_script_that_it_imports_count_and_others_do_not(file: Path) -> None:
    text = "import near\n" + GOOD
    near, far, other = (file.with_name(f"{name}.py") for name in ("near", "far", "other"))
    near.write_text("from far import WORD\n")
    far.write_text("WORD = 'a'\n")
    other.write_text("")
    before = load(written(file, text)).fingerprint
    other.write_text("WORD = 'b'\n")
    far.write_text("WORD = 'a'  # as it was\n")
    assert load(file).fingerprint == before
    far.write_text("WORD = 'b'\n")
    assert load(file).fingerprint != before


def test_the_fingerprint_changes_with_the_prompt_of_a_role(file: Path) -> None:
    text = """
    from pathlib import Path
    from agents.prompt import Prompt
    from agents.role import Role
    from scenarios import scenario

    class Critic(Role):
        prompt = Prompt.beside(__file__, "critic.txt")

    @scenario
    async def review(tree, critic: Critic): ...
    """
    prints = set()
    for prompt in ("Criticise.", "Praise."):
        file.with_name("critic.txt").write_text(prompt)
        prints.add(load(written(file, text)).fingerprint)
    assert len(prints) == 2


# Other prompts.


def test_a_role_gets_another_prompt_and_the_fingerprint_changes(tmp_path: Path) -> None:
    prompt = tmp_path / "judge.txt"
    prompt.write_text("Which is shorter?\n---\n$first\n\n$second\n", "utf-8")
    changed = aloe.with_prompts({"judge": prompt})
    assert changed.roles["judge"].prompt.text == "Which is shorter?\n---\n$first\n\n$second"
    assert issubclass(changed.roles["judge"], aloe.roles["judge"])
    assert changed.roles["user"] is aloe.roles["user"]
    assert changed.fingerprint != aloe.fingerprint
    assert aloe.with_prompts({}).fingerprint == aloe.fingerprint


@pytest.mark.parametrize(
    ("role", "text", "said"),
    [
        ("jugde", "Hello.", r"scenario aloe has no role 'jugde'; its roles: user, inducer, preferred, rejected, judge"),
        (
            "judge",
            "$frist $second",
            r"no value for \$frist of judge; there are: \$dialogue, \$first, \$personality, .*\$second",
        ),
        ("user", "$known", r"no value for \$known of user; there are: \$dialogue, \$personality, \$profile$"),
        ("user", None, r"prompt.txt: cannot be read as the prompt of user: "),
    ],
)
def test_a_prompt_that_cannot_be_filled_is_refused_with_the_names_there_are(
    tmp_path: Path, role: str, text: str | None, said: str
) -> None:
    file = tmp_path / "prompt.txt"
    if text is not None:
        file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=said):
        aloe.with_prompts({role: file})
