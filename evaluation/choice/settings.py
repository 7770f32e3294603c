"""The settings of `i2a benchmark build` and of `i2a choice`: one model each for flags, TOML files and Python."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from i2a.runs.config import RunConfig
from i2a.settings import Flag


class ItemBuild(RunConfig):
    """How items are made. Only the settings of `RunConfig` may differ from one session to the next."""

    out: Path = Field(description="Folder that the items are written to.", examples=["runs/items"])
    model: str = Field("offline", description="Model that plays the user, infers, and writes all replies.")
    role_model: Annotated[dict[str, str], Flag(metavar="ROLE=MODEL")] = Field(
        {}, description="Another model for one role: user, inducer, preferred or rejected."
    )
    source: Annotated[Path | None, Flag("--from", metavar="RUN")] = Field(
        None,
        description="Folder of a run, whose dialogues are taken. [default: new ones with the benchmark's personas]",
    )
    profiles: Path | None = Field(None, description="File of profiles. [default: 20 of the benchmark]")
    personalities: Path | None = Field(None, description="File of personalities. [default: 5 of the benchmark]")
    cases: int | None = Field(None, ge=1, description="Draw this many dialogues. [default: all]")
    turns: int = Field(10, ge=2, description="Turns of each dialogue.")
    every: int = Field(2, ge=1, description="An item at every turn of this many, e.g. 2, 4, 6, ...")
    change: int | None = Field(
        None,
        ge=2,
        description="Turn at which the person takes on another personality; the replies in the wrong manner are "
        "then in that of the other of the two.",
    )
    drafts: int = Field(4, ge=1, description="Drafts of each reply, from which those of an item are chosen.")
    seed: int = Field(0, description="The same seed and models give the same items.")


class Choosing(RunConfig):
    """How candidates choose. What stands below the gap may differ from one session to the next."""

    out: Path = Field(description="Folder that the results are written to.", examples=["runs/choice"])
    candidates: Annotated[list[str], Flag(metavar="CANDIDATE", positional=True)] = Field(
        [],
        description="MODEL or NAME=MODEL. Controls: shuffled:MODEL (the history of another person), last:MODEL (the "
        "last message only), oracle:MODEL (is told the persona).",
    )
    items: Path | None = Field(None, description="File of items, or folder of a build. [default: those of i2a]")
    reference: Annotated[str | None, Flag(metavar="MODEL")] = Field(
        None,
        description="Model before a training. Candidates are then measured by their implicit reward: log p(reply) "
        "under the candidate minus that under this model.",
    )
    method: Literal["auto", "logprobs", "letters"] = Field(
        "auto",
        description="logprobs: the likeliest reply per token is the choice. letters: a letter is asked for, in four "
        "orders. auto: logprobs where the model gives them.",
    )
    cases: int | None = Field(None, ge=1, description="Draw this many dialogues over all people. [default: all]")
    seed: int = Field(0, description="The same seed and models give the same numbers.")

    baseline: str | None = Field(
        None, description="Name of the candidate that others are compared with. [default: the first]"
    )
