"""A query picture from an address on the Internet. core/outbound.py says what may be connected to; beyond
that, only usual ports, each redirect through the same door, bytes and time limited in total, and only what is
a picture is kept."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from typing import Self

import httpcore

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
from core.pictures import MAX_PIXELS, read_picture
from core.settings import ServerSettings
from core.types import Image

MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = (("User-Agent", "momentseek"), ("Accept", "image/*"), ("Accept-Encoding", "identity"))
_WHAT = "The address of the picture"


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
        """What lies at ``url``; it may take ``timeout_seconds``.

        Raises InvalidRequest when the address is not allowed or gives nothing.
        """
        deadline = time.monotonic() + self.timeout_seconds
        tls = self.tls or usual_tls()
        target = self._allowed(url)
        backend = Guarded(Door(resolve=self.resolve, dial=self.dial), deadline)
        try:
            with httpcore.ConnectionPool(tls, network_backend=backend) as pool:
                return self._follow(pool, target)
        except httpcore.TimeoutException:
            raise InvalidRequest(
                f"The picture did not come from {target.host} within {self.timeout_seconds:g} s."
            ) from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise InvalidRequest(
                f"The picture cannot be fetched from {target.host}: {one_line(error)}."
            ) from None

    def _follow(self, pool: httpcore.ConnectionPool, target: Target) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            headers = [*_HEADERS, ("Host", target.authority)]
            with pool.stream("GET", target.for_transport(), headers=headers) as reply:
                given = {name.lower(): value.decode("latin-1") for name, value in reply.headers}
                if reply.status not in _REDIRECTS:
                    return self._read(reply, given, target)
            target = self._allowed(target.joined(given.get(b"location", ""), _WHAT))
        raise InvalidRequest(f"The address leads on more than {MOST_REDIRECTS} times; give the last one.")

    def _read(self, reply: httpcore.Response, headers: dict[bytes, str], target: Target) -> bytes:
        if reply.status != 200:
            raise InvalidRequest(f"{target.host} has no picture at this address: it answers {reply.status}.")
        if headers.get(b"content-encoding", "identity").lower() != "identity":
            raise InvalidRequest(f"{target.host} sends the picture packed although nobody asked for that.")
        length = headers.get(b"content-length", "0")
        if length.isdecimal() and int(length) > self.max_bytes:
            raise self._too_large()
        data = bytearray()
        for part in reply.iter_stream():
            data += part
            if len(data) > self.max_bytes:
                raise self._too_large()
        return bytes(data)

    def _too_large(self) -> InvalidRequest:
        return InvalidRequest(
            f"The picture is above {self.max_bytes / 2**20:g} MB (server.max_upload_mb); give a smaller one."
        )

    def _allowed(self, url: str) -> Target:
        """Raises InvalidRequest for an address that may not be asked, before anything is looked up."""
        target = Target.of(url, _WHAT)
        if target.port not in self.ports:
            raise InvalidRequest(
                f"Pictures are not fetched from port {target.port}; "
                f"allowed are {', '.join(map(str, self.ports))} (server.fetch_ports)."
            )
        return target
