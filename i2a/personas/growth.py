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
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from autogen_agentchat.messages import TextMessage
from autogen_core import CancellationToken
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.text import Text

from agents.persona_writers import PersonalityWriter, ProfileWriter
from agents.role import Role
from i2a.digests import digest, seed_of
from i2a.errors import I2AError, Interrupted, ModelError, UsageError
from i2a.models.spec import ModelSpec
from i2a.models.usage import Meter, Price, find_price, parse_price
from i2a.personas.collections import read_texts
from i2a.personas.encoders import Encoder, open_encoder
from i2a.personas.growing import GrowingPool, Rules
from i2a.personas.pool import PersonaPool
from i2a.runs.live import View
from i2a.runs.runner import stop_on_interrupt, supervised
from i2a.runs.session import Limits, Session
from i2a.text import one_line
from i2a.trees.persona import content_id

EXAMPLES, CHUNK = 5, 1000
WRITERS: Mapping[str, type[Role]] = {"profile": ProfileWriter, "personality": PersonalityWriter}


class Growth(BaseModel):
    """Everything that can be set. What stands below the gap may differ from one session to the next."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: Path
    kind: Literal["profile", "personality"]
    seeds: Path | None = None
    model: str = "offline"
    candidates: Path | None = None
    column: str | None = None
    checked: bool = True
    encoder: str | None = None
    threshold: float | None = Field(None, gt=0, le=1)
    seed: int = 0
    batch: int = Field(20, ge=1)
    calls: int = Field(8, ge=1)
    window: int = Field(400, ge=1)
    saturation: float = Field(0.05, ge=0, lt=1)

    target: int = Field(331, ge=1)
    without_seeds: bool = False
    retries: int = Field(8, ge=0)
    max_cost: float | None = Field(None, gt=0)
    max_tokens: int | None = Field(None, gt=0)
    prices: list[str] = []
    resume: bool = False
    view: Literal["live", "quiet"] = "live"

    @property
    def run(self) -> Path:
        """The folder of the run: journal and manifest, beside the pool."""
        return self.out.with_name(f"{self.out.name}.run")

    def rules(self, encoder: Encoder, seeds: Sequence[str]) -> Rules:
        threshold = encoder.threshold if self.threshold is None else self.threshold
        target = self.target + (len(seeds) if self.without_seeds else 0)
        return Rules(self.kind, threshold, target, self.window, self.saturation, self.batch, self.checked)


Ending = Literal["target", "saturation", "end of the collection"] | I2AError


class Grown(NamedTuple):
    """How it ended; where `why` is an error, `resume` goes on from it."""

    out: Path
    size: int
    seeds: int
    candidates: int
    rejections: Counter[str]
    encoder: str
    threshold: float
    why: Ending
    meter: Meter


def grow_pool(config: Growth, console: Console | None = None) -> Grown:
    """Grow a pool and write it to `config.out`. Raises `UsageError` before anything is written or called."""
    if config.candidates is not None:
        return sifted(config, config.candidates, console)
    try:
        return asyncio.run(growth(config, console))
    except asyncio.CancelledError:
        raise Interrupted("stopped at once; the same command with --resume goes on") from None


def sifted(config: Growth, collection: Path, console: Console | None) -> Grown:
    """The pool that somebody else's collection of texts makes, streamed. Nothing is paid, so nothing is journaled."""
    if config.out.exists():
        raise UsageError(f"{config.out} is there already; choose another --out")
    config.out.parent.mkdir(parents=True, exist_ok=True)
    seeds, encoder, meter = read_seeds(config), open_encoder(config.encoder), Meter({})
    pool = GrowingPool(config.rules(encoder, seeds), seeds, encoder)
    view = GrowthView(console, meter, pool, config)
    for note in encoder.warnings:
        view.say(note)
    texts = read_texts(collection, config.column)
    while not (pool.full or pool.saturated) and (chunk := list(islice(texts, CHUNK))):
        before = len(pool.texts)
        pool.sift(chunk)
        view.advance(len(pool.texts) - before)
    write(config, kept(config, pool, seeds))
    why: Ending = "target" if pool.full else "saturation" if pool.saturated else "end of the collection"
    return grown(config, pool, seeds, encoder, why, meter)


