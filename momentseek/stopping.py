"""The server's end: what is being searched for is answered, then everything else is closed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn

_LOOK_EVERY_SECONDS = 0.05


class StoppingServer(uvicorn.Server):
    """``under_way`` counts searches, which have ``seconds`` to be answered; meanwhile whatever else comes is
    refused by the application (api/stopping.py), not by a closed door. ``on_stop`` is called at once, on a
    thread."""

    def __init__(
        self, config: uvicorn.Config, under_way: Callable[[], int], seconds: float,
        on_stop: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._under_way, self._seconds, self._on_stop = under_way, seconds, on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        stopping = loop.run_in_executor(None, self._on_stop)
        deadline = loop.time() + self._seconds
        # Ctrl-C once more is for whoever does not want to wait.
        while self._under_way() and loop.time() < deadline and not self.force_exit:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        await super().shutdown(sockets)
        await stopping
