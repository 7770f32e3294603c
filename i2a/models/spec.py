"""One string names a model: `KIND[:NAME][@URL][?PARAMETER=VALUE&...]`, for instance `offline`, `openai:gpt-4o-mini`,
`openai:qwen3@http://localhost:8000/v1?temperature=0.8`, `hf:runs/sft?dtype=bfloat16`. A kind is a name in the
entry-point group `i2a.models`, the path of a file with one subclass of `Model`, or `package.module:CLASS`.
"""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from i2a.errors import UsageError
from i2a.models.model import Model
from i2a.plugins import find_class, installed

KIND = r"[a-z_]+|[^:?@\s]+\.py(?::[A-Za-z_]\w*)?|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+:[A-Za-z_]\w*"
PATTERN = re.compile(
    rf"(?P<kind>{KIND})(:(?P<name>[^?]+?))?(@(?P<url>https?://[^?\s]+))?(\?(?P<params>.*))?", re.DOTALL
)
# Names of parameters, and of fields of JSON in them, that hold what must not stand in a manifest.
SECRET = re.compile("key|secret|passw|credential|authorization|(?:^|access_|api_|auth_|session_)token$", re.IGNORECASE)
SECRET_INSIDE = re.compile('"[^"]*(?:api.?key|private.?key|secret|passw|authorization)', re.IGNORECASE)
EXAMPLES = "offline, openai:gpt-4o-mini, openai:qwen3@http://localhost:8000/v1, hf:runs/sft"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A parsed model string; `str(spec)` gives it back. It never contains an API key."""

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
            raise UsageError("a model URL must contain no user or password; put the key in the environment")
        kinds = installed("models")
        if match["kind"] not in kinds and "." not in match["kind"]:
            raise UsageError(f"{text!r}: there is no kind of model {match['kind']!r}; there are: {', '.join(kinds)}")
        params = tuple(sorted(parse_qsl(match["params"] or "", keep_blank_values=True)))
        if wrong := next((name for name, _ in params if re.search(r"\s", name)), None):
            raise UsageError(f"{text!r} is not a model; {wrong!r} is no parameter: write for instance {EXAMPLES}")
        named = any(SECRET.search(name) and name not in ("key_env", "key_header") for name, _ in params)
        if named or any(SECRET_INSIDE.search(value) for _, value in params):
            raise UsageError("a model string must contain no key; put it in the environment, under ?key_env=NAME")
        return cls(match["kind"], match["name"] or "", url, params)

    def load_kind(self) -> type[Model]:
        """The class that opens this kind of model. Raises `UsageError`."""
        return find_class("models", self.kind, Model)  # type: ignore[type-abstract]

    def open(self) -> Model:
        """The model. Raises `UsageError` where the name, the URL, a parameter or a key is missing."""
        return self.load_kind().from_spec(self.name, self.url, dict(self.params))

    def __str__(self) -> str:
        params = urlencode(self.params)
        return (
            self.kind
            + (f":{self.name}" if self.name else "")
            + (f"@{self.url}" if self.url else "")
            + (f"?{params}" if params else "")
        )
