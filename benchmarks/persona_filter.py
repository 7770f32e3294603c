"""The diversity filter of a growing pool: against re-encoding the pool for each candidate, and at 100,000 kept.

Run: python benchmarks/persona_filter.py [--only thresholds|filter|index] [--encoder tfidf|FOLDER]; about two minutes.
The thresholds can be measured on other pools too: --profiles FILE --personalities FILE (JSONL, as PersonaPool reads).
"""

import argparse
import random
import re
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from i2a.personas.encoders import Encoder, open_encoder
from i2a.personas.growing import KeptVectors, filter_batch
from i2a.personas.pool import PersonaPool

Matrix = NDArray[np.float32]

SWAPPED = {"he": "she", "she": "he", "his": "her", "her": "his", "him": "her", "himself": "herself"}
SYNONYMS = {
    **{
        "loves": "adores",
        "enjoys": "likes",
        "likes": "enjoys",
        "love": "adore",
        "often": "frequently",
        "very": "really",
    },
    **{"always": "constantly", "lives": "resides", "small": "little", "works": "is employed", "house": "home"},
    **{"usually": "normally", "friends": "companions", "people": "others", "watching": "viewing", "good": "fine"},
    **{"great": "wonderful", "old": "aged", "has": "owns", "quiet": "calm", "avid": "keen", "movies": "films"},
    **{"books": "novels", "cooking": "preparing food", "passionate": "enthusiastic", "sensitive": "touchy"},
    **{"confident": "self-assured", "independent": "self-reliant", "shy": "timid", "creative": "imaginative"},
}


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text)


def near_copy(text: str, chance: random.Random) -> str:
    """The same person in other words: synonyms, he and she swapped, the sentences shuffled."""

    def other(word: re.Match[str]) -> str:
        lower = word[0].lower()
        new = SWAPPED.get(lower) or SYNONYMS.get(lower) or lower
        return new.capitalize() if word[0][0].isupper() and new != lower else new if new != lower else word[0]

    rewritten = sentences(re.sub(r"\w+", other, text))
    chance.shuffle(rewritten)
    return " ".join(rewritten)


