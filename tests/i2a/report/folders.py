"""Folders of runs for a report."""

import json
from pathlib import Path


def run(folder: Path, identity: dict[str, object], **files: str) -> Path:
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"format": "x", "identity": identity}), "utf-8")
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, "utf-8")
    return folder
