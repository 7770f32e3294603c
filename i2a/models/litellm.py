"""Models of any provider through the library litellm: `litellm:anthropic/claude-sonnet-4-5`, `litellm:gemini/...`.

It translates and nothing else: its retries, caches, callbacks, telemetry and downloads are off, because journal, limits
and budget are in `i2a.models.call`. Keys are where litellm looks for them: ANTHROPIC_API_KEY, GEMINI_API_KEY, AWS_...
"""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

from i2a.errors import ContextOverflow, TimedOut, UsageError
from i2a.extras import needs
from i2a.jsonl import JsonMapping, JsonObject
from i2a.models.addresses import checked
from i2a.models.anthropic_batch import KEY as ANTHROPIC_KEY
from i2a.models.anthropic_batch import AnthropicBatches
from i2a.models.batch import BatchService
from i2a.models.model import DEFAULT_MAX_TOKENS, Completion, Message, Model, Price
from i2a.models.openai import NOTES, THINKS
from i2a.models.openai_protocol import ChatReply, HttpReply
from i2a.models.prices import listed_price
from i2a.models.reply import library_error, quote, read_completion, refused_by_library, with_wasted
from i2a.models.request import merged_params, param_value
from i2a.models.room import LIMITS, cuts_thoughts

# litellm's names of providers, and genai-prices'. On Azure the name is that of a deployment: no price for certain.
PROVIDERS = {
    "anthropic": "anthropic",
    "bedrock": "aws",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "deepseek": "deepseek",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together_ai": "together",
    "vertex_ai": "google",
    "xai": "x-ai",
}
OURS = {"timeout", "key_env"}
RESERVED = {"model", "messages", "stream", "n", "tools", "api_key", "api_base", "num_retries", "max_retries", "caching"}
RESERVED |= {"fallbacks", "mock_response", "callbacks", "success_callback", "failure_callback", "metadata"}