def half_copy(text: str, donor: str, chance: random.Random) -> str:
    """Half of one person and half of another."""
    mine, theirs = sentences(text), sentences(donor)
    return " ".join(chance.sample(mine, -(-len(mine) // 2)) + chance.sample(theirs, len(theirs) // 2))


def thresholds(encoder: Encoder, pools: dict[str, list[str]], steps: Sequence[float]) -> None:
    """For each threshold: how many of the pool the filter keeps, and what share of near-copies of it are rejected."""
    print(f"thresholds, {encoder.name} (default {encoder.threshold})")
    print(f"  {'pool':26}  max cosine  threshold        kept  near-copies rejected  half-copies rejected")
    for name, texts in pools.items():
        chance = random.Random(1)
        vectors = encoder.encode(texts)
        nearest = vectors @ vectors.T - 2 * np.eye(len(texts))
        near = cosines(vectors, encoder.encode([near_copy(text, chance) for text in texts]))
        donors = texts[1:] + texts[:1]
        half = encoder.encode([half_copy(a, b, chance) for a, b in zip(texts, donors, strict=True)])
        for step in sorted({*steps, encoder.threshold}):
            kept = sum(filter_batch(KeptVectors(), vectors, step))
            print(
                f"  {name:26}  {np.median(nearest.max(axis=1)):10.2f}  {step:9.2f}  {kept:4} of {len(texts):3}"
                f"  {np.mean(near > step):20.1%}  {np.mean(cosines(vectors, half) > step):20.1%}"
            )


def cosines(one: Matrix, other: Matrix) -> Matrix:
    return np.asarray((one * other).sum(axis=1))


def recombined(n: int, seed: int) -> list[str]:
    """`n` candidates of 8 sentences from the shipped profiles; one in three is an earlier one with 1 to 4 changed."""
    chance = random.Random(seed)
    bank = [sentence for text in PersonaPool.read().profiles.values() for sentence in sentences(text)]
    texts: list[list[str]] = []
    for _ in range(n):
        facts = chance.sample(bank, 8)
        if texts and chance.random() < 1 / 3:
            facts = facts[: chance.randint(1, 4)] + chance.choice(texts)
        texts.append(list(dict.fromkeys(facts))[:8])
    return [" ".join(facts) for facts in texts]


def against_re_encoding(encoder: Encoder, n: int, batch: int, samples: int) -> None:
    """Filter `n` candidates; at some of them do also what the released code does: encode the whole pool again."""
    candidates = recombined(n, seed=1)
    encoder.encode(candidates[:batch])
    kept, pool, spent = KeptVectors(), list[str](), 0.0
    slow, sampled = 0.0, {round((i + 0.5) * n / samples) for i in range(samples)}
    same = 0
    for start in range(0, n, batch):
        texts = candidates[start : start + batch]
        began = time.perf_counter()
        passed = filter_batch(kept, encoder.encode(texts), encoder.threshold)
        spent += time.perf_counter() - began
        for place, (text, passes) in enumerate(zip(texts, passed, strict=True), start):
            if place in sampled:
                began = time.perf_counter()
                again = encoder.encode([text, *pool])
                verdict = not pool or float((again[1:] @ again[0]).max()) <= encoder.threshold
                slow += time.perf_counter() - began
                same += verdict == passes
            if passes:
                pool.append(text)
    estimate = slow / len(sampled) * n
    print(f"filter, {encoder.name}: {n:,} candidates in calls of {batch}, {len(pool):,} kept")
    how = (
        "timed in full"
        if len(sampled) == n
        else f"estimated: mean of {len(sampled)} candidates, evenly spaced, x {n:,}"
    )
    print(f"  each text encoded once         {spent:9.2f} s  {spent / n * 1e3:9.3f} ms a candidate")
    print(f"  pool encoded for each          {estimate:9.2f} s  {estimate / n * 1e3:9.3f} ms a candidate  ({how})")
    print(f"  ratio {estimate / spent:,.0f}x (target: 100x); same verdict for {same} of {len(sampled)}")


class People:
    """Vectors as an encoder gives for recombined texts, made of random facts so that 100,000 of them differ.

    A person is what all have in common and 8 of 3,000 facts of 60 topics; one in seven has 4 to 7 facts of an earlier
    one. In 384 dimensions: mean cosine 0.25, the nearest of 100,000 strangers at 0.56 (95%: 0.61), copies at 0.6-0.9.
    """

    def __init__(self, seed: int, dimensions: int = 384) -> None:
        self._random = np.random.default_rng(seed)
        self._d = dimensions
        self._bank = (self._directions(60, 1) + self._directions(60, 50)).reshape(-1, dimensions) / np.sqrt(2)
        self._common = 1.5 * self._directions()
        self._facts = np.zeros((0, 8), np.intp)

    def _directions(self, *shape: int) -> Matrix:
        drawn = self._random.standard_normal((*shape, self._d), np.float32)
        return np.asarray(drawn / np.linalg.norm(drawn, axis=-1, keepdims=True))

    def __call__(self, n: int) -> Matrix:
        facts = self._random.integers(0, len(self._bank), (n, 8))
        if len(self._facts):
            earlier = self._facts[self._random.integers(0, len(self._facts), n)]
            same = np.arange(8) < self._random.integers(4, 8, n)[:, None]
            same &= (self._random.random(n) < 0.15)[:, None]
            facts = np.where(same, earlier, facts)
        self._facts = np.concatenate([self._facts, facts])
        summed = self._common + self._bank[facts].sum(axis=1) + 0.5 * self._directions(n)
        return np.asarray(summed / np.linalg.norm(summed, axis=1, keepdims=True), np.float32)


def at_scale(sizes: Sequence[int], batch: int, threshold: float, queries: int) -> None:
    """Filter until the last of `sizes` is kept, through the graph from the first vector on; beside it, exact search."""
    people, kept, exact = People(1), KeptVectors(exact_up_to=0), KeptVectors(exact_up_to=10**9)
    print(f"index, 384 dimensions, threshold {threshold}; ms a candidate (medians; graph: the 2,000 before a size)")
    print("                        by the graph, in calls of      exact (search only), in calls of")
    print(f"       kept    offered  {batch:8}   1 (search only)      {batch:8}         1")
    costs, offered, began = list[float](), 0, time.perf_counter()
    stock = people(0)
    for size in sizes:
        window = list[float]()
        while len(kept) < size:
            if not len(stock):
                stock = people(100 * batch)
            vectors, stock = stock[:batch], stock[batch:]
            start = time.perf_counter()
            filter_batch(kept, vectors, threshold)
            window.append((time.perf_counter() - start) / len(vectors) * 1e3)
            offered += len(vectors)
        costs.append(statistics.median(window[-max(1, 2000 // batch) :]))
        exact.add(kept.vectors[len(exact) :])
        fresh = people(200)
        graph_one, exact_many, exact_one = search(kept, fresh, 1), search(exact, fresh, batch), search(exact, fresh, 1)
        row = f"{costs[-1]:8.3f}  {graph_one:8.3f}              {exact_many:8.3f}  {exact_one:8.3f}"
        print(f"  {size:9,}  {offered:9,}  {row}", flush=True)
    print(f"  {offered:,} candidates in {time.perf_counter() - began:.0f} s")
    if len(sizes) > 1:
        exponent = np.polyfit(np.log(sizes), np.log(costs), 1)[0]
        print(f"  by the graph the cost grows as kept^{exponent:.2f} (target: below 1)")
    recall(kept, exact, people(queries), threshold)


def search(kept: KeptVectors, vectors: Matrix, batch: int) -> float:
    """Milliseconds a vector for `nearest`, in calls of `batch`."""
    spent = []
    for first in range(0, len(vectors), batch):
        start = time.perf_counter()
        kept.nearest(vectors[first : first + batch])
        spent.append((time.perf_counter() - start) / len(vectors[first : first + batch]) * 1e3)
    return statistics.median(spent)


def recall(kept: KeptVectors, exact: KeptVectors, vectors: Matrix, threshold: float) -> None:
    found, true = kept.nearest(vectors), exact.nearest(vectors)
    above = true > threshold
    print(f"recall, {len(vectors):,} new candidates against {len(kept):,} kept (targets: 0.99)")
    print(f"  same decision as exact search            {np.mean((found > threshold) == above):.4f}")
    print(f"  rejected, of those to be rejected        {np.mean(found[above] > threshold):.4f}  ({above.sum():,} are)")
    print(f"  nearest one found where it is too near   {np.mean(found[above] >= true[above] - 1e-5):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["thresholds", "filter", "index"])
    parser.add_argument(
        "--encoder", default="tfidf", help="tfidf, or a folder or name of a sentence-transformers model"
    )
    parser.add_argument("--profiles", type=Path, help="for the thresholds: a pool beside the shipped seeds")
    parser.add_argument("--personalities", type=Path)
    parser.add_argument("--candidates", type=int, default=3310)
    parser.add_argument("--samples", type=int, default=100, help="candidates for which the pool is encoded again")
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 20_000, 50_000, 100_000])
    parser.add_argument("--queries", type=int, default=5000)
    args = parser.parse_args()
    if args.only != "index":
        encoder = open_encoder(args.encoder)
    if args.only in (None, "thresholds"):
        seeds, given = PersonaPool.read(), PersonaPool.read(args.profiles, args.personalities)
        pools = {"the seeds' profiles": list(seeds.profiles.values())}
        pools |= {"the seeds' personalities": list(seeds.personalities.values())}
        pools |= {str(args.profiles)[-26:]: list(given.profiles.values())} if args.profiles else {}
        pools |= {str(args.personalities)[-26:]: list(given.personalities.values())} if args.personalities else {}
        thresholds(encoder, pools, [encoder.threshold + shift for shift in (-0.1, -0.05, 0.05, 0.1)])
    if args.only in (None, "filter"):
        against_re_encoding(encoder, args.candidates, args.batch, min(args.samples, args.candidates))
    if args.only in (None, "index"):
        at_scale(args.sizes, args.batch, 0.6, args.queries)


if __name__ == "__main__":
    main()
