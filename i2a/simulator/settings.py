"""The settings of `i2a serve`: how the server behaves. Faults are probabilities per request; at most one occurs."""

from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fault = Literal["rate_limit", "server_error", "drop", "slow", "html", "empty", "malformed"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
Chance = Annotated[float, Field(ge=0, le=1)]


class ServeOptions(BaseModel):
    """Everything that can be set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    host: str = Field("127.0.0.1", description="Loopback address to listen on; others are refused.")
    latency: float = Field(0.0, ge=0, description="Seconds that each answer takes.")
    slots: int | None = Field(None, ge=1, description="Requests served at once; others wait. [default: all]")
    faults: Chance = Field(0.0, description="Chance of a fault of any kind, spread evenly over all kinds.")
    rate_limit: Chance = Field(0.0, description="Chance of a 429 with Retry-After.")
    server_error: Chance = Field(0.0, description="Chance of a 500, 502, 503 or 529.")
    drop: Chance = Field(0.0, description="Chance that the connection is closed without an answer.")
    slow: Chance = Field(0.0, description="Chance that the answer is --slow-seconds late.")
    html: Chance = Field(0.0, description="Chance of a 200 with a web page.")
    empty: Chance = Field(0.0, description="Chance of a 200 without choices.")
    malformed: Chance = Field(0.0, description="Chance that an answer in JSON is broken; text is left alone.")
    fault_seed: int = Field(0, description="Seed of the faults.")
    retry_after: float = Field(0.1, ge=0, description="Seconds in the Retry-After of a 429.")
    slow_seconds: float = Field(5.0, ge=0, description="Seconds that --slow adds.")
    require_key: str | None = Field(None, description="Answer 401 to requests without this key.")

    @model_validator(mode="after")
    def _chances_add_up(self) -> Self:
        if sum(self.chances().values()) > 1 + 1e-9:
            raise ValueError("the chances of all faults add up to more than 1")
        return self

    def chances(self) -> dict[Fault, float]:
        return {kind: getattr(self, kind) + self.faults / len(FAULTS) for kind in FAULTS}