class LiteLLMModel(Model):
    """`name`: PROVIDER/MODEL. `timeout`: seconds for the whole call. `params`: sent with every request.

    What the provider does not take of a request is left out, and `notes` say so.
    """

    limits_answers = True

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float = 120.0,
        params: Mapping[str, object] = {},
    ) -> None:
        provider, slash, rest = name.partition("/")
        if not (slash and rest and re.fullmatch(r"\w+", provider)):
            raise UsageError(f"litellm:{name}: write litellm:PROVIDER/MODEL, e.g. litellm:anthropic/claude-sonnet-4-5")
        if not timeout > 0:
            raise UsageError(f"litellm:{name}: timeout must be above 0 seconds, not {timeout:g}")
        if reserved := RESERVED & params.keys():
            raise UsageError(f"litellm:{name}: {', '.join(sorted(reserved))} cannot be set as a parameter")
        self._name, self._provider, self._base_url, self._timeout = name, provider, base_url, timeout
        self._key, self._params = (api_key or "").strip() or None, dict(params)
        url = checked(base_url, "the environment, see ?key_env=") if base_url else None
        port = f":{url.explicit_port}" if url and url.explicit_port else ""
        self.host = f"{url.host}{port}" if url else provider
        self._where = f"{name} at {self.host}" if url else name
        self.notes: list[str] = []
        self._refused: set[str] = set()
        self._thinks = False
        self._litellm = _quiet()
        self._takes = self._supported()
        self.structured_output = "response_format" in self._takes

    @classmethod
    def from_spec(cls, name: str, url: str | None, params: Mapping[str, str]) -> Self:
        """The model that `litellm:PROVIDER/MODEL[@URL][?param=value&...]` names.

        Two parameters are ours: `timeout` (seconds) and `key_env` (the variable that holds the key); the rest goes into
        every request, as for `openai:`. The URL is litellm's `api_base`. Raises `UsageError`.
        """
        key_env = params.get("key_env")
        if key_env and not os.environ.get(key_env):
            raise UsageError(f"litellm:{name} needs a key: export {key_env}=...")
        return cls(
            name,
            base_url=url,
            api_key=os.environ[key_env] if key_env else None,
            timeout=float(param_value("timeout", params.get("timeout", "120"))),
            params=merged_params({key: param_value(key, text) for key, text in params.items() if key not in OURS}),
        )

    @classmethod
    def list_price(cls, name: str, url: str | None, params: Mapping[str, str]) -> Price | None:
        """The list price at the provider, or at the URL, as far as the library genai-prices knows it."""
        provider, _, model = name.partition("/")
        if url:
            return listed_price(model, address=url)
        return listed_price(model, provider=PROVIDERS[provider]) if provider in PROVIDERS else None

    def price(self) -> Price | None:
        return self.list_price(self._name, self._base_url, {})

    def __repr__(self) -> str:
        return f"LiteLLMModel({self._name!r})"

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        """Raises the ModelErrors of `i2a.errors`.

        A role's own limit of tokens is dropped where thoughts use it up, or where the prompt only fits without it.
        """
        rest = {name: value for name, value in parameters.items() if name != DEFAULT_MAX_TOKENS}
        limit = parameters.get(DEFAULT_MAX_TOKENS)
        if limit is None or self._thinks or "max_tokens" not in self._takes or LIMITS & {*self._params, *rest}:
            return self._read(await self._body(messages, rest))
        try:
            body = await self._body(messages, {**rest, "max_tokens": limit})
        except ContextOverflow:
            return self._read(await self._body(messages, rest))
        if not cuts_thoughts(HttpReply(200, {}, body)):
            return self._read(body)
        self._thinks = True
        self.notes.append(f"{self._where}: {THINKS}")
        return with_wasted(self._read(await self._body(messages, rest)), ChatReply.read(body).usage)

    def _read(self, body: bytes) -> Completion:
        secrets = self._secrets()
        return read_completion(body, self._where, lambda text: quote(text, secrets))

    async def _body(self, messages: Sequence[Message], parameters: JsonMapping) -> bytes:
        """The answer as a body of OpenAI's protocol, without what the provider does not take of the request."""
        sent = {name: value for name, value in {**self._params, **parameters}.items() if name not in self._refused}
        for name in parameters.keys() & sent.keys() - self._takes:
            self._leave_out(name)
            del sent[name]
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._litellm.acompletion(
                    model=self._name,
                    messages=[{"role": message.role, "content": message.content} for message in messages],
                    api_base=self._base_url,
                    api_key=self._key,
                    timeout=self._timeout,
                    num_retries=0,
                    max_retries=0,
                    caching=False,
                    **sent,
                )
        except TimeoutError as error:
            raise TimedOut(f"{self._where}: no answer within {self._timeout:g} s") from error
        except Exception as error:
            if refused := refused_by_library(error, messages, sent):
                self._leave_out(refused)
            elif failure := library_error(error, self._secrets()):
                raise failure from None
            else:
                raise
            return await self._body(messages, parameters)
        body: bytes = answer.model_dump_json().encode()
        return body

    def batches(self) -> BatchService | None:
        if self._provider != "anthropic":
            return None
        key = self._key or os.environ.get(ANTHROPIC_KEY)
        name = self._name.removeprefix("anthropic/")
        return AnthropicBatches(name, api_key=key, base_url=self._base_url, params=self._params)

    async def close(self) -> None:
        await self._litellm.close_litellm_async_clients()
        self._litellm.in_memory_llm_clients_cache.flush_cache()  # else a later model of the process gets a closed one

    def _supported(self) -> frozenset[str]:
        """The parameters of OpenAI's that the provider takes. Raises `UsageError` for a provider that litellm lacks."""
        try:
            model, provider, *_ = self._litellm.get_llm_provider(self._name, api_base=self._base_url)
        except self._litellm.exceptions.BadRequestError:
            raise UsageError(f"litellm:{self._name}: litellm knows no provider {self._provider!r}") from None
        return frozenset(self._litellm.get_supported_openai_params(model, provider) or ())

    def _leave_out(self, name: str) -> None:
        if name not in self._refused:
            self._refused.add(name)
            self.notes.append(f"{self._where}: {NOTES.get(name, f'takes no {name}: it is left out')}")

    def _secrets(self) -> list[str]:
        """The key, and whatever else in the environment is called one."""
        named = (text for name, text in os.environ.items() if re.search("KEY|SECRET|TOKEN", name) and len(text) >= 8)
        return [*([self._key] if self._key else []), *named]


def _quiet() -> Any:
    """The library, with all that it does beside translating switched off. Raises `UsageError` where it is missing."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # read at its import: else it downloads a list of prices
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it reads a .env
    with needs("providers"):
        import litellm
    off: JsonObject = {
        "telemetry": False,
        "suppress_debug_info": True,
        "set_verbose": False,
        "cache": None,
        "num_retries": 0,
        "drop_params": False,
    }
    for name, value in off.items():
        setattr(litellm, name, value)
    for name in ("callbacks", "input_callback", "success_callback", "failure_callback", "service_callback"):
        setattr(litellm, name, [])
    return litellm
