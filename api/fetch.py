"""What lies at an address on the Internet that somebody gave. core/outbound.py says what may be connected to;
beyond that, only usual ports, each redirect through the same door, and the time limited in total."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

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

MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fetch:
    """``what`` is looked for, in messages: picture, file; ``accept`` its media types. ``timeout_seconds`` is
    for one with all its redirects; ``setting`` is what it is called."""

    what: str
    accept: str
    timeout_seconds: float
    setting: str
    ports: tuple[int, ...] = (80, 443)
    resolve: Resolve = resolve_by_system
    dial: Dial = dial_tcp
    tls: ssl.SSLContext | None = None

    def get(self, url: str, read: Callable[[Body], T]) -> T:
        """What ``read`` makes of the bytes at ``url``. Raises InvalidRequest when the address is not allowed
        or gives nothing, and whatever ``read`` raises."""
        target = self._allowed(url)
        backend = Guarded(Door(resolve=self.resolve, dial=self.dial), time.monotonic() + self.timeout_seconds)
        try:
            with httpcore.ConnectionPool(self.tls or usual_tls(), network_backend=backend) as pool:
                return self._follow(pool, target, read)
        except httpcore.TimeoutException:
            raise InvalidRequest(
                f"The {self.what} did not come from {target.host} within {self.timeout_seconds:g} s "
                f"({self.setting})."
            ) from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise InvalidRequest(
                f"The {self.what} cannot be fetched from {target.host}: {one_line(error)}."
            ) from None

    def _follow(self, pool: httpcore.ConnectionPool, target: Target, read: Callable[[Body], T]) -> T:
        usual = [("User-Agent", "momentseek"), ("Accept", self.accept), ("Accept-Encoding", "identity")]
        for _ in range(MOST_REDIRECTS + 1):
            headers = [*usual, ("Host", target.authority)]
            with pool.stream("GET", target.for_transport(), headers=headers) as reply:
                given = {name.lower(): value.decode("latin-1") for name, value in reply.headers}
                if reply.status not in _REDIRECTS:
                    return read(self._body(reply, given, target))
            target = self._allowed(target.joined(given.get(b"location", ""), self._name))
        raise InvalidRequest(f"The address leads on more than {MOST_REDIRECTS} times; give the last one.")

    def _body(self, reply: httpcore.Response, headers: dict[bytes, str], target: Target) -> Body:
        if reply.status != 200:
            raise InvalidRequest(
                f"{target.host} has no {self.what} at this address: it answers {reply.status}."
            )
        if headers.get(b"content-encoding", "identity").lower() != "identity":
            raise InvalidRequest(
                f"{target.host} sends the {self.what} packed although nobody asked for that."
            )
        length = headers.get(b"content-length", "")
        return Body(int(length) if length.isdecimal() else None, reply.iter_stream())

    @property
    def _name(self) -> str:
        return f"The address of the {self.what}"

    def _allowed(self, url: str) -> Target:
        """Raises InvalidRequest for an address that may not be asked, before anything is looked up."""
        target = Target.of(url, self._name)
        if target.port not in self.ports:
            raise InvalidRequest(
                f"The {self.what} is not fetched from port {target.port}; "
                f"allowed are {', '.join(map(str, self.ports))} (server.fetch_ports)."
            )
        return target


@dataclass(frozen=True, slots=True)
class Body:
    """``size_bytes`` as announced, None where it was not; ``parts`` as they come."""

    size_bytes: int | None
    parts: Iterator[bytes]
