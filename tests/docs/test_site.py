"""The docs site: every page is in the navigation, no warning, the notebooks run, and nothing is fetched."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("mkdocs", reason="needs mkdocs (extra: docs)")

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
MADE = {"install.md"}  # from README, when the site is built


def pages(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav if isinstance(nav, list) else nav.values():
            yield from pages(part)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return out


def test_every_page_is_in_the_navigation() -> None:
    ours = {file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md")}
    notebooks = {file.relative_to(DOCS).with_suffix(".md").as_posix() for file in DOCS.rglob("*.ipynb")}
    listed = list(pages(yaml.safe_load((CHECKOUT / "mkdocs.yml").read_text("utf-8"))["nav"]))
    assert sorted(listed) == sorted(ours | notebooks | MADE)


@pytest.mark.timeout(400)  # two notebooks are run
def test_it_is_built_without_a_warning_and_fetches_nothing(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        fetched = re.findall(r"<(?:script|img|link|iframe|source)[^>]*(?:src|href)=[\"']?(https?:[^\"' >]+)", text)
        assert fetched == [], page


@pytest.mark.timeout(400)
def test_the_notebooks_show_what_they_have_done(site: Path) -> None:
    look, train = ((site / f"notebooks/{name}.html").read_text("utf-8") for name in ("look", "train"))
    assert "20 finished, 0 failed" in look
    assert "phone.py: fine." in train
    assert "60 conversations" in train
    for text in (look, train):
        assert "<table" in text
        assert 'alt="What the cell draws"' in text
        assert "Traceback" not in text


@pytest.mark.timeout(400)
def test_every_command_is_explained_with_its_file(site: Path) -> None:
    from tests.i2a.cli.test_flags import ALL, OURS

    text = (site / "commands.html").read_text("utf-8")
    for words in ALL:
        assert f">i2a {' '.join(words)}<" in text
    assert text.count("A file for --config:") == sum(bool(found.toml) for found in OURS.values())


@pytest.mark.timeout(400)
def test_the_front_door_is_explained(site: Path) -> None:
    import i2a

    text = (site / "api.html").read_text("utf-8")
    for name in i2a.__all__:
        assert re.search(rf'id="[\w.]+\.{name}"', text), name
