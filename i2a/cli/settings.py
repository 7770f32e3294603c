"""The settings of commands that only read runs or write files: one model each for flags and TOML files.

Imported when such a command is run or explains itself.
"""

from pathlib import Path
from typing import Annotated, NamedTuple

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
    prompts: bool = Field(
        False, description="Also what each role was sent, and what it answered with structure, where that is kept."
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
    trees: int = Field(
        2000, ge=0, description="Most trees to include from each run, spread evenly over it; the report says so."
    )
    force: bool = Field(False, description="Overwrite the file if it exists.")


class ViewOptions(BaseModel):
    """What `i2a view` shows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs: Annotated[list[Path], Flag(metavar="RUN", positional=True)] = Field(
        min_length=1, description="Folders of runs, or folders that hold runs.", examples=["runs"]
    )
    rate: Annotated[str | None, Flag(metavar="NAME")] = Field(
        None, min_length=1, max_length=80, description="Rate replies under this name; the answers go into the run."
    )
    items: int | None = Field(None, ge=1, description="With --rate: how many are drawn to be rated. [default: all]")
    overlap: int | None = Field(
        None,
        ge=0,
        description="With --rate: how many of these every rater gets; the rest is shared out. [default: all]",
    )
    seed: int = Field(0, description="With --rate: which items are drawn, and in which order.")
    port: int = Field(0, ge=0, le=65535, description="Port on this machine; 0 picks a free one.")
    browser: bool = Field(False, description="Also open the address in the browser.")


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
        description="Also upload the file and its card to this dataset of the Hugging Face Hub, private without "
        "--public. Needs HF_TOKEN.",
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


class MergeOptions(BaseModel):
    """What `i2a merge` puts together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs: Annotated[list[Path], Flag(metavar="RUN", positional=True)] = Field(
        min_length=1, description="Folders of all shards of one run, in any order.", examples=["runs/shards/1"]
    )
    out: Path = Field(description="Folder for the whole run, new or empty.", examples=["runs/whole"])


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


class DemoSizes(NamedTuple):
    """Conversations for SFT and for DPO, turns of each, and cases of the evaluation."""

    conversations: int
    pairs: int
    turns: int
    cases: int


class DemoOptions(BaseModel):
    """What `i2a demo` does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    small: bool = Field(False, description="Takes a minute and only shows that everything runs.")
    seed: int = Field(1, ge=0, description="Another seed draws people, conversations and trainings anew.")
    out: Path | None = Field(None, description="Folder for everything. [default: runs/demo, with seed and size]")
    splits: bool = Field(
        False,
        description="Two more tests of the models of a finished demo: people of whose lives no training text tells, "
        "and the benchmark.",
    )
    conversations: int | None = Field(None, ge=4, description="To fine-tune on. [default: 1000; small: 30]")
    pairs: int | None = Field(None, ge=4, description="Conversations with pairs to prefer. [default: 400; small: 20]")
    turns: int | None = Field(None, ge=2, description="Turns of each conversation. [default: 10; small: 4]")
    cases: int | None = Field(None, ge=4, le=100, description="People to talk with. [default: 60; small: 12]")

    @property
    def sizes(self) -> DemoSizes:
        usual = DemoSizes(30, 20, 4, 12) if self.small else DemoSizes(1000, 400, 10, 60)
        given = self.model_dump(include=set(DemoSizes._fields), exclude_none=True)
        return usual._replace(**given)

    @property
    def folder(self) -> Path:
        """Where everything goes."""
        name = f"demo{f'-{self.seed}' if self.seed != 1 else ''}{'-small' if self.small else ''}"
        return self.out or Path("runs", name)
