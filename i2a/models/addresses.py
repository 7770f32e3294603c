"""The URLs of a server that speaks the OpenAI protocol, and the proxy on the way to it."""

import re
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from i2a.errors import UsageError

COMPLETIONS = "/chat/completions"


def checked(base_url: str, key_env: str) -> URL:
    """Raises `UsageError` for what is no URL of a server, or holds a secret."""
    try:
        url = URL(base_url)
        usable = url.scheme in ("http", "https") and bool(url.host)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"not a server URL: {base_url!r}; write it like http://127.0.0.1:8000/v1")
    secret = next((name for name in url.query if re.search("key|token|secret|password|sig", name, re.IGNORECASE)), None)
    if url.user or url.password or secret:
        raise UsageError(f"the URL of {url.host} must hold no user, password or key; a key goes into {key_env}")
    return url


def chat_url(url: URL) -> URL:
    """Where completions are asked for: below the base URL, unless that is the whole one already."""
    path = url.path.rstrip("/")
    return url.with_path(path if path.endswith(COMPLETIONS) else path + COMPLETIONS, keep_query=True)


def models_url(url: URL) -> URL:
    """Where the server at `chat_url` lists its models."""
    return url.with_path(url.path.removesuffix(COMPLETIONS) + "/models", keep_query=True)


def proxy_for(url: URL) -> str | None:
    """The proxy that the environment names for `url`, as curl has it; loopback never goes through one. UsageError."""
    host = url.host or ""
    if host in ("localhost", "::1") or host.startswith("127.") or proxy_bypass(host):
        return None
    proxies = getproxies()
    name = f"{url.scheme}_proxy" if proxies.get(url.scheme) else "all_proxy"
    proxy = proxies.get(url.scheme) or proxies.get("all") or None
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    if proxy and not proxy.startswith(("http://", "https://")):
        raise UsageError(f"{name} must begin with http:// (or name {host} in no_proxy to go without)")
    return proxy
