"""One string names a model: `KIND[:NAME][@URL][?PARAMETER=VALUE&...]`, for instance `offline`, `openai:gpt-4o-mini`,
`openai:qwen3@http://localhost:8000/v1?temperature=0.8`, `hf:runs/sft?dtype=bfloat16`. Kinds come through the
entry-point group `i2a.models`.
"""

import re
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from autogen_core.models import ChatCompletionClient

from i2a.errors import UsageError

PATTERN = re.compile(r"(?P<kind>[a-z_]+)(:(?P<name>[^?]+?))?(@(?P<url>https?://[^?\s]+))?(\?(?P<params>[^?\s]*))?")
EXAMPLES = "offline, openai:gpt-4o-mini, openai:qwen3@http://localhost:8000/v1, hf:runs/sft"


class ModelKind(Protocol):
    """What an entry point of the group `i2a.models` names: a class that opens a client for a spec."""

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: dict[str, str]) -> ChatCompletionClient: ...


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A parsed model string; `str(spec)` gives it back. It never holds a key."""

    kind: str
    name: str = ""
    url: str | None = None
    params: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `UsageError` if `text` names no model."""
        match = PATTERN.fullmatch(text.strip())
        if match is None or (not match["url"] and "@" in (match["name"] or "")):
            revision = "; a revision goes into ?revision=NAME" if text.strip().startswith("hf:") else ""
            raise UsageError(f"{text!r} is not a model; write for instance {EXAMPLES}{revision}")
        if (url := match["url"]) and "@" in urlsplit(url).netloc:
            raise UsageError("a model URL must hold no user or password; put the key in the environment")
        kinds = sorted({point.name for point in entry_points(group="i2a.models")})
        if match["kind"] not in kinds:
            raise UsageError(f"{text!r}: there is no kind of model {match['kind']!r}; there are: {', '.join(kinds)}")
        params = tuple(sorted(parse_qsl(match["params"] or "", keep_blank_values=True)))
        if any("key" in name.lower() and name != "key_env" for name, _ in params):
            raise UsageError("a model string must hold no key; put it in the environment, under ?key_env=NAME")
        return cls(match["kind"], match["name"] or "", url, params)

    def open(self) -> ChatCompletionClient:
        """A client for this model. Raises `UsageError` where the name, the URL, a parameter or a key is missing."""
        point = next(point for point in entry_points(group="i2a.models") if point.name == self.kind)
        kind: ModelKind = point.load()
        return kind.from_spec(self.name, self.url, dict(self.params))

    def __str__(self) -> str:
        params = urlencode(self.params)
        return (
            self.kind
            + (f":{self.name}" if self.name else "")
            + (f"@{self.url}" if self.url else "")
            + (f"?{params}" if params else "")
        )
