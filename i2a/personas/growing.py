"""A pool of personas while it grows: what is new enough is kept, in order, and everything else is counted by reason.

It knows neither writers nor models: it is offered texts. Each text is encoded once. Up to 50,000 vectors the search is
exact (a matrix product); beyond, it goes through an approximate graph (HNSW) whose candidates are compared exactly.
Answers follow from the order of the adds alone: the graph is built by one thread. Measured
(python benchmarks/persona_filter.py --only index): the graph's cost grows as about kept^0.6, exact search's as kept^1.
In calls of one the graph's search is faster from 50,000 on; in calls of 20 on two fast cores the matrix product still
keeps up at 100,000: there a higher `exact_up_to` costs nothing.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from agents.echo import utterance_echoes
from i2a.extras import needs
from i2a.personas.copies import normal
from i2a.personas.encoders import Encoder
from i2a.personas.parse import parse
from i2a.personas.quality import check

if TYPE_CHECKING:
    from usearch.index import Index

Matrix = NDArray[np.float32]

EXACT_UP_TO = 50_000
# Rows of one product: bounds the memory at ROWS x COLUMNS floats (32 MB).
ROWS, COLUMNS = 1024, 8192


@dataclass(frozen=True, slots=True)
class Rules:
    """When a text is kept, and when there are enough.

    `threshold`: the largest cosine similarity to a kept one. `checked`: whether texts must have the right form.
    Saturated is a pool when, of the last `window` candidates, less than the share `saturation` was new; an answer
    without any text counts as `batch` candidates. A text that repeats the `instructions` of its writer is none.
    """

    kind: Literal["profile", "personality"]
    threshold: float
    target: int
    window: int = 400
    saturation: float = 0.05
    batch: int = 20
    checked: bool = True
    instructions: tuple[str, ...] = ()


class GrowingPool:
    """The texts that are kept, in order, and why the others are not. Each text is encoded once."""

    def __init__(self, rules: Rules, seeds: Sequence[str], encoder: Encoder) -> None:
        self.rules, self._encoder = rules, encoder
        self.texts = list(seeds)
        self.candidates = 0
        self.rejections: Counter[str] = Counter()
        self._known = {normal(text) for text in seeds}
        self._lately: deque[bool] = deque(maxlen=rules.window)
        self._kept = KeptVectors()
        self._kept.add(encoder.encode(self.texts))

    @property
    def full(self) -> bool:
        return len(self.texts) >= self.rules.target

    @property
    def saturated(self) -> bool:
        """Whether, over the last `window` candidates, too few were new."""
        rules = self.rules
        return len(self._lately) == rules.window and sum(self._lately) < rules.saturation * rules.window

    def offer(self, answer: str) -> None:
        """Keep what is new in the answer of a writer; see `sift`."""
        items = parse(answer)
        if not items:
            self._reject("no item in the answer", self.rules.batch)
        self.sift(items)

    def sift(self, candidates: Sequence[str]) -> None:
        """Keep those that are new, in order, up to the target; count the rest by reason."""
        fit: list[str] = []
        for text in candidates:
            self.candidates += 1
            if reason := check(text, self.rules.kind) if self.rules.checked else None:
                self._reject(reason)
            elif utterance_echoes(text, self.rules.instructions, frozenset()):
                self._reject("repeats the prompt")
            elif normal(text) in self._known:
                self._reject("duplicate")
            else:
                self._known.add(normal(text))
                fit.append(text)
        if not fit:
            return
        room = self.rules.target - len(self.texts)
        for text, new in zip(
            fit, filter_batch(self._kept, self._encoder.encode(fit), self.rules.threshold), strict=True
        ):
            if not new:
                self._reject("too similar")
            elif room:
                self.texts.append(text)
                self._lately.append(True)
                room -= 1

    def _reject(self, reason: str, candidates: int = 1) -> None:
        self.rejections[reason] += 1
        self._lately.extend([False] * candidates)


# Vectors.


class KeptVectors:
    """Unit vectors that only grow in number; float32, in one matrix that doubles when it is full.

    The graph starts when more than `exact_up_to` are kept; building it takes about 0.4 ms for each, once.
    """

    def __init__(self, *, exact_up_to: int = EXACT_UP_TO) -> None:
        self._exact_up_to = exact_up_to
        self._rows: Matrix = np.zeros((0, 0), np.float32)
        self._count = 0
        self._graph: Index | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def vectors(self) -> Matrix:
        """All that are kept, (len, d), in the order they were added; a view that is not to be written to."""
        view = self._rows[: self._count]
        view.flags.writeable = False
        return view

    def add(self, vectors: Matrix) -> None:
        """Keep these unit rows, (n, d); the first ones set d."""
        if not len(vectors):
            return
        if self._count == 0:
            self._rows = np.zeros((0, vectors.shape[1]), np.float32)
        start, self._count = self._count, self._count + len(vectors)
        if self._count > len(self._rows):
            grown = np.zeros((max(self._count, 2 * len(self._rows), 64), self._rows.shape[1]), np.float32)
            grown[:start] = self._rows[:start]
            self._rows = grown
        self._rows[start : self._count] = vectors
        if self._graph is not None:
            self._grow_graph(start)
        elif self._count > self._exact_up_to:
            self._graph = _empty_graph(self._rows.shape[1])
            self._grow_graph(0)

    def _grow_graph(self, start: int) -> None:
        assert self._graph is not None
        self._graph.add(np.arange(start, self._count), self._rows[start : self._count], threads=1)

    def nearest(self, vectors: Matrix) -> Matrix:
        """Each row's largest cosine similarity to anything kept, (n,), at most 1; -1 where nothing is kept."""
        best = np.full(len(vectors), -1, np.float32)
        if self._count:
            for part in _parts(len(vectors), ROWS):
                best[part] = self._exact(vectors[part]) if self._graph is None else self._searched(vectors[part])
        return np.clip(best, -1, 1)

    def _exact(self, vectors: Matrix) -> Matrix:
        blocks = _parts(self._count, COLUMNS)
        maxima = [(vectors @ self._rows[block].T).max(axis=1) for block in blocks]
        return np.max(maxima, axis=0)  # type: ignore[no-any-return]

    def _searched(self, vectors: Matrix) -> Matrix:
        """As `_exact`, but only over what the graph proposes; it stores half floats, so the cosine is taken anew."""
        assert self._graph is not None
        proposed = self._graph.search(vectors, min(8, self._count)).keys.astype(np.intp).reshape(len(vectors), -1)
        cosines = np.einsum("nkd,nd->nk", self._rows[proposed], vectors)
        return cosines.max(axis=1)  # type: ignore[no-any-return]


