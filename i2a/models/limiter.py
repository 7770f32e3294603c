"""How many calls one endpoint gets at once: additive increase, multiplicative decrease, as TCP does it."""

import asyncio
from collections import deque
from typing import Self


class Limiter:
    """At most `limit` calls at once, first come, first served; `limit` adapts between 1 and `ceiling`.

    `succeeded` raises it by one per round of successes; `overloaded` cuts it by a third, at most once a second, and
    keeps every call of the endpoint back for the time that the server asked for.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self.limit = float(ceiling)
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed_until = 0.0
        self._last_cut = float("-inf")

    async def __aenter__(self) -> Self:
        if self.in_flight >= int(self.limit) or self._waiting or self._closed_until:
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

    def succeeded(self) -> None:
        if self.limit < self.ceiling:
            self.limit = min(self.ceiling, self.limit + 1 / self.limit)
            self._admit()

    def overloaded(self, retry_after: float | None) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - self._last_cut >= 1:
            self.limit = max(1.0, self.limit * 2 / 3)
            self._last_cut = now
        if retry_after and now + retry_after > self._closed_until:
            self._closed_until = now + retry_after
            loop.call_at(self._closed_until, self._reopen, self._closed_until)

    def _reopen(self, time: float) -> None:
        if time == self._closed_until:  # else the server has asked for more time since
            self._closed_until = 0.0
            self._admit()

    def _admit(self) -> None:
        while not self._closed_until and self._waiting and self.in_flight < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
