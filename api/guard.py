"""The door: who may ask at all, and how much they may send. Plain ASGI, so that files stream through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem

ANY_HOST = "*"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_ANSWER_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # Other sites' pages can neither show nor embed what is in here.
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Refuses a Host header that is not ``allowed_hosts`` (DNS rebinding), writes that another site's page
    sends (CSRF), and bodies above ``max_body_bytes``, by what they say and by what really comes."""

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str], max_body_bytes: int):
        self._app, self._allowed_hosts, self._max_body_bytes = app, tuple(allowed_hosts), max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is not None:
            await problem(*refusal)(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._app(scope, self._counted(receive), answer.send)
        except asyncio.CancelledError:
            # The server stops and has waited long enough: said here, or its log fills with tracebacks.
            if not answer.begun:
                stopping = problem(503, "server_stopping", "The server is stopping; ask again.")
                await stopping(scope, receive, send)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str, str] | None:
        host = headers.get("host", "")
        if ANY_HOST not in self._allowed_hosts and _name_of(host) not in self._allowed_hosts:
            return 400, "host_not_allowed", f"This server is not {host[:200]!r}; use the address it printed."
        if method not in _SAFE_METHODS and _is_foreign(headers):
            return 403, "origin_not_allowed", "Requests from other sites' pages are refused."
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._max_body_bytes:
            return 413, "request_too_large", self._too_large()
        return None

    def _counted(self, receive: Receive) -> Receive:
        received = 0

        async def count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise HTTPException(413, self._too_large())
            return message

        return count

    def _too_large(self) -> str:
        return (
            f"At most {self._max_body_bytes // 2**20} MB may be sent (server.max_upload_mb); "
            "make the picture smaller."
        )


class _Answer:
    """Puts our headers on an answer, and knows whether one has begun."""

    def __init__(self, send: Send):
        self._send, self.begun = send, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _ANSWER_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _is_foreign(headers: Headers) -> bool:
    """A browser says where a page comes from; programs say nothing."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _name_of(host: str) -> str:
    """
    >>> _name_of("localhost:8765"), _name_of("[::1]:8765")
    ('localhost', '[::1]')
    """
    name, colon, port = host.rpartition(":")
    return (name if colon and (port.isdecimal() or not port) else host).lower()
