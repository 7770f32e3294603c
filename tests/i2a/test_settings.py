"""A settings class, a TOML file and flags make one set of settings; errors name the setting and its place."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from i2a.errors import UsageError
from i2a.settings import Flag, from_keywords, load, read


class Job(BaseModel):
    model_config = ConfigDict(extra="forbid")

    out: Path = Field(description="Folder for the job. It is made.", examples=["runs/job"])
    sources: list[Path] = Field([], description="Files.")
    size: int = Field(3, ge=1, description="How many.")
    speed: Literal["slow", "fast"] = "slow"
    script: str = "own"
    weights: dict[str, float] = {}
    max_cost: float | None = None
    role_model: Annotated[dict[str, str], Flag(was="role_models")] = {}
    price: Annotated[list[str], Flag(was="prices")] = []
    notes: dict[str, Path] = {}

    @model_validator(mode="after")
    def _fast_is_small(self) -> "Job":
        if self.speed == "fast" and self.size > 9:
            raise ValueError("a fast job has a size of at most 9")
        return self


def refusal(file: Path | None = None, **flags: Any) -> str:
    with pytest.raises(UsageError) as caught:
        load(Job, file, flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "jobs" / "job.toml"


def written(file: Path, *lines: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(lines), "utf-8")
    return file


def test_flags_win_over_the_file_and_dictionaries_are_joined(file: Path) -> None:
    written(file, 'out = "a"', "size = 4", 'speed = "fast"', "[role_model]", 'judge = "x"', 'user = "y"')
    job = load(Job, file, {"size": "5", "role_model": {"judge": "z"}})
    assert (job.size, job.speed, job.role_model) == (5, "fast", {"judge": "z", "user": "y"})


def test_paths_and_scripts_in_a_file_count_from_its_folder(file: Path) -> None:
    written(file, 'out = "a"', 'sources = ["b", "../c"]', 'script = "./d.py"')
    job = load(Job, file, {})
    assert job.out == file.parent / "a"
    assert job.sources == [file.parent / "b", file.parent / "../c"]
    assert job.script == str(file.parent / "d.py")
    assert load(Job, written(file, 'out = "a"', 'script = "d.py:job"'), {}).script == str(file.parent / "d.py:job")
    assert load(Job, None, {"out": "a", "script": "./d.py"}).script == "./d.py"
    assert load(Job, written(file, 'out = "-"'), {}).out == Path("-"), "standard output is in no folder"
    assert load(Job, written(file, 'out = "a"', "[notes]", 'me = "e.txt"'), {}).notes == {"me": file.parent / "e.txt"}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("./d.py:offline", "HERE/d.py:offline"),
        ("after DPO=./d.py:D:openai:x@http://h/v1", "after DPO=HERE/d.py:D:openai:x@http://h/v1"),
        ("reminder:d.py?loud=yes", "reminder:HERE/d.py?loud=yes"),
        ("./d.py=1/2", "HERE/d.py=1/2"),
        ("hf:runs/a.python", "hf:runs/a.python"),
        ("package.d:D", "package.d:D"),
    ],
)
def test_a_script_counts_from_the_folder_of_the_file_wherever_it_stands(file: Path, value: str, found: str) -> None:
    found = found.replace("HERE", str(file.parent))
    written(file, 'out = "a"', f'script = "{value}"', f'price = ["{value}"]', "[role_model]", f'judge = "{value}"')
    job = load(Job, file, {})
    assert (job.script, job.price, job.role_model) == (found, [found], {"judge": found})


def test_a_script_that_has_a_weight_counts_from_there_too(file: Path) -> None:
    job = load(Job, written(file, 'out = "a"', 'weights = {length = -1, "./d.py:job" = 2, "judge:./e.py" = 3}'), {})
    assert job.weights == {"length": -1, f"{file.parent}/d.py:job": 2, f"judge:{file.parent}/e.py": 3}


def test_a_name_may_have_dashes_or_underscores_but_not_both(file: Path) -> None:
    assert read(Job, written(file, "max-cost = 1.5")) == read(Job, written(file, "max_cost = 1.5")) == {"max_cost": 1.5}
    assert "set twice" in refusal(written(file, "max_cost = 1", "max-cost = 2"))


def test_one_value_is_a_list_of_one(file: Path) -> None:
    assert load(Job, written(file, 'out = "a"', 'price = "x=1/2"'), {}).price == ["x=1/2"]
    assert load(Job, written(file, 'out = "a"', 'sources = "b"'), {}).sources == [file.parent / "b"]


@pytest.mark.parametrize(
    ("old", "new"), [("prices", "price"), ("role_models", "role_model"), ("role-models", "role_model")]
)
def test_a_name_of_an_earlier_version_is_refused_with_the_new_one(file: Path, old: str, new: str) -> None:
    assert refusal(written(file, f"{old} = []")) == f"{file}: `{old}` is now `{new}`"


def test_an_unknown_name_is_refused_with_what_may_be_meant(file: Path) -> None:
    assert refusal(written(file, "max-csot = 1")) == f"{file}: there is no setting 'max-csot'; did you mean 'max_cost'?"
    assert "settings: out, sources, size" in refusal(written(file, "zzzzz = 1"))
    assert refusal(out="a", sise=1) == "there is no setting 'sise'; did you mean 'size'?"


def test_a_wrong_value_is_named_with_its_place(file: Path) -> None:
    written(file, 'out = "a"', "size = 0")
    assert refusal(file) == f"{file}: size: Input should be greater than or equal to 1, not 0"
    assert refusal(file, size="none").startswith("--size: Input should be a valid integer")
    assert refusal(out="a", max_cost="much").startswith("--max-cost: ")


def test_what_is_required_is_asked_for_with_an_example() -> None:
    assert refusal() == "--out is required: Folder for the job, e.g. --out runs/job"


def test_what_two_settings_have_against_each_other_is_said_as_it_stands(file: Path) -> None:
    assert refusal(out="a", speed="fast", size=10) == "a fast job has a size of at most 9"


@pytest.mark.parametrize("text", ["out = ", "\x00", 'out = "a"\nout = "b"'])
def test_what_is_no_toml_file_is_one_line(file: Path, text: str) -> None:
    assert refusal(written(file, text)).startswith(f"{file}: not a TOML file: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.toml") == f"{tmp_path / 'none.toml'}: there is no such file"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "out is required: Folder for the job, e.g. out='runs/job'"),
        ({"out": "a", "sise": 1}, "there is no setting 'sise'; did you mean 'size'?"),
        ({"out": "a", "prices": []}, "`prices` is now `price`"),
        ({"out": "a", "size": 0}, "size: Input should be greater than or equal to 1, not 0"),
        ({"out": "a", "speed": "fast", "size": 10}, "a fast job has a size of at most 9"),
    ],
)
def test_in_python_a_setting_is_named_as_python_writes_it(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_keywords(Job, values)
    assert str(caught.value) == said
    assert from_keywords(Job, {"out": "a", "size": 4}) == load(Job, None, {"out": "a", "size": "4"})
