"""Near-copies: texts that are the same but for a sentence, a word, a label in front, or how their letters are written.

Two texts are compared by their runs of three words ("shingles", Broder, 1997), as a share of those of the shorter one,
so that neither a sentence more or less nor their order hides a copy. Letters count as what they look like; marks that
do not show count for nothing. Meaning is not compared: a paraphrase is no copy, see `i2a.personas.encoders` for that.

On the pools that the paper published (331 profiles and 71 personalities), with the threshold of 0.5:
    false alarms          none among 8,040 pairs of a text and one of i2a's benchmark (at most 0.06), none among 54,615
                          pairs of profiles (at most 0.42); of 2,485 pairs of personalities one, which is a true copy
                          with four sentences more (else at most 0.49, the same traits of a man and of a woman)
    copies, at least      0.96 with a sentence dropped, 0.89 moved, 1 added or with a label, 0.92 with a word changed,
                          0.86 with the sentences in any order, 0.63 with every tenth word changed
"""

from collections import Counter, defaultdict
from collections.abc import Mapping

from i2a.words import words

LENGTH = 3  # words of a shingle
THRESHOLD = 0.5
# Of a text with fewer shingles, a part says too little: both must be about as long.
SHORT = 10

Shingles = frozenset[tuple[str, ...]]


def normal(text: str) -> str:
    """What two texts with the same words have in common."""
    return " ".join(words(text))


def shingles(text: str) -> Shingles:
    """All runs of three words; of a shorter text the whole, and none of one without words."""
    if not (found := words(text)):
        return frozenset()
    return frozenset(tuple(found[i : i + LENGTH]) for i in range(max(1, len(found) - LENGTH + 1)))


def overlap(shared: int, one: int, other: int) -> float:
    """How alike two texts with so many shingles are, of which they share some: 0 to 1."""
    less = min(one, other)
    if not less:
        return 0.0
    return shared / (less if less >= SHORT else one + other - shared)


class CopyIndex:
    """Texts by id, and those of them of which another text is a near-copy.

    It looks only at texts that share a shingle: a few among thousands.
    """

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        self._size: dict[str, int] = {}
        self._having: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for id, text in (texts or {}).items():
            self.add(id, text)

    def add(self, id: str, text: str) -> None:
        own = shingles(text)
        self._size[id] = len(own)
        for shingle in own:
            self._having[shingle].append(id)

    def copied(self, text: str) -> list[str]:
        """The ids of the texts of which `text` is a near-copy, the most alike first."""
        own = shingles(text)
        shared = Counter(id for shingle in own for id in self._having.get(shingle, ()))
        alike = {id: overlap(count, len(own), self._size[id]) for id, count in shared.items()}
        return sorted((id for id, value in alike.items() if value >= THRESHOLD), key=lambda id: (-alike[id], id))


def groups(texts: Mapping[str, str]) -> dict[str, str]:
    """For each id, the first id (as strings) of those whose texts are near-copies of each other, if by steps."""
    first: dict[str, str] = {}

    def root(id: str) -> str:
        while first[id] != id:
            id = first[id]
        return id

    index = CopyIndex()
    for id, text in sorted(texts.items()):
        first[id] = id
        for other in index.copied(text):
            one, two = sorted((root(id), root(other)))
            first[two] = one
        index.add(id, text)
    return {id: root(id) for id in texts}
