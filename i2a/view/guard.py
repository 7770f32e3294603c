"""Who may ask: only a page of this server, on this machine, that knows the token. Everybody else gets 403 or 404."""

import hmac
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

LOCAL = ("127.0.0.1", "localhost", "[::1]")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def guard(token: str) -> Middleware:
    """The middleware. The token is the first part of every path, so the page's own links carry it."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        refuse_strangers(request, token)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    return guarded


def refuse_strangers(request: web.Request, token: str) -> None:
    """Raises `HTTPForbidden` or `HTTPNotFound`."""
    host = request.host.rpartition(":")[0] if request.host[-1:].isdigit() and ":" in request.host else request.host
    if host not in LOCAL:  # a name that somebody else's DNS lets point here
        raise web.HTTPForbidden(text="this server answers to 127.0.0.1 and localhost only", headers=HEADERS)
    given = request.path.split("/")[1]
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise web.HTTPNotFound(text="open the whole address that `i2a view` printed", headers=HEADERS)
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="another page may not ask here", headers=HEADERS)
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise web.HTTPForbidden(text="another page may not ask here", headers=HEADERS)
    if request.method not in ("GET", "HEAD") and request.content_type != "application/json":
        raise web.HTTPForbidden(text="send JSON", headers=HEADERS)
