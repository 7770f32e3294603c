"""The server of the view: pages of JSON about runs for the page in `web/`, on loopback. Run it with `i2a view`."""

import asyncio
import json
import secrets
import signal
import webbrowser
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from aiohttp import web
from pydantic import Field, ValidationError

from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.runs.run_folder import planned_trees
from i2a.trees.index import Filters, Order, TreeIndex
from i2a.validation import problem
from i2a.view.curves import curves
from i2a.view.follow import Follower
from i2a.view.guard import HEADERS, guard
from i2a.view.rating import RatingAnswer, RatingSession, largest_differences
from i2a.view.shelf import Shelf, ShownRun

HERE = Path(__file__).parent
FOLDERS = (HERE / "web", HERE.parent / "report/web")
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
SLICE = 0.25  # seconds that one request may spend on taking in new trees
TICK = 1.0  # seconds between two looks at a run that is followed
PAGE = 200  # rows at most

T = TypeVar("T")


class TreesQuery(Filters):
    """What is asked of the list of trees."""

    run: str
    words: str = Field("", max_length=500)
    order: Order = "file"
    offset: int = Field(0, ge=0)
    limit: int = Field(100, ge=1, le=PAGE)


class ViewServer:
    """The answers. Files are read in threads; `rating`: how `--rate` was asked for, None without it."""

    def __init__(self, shelf: Shelf, rating: Callable[[ShownRun], RatingSession] | None = None) -> None:
        self.shelf, self._rating = shelf, rating
        self._sessions: dict[str, RatingSession] = {}
        self._rate_lock = asyncio.Lock()
        files = [file for folder in FOLDERS for file in folder.iterdir() if file.suffix in TYPES]
        files.append(HERE.parent / "report/style.css")
        self._files = {file.name: file for file in files}

    def app(self, token: str) -> web.Application:
        app = web.Application(middlewares=[guard(token)], client_max_size=2**20)
        root = f"/{token}"
        app.router.add_get(f"{root}/", self.page)
        app.router.add_get(f"{root}/web/{{name}}", self.file)
        answers: Mapping[str, Callable[[web.Request], Awaitable[object]]] = {
            "runs": self.runs,
            "run": self.run,
            "trees": self.trees,
            "tree": self.tree,
            "curves": self.curves,
            "differences": self.differences,
            "rate": self.rate,
        }
        for name, answer in answers.items():
            app.router.add_get(f"{root}/api/{name}", partial(respond, answer))
        app.router.add_post(f"{root}/api/rate", partial(respond, self.rated))
        app.router.add_get(f"{root}/api/progress", self.progress)
        return app

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(text=self._files["index.html"].read_text("utf-8"), content_type="text/html")

    async def file(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound(text="there is no such file", headers=HEADERS)
        return web.Response(text=file.read_text("utf-8"), content_type=TYPES[file.suffix])

    async def runs(self, _: web.Request) -> object:
        found = await asyncio.to_thread(self.shelf.refresh)
        return {"runs": [run.as_json() for run in found], "rating": self._rating is not None}

    async def run(self, request: web.Request) -> object:
        run = await self._run(request)

        def facts() -> JsonObject:
            index = run.index
            found: JsonObject = {"totals": None, "candidates": [], "scenarios": []}
            if index is not None:
                take_in(index)
                found = {
                    "totals": index.totals()._asdict(),
                    "candidates": index.values("candidate"),
                    "scenarios": index.values("scenario"),
                }
            return {
                **run.as_json(),
                **found,
                "planned": planned_trees(run.manifest),
                "rating": self._rating is not None,
            }

        return await asyncio.to_thread(facts)

    async def trees(self, request: web.Request) -> object:
        run = await self._run(request)
        query = checked(TreesQuery, dict(request.query))

        def page() -> JsonObject:
            if (index := run.index) is None:
                return {"entries": [], "total": 0, "count": 0, "left": 0}
            trouble = ""
            try:
                take_in(index)
            except UsageError as error:  # what stands before a bad line is shown
                trouble = str(error)
            found = index.find(query, query.order, query.offset, query.limit)
            left = 0 if trouble else max(0, index.size - index.end - 1)
            entries = [entry.as_json() for entry in found.entries]
            return {"entries": entries, "total": found.total, "count": index.count, "left": left, "trouble": trouble}

        return await asyncio.to_thread(page)

    async def tree(self, request: web.Request) -> object:
        run = await self._run(request)

        def one() -> JsonObject:
            index = run.index
            id = request.query.get("id", "")
            place = index.place(id) if index else None
            while index is not None and place is None:  # a link into a file that is not taken in yet
                more = index.update(1000)
                place = index.place(id)
                if not more:
                    break
            if index is None or place is None:
                raise web.HTTPNotFound(text="there is no such tree, or not yet", headers=HEADERS)
            entry = index.entry(place)
            beside = index.find(Filters(case=entry.known.case)).entries if entry.known.case is not None else []
            others = [other.as_json() for other in beside if other.place != place]
            return {"entry": entry.as_json(), "tree": json.loads(index.line(place)), "beside": others}

        return await asyncio.to_thread(one)

    async def curves(self, request: web.Request) -> object:
        return await asyncio.to_thread(curves, await self._run(request))

    async def differences(self, request: web.Request) -> object:
        return {"replies": await asyncio.to_thread(largest_differences, await self._run(request))}

    async def rate(self, request: web.Request) -> object:
        session = await self._session(await self._run(request))
        return await asyncio.to_thread(session.state, request.query.get("item"))

    async def rated(self, request: web.Request) -> object:
        session = await self._session(await self._run(request))
        async with self._rate_lock:
            await asyncio.to_thread(session.answer, checked(RatingAnswer, await request.json()))
        return await asyncio.to_thread(session.state)

    async def progress(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: how far a run is, whenever that has changed."""
        follower = Follower(await self._run(request))
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        last = None
        while True:
            try:
                state = await asyncio.to_thread(follower.state)
            except (UsageError, OSError) as error:
                state = {"trouble": str(error)}
            told = json.dumps(state)
            await response.write(b": still here\n\n" if told == last else f"data: {told}\n\n".encode())
            last = told
            await asyncio.sleep(TICK if state.get("state") != "complete" else 5 * TICK)

    async def _run(self, request: web.Request) -> ShownRun:
        key = request.query.get("run", "")
        run = self.shelf.run(key)
        if run is None:  # it may have been begun a moment ago
            await asyncio.to_thread(self.shelf.refresh)
            run = self.shelf.run(key)
        if run is None:
            raise web.HTTPNotFound(text="there is no such run", headers=HEADERS)
        return run

    async def _session(self, run: ShownRun) -> RatingSession:
        if self._rating is None:
            raise UsageError("start it with --rate NAME to rate")
        async with self._rate_lock:
            if run.key not in self._sessions:
                self._sessions[run.key] = await asyncio.to_thread(self._rating, run)
            return self._sessions[run.key]


def take_in(index: TreeIndex) -> None:
    """What the file has grown by, for a short while; the next request goes on."""
    end = monotonic() + SLICE
    while index.update(250) and monotonic() < end:
        pass


async def respond(answer: Callable[[web.Request], Awaitable[object]], request: web.Request) -> web.Response:
    """An answer as JSON; what is wrong with a request or a file is told in a line."""
    try:
        return web.json_response(await answer(request))
    except (UsageError, json.JSONDecodeError, OSError) as error:
        return web.json_response({"error": str(error)}, status=400)


def checked(model: Callable[..., T], values: Any) -> T:
    """Raises `UsageError`."""
    try:
        return model(**values)
    except ValidationError as error:
        raise UsageError(problem(error)) from None
    except TypeError:
        raise UsageError("not an object") from None


async def serve(
    server: ViewServer,
    port: int,
    on_ready: Callable[[str], object],
    *,
    browser: bool = False,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve on loopback until SIGINT, SIGTERM or `stop`; `on_ready` gets the address, which holds the token.

    Raises `UsageError` for a port that is taken.
    """
    token = secrets.token_urlsafe(24)
    stop = stop or asyncio.Event()
    runner = web.AppRunner(server.app(token), access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except (OSError, OverflowError) as error:
            raise UsageError(f"cannot listen on port {port}: {error}; choose another with --port") from None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/{token}/"
        on_ready(address)
        if browser:
            await asyncio.to_thread(webbrowser.open, address)
        await stop.wait()
    finally:
        await runner.cleanup()
        server.shelf.close()
