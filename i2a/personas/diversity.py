"""How diverse a pool is: similarity of its texts, groups among them, what of people they cover, overlap with others.

Works on texts and on the unit vectors an encoder made of them; knows no encoder. Memory grows with the number of
texts, not with its square, but for the groups, which are found in a sample. Needs numpy and scikit-learn.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from i2a.jsonl import JsonObject
from i2a.personas.lexicon import Demographics, Traits, demographics, traits
from i2a.trees.persona import Kind

Vectors = NDArray[np.float32]

LISTED = 10
BINS = 40
# Rows of one tile of the similarity matrix: 16 MiB.
TILE = 2048
# Groups need all distances at once.
SAMPLE = 2000


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two texts that are alike. Numbers are places in their lists, from 0."""

    similarity: float
    first: int
    second: int
    first_text: str
    second_text: str


@dataclass(frozen=True, slots=True)
class Nearest:
    """The similarity of each text to the one that is most like it. `histogram`: counts in equal bins from 0 to 1."""

    least: float
    lower_quartile: float
    median: float
    upper_quartile: float
    percentile_95: float
    most: float
    above_threshold: float
    histogram: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """`count` groups with `sizes`, and the text in the middle of each of the largest. `of`: texts looked at.

    `silhouette` says how real they are (Rousseeuw 1987): above 0.5 distinct, below 0.25 hardly there at all.
    `effective`: how many groups of equal size would be as diverse, the exponential of the entropy of the sizes.
    """

    count: int
    effective: float
    silhouette: float
    sizes: tuple[int, ...]
    middles: tuple[str, ...]
    of: int


@dataclass(frozen=True, slots=True)
class Diversity:
    """What `report` finds. `effective_size`: how many wholly different texts would be as diverse (the Vendi score)."""

    kind: Kind
    size: int
    threshold: float
    repeated: int
    effective_size: float
    nearest: Nearest | None
    near_duplicates: int
    most_alike: tuple[SimilarPair, ...]
    groups: Groups | None
    coverage: Traits | Demographics

    def as_json(self) -> JsonObject:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many of `size` texts are in the other set, word for word or (others) in meaning, and some pairs."""

    size: int
    threshold: float
    exact: int
    semantic: int
    exact_pairs: tuple[SimilarPair, ...]
    semantic_pairs: tuple[SimilarPair, ...]

    def as_json(self) -> JsonObject:
        return asdict(self)


def report(texts: Sequence[str], vectors: Vectors, kind: Kind, threshold: float) -> Diversity:
    """Measure a pool. `vectors`: one unit row for each text. Near-duplicates have a cosine above `threshold`.

    `nearest` and `groups` are None where there are too few texts for them: 1 and 3. `ValueError` without a text.
    """
    if not texts or len(texts) != len(vectors):
        raise ValueError(f"{len(texts)} texts and {len(vectors)} vectors")
    nearest, count, alike = _neighbours(vectors, threshold)
    return Diversity(
        kind=kind,
        size=len(texts),
        threshold=threshold,
        repeated=len(texts) - len({normal(text) for text in texts}),
        effective_size=effective_size(vectors),
        nearest=_nearest(nearest, threshold) if len(texts) > 1 else None,
        near_duplicates=count,
        most_alike=tuple(SimilarPair(value, i, j, texts[i], texts[j]) for value, i, j in alike),
        groups=_groups(texts, vectors),
        coverage=traits(texts) if kind == "personality" else demographics(texts),
    )


def overlap(
    texts: Sequence[str], vectors: Vectors, others: Sequence[str], other_vectors: Vectors, threshold: float
) -> Overlap:
    """How much of `texts` is also in `others`: the same words, or a nearest similarity above `threshold`.

    A text with the same words is counted as exact only.
    """
    places: dict[str, int] = {}
    for place, other in enumerate(others):
        places.setdefault(normal(other), place)
    exact: list[SimilarPair] = []
    semantic: list[SimilarPair] = []
    for begin in range(0, len(texts), TILE):
        best, where = _nearest_of(vectors[begin : begin + TILE], other_vectors)
        for i, (value, j) in enumerate(zip(best.tolist(), where.tolist(), strict=True), begin):
            same = places.get(normal(texts[i]))
            if same is not None:
                exact.append(SimilarPair(1.0, i, same, texts[i], others[same]))
            elif value > threshold:
                semantic.append(SimilarPair(round(value, 4), i, j, texts[i], others[j]))
    semantic.sort(key=lambda pair: (-pair.similarity, pair.first))
    return Overlap(len(texts), threshold, len(exact), len(semantic), tuple(exact[:LISTED]), tuple(semantic[:LISTED]))


def normal(text: str) -> str:
    """What two texts with the same words have in common: letters and digits, in one case."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def effective_size(vectors: Vectors) -> float:
    """The Vendi score with the cosine as its kernel (Friedman and Dieng 2023, arXiv 2210.02410).

    The exponential of the entropy of the eigenvalues of the similarity matrix over its size: 1 if all texts are the
    same, their number if no two have anything in common; at most the dimension of the vectors. The smaller of the two
    matrices of inner products has the same eigenvalues.
    """
    wide = vectors.shape[0] < vectors.shape[1]
    inner = (vectors @ vectors.T if wide else vectors.T @ vectors).astype(np.float64) / len(vectors)
    eigenvalues = np.linalg.eigvalsh(inner)
    shares = eigenvalues[eigenvalues > 1e-12]
    shares = shares / shares.sum()
    return round(float(np.exp(-(shares * np.log(shares)).sum())), 2)


