"""The settings of every run: output folder, concurrency, budget, whether it continues an earlier run."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from i2a.jsonl import JsonObject
from i2a.settings import Flag

LOCAL = "local"  # the address of a cluster that is started for the run
AHEAD = 2000  # conversations that are begun while batches are waited for; each takes some 100 kB
SESSION_ONLY = {
    "out",
    "resume",
    "retry_failed",
    "quiet",
    "dry_run",
    "probe",
    "workers",
    "cluster",
}  # not part of the run itself


class RunConfig(BaseModel):
    """These settings may change when a run is resumed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: Path = Field(description="Folder that the run is written to.", examples=["runs/first"])
    concurrency: int = Field(32, ge=1, description="Conversations in progress at once.")
    max_calls: int | None = Field(
        None,
        ge=1,
        description="Most calls in flight to one model; fewer if the server limits the rate. "
        "[default: 4 x concurrency]",
    )
    retries: int = Field(
        8, ge=0, description="How often a failed call is retried. 0: nor is a server waited for that is down."
    )
    max_outage: float = Field(
        600, ge=0, description="Seconds to wait for a server that is down, at the start or later, before the run stops."
    )
    on_length: Literal["fail", "keep"] = Field(
        "fail",
        description="An utterance cut at its limit of tokens: ask again and then fail, or keep and mark it.",
    )
    role_max_tokens: Annotated[dict[str, Annotated[int, Field(ge=1)]], Flag(metavar="ROLE=N")] = Field(
        {}, description="Most tokens of an answer of one role, e.g. judge=300. [default: the role's own limit]"
    )
    check: Annotated[bool, Flag("--check/--no-check")] = Field(
        True,
        description="Before a run of 20 or more, ask each server three short questions (answers, seed, schema), which "
        "are paid like any others, and keep what they show in the manifest.",
    )
    max_cost: float | None = Field(None, gt=0, description="Stop when the run has cost this many US dollars.")
    max_tokens: int | None = Field(None, gt=0, description="Stop when the run has used this many tokens.")
    price: Annotated[list[str], Flag(metavar="MODEL=IN/OUT", was="prices")] = Field(
        [], description="Price of a model, in US dollars per million tokens; IN/OUT/CACHED if cached ones are cheaper."
    )
    resume: bool = Field(False, description="Continue the run in --out.")
    retry_failed: bool = Field(False, description="Continue the run, and redo its failed conversations.")
    batched: Annotated[list[str], Flag("--batch", metavar="ROLE")] = Field(
        [],
        description="Role whose calls go through the provider's batches, at half the price and within a day: one that "
        "nobody waits for, e.g. judge.",
    )
    batch_wait: float = Field(
        20.0, gt=0, description="A batch is handed in when for so many seconds no call was made that belongs in it."
    )
    batch_poll: float = Field(60.0, gt=0, description="Seconds between two looks at a batch.")
    quiet: Annotated[bool, Flag(was="view")] = Field(False, description="No live view.")
    dry_run: bool = Field(
        False,
        description="Only tell what the run would take: calls by role, tokens, money and time. Calls no model, writes "
        "nothing.",
    )
    probe: Annotated[int | Path | None, Flag(metavar="N|RUN")] = Field(
        None,
        description="With --dry-run: hold N conversations (of each candidate) with the models themselves, which is "
        "paid, or go by those of an earlier run. [default: the offline engine in the place of the models]",
    )

    @field_validator("probe", mode="before")
    @classmethod
    def _is_a_number(cls, value: object) -> object:
        return max(1, int(str(value))) if str(value).isdecimal() else value

    @property
    def folder(self) -> Path:
        """Where journal and manifest are."""
        return self.out

    @property
    def continues(self) -> bool:
        return self.resume or self.retry_failed

    @property
    def processes(self) -> int:
        """That the conversations are grown in."""
        return 1

    @property
    def ray_address(self) -> str | None:
        """Of the cluster that they run on; None: they are processes of this machine."""
        return None

    @property
    def patience(self) -> float:
        """How many seconds the run waits for a server that is not there."""
        return self.max_outage if self.retries else 0.0

    @property
    def trees_at_once(self) -> int:
        """Conversations that only wait for a batch do not keep others waiting."""
        return max(self.concurrency, AHEAD) if self.batched else self.concurrency

    @property
    def calls_at_once(self) -> int:
        """To one model. A conversation has up to four calls in flight, hence the default."""
        return self.max_calls or 4 * self.concurrency

    def as_json(self) -> JsonObject:
        """The settings as the manifest keeps them."""
        return self.model_dump(mode="json", exclude=SESSION_ONLY)


class SharedRunConfig(RunConfig):
    """Those of a run of conversations that know nothing of each other, so that it can be shared out."""

    shard: Annotated[str | None, Flag(metavar="K/N")] = Field(
        None,
        pattern=r"^[0-9]+/[0-9]+$",
        description="Only the K-th of N equal parts, from 1, in a folder of its own; `i2a merge` puts all together.",
        examples=["3/16"],
    )

    workers: int = Field(
        1,
        ge=1,
        description="Processes that conversations are grown in, about one for each core that is free; calls of servers "
        "and local models, budget and journal stay in one. The bytes are the same.",
    )

    cluster: Annotated[str | None, Flag(metavar="ADDRESS")] = Field(
        None,
        description="Ray cluster whose cores the --workers run on: ray://HOST:10001, the address of its head, or local "
        "for one of this machine. Needs the extra `cluster`.",
    )

    @property
    def processes(self) -> int:
        return self.workers

    @property
    def ray_address(self) -> str | None:
        return self.cluster

    @field_validator("shard")
    @classmethod
    def _is_one_of_them(cls, shard: str | None) -> str | None:
        if shard is None:
            return None
        part, parts = parts_of(shard)
        if not 1 <= part <= parts:
            raise PydanticCustomError("shard", "there is no part {part} of {parts}", {"part": part, "parts": parts})
        return f"{part}/{parts}"


def parts_of(shard: str) -> tuple[int, int]:
    """Which part it is, from 1, and of how many: `3/16` as numbers."""
    part, _, parts = shard.partition("/")
    return int(part), int(parts)
