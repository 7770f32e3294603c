"""How many calls one endpoint gets at once: additive increase, multiplicative decrease, as TCP does it."""

import asyncio
from collections import deque
from typing import Self


class Limiter:
    """At most `limit` calls at once, first come, first served; `limit` adapts between 1 and `ceiling`.

    `succeeded` raises it by one per round of successes; `overloaded` cuts it by a third, at most once a second, and
    keeps every call of the endpoint back for the time that the server asked for. After `pause` one call at a time goes
    out, to see whether there is a server again; `resume` and `succeeded` let all go.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self.limit = float(ceiling)
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed_until = 0.0
        self._last_cut = float("-inf")
        self._probing = False

    async def __aenter__(self) -> Self:
        if self.in_flight >= self._room or self._waiting or self._closed_until:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            self._admit()
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.in_flight -= 1
                    self._admit()
                raise
        else:
            self.in_flight += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self.in_flight -= 1
        self._admit()

    @property
    def _room(self) -> int:
        return 1 if self._probing else int(self.limit)

    @property
    def closed_for(self) -> float:
        """Seconds until calls go out again."""
        return max(0.0, self._closed_until - asyncio.get_running_loop().time()) if self._closed_until else 0.0

    def resume(self) -> None:
        """There is a server again."""
        if self._probing:
            self._probing, self._closed_until = False, 0.0
            self._admit()

    def succeeded(self) -> None:
        self.resume()
        if self.limit < self.ceiling:
            self.limit = min(self.ceiling, self.limit + 1 / self.limit)
            self._admit()

    def overloaded(self, retry_after: float | None) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._last_cut >= 1:
            self.limit = max(1.0, self.limit * 2 / 3)
            self._last_cut = now
        if retry_after:
            self._close(retry_after)

    def pause(self, seconds: float) -> None:
        self._probing = True
        self._close(seconds)

    def _close(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if seconds and loop.time() + seconds > self._closed_until:
            self._closed_until = loop.time() + seconds
            loop.call_at(self._closed_until, self._reopen, self._closed_until)

    def _reopen(self, time: float) -> None:
        if time == self._closed_until:  # else the server has asked for more time since
            self._closed_until = 0.0
            self._admit()

    def _admit(self) -> None:
        while not self._closed_until and self._waiting and self.in_flight < self._room:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
