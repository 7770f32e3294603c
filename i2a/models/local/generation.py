"""Rows of tokens through a causal language model of transformers, a batch at a time. Knows neither text nor queue.

Between two steps each row has its own keys and values, so that batches can be regrouped, and the beginning of a prompt
that was computed for an earlier call is reused.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Literal

import torch
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, StoppingCriteriaList

from i2a.errors import ModelError
from i2a.models.local.batching import OutOfMemory, Row
from i2a.models.local.padded import PaddedBatch, can_be_split
from i2a.models.local.prefixes import Prefixes, length
from i2a.models.local.sampling import Draw, Ends
from i2a.text import one_line

SLICE = 16  # tokens that a batch writes before waiting calls may join it
PREFILL = 16  # prompts read at once: more gain nothing, and the longest pads the others
# Which rows a model can read together: any, put together anew at any time; any, padded, from their first token to their
# last; only those of one length; none.
Batching = Literal["split", "padded", "equal", "alone"]


class Generator:
    """An `Engine`. `stops`: the tokens that end a reply. `keep`: how many tokens of earlier calls to remember.

    `keep=0` computes every row from its first token to its last in one go.
    """

    def __init__(
        self, model: PreTrainedModel, stops: Sequence[int], *, keep: int, batching: Batching = "split"
    ) -> None:
        self.model, self._batching = model, batching
        model.generation_config = GenerationConfig()  # ignore the checkpoint's own sampling settings
        self._stops = torch.tensor(sorted(stops), device=model.device)
        self._prefixes = Prefixes(keep) if keep and batching == "split" and can_be_split(model) else None

    def advance(self, running: Sequence[Row], new: Sequence[Row], wanted: Callable[[], bool]) -> None:
        """See `Engine`."""
        computed(lambda: self._advance(running, new, wanted))

    def forget(self) -> None:
        """See `Engine`."""
        if self._prefixes:
            self._prefixes.clear()
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()

    def _advance(self, running: Sequence[Row], new: Sequence[Row], wanted: Callable[[], bool]) -> None:
        if self._prefixes is None:
            for group in self._groups(new):
                self._write(group, lambda ended, steps: False)
            return

        rows = [*running, *new]

        def enough(ended: int, steps: int) -> bool:
            return 2 * ended >= len(rows) or (steps >= SLICE and wanted())

        for row in new:
            row.known = self._prefixes.longest(row.ids)
        if not running and len(new) <= PREFILL:
            self._write(rows, enough)
            return
        fresh = sorted(new, key=lambda row: len(row.ids) - length(row.known))
        for start in range(0, len(fresh), PREFILL):
            self._write(fresh[start : start + PREFILL], lambda ended, steps: True)
        rows = [row for row in rows if row.end is None and not row.abandoned]
        self._write(rows, enough)

    def _groups(self, rows: Sequence[Row]) -> list[list[Row]]:
        """The rows that are read together."""
        if self._batching == "alone":
            return [[row] for row in rows]
        if self._batching == "equal":
            by_length = sorted(rows, key=lambda row: len(row.ids))
            return [list(group) for _, group in groupby(by_length, key=lambda row: len(row.ids))]
        return [list(rows)]

    def _write(self, rows: Sequence[Row], enough: Callable[[int, int], bool]) -> None:
        """Generate tokens for each of `rows` until all have ended, or `enough(ended, steps)`."""
        if not rows:
            return
        batch = PaddedBatch.of(rows, self.model.device)
        most = max(row.left for row in rows)
        draw = Draw(rows, batch.width, self._stops)
        config = GenerationConfig(do_sample=False, num_beams=1, use_cache=True, max_new_tokens=most, pad_token_id=0)
        cache = {} if self._prefixes is None else {"past_key_values": batch.cache(self.model.config)}
        written = self.model.generate(
            input_ids=batch.ids,
            attention_mask=batch.mask,
            generation_config=config,
            logits_processor=LogitsProcessorList([draw]),
            stopping_criteria=StoppingCriteriaList([Ends(rows, batch.width, self._stops, enough)]),
            **cache,
        )[:, batch.width :].tolist()
        stops = set(self._stops.tolist())
        logprobs = draw.logprobs()
        for place, (row, tokens, broken) in enumerate(zip(rows, written, draw.broken[:, 0].tolist(), strict=True)):
            new = tokens[: row.left]
            stop = next((n for n, token in enumerate(new, 1) if token in stops), None)
            row.ids += new[:stop]
            if row.keeps_logprobs:
                row.logprobs += logprobs[place][: len(new[:stop])]
            row.end = "nan" if broken else "stop" if stop else None if row.left else "length"
            if self._prefixes is not None:
                read = min(len(new[:stop]), len(tokens) - 1)  # the last one was drawn, but not read
                row.known = batch.part(cache["past_key_values"], place, read)
            if row.end:
                if self._prefixes is not None and row.known and not broken:
                    self._prefixes.keep(row.ids[: length(row.known)], row.known)
                row.known = None


def computed(compute: Callable[[], None]) -> None:
    """Call `compute` without gradients. Raises `OutOfMemory`, and `ModelError` for whatever a model cannot compute."""
    problem: OutOfMemory | ModelError | None = None
    try:
        with torch.inference_mode():
            compute()
    except torch.OutOfMemoryError:
        problem = OutOfMemory()
    except (RuntimeError, ValueError, IndexError) as error:
        # What torch and transformers raise if a model cannot compute a batch, including CPU memory errors.
        full = "can't allocate memory" in str(error)
        problem = OutOfMemory() if full else ModelError(f"the model failed: {one_line(str(error)):.200}")
    if problem:
        raise problem  # without the traceback, which would keep the tensors alive
