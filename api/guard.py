"""The door: whose pages may ask at all, how much they may send, what a browser may do with the answer.

Plain ASGI, so that files stream through. Who may do what is api/auth.py's, behind this.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import internal_error, problem

_log = logging.getLogger(__name__)

ANY_HOST = "*"
ANY_ADDRESS = "any IP address"
"""Among allowed hosts: a Host that is an IP address. Rebinding needs a name, so these are safe from it."""
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_CONTENT_POLICY = (
    # blob: and data: are pictures that somebody has just dropped or cut out, and streams put together here.
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_GENERATED_PAGES = ("/docs", "/docs/oauth2-redirect", "/redoc")
_GENERATED_PAGES_POLICY = (
    # Made by FastAPI, from nothing that users write: they begin with a script of their own in the page.
    f"{_CONTENT_POLICY}; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "worker-src blob:"
)
_ANSWER_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # Other sites' pages can neither show nor embed what is in here.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
}


class Guard:
    """Refuses a Host header that is not in ``allowed_hosts`` (DNS rebinding), writes that another site's
    page sends (CSRF), and bodies above ``max_body_bytes``, by what they say and by what really comes.

    ``media_bytes`` gives the limit for a method and path to which media files are sent, None for others.
    """

    def __init__(
        self, app: ASGIApp, allowed_hosts: Sequence[str], max_body_bytes: int,
        media_bytes: Callable[[str, str], int | None] = lambda method, path: None,
    ):  # fmt: skip
        self._app, self._allowed_hosts, self._max_body_bytes = app, tuple(allowed_hosts), max_body_bytes
        self._media_bytes = media_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            # There are none here, and none of these checks would be made for one.
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, scope["path"])
        media_bytes = self._media_bytes(scope["method"], scope["path"])
        limit = _Limit(self._max_body_bytes) if media_bytes is None else _MediaLimit(media_bytes)
        refusal = self._refusal(scope["method"], Headers(scope=scope), limit)
        if refusal is not None:
            await problem(*refusal)(scope, receive, answer.send)
            return
        try:
            await self._app(scope, _counted(receive, limit), answer.send)
        except asyncio.CancelledError:
            # The server stops and has waited long enough: said here, or its log fills with tracebacks.
            if not answer.begun:
                stopping = problem(503, "server_stopping", "The server is stopping; ask again.")
                await stopping(scope, receive, answer.send)
        except Exception as error:
            # The server that runs us prints the traceback.
            _log.error("%s %r failed: %s", scope["method"], scope["path"], type(error).__name__)
            if not answer.begun:
                await internal_error()(scope, receive, answer.send)
            raise

    def _refusal(self, method: str, headers: Headers, limit: _Limit) -> tuple[int, str, str] | None:
        host = headers.get("host", "")
        if not self._is_ours(_name_of(host)):
            return (
                400, "host_not_allowed",
                f"This server is not {host[:200]!r}; use the address it printed, or add the name to "
                "server.allowed_hosts.",
            )  # fmt: skip
        if method not in _SAFE_METHODS and _is_foreign(headers):
            return 403, "origin_not_allowed", "Requests from other sites' pages are refused."
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > limit.max_bytes:
            return 413, "request_too_large", limit.too_large()
        return None

    def _is_ours(self, name: str) -> bool:
        if ANY_HOST in self._allowed_hosts or name in self._allowed_hosts:
            return True
        return ANY_ADDRESS in self._allowed_hosts and _is_address(name)


@dataclass(frozen=True, slots=True)
class _Limit:
    max_bytes: int

    def too_large(self) -> str:
        return (
            f"At most {self.max_bytes // 2**20} MB may be sent (server.max_upload_mb); "
            "make the picture smaller."
        )


class _MediaLimit(_Limit):
    def too_large(self) -> str:
        return f"A media file may have at most {self.max_bytes // 2**20} MB (server.max_media_mb)."


def _counted(receive: Receive, limit: _Limit) -> Receive:
    received = 0

    async def count() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit.max_bytes:
            raise HTTPException(413, limit.too_large())
        return message

    return count


class _Answer:
    """Puts our headers on an answer, and knows whether one has begun."""

    def __init__(self, send: Send, path: str):
        self._send, self.begun = send, False
        self._policy = _GENERATED_PAGES_POLICY if path in _GENERATED_PAGES else _CONTENT_POLICY

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            headers.setdefault("Content-Security-Policy", self._policy)
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


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _name_of(host: str) -> str:
    """
    >>> _name_of("localhost:8765"), _name_of("[::1]:8765")
    ('localhost', '[::1]')
    """
    name, colon, port = host.rpartition(":")
    return (name if colon and (port.isdecimal() or not port) else host).lower()
