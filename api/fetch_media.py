"""A media file from an address on the Internet: as api/fetch_picture.py, but straight to the library's disk.

core/outbound.py says what may be connected to. Off unless somebody wants it (server.fetch_media).
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self
from urllib.parse import unquote

import httpcore

from api.floods import Places
from core.errors import InvalidRequest
from core.outbound import (
    Dial,
    Door,
    Guarded,
    Resolve,
    Target,
    dial_tcp,
    one_line,
    resolve_by_system,
    usual_tls,
)
from core.settings import ServerSettings
from ingest.incoming import Incoming, Upload

MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = (("User-Agent", "momentseek"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))
_WHAT = "The address of the file"
_WRITE_BYTES = 1 << 20
_AT_A_TIME, _WAITING = 2, 8
"""Each takes a line to the outside and a disk: more at once come no sooner."""


@dataclass(frozen=True, slots=True)
class MediaFetcher:
    """``timeout_seconds`` is for one file with all its redirects."""

    timeout_seconds: float
    ports: tuple[int, ...] = (80, 443)
    resolve: Resolve = resolve_by_system
    dial: Dial = dial_tcp
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, settings: ServerSettings) -> Self:
        """Raises InvalidRequest where fetching is switched off, as it is unless somebody wants it."""
        if not settings.fetch_media:
            raise InvalidRequest(
                "This server fetches no media itself; send the file, or set server.fetch_media: true."
            )
        return cls(settings.fetch_media_seconds, settings.fetch_ports)

    def download(self, url: str, write: Callable[[bytes], object]) -> None:
        """Give what lies at ``url`` to ``write``, piece by piece. Raises InvalidRequest when the address is
        not allowed or gives nothing, and whatever ``write`` raises."""
        target = self._allowed(url)
        backend = Guarded(Door(resolve=self.resolve, dial=self.dial), time.monotonic() + self.timeout_seconds)
        try:
            with httpcore.ConnectionPool(self.tls or usual_tls(), network_backend=backend) as pool:
                self._follow(pool, target, write)
        except httpcore.TimeoutException:
            raise InvalidRequest(
                f"The file did not come from {target.host} within {self.timeout_seconds:g} s "
                "(server.fetch_media_seconds)."
            ) from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise InvalidRequest(
                f"The file cannot be fetched from {target.host}: {one_line(error)}."
            ) from None

    def _follow(
        self, pool: httpcore.ConnectionPool, target: Target, write: Callable[[bytes], object]
    ) -> None:
        for _ in range(MOST_REDIRECTS + 1):
            headers = [*_HEADERS, ("Host", target.authority)]
            with pool.stream("GET", target.for_transport(), headers=headers) as reply:
                given = {name.lower(): value.decode("latin-1") for name, value in reply.headers}
                if reply.status not in _REDIRECTS:
                    return _copy(reply, given, target, write)
            target = self._allowed(target.joined(given.get(b"location", ""), _WHAT))
        raise InvalidRequest(f"The address leads on more than {MOST_REDIRECTS} times; give the last one.")

    def _allowed(self, url: str) -> Target:
        target = Target.of(url, _WHAT)
        if target.port not in self.ports:
            raise InvalidRequest(
                f"Files are not fetched from port {target.port}; "
                f"allowed are {', '.join(map(str, self.ports))} (server.fetch_ports)."
            )
        return target


class MediaFetching:
    """For the routes. ``fetcher`` None: as the settings say."""

    def __init__(self, settings: ServerSettings, fetcher: MediaFetcher | None = None) -> None:
        self._settings, self._fetcher = settings, fetcher
        self._places = Places(_AT_A_TIME, _WAITING)

    @asynccontextmanager
    async def file(self, url: str, incoming: Incoming) -> AsyncIterator[Upload]:
        """What lies at ``url``, all of it, as an upload; what nobody has taken of it when the block ends is
        removed. Raises as MediaFetcher and Incoming, and HTTPException 429 when too many wait already."""
        fetcher = self._fetcher or MediaFetcher.of(self._settings)
        upload = await self._places.run(partial(_fetch, fetcher, url, incoming))
        try:
            yield upload
        finally:
            incoming.finished(upload.id)


def _fetch(fetcher: MediaFetcher, url: str, incoming: Incoming) -> Upload:
    begun = incoming.start(_name_in(url), None)
    try:
        with incoming.writing(begun.id, 0) as writer:
            fetcher.download(url, writer.write)
            writer.sync()
        return incoming.find(begun.id)
    except BaseException:
        incoming.finished(begun.id)
        raise


def _copy(
    reply: httpcore.Response, headers: dict[bytes, str], target: Target, write: Callable[[bytes], object]
) -> None:
    if reply.status != 200:
        raise InvalidRequest(f"{target.host} has no file at this address: it answers {reply.status}.")
    if headers.get(b"content-encoding", "identity").lower() != "identity":
        raise InvalidRequest(f"{target.host} sends the file packed although nobody asked for that.")
    waiting = bytearray()
    for part in reply.iter_stream():
        waiting += part
        if len(waiting) >= _WRITE_BYTES:
            write(bytes(waiting))
            waiting.clear()
    write(bytes(waiting))


def _name_in(url: str) -> str:
    """
    >>> _name_in("https://films.example/2024/a%20reel.mp4?token=1#t=3")
    'a reel.mp4'
    """
    path = url.partition("?")[0].partition("#")[0]
    return unquote(path.rstrip("/").rpartition("/")[2]) or "fetched"
