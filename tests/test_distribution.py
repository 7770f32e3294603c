"""What is built is whole: a wheel and a source archive, which install into a clean environment and run anywhere."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from i2a import __version__
from i2a.extras import DISTRIBUTION

CHECKOUT = Path(__file__).parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
PACKAGES = ("i2a", "agents", "scenarios", "training", "evaluation")
CODE = {".py", ".pyc"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the archives, built from the files that git would take along."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "SECURITY.md", ".gitignore"):
        place = CHECKOUT / name
        if place.is_dir():
            shutil.copytree(place, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, source / name)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", out], cwd=source, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def test_the_archives_have_our_name_and_version(built: Path) -> None:
    name = DISTRIBUTION.replace("-", "_")
    assert {file.name for file in built.iterdir()} == {
        f"{name}-{__version__}-py3-none-any.whl",
        f"{name}-{__version__}.tar.gz",
    }


def test_the_wheel_holds_every_file_of_our_packages(wheel: Path, built: Path) -> None:
    ours = {
        file.relative_to(CHECKOUT).as_posix()
        for package in PACKAGES
        for file in (CHECKOUT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if ".dist-info/" not in name} == ours
    assert {f"{package}/py.typed" for package in PACKAGES} <= ours
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as whole:
        held = {name.partition("/")[2] for name in whole.getnames()}
    assert {*ours, "LICENSE", "CITATION.cff", "SECURITY.md"} <= held


def test_licence_and_origin_of_all_data_stand_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        licences = {name.partition("/licenses/")[2] for name in names if "/licenses/" in name}
        assert {"LICENSE", "i2a/personas/DATA.md"} <= licences
        said = archive.read("i2a/personas/DATA.md").decode()
    for name in names:
        if name.startswith("i2a/personas/") and name.endswith(".jsonl"):
            assert f"`{name.removeprefix('i2a/personas/')}`" in said, name


def test_a_package_index_is_told_what_it_shows(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(name).decode()
    assert f"Name: {DISTRIBUTION}\n" in metadata
    assert "License-Expression: Apache-2.0" in metadata
    assert "Project-URL: Paper, https://arxiv.org/abs/2410.03642" in metadata
    assert "Classifier: Typing :: Typed" in metadata
    assert set(PROJECT["optional-dependencies"]) == set(re.findall(r"^Provides-Extra: (.+)$", metadata, re.MULTILINE))


def clean(python: str, folder: Path, wheel: Path) -> Path:
    """A new environment with nothing but the wheel in it; its Python."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    there = folder / "bin" / "python"
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        there,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        wheel,
    ]
    subprocess.run(pip, check=True, capture_output=True)
    return there


@pytest.mark.skipif(sys.platform == "win32", reason="bin/ is Scripts/ there")
def test_the_wheel_runs_in_a_clean_environment_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    pytest.importorskip("pip")
    python = clean(sys.executable, tmp_path / "env", wheel)
    packages = next((tmp_path / "env").rglob("site-packages"))
    # What it depends on, from this environment, in which i2a itself is a link to the checkout.
    (packages / "dependencies.pth").write_text("\n".join([p for p in sys.path if p.endswith("-packages")]))
    work = tmp_path / "elsewhere"
    work.mkdir()
    i2a = python.parent / "i2a"
    for line in (
        "simulate --conversations 2 --turns 2 --out runs/first",
        "show runs/first",
        "export runs/first --format dpo --out dpo.jsonl",
        "evaluate offline:generic --cases 2 --turns 2 --out runs/eval",
        "report runs/first runs/eval",
    ):
        done = subprocess.run([i2a, *line.split()], cwd=work, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stderr)
    code = "import i2a, agents, training; print(i2a.__version__, i2a.__file__, training.__file__)"
    said = subprocess.check_output([python, "-c", code], cwd=work, text=True).split()
    assert said[0] == __version__
    assert all(Path(file).is_relative_to(packages) for file in said[1:])
    config = subprocess.check_output([i2a, "train", "accelerate", "ddp"], cwd=work, text=True).strip()
    assert Path(config).is_relative_to(packages)
    assert yaml.safe_load(Path(config).read_text("utf-8"))["distributed_type"] == "MULTI_GPU"


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_each_python_reads_all_of_the_wheel(minor: int, wheel: Path, tmp_path: Path) -> None:
    """With the packages it depends on left out, as these are compiled for one version of Python."""
    pytest.importorskip("pip")
    base = shutil.which(f"python3.{minor}")
    if base is None or subprocess.run([base, "-c", ""], check=False, capture_output=True).returncode:
        pytest.skip(f"there is no Python 3.{minor}")
    python = clean(base, tmp_path / "env", wheel)
    code = (
        "import compileall, sys, i2a, i2a.siblings\n"
        "i2a.siblings.check(*i2a.siblings.SIBLINGS)\n"
        "sys.exit(not compileall.compile_dir(str(i2a.siblings.ROOT), quiet=1, force=True) or i2a.__version__ == '')"
    )
    done = subprocess.run(
        [python, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_citation_names_this_version_and_the_paper() -> None:
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text("utf-8"))
    assert str(citation["version"]) == __version__ == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["preferred-citation"]["url"] == PROJECT["urls"]["Paper"]
    assert citation["preferred-citation"]["title"] in (CHECKOUT / "README.md").read_text("utf-8")
