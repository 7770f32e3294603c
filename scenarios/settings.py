"""The settings of a simulation: one model for flags, TOML files and Python."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from i2a.personas.settings import refuse_both
from i2a.runs.config import RunConfig
from i2a.settings import Flag


class Simulation(RunConfig):
    """All settings. When a run is resumed, only those of `RunConfig` may change."""

    scenario: str = Field("aloe", description="Name of a scenario, or the path of a script.")
    profiles: Path | None = Field(None, description="File of profiles. [default: the 20 that come with i2a]")
    personalities: Path | None = Field(None, description="File of personalities. [default: the 20 that come with i2a]")
    personas: Path | None = Field(
        None,
        description="File or folder of whole personas: .jsonl, .json, .csv, .parquet. Columns count by their names; "
        "prompts can name all of them, and `language` says what a person writes.",
    )
    role_personas: Annotated[dict[str, Path], Flag(metavar="ROLE=FILE")] = Field(
        {}, description="Another file of whole personas for one role, e.g. bob=people.csv."
    )
    conversations: int = Field(10, ge=1, description="How many conversations, each with another persona.")
    turns: int | None = Field(None, ge=1, description="Turns of each conversation. [default: the scenario's]")
    option: Annotated[dict[str, object], Flag(was="options")] = Field(
        {}, description="Option of the scenario; `i2a scenarios list SCENARIO` shows them."
    )
    seed: int = Field(0, description="The same seed and models give the same corpus.")
    model: str = Field(
        "offline",
        description="Model of all roles: offline, openai:NAME, openai:NAME@URL (key: OPENAI_API_KEY), hf:FOLDER, "
        "hf:HUB_ID, litellm:PROVIDER/MODEL or autogen:FILE.json.",
    )
    role_model: Annotated[dict[str, str], Flag(metavar="ROLE=MODEL", was="role_models")] = Field(
        {}, description="Another model for one role, e.g. judge=openai:gpt-4o."
    )
    role_prompt: Annotated[dict[str, Path], Flag(metavar="ROLE=FILE")] = Field(
        {}, description="Another prompt for one role, a text file, e.g. judge=my_judge.txt."
    )
    audit_user: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Audit each message of the simulated person, ask for a bad one again, at most twice, and mark what "
        "stays bad. auto: unless the offline engine plays it.",
    )
    keep_prompts: bool = Field(
        False,
        description="Keep what every role was sent with the trees: to look at, and to train the judge, the Inducer or "
        "the user. Without it, only what roles of your own were sent when they spoke.",
    )

    @model_validator(mode="after")
    def _takes_whole_personas_or_halves(self) -> Self:
        refuse_both(self.personas, self.profiles, self.personalities)
        return self
