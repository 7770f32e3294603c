"""The trial of a script: one short conversation on the offline engine, in a folder that is thrown away."""

import ast
import tempfile
from pathlib import Path

from i2a.errors import UsageError
from i2a.runs.run_folder import RunFolder
from i2a.trees.json import read
from scenarios.script import Scenario, blame, load
from scenarios.settings import Simulation
from scenarios.simulation import simulate

TURNS = 2


def trial(path: Path) -> str:
    """What the script did, in a line or two. Raises `UsageError`: what is wrong, where, what to write instead."""
    scenario = load(path)
    check_cast(scenario)
    with tempfile.TemporaryDirectory() as folder:
        turns = TURNS if "turns" in scenario.options else None
        try:
            result = simulate(
                Simulation(out=Path(folder) / "run", scenario=str(path), conversations=1, turns=turns, model="offline")
            )
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a user's script raises is told in one line
            raise UsageError(blame(error, path)) from None
        if result.failed:
            failure = next(iter(RunFolder(result.folder).failures().values()))[0]
            raise UsageError(f"{path}: the trial conversation failed: {failure['reason']}")
        tree = next(read(result.folder / "trees.jsonl"))
    spoken = list(tree)
    if not spoken:
        raise UsageError(
            f"{path}: the script added nothing to the tree; write: here = tree.add(here, await cast.NAME(here))"
        )
    heard = ", ".join(sorted({node.speaker for node in spoken}))
    return f"{path}: fine. The trial grew {len(spoken)} utterances by {heard}, with {len(tree.pairs)} labelled pairs."


def check_cast(scenario: Scenario) -> None:
    """Every `cast.NAME` in the script must be a role of its cast: a slip there may hide in a branch not taken."""
    known = {*scenario.roles, "told"}
    for node in ast.walk(ast.parse(scenario.file.read_text("utf-8"))):
        match node:
            case ast.Attribute(value=ast.Name(id="cast"), attr=name) if name not in known:
                raise UsageError(
                    f"{scenario.file.name}:{node.lineno}: there is no role {name!r}; "
                    f"name it in @scenario(roles=...), or write one of: {', '.join(scenario.roles)}"
                )
