"""Encoders: a text becomes a unit vector, so that two personas can be compared by the cosine of their vectors.

`open_encoder` gives the paper's sentence-transformers model where it is at hand, else a TF-IDF that needs no model.
Heavy libraries (the extra `personas`) are imported only when an encoder is opened. Nothing here knows of pools.

Thresholds are cosines, and each encoder has a scale of its own. Measured, on the pools that the paper published and the
40 seeds (python benchmarks/persona_filter.py --only thresholds --profiles FILE --personalities FILE; near-copies are
the published profiles with synonyms, he/she swapped and sentences shuffled; they keep most words, which suits TF-IDF):
    encoder and threshold       published profiles kept   personalities   seeds      near-copies rejected
    tfidf                0.55   331 of 331 (0.5: 329)     66 of 71        40 of 40   100%
    all-MiniLM-L6-v2     0.75   181 of 331 (0.6: 30)       9 of 71        40 of 40    94% (0.8: 72%)
The paper's 0.6 is for paraphrase-MiniLM-L6-v2 (arXiv 2410.03642); the scale of all-MiniLM is another, as this shows.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from i2a.digests import digest
from i2a.errors import UsageError
from i2a.extras import install
from i2a.plugins import by_place, find, installed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer
    from sklearn.feature_extraction.text import HashingVectorizer

PAPER_MODEL = "sentence-transformers/paraphrase-MiniLM-L6-v2"
PAPER_THRESHOLD = 0.6
# Digest of the weights -> the model, and its threshold as measured above.
MEASURED = {"cb8830905b": ("sentence-transformers/all-MiniLM-L6-v2", 0.75)}

# Words that say nothing about which person it is, because nearly every persona has them.
COMMON_WORDS = frozenset(
    {"avid", "day", "enjoy", "enjoys", "free", "friends", "hobbies", "hobby", "like", "likes", "live", "lives", "love"}
    | {"loves", "often", "old", "passionate", "people", "person", "spend", "spends", "time", "usually", "weekend"}
    | {"weekends", "work", "works", "year", "years"}
)
INSTALL = install("personas")


class Encoder(Protocol):
    """What turns texts into vectors."""

    @property
    def name(self) -> str:
        """What identifies it: two encoders of one name give one text the same vector."""

    @property
    def threshold(self) -> float:
        """The default maximum cosine similarity to anything kept, for this encoder."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about the choice, one line each."""

    def encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Unit rows, (n, d), in the order of the texts; a row follows from its text alone (up to 1e-6)."""


def open_encoder(name: str | None = None, *, download: bool = True) -> Encoder:
    """The encoder of this name: a plug-in, or a sentence-transformers model (a folder, or its name on the hub).

    A plug-in is a class without arguments that does as `Encoder` says: a name of the entry-point group `i2a.encoders`,
    a `path.py` or `package:object`. A Python package that carries a model is named by its folder. A hub model that is
    not on this machine is downloaded only if it was named, and not without `download`. None is the paper's model if it
    is on this machine, else TF-IDF, with a warning. `UsageError` if it cannot be loaded.
    """
    if name is None:
        return _default()
    if name in installed("encoders") or by_place(name):
        encoder: Encoder = find("encoders", name, type)()
        return encoder
    return _open_model(name, download=download)


def _default() -> Encoder:
    try:
        return SentenceEncoder.load(PAPER_MODEL, download=False)
    except ModelNotLoaded as problem:
        why = f"personas are compared by TF-IDF, because {PAPER_MODEL} {problem}; to get it, name it as the encoder"
        return TfidfEncoder(warnings=(why,))


def _open_model(name: str, *, download: bool) -> Encoder:
    wanted = "name a folder with a sentence-transformers model, a model on the Hugging Face hub, or tfidf"
    folder = Path(name).expanduser()
    if not folder.is_dir() and (name.startswith((".", "~", "/")) or name.count("/") > 1 or "\\" in name):
        raise UsageError(f"encoder {name}: no such folder; {wanted}")
    try:
        return SentenceEncoder.load(name, download=download)
    except ModelNotLoaded as problem:
        raise UsageError(f"encoder {name} {problem}; {wanted}") from problem


class ModelNotLoaded(Exception):
    """Why a model cannot be used, in a few words that continue its name."""


class ModelNotHere(ModelNotLoaded):
    """It is not on this machine."""


@dataclass(frozen=True, slots=True)
class TfidfEncoder:
    """Hashed words, 1 + ln(tf), normalised; the idf is 0 for stop words and for `COMMON_WORDS` and 1 for all others.

    Nothing is fitted, so a vector never depends on other texts. An idf fitted on the seeds' sentences separated no
    better: at 0.55 it kept 328 of the 331 published profiles, this one all, both rejecting every near-copy. Rows are
    dense: 2,048 floats (8 KB) each go through the same matrix product and the same index as any other encoder's, and
    hashing adds a noise of only 0.02. It sees words, not meanings, and knows English stop words only: in a language
    written without spaces it recognises little more than copies.
    """

    threshold: float = 0.55
    warnings: tuple[str, ...] = ()
    name: str = field(default="tfidf/1", init=False)
    _vectorizer: "HashingVectorizer" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            from sklearn.feature_extraction.text import (
                ENGLISH_STOP_WORDS,
                HashingVectorizer,
            )
        except ImportError as error:
            raise UsageError(f"comparing personas by TF-IDF needs scikit-learn: {INSTALL}") from error
        silent = sorted(ENGLISH_STOP_WORDS | COMMON_WORDS)
        object.__setattr__(self, "_vectorizer", HashingVectorizer(n_features=2048, norm=None, stop_words=silent))

    def encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Unit rows, (n, 2048). Texts without a word that counts share one fixed row."""
        import numpy as np

        if not texts:
            return np.zeros((0, 2048), np.float32)
        counts = self._vectorizer.transform(texts)
        counts.data = np.sign(counts.data) * (1 + np.log(np.maximum(np.abs(counts.data), 1)))
        rows = counts.toarray().astype(np.float32)
        rows[~rows.any(axis=1), 0] = 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class SentenceEncoder:
    """A sentence-transformers model on the CPU. Texts longer than its `max_seq_length` tokens are cut, as in the paper.

    The name ends with a digest of the weights, so that a copy in another folder is the same encoder. A row differs
    with the batch it is in by less than 1e-6 (padding); the same batch always gives the same bits.
    """

    name: str
    threshold: float
    model: "SentenceTransformer" = field(repr=False, compare=False)
    warnings: tuple[str, ...] = ()
    batch_size: int = 32

    @classmethod
    def load(cls, name: str, *, download: bool) -> "SentenceEncoder":
        """The model of a folder (or of the folder `model` in it) or of a name on the hub; `ModelNotLoaded` if not."""
        folder = Path(name).expanduser()
        if folder.is_dir():
            inner = folder if (folder / "modules.json").is_file() else folder / "model"
            if not (inner / "modules.json").is_file():
                raise ModelNotLoaded("holds no sentence-transformers model (no modules.json)")
            return cls._of(_load(inner), inner.name)
        hub_name = name if "/" in name else f"sentence-transformers/{name}"
        try:
            model = _load(hub_name)
        except ModelNotHere:
            if not download:
                raise
            model = _download(hub_name)
        return cls._of(model, hub_name)

    @classmethod
    def _of(cls, model: "SentenceTransformer", label: str) -> "SentenceEncoder":
        weights = weights_digest(model)
        label, threshold = MEASURED.get(weights, (label, PAPER_THRESHOLD))
        encoder = cls(f"{label}@{weights}", threshold, model)
        if weights in MEASURED or label.endswith(PAPER_MODEL.rpartition("/")[2]):
            return encoder
        unmeasured = f"{label}: no threshold was measured for it; {threshold} is the paper's, for {PAPER_MODEL}"
        return replace(encoder, warnings=(unmeasured,))

    def encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Unit rows, (n, d) with the model's d."""
        import numpy as np

        encoded = self.model.encode(
            list(texts) or [""], batch_size=self.batch_size, show_progress_bar=False, normalize_embeddings=True
        )
        return np.asarray(encoded, np.float32)[: len(texts)]


