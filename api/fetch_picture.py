"""A query picture from an address on the Internet: limited in bytes, and only what is a picture is kept."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Self

from api.fetch import Body, Fetch
from core.errors import InvalidRequest
from core.outbound import Dial, Resolve, dial_tcp, resolve_by_system
from core.pictures import MAX_PIXELS, read_picture
from core.settings import ServerSettings
from core.types import Image


@dataclass(frozen=True, slots=True)
class Fetcher:
    """``max_bytes`` and ``timeout_seconds`` are for one picture with all its redirects."""

    max_bytes: int
    timeout_seconds: float
    ports: tuple[int, ...] = (80, 443)
    max_pixels: int = MAX_PIXELS
    resolve: Resolve = resolve_by_system
    dial: Dial = dial_tcp
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, settings: ServerSettings) -> Self:
        """Raises InvalidRequest where fetching is switched off, as it is unless somebody wants it."""
        if not settings.fetch_pictures:
            raise InvalidRequest(
                "This server fetches no pictures itself; send the file, or set server.fetch_pictures: true."
            )
        return cls(settings.max_upload_mb * 2**20, settings.fetch_seconds, settings.fetch_ports)

    def fetch(self, url: str) -> Image:
        """The picture at ``url`` as RGB (height, width, 3). Raises InvalidImage for what is none, and what
        ``download`` raises."""
        return read_picture(self.download(url), self.max_pixels)

    def download(self, url: str) -> bytes:
        """What lies at ``url``; it may take ``timeout_seconds``. Raises InvalidRequest as Fetch does, and for
        more than ``max_bytes``."""
        fetch = Fetch(
            "picture", "image/*", self.timeout_seconds, "server.fetch_seconds", self.ports, self.resolve,
            self.dial, self.tls,
        )  # fmt: skip
        return fetch.get(url, self._read)

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
