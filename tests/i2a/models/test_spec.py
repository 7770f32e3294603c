"""One string names a model, wherever it runs, and never holds a key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2a.errors import UsageError
from i2a.models.model import Message
from i2a.models.openai import OpenAIModel
from i2a.models.spec import SECRET, ModelSpec
from i2a.models.usage import find_price
from i2a.simulator.client import OfflineModel

HF_PARAMS = (("device", "cuda:0"), ("dtype", "bfloat16"), ("revision", "a/b"))


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("offline", ModelSpec("offline")),
        (" offline\n", ModelSpec("offline")),
        ("openai:gpt-4o-mini", ModelSpec("openai", "gpt-4o-mini")),
        ("openai:org/model:tag", ModelSpec("openai", "org/model:tag")),
        ("openai:q@http://localhost:8000/v1", ModelSpec("openai", "q", "http://localhost:8000/v1")),
        ("openai:a@b@http://h/v1", ModelSpec("openai", "a@b", "http://h/v1")),
        ("openai:q?top_p=1&seed=", ModelSpec("openai", "q", None, (("seed", ""), ("top_p", "1")))),
        ("openai:q@https://h/v1?t=0.8", ModelSpec("openai", "q", "https://h/v1", (("t", "0.8"),))),
        ("hf:runs/sft", ModelSpec("hf", "runs/sft")),
        ("hf:../a-model.v1_x/", ModelSpec("hf", "../a-model.v1_x/")),
        ("hf:org/name?revision=a/b&dtype=bfloat16&device=cuda:0", ModelSpec("hf", "org/name", None, HF_PARAMS)),
        (
            "openai:q?add_bos_token=true&max_tokens=9",
            ModelSpec("openai", "q", None, (("add_bos_token", "true"), ("max_tokens", "9"))),
        ),
        ("openai:q?key_env=MY_KEY", ModelSpec("openai", "q", None, (("key_env", "MY_KEY"),))),
    ],
)
def test_a_string_names_kind_name_url_and_parameters(text: str, spec: ModelSpec) -> None:
    assert ModelSpec.parse(text) == spec


def test_the_order_of_the_parameters_makes_no_difference() -> None:
    one, other = ModelSpec.parse("openai:q?b=1&a=2"), ModelSpec.parse("openai:q?a=2&b=1")
    assert one == other
    assert str(one) == str(other) == "openai:q?a=2&b=1"


words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=6)


@given(
    st.builds(
        ModelSpec,
        st.sampled_from(["openai", "offline"]),
        words,
        st.none() | st.just("http://localhost:8000/v1"),
        st.dictionaries(
            words.map("x_".__add__), words | st.sampled_from(["0.8", "a&b", "a=b", "a b", "50%", "+", "?", ""])
        )
        .filter(lambda params: not any(SECRET.search(name) for name in params))
        .map(lambda params: tuple(sorted(params.items()))),
    )
)
def test_a_spec_and_its_string_are_the_same(spec: ModelSpec) -> None:
    assert ModelSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gpt-4o-mini",
        "openai:",
        "OPENAI:x",
        "openai gpt",
        "openai:x?a b",
    ],
)
def test_what_names_no_model_is_told_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        ModelSpec.parse(text)
    assert "openai" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["localhost:8000/v1", "htp://localhost:8000/v1", "192.168.0.7:8000", ""])
def test_a_server_without_http_is_not_taken_for_a_part_of_the_name(url: str) -> None:
    """It would go to another server than the one that was meant."""
    with pytest.raises(UsageError):
        ModelSpec.parse(f"openai:qwen3@{url}")


def test_a_revision_in_the_name_of_a_local_model_is_told_where_it_goes() -> None:
    with pytest.raises(UsageError, match=r"a revision goes into \?revision=NAME"):
        ModelSpec.parse("hf:org/name@v2")


def test_an_unknown_kind_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"no kind of model 'gemini'; there are: .*offline, openai"):
        ModelSpec.parse("gemini:pro")


@pytest.mark.parametrize(
    "text",
    [
        "openai:x?api_key=sk-1234",
        "openai:x?key=sk-1234",
        "litellm:bedrock/x?aws_session_token=sk-1234",
        "litellm:vertex_ai/x?vertex_credentials=sk-1234",
        'litellm:vertex_ai/x?account={"private_key": "sk-1234"}',
        "openai:x?API_KEY=sk-1234",
        "openai:x?apiKey=sk-1234",
        "openai:x@http://me:sk-1234@host/v1",
        "openai:x@http://sk-1234@host/v1",
    ],
)
def test_a_key_in_a_model_string_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        ModelSpec.parse(text)
    assert "environment" in str(caught.value)
    assert "sk-1234" not in str(caught.value)


def test_a_spec_opens_the_model_of_its_kind() -> None:
    assert isinstance(ModelSpec.parse("offline").open(), OfflineModel)
    assert isinstance(ModelSpec.parse("openai:q@http://localhost:8000/v1?temperature=0.8").open(), OpenAIModel)


@pytest.mark.parametrize("text", ["offline:x", "openai", "openai:x?temperature=warm@", "openai:x?messages=1"])
def test_what_cannot_be_opened_is_told_before_any_call(text: str) -> None:
    with pytest.raises(UsageError):
        ModelSpec.parse(text).open()


ECHO = """
from i2a.models.model import Completion, Model

class Echo(Model):
    \"\"\"Says what was said.\"\"\"

    def __init__(self, times): self.times = times

    @classmethod
    def from_spec(cls, name, url, params): return cls(int(params.get("times", 1)))

    async def complete(self, messages, parameters):
        return Completion(messages[-1].content * self.times, "stop", 1, 1)
"""


async def test_a_model_of_ones_own_is_named_by_its_file_or_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_models").mkdir()
    (tmp_path / "my_models/__init__.py").touch()
    (tmp_path / "my_models/echo.py").write_text(ECHO)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for kind in (
        "my_models/echo.py",
        "./my_models/echo.py:Echo",
        str(tmp_path / "my_models/echo.py"),
        "my_models.echo:Echo",
    ):
        spec = ModelSpec.parse(f"{kind}?times=2")
        assert ModelSpec.parse(str(spec)) == spec
        assert (await spec.open().complete([Message("user", "Ho.")], {})).content == "Ho.Ho."
        assert find_price(spec) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nowhere.py", "nowhere.py: there is no such file"),
        ("no.such:Model", "cannot import no.such"),
        ("i2a.models.spec:ModelSpec", "is a class ModelSpec, not a subclass of i2a.models.model.Model"),
        ("i2a.models.spec:Nothing", "has no 'Nothing'"),
    ],
)
def test_what_is_no_model_of_ones_own_is_told(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        ModelSpec.parse(text).open()
    assert said in str(caught.value)
