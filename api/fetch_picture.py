"""A query picture from an address on the Internet, limited in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from core.errors import InvalidRequest
from core.settings import ServerSettings

if TYPE_CHECKING:
    from api.fetch import Body, Fetch


@dataclass(frozen=True, slots=True)
class Fetcher:
    """``max_bytes`` is for one picture."""

    fetch: Fetch
    max_bytes: int

    @classmethod
    def of(cls, settings: ServerSettings) -> Self:
        """Raises InvalidRequest where fetching is switched off, as it is unless somebody wants it."""
        if not settings.fetch_pictures:
            raise InvalidRequest(
                "This server fetches no pictures itself; send the file, or set server.fetch_pictures: true."
            )
        # What talks to the web takes long to import, and most servers fetch nothing.
        from api.fetch import Fetch

        fetch = Fetch(
            "picture", "image/*", settings.fetch_seconds, "server.fetch_seconds", settings.fetch_ports
        )
        return cls(fetch, settings.max_upload_mb * 2**20)

    def download(self, url: str) -> bytes:
        """What lies at ``url``. Raises InvalidRequest as Fetch does, and for more than ``max_bytes``."""
        return self.fetch.get(url, self._read)

    def _read(self, body: Body) -> bytes:
        if body.size_bytes is not None and body.size_bytes > self.max_bytes:
            raise self._too_large()
        data = bytearray()
        for part in body.parts:
            data += part
            if len(data) > self.max_bytes:
                raise self._too_large()
        return bytes(data)

    def _too_large(self) -> InvalidRequest:
        return InvalidRequest(
            f"The picture is above {self.max_bytes / 2**20:g} MB (server.max_upload_mb); give a smaller one."
        )
