"""What the server listens on."""

from __future__ import annotations

import asyncio
import socket

from momentseek.serving import _bind


def test_answers_are_sent_at_once() -> None:
    async def option() -> int:
        """Of the server's end of a connection, as asyncio, and with it uvicorn, takes it."""
        taken: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            end = writer.get_extra_info("socket")
            taken.set_result(end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(take, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            at_once = await taken
            writer.close()
        return at_once

    with _bind("127.0.0.1", 0) as listener:
        assert asyncio.run(option()), "an answer in two pieces waits 40 ms between them"
