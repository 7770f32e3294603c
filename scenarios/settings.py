"""The settings of a simulation: one model for flags, TOML files and Python."""

from math import isfinite
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from i2a.personas.settings import refuse_both
from i2a.runs.config import SharedRunConfig
from i2a.settings import Flag

REWARDED = (
    "What the replies of the policy are worth, a weighted sum: judge, judge:strict, wins, recognised, inferred, "
    "length, repetition, FILE.py or package:object. Weight 0: only looked at."
)


class Scene(BaseModel):
    """Who talks with whom, and what their replies are worth: what a simulation and a training by interaction share."""

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
    turns: int | None = Field(None, ge=1, description="Turns of each conversation. [default: the scenario's]")
    option: Annotated[dict[str, object], Flag(was="options")] = Field(
        {}, description="Option of the scenario; `i2a scenarios list SCENARIO` shows them."
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
    policy: Annotated[str | None, Flag(metavar="ROLE")] = Field(
        None,
        description="Role that gives --replies replies wherever the script asks it for one; each is given its rewards. "
        "[default: a role called policy, if there is one]",
    )
    replies: int = Field(4, ge=1, description="How many replies the policy gives to the same words.")
    follow: Literal["random", "best"] = Field(
        "random", description="Which of them goes on: one by chance, or that of the highest reward."
    )
    reward: Annotated[dict[str, float], Flag(metavar="NAME=WEIGHT")] = Field({}, description=REWARDED)
    rater: Annotated[list[str], Flag(metavar="MODEL")] = Field(
        [], description="Model that plays the judge of a reward; of several, the mean. [default: that of the judge]"
    )

    @field_validator("reward")
    @classmethod
    def _is_finite(cls, reward: dict[str, float]) -> dict[str, float]:
        if wrong := [name for name, weight in reward.items() if not isfinite(weight)]:
            raise PydanticCustomError("weight", "the weight of {name} is no number", {"name": wrong[0]})
        return reward

    @model_validator(mode="after")
    def _takes_whole_personas_or_halves(self) -> Self:
        refuse_both(self.personas, self.profiles, self.personalities)
        return self


class Simulation(Scene, SharedRunConfig):
    """All settings. When a run is resumed, only those of `RunConfig` may change."""

    conversations: int = Field(
        10, ge=1, description="How many conversations, each with another persona; more with --resume extend a run."
    )
    seed: int = Field(0, description="The same seed and models give the same corpus.")
    model: str = Field(
        "offline",
        description="Model of all roles: offline, openai:NAME, openai:NAME@URL (key: OPENAI_API_KEY), hf:FOLDER, "
        "hf:HUB_ID, litellm:PROVIDER/MODEL or autogen:FILE.json.",
    )
    keep_prompts: bool = Field(
        False,
        description="Keep what every role was sent with the trees: to look at, and to train the judge, the Inducer or "
        "the user. Without it, only what roles of your own were sent when they spoke.",
    )

    jury: Annotated[list[str], Flag(metavar="MODEL")] = Field(
        [], description="Model of one of several judges, who label together. [default: one judge]"
    )
    jury_rule: Literal["majority", "unanimity"] = Field(
        "majority",
        description="Who of a jury must name one reply, in both orders each, to label it: more than half, or all.",
    )

    def model_of(self, role: str) -> str:
        """The model string of a role."""
        return self.role_model.get(role, self.jury[0] if self.jury and role == "judge" else self.model)
