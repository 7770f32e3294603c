"""The self-test: which rows may this model read together, so that each gets the answer that it gets alone?

Some architectures are silently wrong about padding: a recurrent state has read it, a position counts it. What decides
is a trial of the same architecture in small.
"""

import time
from collections.abc import Sequence
from typing import Any

from i2a.digests import digest
from i2a.errors import ModelError
from i2a.models.local.batching import OutOfMemory, Row
from i2a.models.local.generation import Batching, Generator
from i2a.models.local.padded import can_be_split
from i2a.models.local.shrunken import shrunken

LENGTHS = (3, 31, 17)  # more than a short window, and all different
LIMIT = 16
MOST, PATIENCE = 100_000_000, 1.0  # weights, and seconds for one reply, of a model that is tried
FOUND: dict[str, Batching] = {}  # by architecture: the weights make no difference
NOTES = {
    "equal": "this architecture reads padding, so only prompts of one length are answered together",
    "alone": "this architecture mixes up the rows of a batch, so prompts are answered one by one",
}


def sound_batching(model: Any) -> Batching:
    """The first of the ways, fastest first, that changes no answer; "equal" where the trial cannot be made."""
    config = model.config.to_dict() | {"_name_or_path": "", "attention": model.config._attn_implementation}
    key = digest(f"{type(model).__name__} {sorted(config.items())}")
    if key not in FOUND:
        FOUND[key] = _tried(model)
    return FOUND[key]


def _tried(model: Any) -> Batching:
    small = _trial_model(model)
    if small is None:
        return "equal"
    ways: tuple[Batching, ...] = ("split", "padded") if can_be_split(model) else ("padded",)
    alone = _answers(small, "alone", LENGTHS)
    for way in ways:
        if _answers_or_none(small, way, LENGTHS) == alone:
            return way
    equal = [LENGTHS[1]] * len(LENGTHS)
    same = _answers_or_none(small, "equal", equal) == _answers_or_none(small, "alone", equal)
    return "equal" if same else "alone"


def _trial_model(model: Any) -> Any:
    """The architecture as small as it can be made; None if it cannot be made small enough to be tried in seconds."""
    for narrow in (True, False):
        try:
            if not narrow and _parameters(model) > MOST:
                return None
            small = shrunken(model, narrow=narrow).cpu().eval()
            began = time.monotonic()
            _answers(small, "alone", LENGTHS[:1])
            return small if time.monotonic() - began < PATIENCE else None
        except Exception:  # noqa: BLE001 - whatever an unknown architecture raises
            continue
    return None


def _parameters(model: Any) -> int:
    """How many a model of two of its layers has, roughly."""
    text = model.config.get_text_config()
    layers: int = text.num_hidden_layers
    return 2 * int(model.num_parameters()) // max(1, layers)


def _answers_or_none(model: Any, way: Batching, lengths: Sequence[int]) -> list[list[int]] | None:
    try:
        return _answers(model, way, lengths)
    except (ModelError, OutOfMemory):
        return None


def _answers(model: Any, way: Batching, lengths: Sequence[int]) -> list[list[int]]:
    """What the rows of these lengths get; a second time in another order, if rows are put together anew."""
    words = model.get_output_embeddings().weight.shape[0]
    generator = Generator(model, [words - 1], keep=1000 if way == "split" else 0, batching=way)
    rows = [
        Row([(7 + place * place + 5 * n) % (words - 1) for n in range(length)], LIMIT, 0.5, 1.0, seed=place)
        for place, length in enumerate(lengths)
    ]
    waiting, running = list(rows), list[Row]()
    while waiting or running:
        new, waiting = waiting[:2], waiting[2:]
        generator.advance(running, new, lambda more=bool(waiting): more)  # type: ignore[misc]
        running = [row for row in (*running, *new) if row.end is None]
    return [row.written for row in rows]
