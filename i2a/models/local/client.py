"""A local transformers model. Batches, tokens and weights are handled by the modules beside it.

Torch is imported when a model is opened, not before.
"""

import json
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from i2a.errors import BadRequest, ContextOverflow, ModelError, UsageError
from i2a.extras import needs
from i2a.jsonl import JsonMapping
from i2a.markup import spoken
from i2a.models.local.batching import Batcher, Row
from i2a.models.local.repetition import Dry
from i2a.models.model import DEFAULT_MAX_TOKENS, FREE, REPLIES, Completion, Likelihood, Message, Model, Price
from i2a.text import is_blank
from i2a.threads import wait_passively

if TYPE_CHECKING:
    from i2a.models.local.loading import Loaded

TRIES = 3  # for a reply that is not empty
DTYPES = ("bfloat16", "float16", "float32", "float64")
ARGUMENTS = {"seed", "temperature", "top_p", "max_tokens", "max_completion_tokens"}
LIMIT = "max_new_tokens"  # as transformers calls it; every other kind of model calls it max_tokens


class HFConfig(BaseModel):
    """All settings that affect an answer, and the limits of a batch. Of the checkpoint's own generation settings, only
    the tokens that end a reply are used.

    `dry_multiplier` (0: off), `dry_base` and `dry_allowed_length` are those of `repetition.Dry`. `seed` is for calls
    without a seed. `max_batch_tokens`: rows of a batch times the longest of them; the cache of earlier calls has the
    same size. `thinking`: passed to templates that can switch it on and off. `date`: for templates that write the date,
    as YYYY-MM-DD; default: the day on which the run started.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    revision: str | None = None
    dtype: Literal["auto", "bfloat16", "float16", "float32", "float64"] = "auto"
    device: str = "auto"
    temperature: float = Field(0.7, ge=0, allow_inf_nan=False)
    top_p: float = Field(1.0, gt=0, le=1)
    dry_multiplier: float = Field(0.0, ge=0, allow_inf_nan=False)
    dry_base: float = Field(1.75, ge=1, le=10)
    dry_allowed_length: int = Field(2, ge=1)
    max_new_tokens: int = Field(512, ge=1)
    seed: int | None = Field(None, ge=0)
    thinking: bool | None = None
    date: str | None = Field(None, pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")
    max_batch: int = Field(64, ge=1)
    max_batch_tokens: int = Field(65536, ge=1)


class HFModel(Model):
    """Concurrent calls of one model are answered in batches; for one event loop at a time.

    An answer is determined by its messages, the settings and its seed. Other rows in the batch and a cached prefix of
    the prompt change how sums are rounded: of 400 answers of a trained model of 1.3 million weights, 2 differed from
    those computed alone in float32, none in float64 or at temperature 0 - and in bfloat16 every fourth. With
    `max_batch=1` each call is computed alone and without a cache, so answers are the same bit by bit.

    A reply never starts with the end token; a blank reply is drawn again, with a seed derived from that of the call.
    """

    structured_output = False
    limits_answers = True
    in_process = True
    keeps_samples = False
    """Whether an answer carries the tokens that were drawn for it."""

    def __init__(self, config: HFConfig) -> None:
        self._config = config
        self._open(_load(config))
        self._today = config.date or self._loaded.chat.today

    def _open(self, loaded: "Loaded") -> None:
        from i2a.models.local.generation import Generator
        from i2a.models.local.scoring import Scorer

        self._loaded, config = loaded, self._config
        keep = 0 if config.max_batch == 1 else config.max_batch_tokens
        limits = {"max_rows": config.max_batch, "max_tokens": config.max_batch_tokens}
        generator = Generator(loaded.model, loaded.stops, keep=keep, batching=loaded.batching)
        self._batcher = Batcher(generator, **limits)
        self._scoring = Batcher(Scorer(loaded.model, keep=keep, split=loaded.batching == "split"), **limits)

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: Mapping[str, str]) -> Self:
        """The model that `hf:FOLDER_OR_HUB_ID[?param=value&...]` names, with the parameters of `HFConfig`;
        it may also be a GGUF file, or a name of `names.NAMES`.

        Raises `UsageError`.
        """
        if not name or url:
            raise UsageError(
                "hf: takes a folder, a GGUF file or a name on the hub, and no URL; for instance hf:runs/sft"
            )
        try:
            if "max_tokens" in params and LIMIT in params:
                raise UsageError(f"hf:{name}: max_tokens and {LIMIT} are one; write one of them")
            named = {LIMIT if parameter == "max_tokens" else parameter: value for parameter, value in params.items()}
            return cls(HFConfig(name=name, **named))
        except ValidationError as error:
            problem = error.errors()[0]
            parameter = ".".join(map(str, problem["loc"]))
            if problem["type"] == "extra_forbidden":
                known = ", ".join(field for field in HFConfig.model_fields if field != "name")
                raise UsageError(f"hf:{name}: there is no parameter {parameter!r}; there are: {known}") from None
            raise UsageError(
                f"hf:{name}: {parameter}={params.get(parameter, params.get('max_tokens'))}: {problem['msg']}"
            ) from None

    @classmethod
    def list_price(cls, name: str, url: str | None, params: Mapping[str, str]) -> Price | None:
        """Free: it runs on this machine."""
        return FREE

    def price(self) -> Price | None:
        return FREE

    def __repr__(self) -> str:
        return f"HFModel({self._config.name!r})"

    def describe(self) -> dict[str, object]:
        """The resolved settings, weights and versions, for the manifest of a run."""
        import torch
        import transformers

        chat, model = self._loaded.chat, self._loaded.model
        return self._config.model_dump() | {
            "fingerprint": self._loaded.fingerprint,
            "dtype": str(model.dtype).removeprefix("torch."),
            "device": str(model.device),
            "context": self._loaded.context,
            "stops": chat.tokenizer.convert_ids_to_tokens(list(self._loaded.stops)),
            "system": "before the first user message" if chat.moves_system else "a message of its own",
            "date": self._today if chat.dated else None,
            "batching": self._loaded.batching,
            "warnings": list(self._loaded.warnings),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }

    def resume(self, described: JsonMapping) -> None:
        """Keep the date of the run, and the precision that was chosen for it."""
        date, dtype = described.get("date"), described.get("dtype")
        self._today = date if isinstance(date, str) else self._today
        if self._config.dtype == "auto" and dtype in DTYPES and dtype != self.describe()["dtype"]:
            self._open(_load(self._config.model_copy(update={"dtype": dtype})))

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        """Raises `BadRequest` for a request that can never succeed, and `ModelError`."""
        if REPLIES in parameters:
            return await self._score(messages, parameters[REPLIES])
        config = self._resolved(parameters)
        prompt = self._prompt(messages)
        room = (self._loaded.context or len(prompt) + config.max_new_tokens) - len(prompt)
        if room < 1:
            why = f"{self}: the prompt has {len(prompt)} tokens, and the model takes {self._loaded.context}"
            raise ContextOverflow(why, context=self._loaded.context, needed=len(prompt) + 1)
        dry = Dry(config.dry_multiplier, config.dry_base, config.dry_allowed_length) if config.dry_multiplier else None
        earlier = self._loaded.chat.replies(as_json(messages)) if dry else ()
        seed = random.getrandbits(32) if config.seed is None else config.seed
        spent = 0
        for attempt in range(TRIES if config.temperature else 1):
            row = Row(
                list(prompt),
                min(config.max_new_tokens, room),
                config.temperature,
                config.top_p,
                seed if not attempt else random.Random(f"{seed}/{attempt}").getrandbits(32),
                dry,
                earlier,
                self.keeps_samples,
            )
            await self._generate(row)
            spent += len(row.written)
            text, _, went_on = spoken(self._loaded.chat.text(row.written))
            if not is_blank(text):
                end = "stop_string" if went_on else "length" if row.end == "length" else "stop"
                return Completion(text, end, len(prompt), spent, sample=self._sample(prompt, row))
        advice = "; raise max_tokens: ?max_tokens=" if row.end == "length" else ""
        error = ModelError(f"{self}: an empty reply{advice}")
        error.billed = (len(prompt), spent)
        raise error

    def _sample(self, prompt: Sequence[int], row: Row) -> str:
        """The tokens of an answer, as far as they are kept."""
        return ""

    @property
    def context(self) -> int | None:
        return self._loaded.context

    @classmethod
    def scores_replies(cls, params: Mapping[str, str]) -> bool:
        return True

    async def close(self) -> None:
        await self._batcher.close()
        await self._scoring.close()

    async def _score(self, messages: Sequence[Message], replies: Sequence[str]) -> Completion:
        """The likelihoods of `replies`, in the tokens and from the place at which a training counts its loss."""
        from i2a.models.local.scoring import ScoredRow

        try:
            fitted = self._loaded.chat.fit(as_json(messages), replies, None)
        except UsageError as error:
            raise BadRequest(str(error)) from None
        assert fitted is not None  # there is no limit that it could fail to fit
        row = ScoredRow.of(fitted.tokens)
        if (context := self._loaded.context) and row.longest > context:
            raise BadRequest(f"{self}: prompt and reply have {row.longest} tokens, and the model takes {context}")
        await self._batched(self._scoring, row)
        found = [Likelihood(*pair) for pair in zip(row.logprobs, row.scored, strict=True)]
        return Completion(json.dumps(found), "stop", fitted.tokens[0].start, sum(row.scored))

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        return self._loaded.chat.prompt(as_json(messages), thinking=self._config.thinking, today=self._today)

    def _resolved(self, args: Mapping[str, object]) -> HFConfig:
        """The settings with those of the call, which have OpenAI's names. A role's own limit only adds room."""
        args = dict(args)
        limit = args.pop(DEFAULT_MAX_TOKENS, None)
        if isinstance(limit, int) and LIMIT not in self._config.model_fields_set:
            args.setdefault("max_tokens", max(limit, self._config.max_new_tokens))
        if unknown := sorted(args.keys() - ARGUMENTS):
            raise BadRequest(f"{self} does not take {', '.join(unknown)}; it takes {', '.join(sorted(ARGUMENTS))}")
        if not args:
            return self._config
        changes = {LIMIT if name.startswith("max_") else name: value for name, value in args.items()}
        try:
            return HFConfig(**{**dict(self._config), **changes})
        except ValidationError as error:
            problem = error.errors()[0]
            raise BadRequest(f"{self}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None

    async def _generate(self, row: Row) -> None:
        await self._batched(self._batcher, row)

    async def _batched(self, batcher: Batcher, row: Row) -> None:
        try:
            await batcher.complete(row)
        except ModelError as error:
            raise ModelError(f"{self}: {error}") from error
        if row.end == "nan":
            raise ModelError(f"{self}: its scores are no numbers; try dtype=bfloat16 or dtype=float32")

    def __str__(self) -> str:
        return f"hf:{self._config.name}"


def as_json(messages: Sequence[Message]) -> list[dict[str, str]]:
    """The messages as chat templates take them."""
    return [{"role": role, "content": content} for role, content in messages]


def _load(config: HFConfig) -> "Loaded":
    wait_passively()  # the event loop needs a core too
    with needs("train", f"hf:{config.name}"):
        from i2a.models.local.loading import Source, load
    return load(Source(config.name, config.revision, config.dtype, config.device))
