"""`i2a merge`."""

import json
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command

if TYPE_CHECKING:
    from i2a.cli.settings import MergeOptions

EXAMPLE = """\
i2a simulate --conversations 4 --turns 3 --shard 1/2 --out runs/shards/1
i2a simulate --conversations 4 --turns 3 --shard 2/2 --out runs/shards/2
i2a merge runs/shards/1 runs/shards/2 --out runs/whole"""
TOML = """\
runs = ["runs/shards/1", "runs/shards/2"]
out = "runs/whole"
"""


@command("i2a.cli.settings:MergeOptions", example=EXAMPLE, toml=TOML)
def merge(config: "MergeOptions", as_json: bool) -> None:
    """Make one run of all its shards, which --shard K/N of `simulate` and `evaluate` has made apart.

    The trees come into the order of the whole run, journals and usage are added up, and the folders of the shards stay
    as they are. Shards of two runs, incomplete, missing and double ones are refused. The result is a run like any
    other: --resume of the first command without --shard continues it, redoes failures (--retry-failed), extends it or,
    after `i2a evaluate`, computes the numbers.
    """
    from rich.console import Console

    from i2a.models.usage import UsageTracker
    from i2a.runs.merge import merge as merged
    from i2a.runs.outcome import RunResult, as_dict, print_result
    from i2a.trees.json import read
    from i2a.trees.summary import Summary
    from i2a.view.follow import price_of

    folder = merged(config.runs, config.out)
    manifest, finished = folder.manifest(), folder.finished()
    with folder.journal() as journal:
        spent = journal.spent()
    usage = UsageTracker({used.model: price_of(used.model, manifest) for used in spent}, before=spent)
    failures = {id: past[-1] for id, past in folder.failures().items() if id not in finished}
    summary = Summary.of(read(folder.trees_file))
    result = RunResult(folder.path, "conversations", summary, failures, left=0, stopped=None, usage=usage)
    if as_json:
        typer.echo(json.dumps(as_dict(result)))
    else:
        print_result(result, Console(stderr=True))
