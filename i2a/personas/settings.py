"""The settings of `i2a personas grow`, `check` and `sample`: one model each for flags, TOML files and Python."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from i2a.runs.config import RunConfig
from i2a.settings import Flag


def refuse_both(personas: object, profiles: object, personalities: object) -> None:
    """Whole personas or halves: raises the error of a validator if the settings name both."""
    if personas and (profiles or personalities):
        raise PydanticCustomError("clash", "--personas holds whole personas: leave out --profiles and --personalities")


class Growth(RunConfig):
    """Everything that can be set. `RunConfig` and what is below the gap may differ from one session to the next."""

    kind: Literal["profile", "personality"] = Field(description="What to grow.", examples=["profile"])
    out: Path = Field(
        description="File for the pool, a JSON line for each text. The journal is in the folder OUT.run beside it.",
        examples=["pools/profiles.jsonl"],
    )
    seeds: Path | None = Field(
        None, description="File of the texts to begin with. [default: the 20 that come with i2a]"
    )
    model: str = Field(
        "offline", description="Model that writes: offline, openai:NAME, openai:NAME@URL, litellm:PROVIDER/MODEL, ..."
    )
    candidates: Path | None = Field(
        None, description="Filter an existing collection (.txt, .jsonl, .parquet) instead of asking a model."
    )
    column: str | None = Field(None, description="Column of the collection that holds the texts.")
    checked: Annotated[bool, Flag("--checked/--unchecked")] = Field(
        True, description="Keep only texts of the right form."
    )
    encoder: str | None = Field(
        None,
        description="How similarity is measured: tfidf, or a sentence-transformers model. [default: the paper's, else "
        "tfidf]",
    )
    threshold: float | None = Field(
        None, gt=0, le=1, description="Highest similarity to a text already in the pool. [default: the encoder's]"
    )
    seed: int = Field(0, description="The same seed and answers give the same pool.")
    batch: int = Field(20, ge=1, description="Texts to ask for in one call.")
    concurrency: Annotated[int, Flag(was="calls")] = Field(
        8, ge=1, description="Calls in flight at once; another number gives another pool."
    )
    max_calls: int | None = Field(
        None, ge=1, description="Most calls in flight to one model, if fewer. [default: concurrency]"
    )
    batched: Annotated[list[str], Flag("--batched", metavar="writer")] = Field(
        [],
        description="Hand the calls of the writer in to the provider's batches, at half the price and within a day: a "
        "wave of --concurrency calls is a batch.",
    )
    window: int = Field(400, ge=1, description="Number of latest candidates over which saturation is measured.")
    saturation: float = Field(0.05, ge=0, lt=1, description="Stop when a smaller share of these candidates is new.")

    target: int = Field(331, ge=1, description="Stop when the pool has this many texts, seeds included.")
    without_seeds: bool = Field(
        False, description="Write, and count, only the new texts and not the seeds: a pool for a test."
    )
    resume: bool = Field(False, description="Continue the growth of --out; --target may be larger than before.")

    @property
    def folder(self) -> Path:
        """Journal and manifest are beside the pool."""
        return self.out.with_name(f"{self.out.name}.run")

    @property
    def calls_at_once(self) -> int:
        return self.max_calls or self.concurrency


class CheckOptions(BaseModel):
    """What `i2a personas check` looks at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: Annotated[list[Path], Flag(metavar="FILE", positional=True)] = Field(
        min_length=1,
        description="Pools or collections: .jsonl, .txt (also .gz), .parquet.",
        examples=["pools/profiles.jsonl"],
    )
    kind: Literal["profile", "personality"] | None = Field(
        None, description="What the texts are. [default: found out from columns or texts]"
    )
    column: str | None = Field(None, description="Column of the texts. [default: named as the kind]")
    against: Path | None = Field(None, description="Texts of a benchmark, which should not be in the pools.")
    encoder: str | None = Field(
        None,
        description="How similarity is measured: tfidf, or a sentence-transformers model. [default: the paper's, else "
        "tfidf]",
    )
    png: Path | None = Field(None, description="Also draw the result into this PNG.")


class SampleOptions(BaseModel):
    """What `i2a personas sample` draws."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(ge=1, description="How many personas.", examples=[1000])
    out: Path = Field(description="File to write, as JSONL, for --personas to read.", examples=["personas.jsonl"])
    personas: Path | None = Field(
        None,
        description="File or folder of whole personas to draw from, in place of pairs: .jsonl, .json, .csv, .parquet.",
    )
    profiles: Path | None = Field(None, description="File of profiles. [default: the 20 that come with i2a]")
    personalities: Path | None = Field(None, description="File of personalities. [default: the 20 that come with i2a]")
    skip_bad: bool = Field(False, description="Leave out what cannot be read, and say where it is.")
    seed: int = Field(0, description="The same seed and pools give the same personas.")
    force: bool = Field(False, description="Overwrite the file if it exists.")

    @model_validator(mode="after")
    def _takes_whole_personas_or_halves(self) -> Self:
        refuse_both(self.personas, self.profiles, self.personalities)
        return self
