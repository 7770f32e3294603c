"""A scenario is a file that anybody can write: what is wrong with it is said in one line, with its place."""

import textwrap
from pathlib import Path

import pytest

from i2a.errors import UsageError
from scenarios.aloe import aloe
from scenarios.script import Scenario, find, installed, load

GOOD = """
from agents.user import User
from scenarios import scenario

@scenario(roles={"user": User})
async def chat(tree, cast, *, turns: int = 2, mood: str = "calm", warm: bool = False, heat: float = 0.5) -> None:
    \"\"\"A person talks to themselves.

    More about it.\"\"\"
    tree.add(None, await cast.user(None))
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


def test_a_scenario_is_found_by_name_or_by_path(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find("aloe") is aloe
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

            @scenario(roles={"critic": Critic})
            async def review(tree, cast): ...
            """,
        )
    )
    assert (chat.name, chat.about, chat.options) == ("review", "", {})


# What is wrong.

HEAD = "from agents.user import User\nfrom scenarios import scenario\n\n"


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("@scenario(roles={'user': User})\ndef chat(tree, cast): ...", 4, "must be a coroutine"),
        ("@scenario(roles={'user': User})\nasync def chat(tree, cast):\n    yield", 4, "must be a coroutine"),
        ("@scenario(roles={'user': User})\nasync def chat(cast, tree): ...", 4, "takes the tree and the cast first"),
        ("@scenario(roles={'user': User})\nasync def chat(): ...", 4, "takes the tree and the cast first"),
        ("@scenario(roles={'user': User})\nasync def chat(tree, cast, turns=2): ...", 4, "'turns' needs a *"),
        ("@scenario(roles={'user': User})\nasync def chat(tree, cast, *, turns): ...", 4, "'turns' needs a *"),
        ("@scenario(roles={'user': User})\nasync def chat(tree, cast, **more): ...", 4, "'more' needs a *"),
        (
            "@scenario(roles={'user': 'User'})\nasync def chat(tree, cast): ...",
            4,
            "role 'user' is 'User', not a subclass",
        ),
        ("@scenario(roles={'user': int})\nasync def chat(tree, cast): ...", 4, "not a subclass of agents.role.Role"),
        ("@scenario(roles={'the user': User})\nasync def chat(tree, cast): ...", 4, "'the user' cannot name a role"),
        ("@scenario\nasync def chat(tree, cast): ...", 4, "TypeError"),
        ("@scenario()\nasync def chat(tree, cast): ...", 4, "roles"),
        pytest.param("@scenario(roles=[User])\nasync def chat(tree, cast): ...", 4, "roles"),
        pytest.param("@scenario(roles={'user': User})\nclass Chat: ...", 4, "must be a coroutine"),
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


@pytest.mark.parametrize("name", ["told", "path", "_roles"])
def test_a_role_whose_name_the_cast_needs_itself_is_refused(file: Path, name: str) -> None:
    """`cast.told` would not be the role."""
    message = complaint(file, HEAD + f"@scenario(roles={{'{name}': User}})\nasync def chat(tree, cast): ...")
    assert name in message


@pytest.mark.parametrize("default", ["object()", "b'x'"])
def test_an_option_that_no_flag_and_no_manifest_could_hold_is_refused(file: Path, default: str) -> None:
    message = complaint(
        file, HEAD + f"@scenario(roles={{'user': User}})\nasync def chat(tree, cast, *, x={default}): ..."
    )
    assert "'x'" in message


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
    options = chat.settle(given)
    assert options == chat.options | settled
    assert [type(value) for value in options.values()] == [int, str, bool, float]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"turns": "three"}, "option turns='three' of scenario chat must be int"),
        ({"warm": "perhaps"}, "option warm='perhaps' of scenario chat must be bool"),
        ({"heat": "hot"}, "must be float"),
        ({"length": 3}, "scenario chat has no option 'length'; its options: turns, mood, warm, heat"),
        pytest.param({"turns": 2.7}, "must be int"),
        ({"turns": None}, "must be int"),
        pytest.param({"warm": 5}, "must be bool"),
    ],
)
def test_an_option_that_does_not_fit_is_told(file: Path, given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(written(file)).settle(given)
    assert said in str(caught.value)


def test_a_list_is_not_made_of_the_letters_of_a_word(file: Path) -> None:
    chat = load(written(file, GOOD.replace('mood: str = "calm"', "moods: list = ['calm']")))
    with pytest.raises(UsageError, match="moods"):
        chat.settle({"moods": "wild"})


# Fingerprint.


def test_the_fingerprint_changes_with_the_file_and_with_nothing_else(file: Path) -> None:
    before = load(written(file)).fingerprint
    assert load(file).fingerprint == before
    assert load(written(file.with_name("other_name.py"))).fingerprint == before
    assert load(written(file, GOOD + "# changed\n")).fingerprint != before


def test_the_fingerprint_changes_with_the_prompt_of_a_role(file: Path) -> None:
    text = """
    from pathlib import Path
    from agents.prompt import Prompt
    from agents.role import Role
    from scenarios import scenario

    class Critic(Role):
        prompt = Prompt.beside(__file__, "critic.txt")

    @scenario(roles={"critic": Critic})
    async def review(tree, cast): ...
    """
    prints = set()
    for prompt in ("Criticise.", "Praise."):
        file.with_name("critic.txt").write_text(prompt)
        prints.add(load(written(file, text)).fingerprint)
    assert len(prints) == 2
