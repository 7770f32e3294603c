"""A dumped AutoGen component as a file of JSON, checked before anything that it names is imported. No AutoGen here.

AutoGen 0.7.5 imports whatever module a configuration names, at any depth. Here a name must be one of these classes.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from yarl import URL

from i2a.digests import digest
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.models.addresses import checked
from i2a.models.model import Price
from i2a.models.prices import listed_price


@dataclass(frozen=True, slots=True)
class ClientClass:
    """What is known of a client: the extra of autogen-ext that brings it, the parameters that a call may have, its
    provider in genai-prices and its usual host, and whether it has retries of its own, which are switched off."""

    extra: str
    takes: frozenset[str]
    provider: str = ""
    host: str = ""
    retries: bool = False


_OPENAI = frozenset({"seed", "response_format", "max_tokens", "temperature", "top_p"})
_ANTHROPIC = frozenset({"max_tokens", "temperature", "top_p"})
_OLLAMA = frozenset({"seed", "temperature", "top_p"})

CLIENTS: Mapping[str, ClientClass] = {
    "autogen_ext.models.openai.OpenAIChatCompletionClient": ClientClass(
        "openai", _OPENAI, "openai", "api.openai.com", retries=True
    ),
    "autogen_ext.models.openai.AzureOpenAIChatCompletionClient": ClientClass("openai,azure", _OPENAI, retries=True),
    "autogen_ext.models.anthropic.AnthropicChatCompletionClient": ClientClass(
        "anthropic", _ANTHROPIC, "anthropic", "api.anthropic.com", retries=True
    ),
    "autogen_ext.models.anthropic.AnthropicBedrockChatCompletionClient": ClientClass(
        "anthropic", _ANTHROPIC, "aws", "bedrock", retries=True
    ),
    "autogen_ext.models.ollama.OllamaChatCompletionClient": ClientClass("ollama", _OLLAMA),
    "autogen_ext.models.azure.AzureAIChatCompletionClient": ClientClass("azure", _OPENAI - {"response_format"}),
    "autogen_ext.models.replay.ReplayChatCompletionClient": ClientClass("", frozenset()),
}
# What may stand inside of a client.
PARTS = {"autogen_ext.auth.azure.AzureTokenProvider"}
# AutoGen's short names, as its loader resolves them.
SHORT = {
    "openai_chat_completion_client": "autogen_ext.models.openai.OpenAIChatCompletionClient",
    "OpenAIChatCompletionClient": "autogen_ext.models.openai.OpenAIChatCompletionClient",
    "azure_openai_chat_completion_client": "autogen_ext.models.openai.AzureOpenAIChatCompletionClient",
    "AzureOpenAIChatCompletionClient": "autogen_ext.models.openai.AzureOpenAIChatCompletionClient",
    "OllamaChatCompletionClient": "autogen_ext.models.ollama.OllamaChatCompletionClient",
}
OURS = "i2a.models.autogen.ModelClient"
SECRET = re.compile(r"key|token(?!s)|secret|passw|authorization|credential|cookie", re.IGNORECASE)
HIDDEN = re.compile(r"\*+")  # what AutoGen writes in the place of a secret


@dataclass(frozen=True, slots=True)
class ComponentFile:
    """A component that may be loaded. `secrets`: texts in it that nobody may see."""

    path: Path
    component: JsonObject
    secrets: tuple[str, ...] = ()

    @classmethod
    def read(cls, name: str, key_env: str | None = None) -> Self:
        """The component in the file `name`; the key of `key_env` is put into it. Raises `UsageError`."""
        path = Path(name)
        if not name:
            raise UsageError("autogen: names no file; write autogen:FILE.json")
        try:
            found = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise UsageError(f"{path}: there is no such file") from None
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"{path}: not a file of JSON: {error}") from None
        if not isinstance(found, dict) or not isinstance(found.get("config"), dict):
            raise UsageError(f"{path} holds no component: write what dump_component().model_dump_json() gives")
        component = _checked(found, path)
        config = component["config"]
        if HIDDEN.fullmatch(str(config.get("api_key") or "")):
            del config["api_key"]  # dumped without it
        if key_env:
            if not os.environ.get(key_env):
                raise UsageError(f"autogen:{path} needs a key: export {key_env}=...")
            config["api_key"] = os.environ[key_env].strip()
        if CLIENTS[component["provider"]].retries:
            config["max_retries"] = 0  # ours are enough
        file = cls(path, component, tuple(_secrets(config)))
        if "://" in file.address:
            checked(file.address, "?key_env=NAME")
        return file

    @property
    def provider(self) -> str:
        return str(self.component["provider"])

    @property
    def known(self) -> ClientClass:
        return CLIENTS[self.provider]

    @property
    def takes(self) -> frozenset[str]:
        return self.known.takes

    @property
    def package(self) -> str:
        return f"autogen-ext[{self.known.extra}]" if self.known.extra else "autogen-ext"

    @property
    def config(self) -> Mapping[str, Any]:
        config: Mapping[str, Any] = self.component["config"]
        return config

    @property
    def address(self) -> str:
        """The URL of the server, where the file names one."""
        return next((str(self.config[k]) for k in ("base_url", "azure_endpoint", "host") if self.config.get(k)), "")

    @property
    def host(self) -> str:
        if not self.address:
            return self.known.host
        url = URL(self.address)
        return (url.host or "") + (f":{url.explicit_port}" if url.explicit_port else "")

    def list_price(self) -> Price | None:
        """None at an address that genai-prices does not know."""
        model = str(self.config.get("model", ""))
        if self.address:
            return listed_price(model, address=self.address)
        return listed_price(model, provider=self.known.provider) if self.known.provider else None

    def describe(self) -> JsonObject:
        """For the manifest: what identifies the client, without its secrets."""
        public = json.dumps({"provider": self.provider, "config": _public(self.config)}, sort_keys=True)
        return {"fingerprint": digest(public), "provider": self.provider, "model": self.config.get("model")}


def _checked(value: Any, path: Path, outermost: bool = True) -> Any:
    """`value` with the full names of its components. Raises `UsageError` for one that is not on the list."""
    if isinstance(value, list):
        return [_checked(part, path, False) for part in value]
    if not isinstance(value, dict):
        return value
    provider = value.get("provider")
    if outermost or isinstance(provider, str):
        provider = SHORT.get(str(provider), str(provider))
        if outermost and provider == OURS:
            string = value["config"].get("model")
            raise UsageError(f"{path} holds a model of ours: write its model string instead, {string!r}")
        if provider not in (CLIENTS if outermost else PARTS):
            where = "" if outermost else " inside of a client"
            allowed = ", ".join(name.rpartition(".")[2] for name in (CLIENTS if outermost else PARTS))
            raise UsageError(f"{path}: {provider!r}{where} is not loaded; those that are: {allowed}")
        value = {**value, "provider": provider}
    return {name: _checked(part, path, False) for name, part in value.items()}


def _secrets(value: Any, secret: bool = False) -> Iterator[str]:
    """The texts under names that sound like a secret, at any depth."""
    match value:
        case dict():
            for name, part in value.items():
                yield from _secrets(part, secret or bool(SECRET.search(str(name))))
        case list():
            for part in value:
                yield from _secrets(part, secret)
        case str() if secret and len(value) >= 4:
            yield value


def _public(value: Any) -> Any:
    match value:
        case dict():
            return {name: _public(part) for name, part in value.items() if not SECRET.search(str(name))}
        case list():
            return [_public(part) for part in value]
    return value
