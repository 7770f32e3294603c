"""The settings of an evaluation: one model for flags, TOML files and Python."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from i2a.personas.settings import refuse_both
from i2a.runs.config import SharedRunConfig
from i2a.settings import Flag, flag_name

# What the stored dialogues determine, with --replay and with --rejudge.
REPLAYED = frozenset({"personas", "profiles", "personalities", "user", "inducer", "scenario", "option"})
REJUDGED = REPLAYED | {"candidates", "replay", "cases", "turns", "seed"}


class Evaluation(SharedRunConfig):
    """Everything that can be set.

    The settings of `RunConfig` and what stands below the gap may differ from one session to the next. `inducer`: asked
    at the end of each live dialogue, for the audit; None: the offline one if the user is offline, else none.
    """

    out: Path = Field(description="Folder that the evaluation is written to.", examples=["runs/eval"])
    candidates: Annotated[list[str], Flag(metavar="CANDIDATE", positional=True)] = Field(
        [],
        description="MODEL or NAME=MODEL. reminder:MODEL, brief:MODEL, oracle:MODEL, shuffled:MODEL and last:MODEL are "
        "ablations, as are no-note:, other-note:, true-note: and history:MODEL of sessions; FILE.py:MODEL is one of "
        "your own.",
    )
    replay: Path | None = Field(
        None, description="Folder of a run. The user messages of its dialogues are replayed to every candidate."
    )
    role: Annotated[str | None, Flag(metavar="NAME")] = Field(
        None,
        description="With --replay: the role whose place the candidates take, under the prompt that it was sent; "
        "everybody else is the user. [default: everybody but `user`]",
    )
    rejudge: Path | None = Field(
        None, description="Folder of an evaluation. Its dialogues are rated again, by other judges."
    )
    profiles: Path | None = Field(None, description="File of profiles. [default: 20 of the benchmark]")
    personalities: Path | None = Field(None, description="File of personalities. [default: 5 of the benchmark]")
    personas: Path | None = Field(
        None, description="File or folder of whole personas, in place of both: .jsonl, .json, .csv, .parquet."
    )
    cases: int | None = Field(
        None, ge=1, description="Draw this many cases. [default: every profile with every personality]"
    )
    turns: int = Field(10, ge=1, description="Turns of each dialogue.")
    scenario: Literal["aloe", "drift", "sessions"] = Field(
        "aloe",
        description="drift: at turn `change` the person becomes somebody else. sessions: the person comes back, and "
        "only a note of the candidate's is carried over.",
    )
    option: dict[str, object] = Field(
        {}, description="Option of the scenario, e.g. change=6 or exchange=profile of drift, sessions=3 of sessions."
    )
    seed: int = Field(0, description="The same seed and models give the same numbers.")
    user: str = Field("offline", description="Model that plays the user.")
    judge: Annotated[list[str], Flag(was="judges")] = Field(
        ["offline"], min_length=1, description="Model that rates the replies."
    )
    protocol: str = Field(
        "aloe",
        description="How replies are rated: aloe (a score of 1-5), strict (pass or fail), or a protocol of your own: "
        "FILE.py or package:CLASS.",
    )
    inducer: str | None = Field(
        None,
        description="Model of the Inducer, which says at the end of a dialogue what it has revealed about the user; "
        "the audit measures its precision. [default: offline, if the user is offline]",
    )

    baseline: str | None = Field(
        None, description="Name of the candidate that others are compared with. [default: the first]"
    )
    ratings: Path | None = Field(
        None,
        description="CSV or JSONL file of human ratings, to measure their agreement with the judges and to "
        "calibrate AVG. Fields: "
        "candidate, case, turn, score and, if there are several people, rater.",
    )

    @model_validator(mode="after")
    def _takes_from_stored_dialogues(self) -> Self:
        chosen = {name for name in self.model_fields_set if getattr(self, name) is not None}
        if self.role is not None and self.replay is None:
            raise PydanticCustomError("role", "--role is for stored dialogues: add --replay RUN")
        for source, determined in (("rejudge", REJUDGED), ("replay", REPLAYED)):
            if source in chosen and (clash := sorted(determined & chosen)):
                flag = flag_name(clash[0], type(self).model_fields[clash[0]])
                raise PydanticCustomError("clash", f"--{source} takes it from the stored dialogues: leave out {flag}")
        refuse_both(self.personas, self.profiles, self.personalities)
        return self
