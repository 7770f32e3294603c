"""What MkDocs is given beyond the pages of this folder: install.md, the help of every command, notebooks, linked files.

README is asked, commands are asked and notebooks are run when the site is built, so that what it shows is what happens.
"""

import base64
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(\]\()((?:\.\./)+[\w./-]+(?:#install)?)")
COMMANDS = "<!-- commands -->"
INSTALL = "../README.md#install"  # what stands there is the page install.md of the site
LANGUAGES = {".py": "python", ".json": "json", ".toml": "toml", ".yaml": "yaml", ".jsonl": "json"}
CELLS_TIMEOUT = 300  # seconds


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add pages for notebooks, and for the files outside of this folder that a page links to."""
    for notebook in sorted(Path(config.docs_dir).rglob("*.ipynb")):
        for added in notebook_pages(notebook, notebook.relative_to(config.docs_dir), config):
            files.append(added)
    files.append(File.generated(config, "install.md", content=install()))
    for path in sorted(
        {path for page in files.documentation_pages() for path in outside(page.content_string, page.src_uri)}
    ):
        files.append(source_file(path, config))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in the help of the commands, and lead links out of this folder to the copies in the site."""
    up = "../" * page.file.src_uri.count("/")

    def inside(match: re.Match[str]) -> str:
        if match[2].endswith(INSTALL):
            return f"{match[1]}{up}install.md"
        path = linked(match[2], page.file.src_uri)
        return f"{match[1]}{up}{place(path)}" if path else match[0]

    if COMMANDS in markdown:
        markdown = markdown.replace(COMMANDS, commands())
    return LINK.sub(inside, markdown)


def install() -> str:
    """The part of README on installing, as a page."""
    (text,) = re.findall(
        r"^## Install\n(.*?)(?=^## )", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return f"# Install\n{text}"


# Files of the checkout.


def linked(link: str, page: str) -> str | None:
    """The path in the checkout of the file that a link on `page` leads to; None if there is none."""
    origin = Path(page.removeprefix("source/") if page.startswith("source/") else f"docs/{page}")
    found = os.path.normpath(origin.parent / link)
    return None if found.startswith("..") or not (ROOT / found).is_file() else found


def outside(markdown: str, page: str) -> Iterator[str]:
    """The files that a page links to and that are no pages themselves."""
    for match in LINK.finditer(markdown):
        if (path := linked(match[2], page)) and not path.startswith("docs/"):
            yield path


def place(path: str) -> str:
    """Where a file of the checkout is in the site: text is a page that shows it, a picture is itself."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"source/{path}.md" if Path(path).suffix in LANGUAGES else f"source/{path}"


def source_file(path: str, config: MkDocsConfig) -> File:
    suffix = Path(path).suffix
    if suffix not in LANGUAGES:
        return File.generated(config, place(path), abs_src_path=str(ROOT / path), inclusion=InclusionLevel.NOT_IN_NAV)
    text = (ROOT / path).read_text("utf-8")
    shown = f"---\nsearch:\n  exclude: true\n---\n\n# `{path}`\n\n~~~~{LANGUAGES[suffix]}\n{text}\n~~~~\n"
    return File.generated(config, place(path), content=shown, inclusion=InclusionLevel.NOT_IN_NAV)


# The help of the commands.


def commands() -> str:
    """Every command: its help, and the TOML file that stands in it, made by the command line itself."""
    import typer
    from typer.testing import CliRunner

    from i2a.cli.main import app

    parts = []
    for words in sorted(leaves(typer.main.get_command(app))):
        done = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "100", "NO_COLOR": "1"})
        if done.exit_code:
            raise RuntimeError(f"i2a {' '.join(words)} --help failed: {done.output}")
        parts.append(f"## i2a {' '.join(words)}\n\n~~~~text\n{done.output.strip()}\n~~~~\n")
    return "\n".join(parts)


def leaves(group: Any, *path: str) -> Iterator[tuple[str, ...]]:
    import typer

    context = typer.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if hasattr(found, "list_commands"):
            yield from leaves(found, *path, name)
        else:
            yield (*path, name)


# Notebooks.


def notebook_pages(file: Path, name: Path, config: MkDocsConfig) -> Iterator[File]:
    """The page of a notebook, run from its first cell to its last in a folder of its own, and its pictures."""
    notebook = executed(file)
    parts, pictures = [f"[Download this notebook]({name.name}).\n"], 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.cell_type == "code":
            parts.append(f"~~~~python\n{cell.source}\n~~~~")
            for output in (output for output in cell.outputs if output.get("name") != "stderr"):
                data = output.get("data", {})
                if "image/png" in data:
                    pictures += 1
                    picture = name.with_name(f"{name.stem}-{pictures}.png")
                    yield File.generated(config, picture.as_posix(), content=base64.b64decode(data["image/png"]))
                    parts.append(f"![What the cell draws]({picture.name})")
                elif "text/html" in data:
                    table = re.sub(
                        r"(?s)<style.*?</style>|<div>|</div>| (border|class|style)=\"[^\"]*\"", "", data["text/html"]
                    )
                    parts.append(f"<div>{table}</div>")
                elif text := "".join(output.get("text") or data.get("text/plain", "")).strip("\n"):
                    parts.append(f"~~~~text\n{text}\n~~~~")
    title, *rest = parts[1], parts[0], *parts[2:]
    yield File.generated(config, name.with_suffix(".md").as_posix(), content="\n\n".join([title, *rest]))


def executed(file: Path) -> Any:
    """The notebook with its results. Raises `CellExecutionError`."""
    notebook = nbformat.read(file, as_version=4)
    folder = tempfile.mkdtemp(prefix="i2a-notebook-")
    try:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=CELLS_TIMEOUT, kernel_name="python3", resources=resources).execute()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return notebook