async def growth(config: Growth, console: Console | None = None) -> Grown:
    """The same for those who are in an event loop already."""
    spec, prices = priced(config)
    encoder = open_encoder(config.encoder)
    seeds = read_seeds(config)
    rules = config.rules(encoder, seeds)
    pool = GrowingPool(rules, seeds, encoder)
    writer = WRITERS[config.kind]
    async with Session.open(
        config.run,
        identity=identity(config, spec, seeds, encoder, rules.threshold),
        about={"config": config.model_dump(mode="json", exclude={"out", "resume", "view"})},
        models=[spec],
        prices=prices,
        limits=Limits(config.calls, config.retries, config.max_cost, config.max_tokens),
        resume=config.resume,
    ) as session:
        view = GrowthView(console, session.meter, pool, config)
        for note in encoder.warnings:
            view.say(note)
        prototype = writer("writer", session.models[spec])

        async def ask(number: int, texts: Sequence[str]) -> str | ModelError:
            id, seed = f"{config.kind}-{number:06d}", seed_of(f"{config.seed}/{number}")
            client = session.clients(id, seed, {"writer": spec})["writer"]
            shown = random.Random(f"{seed}/{id}").sample(texts, min(EXAMPLES, len(texts)))
            examples = "\n".join(f"- {one_line(text)}" for text in shown)
            role = prototype.fork(client, count=str(config.batch), examples=examples)
            try:
                message = (await role.on_messages([], CancellationToken())).chat_message
            except ModelError as error:
                view.failed(error)
                return error
            assert isinstance(message, TextMessage)
            return message.content

        async def waves() -> None:
            wave = 0
            while not (pool.full or pool.saturated):
                texts = tuple(pool.texts)
                async with asyncio.TaskGroup() as group:
                    numbers = range(wave * config.calls, (wave + 1) * config.calls)
                    asked = [group.create_task(ask(number, texts)) for number in numbers]
                answers = [task.result() for task in asked]
                if all(isinstance(answer, ModelError) for answer in answers):
                    session.traffic.stop(answers[0])  # type: ignore[arg-type]
                    return
                for answer in answers:
                    if isinstance(answer, ModelError):
                        pool.rejections[f"call failed: {type(answer).__name__}"] += 1
                    elif not (pool.full or pool.saturated):
                        pool.offer(answer)
                view.advance(len(pool.texts) - len(texts))
                wave += 1

        with stop_on_interrupt(session.traffic, view):
            await supervised([waves()], session.traffic, view)
        write(config, kept(config, pool, seeds))
        why: Ending = "target" if pool.full else "saturation"
        if not (pool.full or pool.saturated) and session.traffic.stopped:
            why = session.traffic.stopped
        return grown(config, pool, seeds, encoder, why, session.meter)


def kept(config: Growth, pool: GrowingPool, seeds: Sequence[str]) -> Sequence[str]:
    """What of the pool is written: all of it, or what is new."""
    return pool.texts[len(seeds) :] if config.without_seeds else pool.texts


def grown(
    config: Growth, pool: GrowingPool, seeds: Sequence[str], encoder: Encoder, why: Ending, meter: Meter
) -> Grown:
    threshold, size = pool.rules.threshold, len(kept(config, pool, seeds))
    of_seeds = 0 if config.without_seeds else len(seeds)
    return Grown(config.out, size, of_seeds, pool.candidates, pool.rejections, encoder.name, threshold, why, meter)


def priced(config: Growth) -> tuple[ModelSpec, dict[str, Price | None]]:
    spec = ModelSpec.parse(config.model)
    prices = {str(spec): find_price(spec)} | dict(map(parse_price, config.prices))
    Meter(prices, max_cost=config.max_cost)
    return spec, prices


def read_seeds(config: Growth) -> list[str]:
    """The texts of a file of profiles or personalities, or those that come with i2a."""
    if config.kind == "profile":
        return list(PersonaPool.read(profiles=config.seeds).profiles.values())
    return list(PersonaPool.read(personalities=config.seeds).personalities.values())


def identity(
    config: Growth, spec: ModelSpec, seeds: Sequence[str], encoder: Encoder, threshold: float
) -> dict[str, Any]:
    """What a resumed run must share with the one it goes on with. The target may grow."""
    return {
        "kind": config.kind,
        "seeds": digest("\x1e".join(seeds)),
        "model": str(spec),
        "encoder": encoder.name,
        "threshold": threshold,
        **config.model_dump(include={"seed", "batch", "calls", "window", "saturation"}),
        "prompt": WRITERS[config.kind].prompt.fingerprint,
        "versions": {name: version(name) for name in ("i2a", "autogen-agentchat")},
    }


def write(config: Growth, texts: Sequence[str]) -> None:
    halves = {content_id(config.kind, text): text for text in texts}
    pool = PersonaPool(halves, {}) if config.kind == "profile" else PersonaPool({}, halves)
    pool.write(config.out)


class GrowthView(View):
    """Shows the newest of the pool, and why candidates were not kept."""

    def __init__(self, console: Console | None, meter: Meter, pool: GrowingPool, config: Growth) -> None:
        quiet = console is None or config.view == "quiet"
        unit = "profiles" if config.kind == "profile" else "personalities"
        done, shown = 0 if config.without_seeds else len(pool.texts), console or Console(quiet=True)
        super().__init__(shown, meter, unit=unit, total=config.target, done=done, quiet=quiet)
        self._pool = pool

    def panel(self) -> RenderableType:
        reasons = ", ".join(f"{reason} {count}" for reason, count in self._pool.rejections.most_common())
        newest = Text(one_line(self._pool.texts[-1]))
        newest.append(f"\nnot kept: {reasons or 'none'}", style="dim")
        return Panel(newest, title="the newest", title_align="left", border_style="dim")