def filter_batch(kept: KeptVectors, vectors: Matrix, threshold: float) -> list[bool]:
    """Decide the rows in order, add those that pass to `kept`, and say which did.

    A row passes if its cosine similarity to everything kept, and to the rows that passed before it, is at most
    `threshold` (the rule of arXiv 2410.03642).
    """
    passed: list[bool] = []
    for part in _parts(len(vectors), ROWS):
        rows = vectors[part]
        open_ = kept.nearest(rows) <= threshold
        too_near = np.minimum(rows @ rows.T, 1) > threshold
        for place in range(len(rows)):
            if open_[place]:
                open_[place + 1 :] &= ~too_near[place, place + 1 :]
        kept.add(rows[open_])
        passed += open_.tolist()
    return passed


def _parts(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))


def _empty_graph(dimensions: int) -> "Index":
    """An HNSW graph of usearch (Apache-2.0): small wheels for Linux, macOS and Windows, incremental, deterministic.

    hnswlib finds as much, as fast, but has no wheels; faiss-cpu brings 20 MB and a second OpenMP beside torch's.
    """
    with needs("personas", "a pool of this size"):
        from usearch.index import Index
    # Twice the usual links and four times the usual breadth of search: recall above the threshold 0.99 at 100,000.
    return Index(ndim=dimensions, metric="ip", dtype="f16", connectivity=32, expansion_add=128, expansion_search=256)