# Similarity.


def _tiles(vectors: Vectors) -> Iterator[tuple[int, int, Vectors]]:
    """The upper half of the similarity matrix, in tiles with the place of their first row and column.

    Of a tile on the diagonal only what lies above it counts; the rest is -2, below any cosine.
    """
    for top in range(0, len(vectors), TILE):
        for left in range(top, len(vectors), TILE):
            tile = vectors[top : top + TILE] @ vectors[left : left + TILE].T
            if top == left:
                tile[np.tril_indices(len(tile))] = -2
            yield top, left, tile


def _neighbours(vectors: Vectors, threshold: float) -> tuple[Vectors, int, list[tuple[float, int, int]]]:
    """(each text's similarity to its nearest, number of pairs above the threshold, the most alike of those pairs)."""
    nearest = np.full(len(vectors), -1, dtype=np.float32)
    count = 0
    alike: list[tuple[float, int, int]] = []
    for top, left, tile in _tiles(vectors):
        rows, columns = slice(top, top + tile.shape[0]), slice(left, left + tile.shape[1])
        nearest[rows] = np.maximum(nearest[rows], tile.max(axis=1))
        nearest[columns] = np.maximum(nearest[columns], tile.max(axis=0))
        above = tile > threshold
        count += int(above.sum())
        least = max(threshold, alike[-1][0]) if len(alike) == LISTED else threshold
        i, j = np.nonzero(tile > least)
        best = np.argsort(-tile[i, j], kind="stable")[:LISTED]
        alike += [(round(float(tile[i[k], j[k]]), 4), int(top + i[k]), int(left + j[k])) for k in best]
        alike = sorted(alike, key=lambda pair: (-pair[0], pair[1:]))[:LISTED]
    return nearest, count, alike


def _nearest_of(vectors: Vectors, others: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
    """For each row the greatest similarity to a row of `others`, and which; -1 and 0 where there are no others."""
    best = np.full(len(vectors), -1, dtype=np.float32)
    where = np.zeros(len(vectors), dtype=np.int64)
    for begin in range(0, len(others), TILE):
        tile = vectors @ others[begin : begin + TILE].T
        place = tile.argmax(axis=1)
        value = tile[np.arange(len(tile)), place]
        where = np.where(value > best, place + begin, where)
        best = np.maximum(best, value)
    return best, where


def _nearest(values: Vectors, threshold: float) -> Nearest:
    least, lower, median, upper, high, most = np.quantile(values, (0, 0.25, 0.5, 0.75, 0.95, 1)).round(4).tolist()
    histogram, _ = np.histogram(np.clip(values, 0, 1), bins=BINS, range=(0, 1))
    above = round(float((values > threshold).mean()), 4)
    return Nearest(least, lower, median, upper, high, most, above, tuple(int(count) for count in histogram))


def _groups(texts: Sequence[str], vectors: Vectors) -> Groups | None:
    """Average-linkage clustering by cosine, cut where the silhouette is greatest: nothing to be set by hand.

    The cuts looked at give 2 groups, then each time a quarter more, up to half as many as there are texts.
    """
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.metrics import pairwise_distances, silhouette_score

    sample = np.arange(len(texts)) if len(texts) <= SAMPLE else np.linspace(0, len(texts) - 1, SAMPLE).astype(int)
    _, first = np.unique(vectors[sample], axis=0, return_index=True)
    sample = sample[np.sort(first)]  # equal rows would be one group each, and the best ones
    if len(sample) < 4:
        return None
    distances = np.maximum(pairwise_distances(vectors[sample], metric="cosine"), 0)
    best: tuple[float, NDArray[np.int64]] | None = None
    for count in _counts(len(sample) // 2):
        model = AgglomerativeClustering(n_clusters=count, metric="precomputed", linkage="average")
        labels = model.fit_predict(distances)
        silhouette = float(silhouette_score(distances, labels, metric="precomputed"))
        if best is None or silhouette > best[0]:
            best = silhouette, labels
    assert best is not None
    silhouette, labels = best
    sizes = Counter(labels.tolist()).most_common()
    shares = np.array([size for _, size in sizes]) / len(sample)
    middles = []
    for label, _ in sizes[:LISTED]:
        inside = np.flatnonzero(labels == label)
        middles.append(texts[sample[inside[distances[np.ix_(inside, inside)].sum(axis=1).argmin()]]])
    return Groups(
        count=len(sizes),
        effective=round(float(np.exp(-(shares * np.log(shares)).sum())), 2),
        silhouette=round(silhouette, 4),
        sizes=tuple(size for _, size in sizes),
        middles=tuple(middles),
        of=len(sample),
    )


def _counts(most: int) -> list[int]:
    counts = [2]
    while (count := max(counts[-1] + 1, counts[-1] * 5 // 4)) <= most:
        counts.append(count)
    return counts
