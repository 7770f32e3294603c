"""The settings of commands that only read runs or write files: one model each for flags and TOML files.

Imported when such a command is run or explains itself.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from i2a.settings import Flag


class ShowOptions(BaseModel):
    """What `i2a show` shows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Annotated[Path, Flag(metavar="RUN", positional=True)] = Field(
        description="Folder of a run, or a trees.jsonl.", examples=["runs/first"]
    )
    tree: Annotated[str | None, Flag(metavar="TREE", positional=True)] = Field(
        None, coerce_numbers_to_str=True, description="Id of a tree, or its number from 0."
    )


class ReportOptions(BaseModel):
    """What `i2a report` writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs: Annotated[list[Path], Flag(metavar="RUN", positional=True)] = Field(
        min_length=1,
        description="Folders of simulations, trainings and evaluations, in any order.",
        examples=["runs/first"],
    )
    out: Path = Field(Path("report.html"), description="HTML file to write; its name ends with .html.")
    title: str = Field("Interact to align", description="Title of the report.")
    trees: int | None = Field(None, ge=0, description="Most trees to include from each run. [default: all]")
    force: bool = Field(False, description="Overwrite the file if it exists.")


class ExportOptions(BaseModel):
    """What `i2a export` writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Annotated[Path, Flag(metavar="RUN", positional=True)] = Field(
        description="Folder of a run, or a trees.jsonl.", examples=["runs/first"]
    )
    out: Path = Field(
        description="File to write: its ending says whether JSONL, .json, .csv, .parquet or (format dialogue) .txt or "
        ".md; .gz compresses; - is standard output.",
        examples=["data/dpo.parquet"],
    )
    format: str = Field(
        "aloe",
        description="aloe: records of the ALOE release. sft, dpo: rows to train on. sharegpt, openai, anthropic, trl, "
        "oasst, wildchat, openai_pairs, sharegpt_pairs, hh: those of other tools. dialogue: text. utterances: rows.",
    )
    option: dict[str, object] = Field({}, description="Option of the format.")
    push_to_hub: str | None = Field(
        None,
        description="Also upload the file and its card to this dataset of the Hugging Face Hub, private unless --public "
        "is given. Needs HF_TOKEN.",
        examples=["me/dialogues"],
    )
    public: bool = Field(False, description="Make the dataset of --push-to-hub public.")
    force: bool = Field(False, description="Overwrite the file if it exists.")


class ImportOptions(BaseModel):
    """What `i2a import` reads and writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[Path, Flag(metavar="FILE", positional=True)] = Field(
        description="JSONL, JSON, CSV or Parquet (all but that also as .gz), or a folder of these; - reads JSONL from "
        "standard input.",
        examples=["aloe.jsonl"],
    )
    out: Path = Field(description="Folder for the imported run, new or empty.", examples=["runs/aloe"])
    format: str | None = Field(None, description="Format of the file. [default: as its first record looks]")
    skip_bad: bool = Field(False, description="Leave out lines that are not a record.")


class CompareOptions(BaseModel):
    """What `i2a compare` puts side by side."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs: Annotated[list[Path], Flag(metavar="RUN", positional=True)] = Field(
        min_length=1, description="Folders of complete evaluations.", examples=["runs/eval"]
    )
    mix: bool = Field(
        False,
        description="Compare runs that differ in protocol, judges, simulator or cases; the table says so.",
    )
    by: str | None = Field(
        None,
        description="Field of the personas, e.g. language or age: also the mean level and the gain for the people of "
        "each level. profile and personality go by their ids.",
    )
    baseline: str | None = Field(
        None, description="Name of the candidate that others are compared with. [default: the first]"
    )
