"""`i2a personas grow|check|sample`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from i2a.cli.command import command
from i2a.cli.dry_run import tell

if TYPE_CHECKING:
    from i2a.personas.check import PoolCheck
    from i2a.personas.settings import CheckOptions, Growth, SampleOptions

GROW = """\
i2a personas grow --kind profile --target 40 --encoder tfidf \\
    --out pools/profiles.jsonl
i2a personas grow --kind personality --target 1000 \\
    --model openai:gpt-4o --out pools/personalities.jsonl"""
GROW_TOML = """\
kind = "personality"
target = 1000
model = "openai:gpt-4o"
out = "pools/personalities.jsonl"
"""
CHECK = """\
i2a personas check pools/profiles.jsonl --encoder tfidf --png pool.png"""
CHECK_TOML = """\
files = ["pools/profiles.jsonl"]
encoder = "tfidf"
png = "pool.png"
"""
SAMPLE = """\
i2a personas sample --count 100 --seed 1 \\
    --profiles pools/profiles.jsonl --out personas.jsonl"""
SAMPLE_TOML = """\
count = 100
seed = 1
profiles = "pools/profiles.jsonl"
out = "personas.jsonl"
"""

personas = typer.Typer(help="Grow, check and sample pools of personas.", no_args_is_help=True, rich_markup_mode=None)


@personas.command()
@command("i2a.personas.settings:Growth", example=GROW, toml=GROW_TOML, extra="personas")
def grow(config: "Growth", as_json: bool) -> None:
    """Grow a pool: a model writes new personas, and those unlike all others in the pool are kept.

    A persona has a profile and a personality; a pool holds one --kind of text, so grow one pool for each. It stops at
    the target or when few candidates are new. A larger --target with --resume continues. With --candidates, texts come
    from a file, e.g. a published collection, instead of a model.

    A pool for a test: --seeds TRAINING --without-seeds. The models offline?values=seen and offline?values=unseen use
    places, names, jobs, pastimes and so on from lists that have no entry in common.
    """
    from rich.console import Console

    from i2a.errors import I2AError
    from i2a.personas.growth import grow_pool, planned
    from i2a.runs.outcome import print_usage

    if config.dry_run:
        tell(planned(config), config, as_json)
        return
    console = Console(stderr=True)
    grown = grow_pool(config, console=console)
    if as_json:
        typer.echo(json.dumps(grown.as_json()))
    else:
        if grown.run:
            print_usage(grown.run, console)
        typer.echo(grown.in_words())
    if isinstance(grown.why, I2AError):
        raise grown.why


@personas.command()
@command("i2a.personas.settings:CheckOptions", example=CHECK, toml=CHECK_TOML, extra="personas")
def check(config: "CheckOptions", as_json: bool) -> None:
    """Check pools of profiles or personalities: unfit texts, near-duplicates, coverage, overlap.

    Several files are each checked by themselves, and against each other. Nothing is changed.
    """
    from i2a.personas.check import examine, in_words, pools_of
    from i2a.personas.encoders import open_encoder

    pools = [pool for file in dict.fromkeys(config.files) for pool in pools_of(file, config.kind, config.column)]
    # A benchmark may hold more than the pools do; if it does not say of which kind it is, it is of theirs.
    kinds = {pool.kind for pool in pools}
    only = kinds.pop() if len(kinds) == 1 else None
    benchmark = pools_of(config.against, only, None) if config.against else []
    result = examine(pools, benchmark, open_encoder(config.encoder))
    if config.png is not None:
        _draw(result, config.png)
    typer.echo(json.dumps(result.as_json()) if as_json else "\n".join(in_words(result)))


def _draw(result: "PoolCheck", png: Path) -> None:
    from i2a.report.persona_plot import draw

    # Where a path is too long for a title, its end says more than its beginning.
    draw([(str(pool.file)[-60:], report) for pool, report in zip(result.pools, result.reports, strict=True)], png)


@personas.command()
@command("i2a.personas.settings:SampleOptions", example=SAMPLE, toml=SAMPLE_TOML)
def sample(config: "SampleOptions", as_json: bool) -> None:
    """Draw pairs of a profile and a personality into a file of personas, for --personas to read.

    With --personas, whole personas are drawn from a file or a folder of any form, such as a dataset, with all that is
    known of them. No pair is drawn twice, and profiles and personalities are used evenly. A smaller sample with the
    same seed is the beginning of a larger one.
    """
    from i2a.errors import UsageError
    from i2a.personas.pool import PersonaPool
    from i2a.text import counted

    out, pools = config.out, (config.profiles, config.personalities, config.personas)
    if out.suffix.lower() != ".jsonl":
        raise UsageError(f"{out}: personas are written as JSONL; name it {out.with_suffix('.jsonl')}")
    if out.resolve() in [file.resolve() for file in pools if file]:
        raise UsageError(f"{out} is one of the pools; choose another --out")
    if out.exists() and not config.force:
        raise UsageError(f"{out} exists already; add --force to overwrite it, or choose another --out")
    if config.personas:
        pool = PersonaPool.read_file(config.personas, skip_bad=config.skip_bad, any_fields=True)
    else:
        pool = PersonaPool.read(config.profiles, config.personalities, skip_bad=config.skip_bad)
    drawn = PersonaPool.of_personas(pool.draw(config.count, config.seed))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}; choose another --out") from None
    drawn.write(out)
    counts = {"personas": config.count, "profiles": len(drawn.profiles), "personalities": len(drawn.personalities)}
    if as_json:
        typer.echo(json.dumps(counts | {"notes": list(pool.warnings)}))
        return
    for note in pool.warnings:
        typer.echo(note, err=True)
    drew, profile_count, personality_count = (counted(number, what) for what, number in counts.items())
    typer.echo(f"{drew} of {profile_count} and {personality_count} are in {out}")