def weights_digest(model: "SentenceTransformer") -> str:
    """10 hex digits of the weights, whatever the tensors are called and the file they came from."""
    weights = (tensor for tensor in model.state_dict().values() if tensor.is_floating_point())
    each = sorted(blake2b(tensor.float().cpu().contiguous().numpy()).digest() for tensor in weights)
    return digest(b"".join(each), 5)


def _load(source: str | Path) -> "SentenceTransformer":
    """The model from this machine alone."""
    return _open(source, local_files_only=True)


def _download(hub_name: str) -> "SentenceTransformer":
    """The model from the hub. Asks for it first, because the loader would retry for a minute without a network."""
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(hub_name, timeout=10)
    except Exception as error:
        raise ModelNotLoaded(f"is not on this machine and cannot be downloaded ({_first_line(error)})") from error
    return _open(hub_name, local_files_only=False)


def _open(source: str | Path, *, local_files_only: bool) -> "SentenceTransformer":
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise ModelNotLoaded(f"needs sentence-transformers: {INSTALL}") from error
    with ExitStack() as after:
        if logging.is_progress_bar_enabled():
            logging.disable_progress_bar()
            after.callback(logging.enable_progress_bar)
        try:
            return SentenceTransformer(str(source), device="cpu", local_files_only=local_files_only)
        except Exception as error:  # whatever a broken or missing model makes the libraries raise
            if _is_missing(error):
                raise ModelNotHere("is not on this machine") from error
            raise ModelNotLoaded(f"cannot be loaded ({_first_line(error)})") from error


def _is_missing(error: BaseException | None) -> bool:
    """Whether it comes from a file that is not in the hub's cache."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    while error is not None and not isinstance(error, LocalEntryNotFoundError):
        error = error.__cause__ or error.__context__
    return error is not None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
