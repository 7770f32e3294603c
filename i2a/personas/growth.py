"""Grows a pool of personas: a Persona Writer is shown some, writes more, and what is new enough is kept.

The procedure of the paper (arXiv 2410.03642): 20 seeds by hand, 5 random items of the pool as examples in each call, a
candidate kept only if its cosine similarity to every kept one is at most a threshold, until saturation. Calls go out
in waves, and a wave is looked at as a whole, in order: the same seed and answers give the same pool, whichever comes
first. What `i2a personas grow` runs.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.text import Text

from agents.persona_writers import PersonalityWriter, ProfileWriter
from agents.role import Role
from i2a.digests import digest, seed_of
from i2a.errors import I2AError, ModelError, UsageError
from i2a.jsonl import JsonObject
from i2a.models.autogen import Client
from i2a.models.spec import ModelSpec
from i2a.models.usage import UsageTracker
from i2a.personas.collections import read_texts
from i2a.personas.encoders import Encoder, open_encoder
from i2a.personas.growing import GrowingPool, Rules
from i2a.personas.pool import PersonaPool
from i2a.personas.quality import advice
from i2a.personas.settings import Growth
from i2a.runs.clients import check_clients, spec_for
from i2a.runs.live import View, money
from i2a.runs.outcome import RunResult
from i2a.runs.plan import RunPlan
from i2a.runs.runner import execute
from i2a.runs.session import Session
from i2a.runs.sync import run_sync
from i2a.text import one_line
from i2a.trees.persona import content_id

EXAMPLES, CHUNK = 5, 1000
WRITERS: Mapping[str, type[Role]] = {"profile": ProfileWriter, "personality": PersonalityWriter}


Reason = Literal["target", "saturation", "end of the collection"] | I2AError


@dataclass(frozen=True, slots=True)
class GrowthResult:
    """The pool as written. `why` it ended; `resume` continues after an error. `run`: None for a filtered file."""

    out: Path
    size: int
    seeds: int
    candidates: int
    rejections: Counter[str]
    encoder: str
    threshold: float
    why: Reason
    run: RunResult | None = None

    def as_json(self) -> JsonObject:
        return {
            "out": str(self.out),
            "size": self.size,
            "seeds": self.seeds,
            "candidates": self.candidates,
            "rejections": self.rejections,
            "encoder": self.encoder,
            "threshold": self.threshold,
            "why": str(self.why),
            "cost": self.run.usage.cost() if self.run else 0.0,
        }

    def in_words(self) -> str:
        cost = money(self.run.usage.cost() if self.run else 0.0)
        rejected = ", ".join(f"{reason} {count}" for reason, count in self.rejections.most_common()) or "none"
        text = (
            f"{self.size} in {self.out}, {self.seeds} of them seeds; {self.candidates} candidates; "
            f"not kept: {rejected}{advice(self.rejections)}\n"
            f"encoder {self.encoder}, threshold {self.threshold:g}; cost {cost}"
        )
        if isinstance(self.why, I2AError):
            return text
        return f"{text}\nStopped at {self.why}. Look at it:  i2a personas check {self.out}"


def grow_pool(config: Growth, *, clients: Mapping[str, Client] = {}, console: Console | None = None) -> GrowthResult:
    """Grow a pool and write it to `config.out`; a console shows its progress.

    `clients`: an open client of your own for the role `writer`. Raises `UsageError` before anything is written or
    called.
    """
    if config.candidates is not None:
        return sifted(config, config.candidates, console)
    return run_sync(grow_pool_async(config, clients=clients, console=console))


async def grow_pool_async(
    config: Growth, *, clients: Mapping[str, Client] = {}, console: Console | None = None
) -> GrowthResult:
    """`grow_pool` for callers that await."""
    if config.candidates is not None:
        return await asyncio.to_thread(sifted, config, config.candidates, console)
    encoder, seeds = open_encoder(config.encoder), read_seeds(config)
    pool = GrowingPool(rules_of(config, encoder, seeds), seeds, encoder)
    plan = plan_growth(config, pool, seeds, encoder, clients)
    run = await execute(plan, config, console=console)
    write(config, kept(config, pool, seeds))
    if pool.full or pool.saturated:
        run = replace(run, stopped=None)
    return result_of(config, pool, seeds, encoder, run)


def planned(config: Growth, clients: Mapping[str, Client] = {}) -> RunPlan:
    """The plan of a growth by itself, for an estimate. Raises `UsageError` for settings that cannot work."""
    if config.candidates is not None:
        raise UsageError("--candidates are filtered, which calls no model: leave out --dry-run")
    encoder, seeds = open_encoder(config.encoder), read_seeds(config)
    return plan_growth(config, GrowingPool(rules_of(config, encoder, seeds), seeds, encoder), seeds, encoder, clients)


def plan_growth(
    config: Growth, pool: GrowingPool, seeds: Sequence[str], encoder: Encoder, clients: Mapping[str, Client]
) -> RunPlan:
    """Raises `UsageError` for settings that cannot work. Executing the plan grows `pool`; its target may change."""
    models = {"writer": spec_for("writer", config.model, clients)}
    check_clients(clients, models)

    async def grow(session: Session, view: View) -> None:
        for note in encoder.warnings:
            view.say(note)
        if not config.without_seeds:
            view.advance(len(pool.texts))
        await waves(config, pool, models["writer"], session, view)

    return RunPlan(
        fingerprint={
            "kind": config.kind,
            "seeds": digest("\x1e".join(seeds)),
            "model": str(models["writer"]),
            "encoder": encoder.name,
            "threshold": pool.rules.threshold,
            **config.model_dump(include={"seed", "batch", "window", "saturation"}),
            "calls": config.concurrency,
            "prompt": WRITERS[config.kind].prompt.fingerprint,
        },
        models=models,
        work=grow,
        unit=unit_of(config),
        target=config.target,
        panel=lambda: newest(pool),
    )


async def waves(config: Growth, pool: GrowingPool, spec: ModelSpec, session: Session, view: View) -> None:
    """Ask in waves until the pool is full or saturated. A wave without any answer stops the run with its reason."""
    first = 0
    while not (pool.full or pool.saturated):
        texts = tuple(pool.texts)
        async with asyncio.TaskGroup() as group:
            numbers = range(first, first + config.concurrency)
            asked = [group.create_task(ask(config, number, texts, spec, session)) for number in numbers]
        answers = [task.result() for task in asked]
        failed = [answer for answer in answers if isinstance(answer, ModelError)]
        if len(failed) == len(answers):
            session.in_flight.stop(failed[0])
            return
        for answer in answers:
            if isinstance(answer, ModelError):
                view.failed(answer)
                pool.rejections[f"call failed: {type(answer).__name__}"] += 1
            elif not (pool.full or pool.saturated):
                pool.offer(answer)
        view.advance(len(pool.texts) - len(texts))
        first += config.concurrency


async def ask(config: Growth, number: int, texts: Sequence[str], spec: ModelSpec, session: Session) -> str | ModelError:
    """The answer to call `number`, in which the Persona Writer is shown some of `texts`."""
    id, seed = f"{config.kind}-{number:06d}", seed_of(f"{config.seed}/{number}")
    client = session.clients(id, seed, {"writer": spec})["writer"]
    shown = random.Random(f"{seed}/{id}").sample(texts, min(EXAMPLES, len(texts)))
    examples = "\n".join(f"- {one_line(text)}" for text in shown)
    writer = WRITERS[config.kind]("writer", client, count=str(config.batch), examples=examples)
    try:
        batch = await writer(None)
        return batch.content if batch.finish_reason != "length" else batch.content.rpartition("\n")[0]
    except ModelError as error:
        return error


def sifted(config: Growth, collection: Path, console: Console | None) -> GrowthResult:
    """The pool filtered from an existing collection of texts, streamed. Nothing is paid, so nothing is journaled."""
    if config.out.exists():
        raise UsageError(f"{config.out} is there already; choose another --out")
    config.out.parent.mkdir(parents=True, exist_ok=True)
    seeds, encoder = read_seeds(config), open_encoder(config.encoder)
    pool = GrowingPool(rules_of(config, encoder, seeds), seeds, encoder)
    view = View(console, UsageTracker({}), unit=unit_of(config), total=config.target)
    for note in encoder.warnings:
        view.say(note)
    texts = read_texts(collection, config.column)
    while not (pool.full or pool.saturated) and (chunk := list(islice(texts, CHUNK))):
        pool.sift(chunk)
    write(config, kept(config, pool, seeds))
    return result_of(config, pool, seeds, encoder)


def rules_of(config: Growth, encoder: Encoder, seeds: Sequence[str]) -> Rules:
    threshold = encoder.threshold if config.threshold is None else config.threshold
    target = config.target + (len(seeds) if config.without_seeds else 0)
    own = WRITERS[config.kind].prompt.own_texts
    return Rules(config.kind, threshold, target, config.window, config.saturation, config.batch, config.checked, own)


def unit_of(config: Growth) -> str:
    return "profiles" if config.kind == "profile" else "personalities"


def kept(config: Growth, pool: GrowingPool, seeds: Sequence[str]) -> Sequence[str]:
    """What of the pool is written: all of it, or what is new."""
    return pool.texts[len(seeds) :] if config.without_seeds else pool.texts


def result_of(
    config: Growth, pool: GrowingPool, seeds: Sequence[str], encoder: Encoder, run: RunResult | None = None
) -> GrowthResult:
    why: Reason = "target" if pool.full else "saturation" if pool.saturated else "end of the collection"
    return GrowthResult(
        out=config.out,
        size=len(kept(config, pool, seeds)),
        seeds=0 if config.without_seeds else len(seeds),
        candidates=pool.candidates,
        rejections=pool.rejections,
        encoder=encoder.name,
        threshold=pool.rules.threshold,
        why=run.stopped if run and run.stopped else why,
        run=run,
    )


def read_seeds(config: Growth) -> list[str]:
    """The texts of a file of profiles or personalities, or those that come with i2a."""
    if config.kind == "profile":
        return list(PersonaPool.read(profiles=config.seeds).profiles.values())
    return list(PersonaPool.read(personalities=config.seeds).personalities.values())


def write(config: Growth, texts: Sequence[str]) -> None:
    halves = {content_id(config.kind, text): text for text in texts}
    pool = PersonaPool(halves, {}) if config.kind == "profile" else PersonaPool({}, halves)
    pool.write(config.out)


def newest(pool: GrowingPool) -> RenderableType:
    """The newest of the pool, and why candidates were not kept."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in pool.rejections.most_common())
    text = Text(one_line(pool.texts[-1]))
    text.append(f"\nnot kept: {reasons or 'none'}", style="dim")
    return Panel(text, title="the newest", title_align="left", border_style="dim")
