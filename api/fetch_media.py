"""A media file from an address on the Internet, straight to the library's disk. Off unless somebody wants it
(server.fetch_media)."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self
from urllib.parse import unquote

from api.fetch import Body, Fetch
from api.floods import Places
from core.errors import InvalidRequest
from core.outbound import Dial, Resolve, dial_tcp, resolve_by_system
from core.settings import ServerSettings
from ingest.incoming import Incoming, Upload

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
        """Give what lies at ``url`` to ``write``, piece by piece. Raises InvalidRequest as Fetch does, and
        whatever ``write`` raises."""
        fetch = Fetch(
            "file", "*/*", self.timeout_seconds, "server.fetch_media_seconds", self.ports, self.resolve,
            self.dial, self.tls,
        )  # fmt: skip
        fetch.get(url, partial(_copy, write))


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


def _copy(write: Callable[[bytes], object], body: Body) -> None:
    waiting = bytearray()
    for part in body.parts:
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
