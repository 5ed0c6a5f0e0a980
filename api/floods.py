"""More questions than can be answered: a few at a time, some wait, the rest is told when to come back."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException

T = TypeVar("T")

_SOONEST_SECONDS, _LATEST_SECONDS = 1, 30
"""Of Retry-After. Clients that try again by themselves rarely wait longer than half a minute."""
_OF_THE_LAST = 0.2
"""How much the last piece of work says about the next."""


class Places:
    """``at_a_time`` pieces of work run, each on a thread of its own, ``waiting`` more wait in turn.

    Searches, by default 4 and 64 (server.concurrency, server.queue). The largest picture allowed takes
    150 MB as pixels: 4 at a time bound that to 600 MB, and are enough to keep a decoder, a model and the
    store busy beside each other. 64 may wait because 50 people at once should be slow rather than refused.
    Read uploads inside the work: until then the large ones lie on disk.
    """

    def __init__(self, at_a_time: int, waiting: int):
        self._at_a_time, self._waiting = at_a_time, waiting
        self._inside = 0
        self._seconds = 0.0
        # Not the threads that everything else shares: whoever waits here must not keep those.
        self._threads = CapacityLimiter(at_a_time)

    @property
    def inside(self) -> int:
        """How much is being worked on or waits."""
        return self._inside

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, from a thread. Raises HTTPException 429 when too many wait already."""
        if self._inside >= self._at_a_time + self._waiting:
            raise HTTPException(
                429, f"{self._inside} requests like this one are being answered or wait; ask again later.",
                {"Retry-After": str(self._retry_after_seconds())},
            )  # fmt: skip
        self._inside += 1
        try:
            return await to_thread.run_sync(self._timed, work, limiter=self._threads)
        finally:
            self._inside -= 1

    def _timed(self, work: Callable[[], T]) -> T:
        started = time.monotonic()
        try:
            return work()
        finally:
            took = time.monotonic() - started
            self._seconds += (took - self._seconds) * (_OF_THE_LAST if self._seconds else 1.0)

    def _retry_after_seconds(self) -> int:
        """When those who are inside now will be done, more or less."""
        expected = self._seconds * self._inside / self._at_a_time
        return min(max(math.ceil(expected), _SOONEST_SECONDS), _LATEST_SECONDS)
