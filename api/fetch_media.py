"""A media file from an address on the Internet, straight to the library's disk. Off unless somebody wants it
(server.fetch_media)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from api.floods import Places
from core.errors import InvalidRequest
from core.settings import ServerSettings
from ingest.incoming import Incoming, Upload

if TYPE_CHECKING:
    from api.fetch import Body, Fetch

_WRITE_BYTES = 1 << 20
_AT_A_TIME, _WAITING = 2, 8
"""Each takes a line to the outside and a disk: more at once come no sooner."""


def media_fetch(settings: ServerSettings) -> Fetch:
    """Raises InvalidRequest where fetching is switched off, as it is unless somebody wants it."""
    if not settings.fetch_media:
        raise InvalidRequest(
            "This server fetches no media itself; send the file, or set server.fetch_media: true."
        )
    # What talks to the web takes long to import, and most servers fetch nothing.
    from api.fetch import Fetch

    return Fetch(
        "file", "*/*", settings.fetch_media_seconds, "server.fetch_media_seconds", settings.fetch_ports
    )


class MediaFetching:
    """For the routes. ``fetch`` None: as the settings say."""

    def __init__(self, settings: ServerSettings, fetch: Fetch | None = None) -> None:
        self._settings, self._fetch = settings, fetch
        self._places = Places(_AT_A_TIME, _WAITING)

    @asynccontextmanager
    async def file(self, url: str, incoming: Incoming) -> AsyncIterator[Upload]:
        """What lies at ``url``, all of it, as an upload; what nobody has taken of it when the block ends is
        removed. Raises as ``media_fetch``, Fetch and Incoming, and HTTPException 429 when too many wait."""
        fetch = self._fetch or media_fetch(self._settings)
        upload = await self._places.run(partial(_fetched, fetch, url, incoming))
        try:
            yield upload
        finally:
            incoming.finished(upload.id)


def _fetched(fetch: Fetch, url: str, incoming: Incoming) -> Upload:
    begun = incoming.start(_name_in(url), None)
    try:
        with incoming.writing(begun.id, 0) as writer:
            fetch.get(url, partial(_copy, writer.write))
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
