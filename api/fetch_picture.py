"""A query picture from an address on the Internet, without lending anybody our place inside the network.

Whoever gives us an address makes this machine ask for it (server-side request forgery), so:

- only http and https, only usual ports, no credentials, no way of writing an IP address but the plain one;
- a name is resolved once and every address it has must be public; we connect to that very address, so a name
  that changes between check and use (DNS rebinding) gains nothing; Host, SNI and certificate go by the name;
- each redirect goes through the same door; no proxy, no cookies, nothing from the environment;
- bytes and time are limited in total, and only what is a picture is kept.

The check sits in the network backend, below everything that knows of URLs: nothing else here can connect.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import httpcore
import httpx

from core.errors import InvalidRequest
from core.pictures import MAX_PIXELS, read_picture
from core.settings import ServerSettings
from core.types import Image

MOST_REDIRECTS = 3
_LONGEST_URL = 4096
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = (("User-Agent", "momentseek"), ("Accept", "image/*"), ("Accept-Encoding", "identity"))
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
_LOOKS_LIKE_A_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""Host name and port -> its addresses as text. Raises OSError."""
Dial = Callable[[str, int, float], httpcore.NetworkStream]
"""Address, port, timeout in seconds -> an open connection. Raises httpcore's errors."""

_NOT_PUBLIC = tuple(map(ipaddress.ip_network, (
    "100.64.0.0/10",  # shared by a provider's customers, some clouds keep their metadata here
    "192.0.0.0/24",  # protocol assignments; a cloud's metadata at 192.0.0.192
    "192.88.99.0/24",  # 6to4 relays
    "168.63.129.16/32",  # a cloud's inner service at an address that looks public
    "2001::/23",  # protocol assignments, Teredo among them
    "2001:db8::/32", "3fff::/20",  # documentation
    "2002::/16",  # 6to4: an IPv4 address inside
)))  # fmt: skip
"""Beyond what ``is_global`` of every Python we run on knows."""
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
"""All global unicast there is. Mapped and translated IPv4 (::ffff:0:0/96, 64:ff9b::/96) is outside of it."""


def is_public(address: Address) -> bool:
    """Whether this is a place on the public Internet and nothing else.

    >>> [is_public(ipaddress.ip_address(one)) for one in ("8.8.8.8", "127.0.0.1", "64:ff9b::808:808")]
    [True, False, False]
    """
    if address.version == 6 and address not in _PUBLIC_IPV6:
        return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and not any(address in network for network in _NOT_PUBLIC)


@cache
def _usual_tls() -> ssl.SSLContext:
    """The authorities that browsers trust, whatever the environment says. Reading them takes a while."""
    return httpx.create_ssl_context(trust_env=False)


def resolve_by_system(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def dial_tcp(address: str, port: int, timeout_seconds: float) -> httpcore.NetworkStream:
    return httpcore.SyncBackend().connect_tcp(address, port, timeout_seconds)


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
                "This server fetches no pictures itself (server.fetch_pictures); send the file."
            )
        return cls(settings.max_upload_mb * 2**20, settings.fetch_seconds, settings.fetch_ports)

    def fetch(self, url: str) -> Image:
        """The picture at ``url`` as RGB (height, width, 3). It may take ``timeout_seconds``.

        Raises InvalidRequest when the address is not allowed or gives nothing, InvalidImage when what it
        gives is no picture.
        """
        deadline = time.monotonic() + self.timeout_seconds
        tls = self.tls or _usual_tls()
        target = self._allowed(url)
        try:
            with httpcore.ConnectionPool(tls, network_backend=_PublicOnly(self, deadline)) as pool:
                data = self._follow(pool, target)
        except httpcore.TimeoutException:
            raise InvalidRequest(
                f"The picture did not come from {target.host} within {self.timeout_seconds:g} s."
            ) from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise InvalidRequest(f"The picture cannot be fetched from {target.host}: {said}.") from None
        return read_picture(data, self.max_pixels)

    def _follow(self, pool: httpcore.ConnectionPool, target: _Target) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            headers = [*_HEADERS, ("Host", target.authority)]
            with pool.stream("GET", target.for_transport(), headers=headers) as reply:
                given = {name.lower(): value.decode("latin-1") for name, value in reply.headers}
                if reply.status not in _REDIRECTS:
                    return self._read(reply, given, target)
            target = self._allowed(_joined(target.url, given.get(b"location", "")))
        raise InvalidRequest(f"The address leads on more than {MOST_REDIRECTS} times; give the last one.")

    def _read(self, reply: httpcore.Response, headers: dict[bytes, str], target: _Target) -> bytes:
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

    def _allowed(self, url: str) -> _Target:
        """Raises InvalidRequest for an address that may not be asked, before anything is looked up."""
        target = _Target.of(url)
        if target.port not in self.ports:
            raise InvalidRequest(
                f"Pictures are not fetched from port {target.port}; "
                f"allowed are {', '.join(map(str, self.ports))} (server.fetch_ports)."
            )
        return target

    def addresses(self, host: str, port: int, deadline: float) -> list[str]:
        """Where to connect. Raises InvalidRequest unless every address of ``host`` is public.

        No such name, and one of the inner network, are one message: it must not say which names there are.
        """
        refused = InvalidRequest(f"{host} is no place on the public Internet that can be found.")
        try:
            found = [host] if _literal(host) else _within(deadline, lambda: self.resolve(host, port))
            parsed = [ipaddress.ip_address(one) for one in found]
        except (OSError, ValueError, UnicodeError):
            raise refused from None
        if not parsed or not all(map(is_public, parsed)):
            raise refused
        return list(dict.fromkeys(map(str, parsed)))


@dataclass(frozen=True, slots=True)
class _Target:
    """An address taken apart, once: nothing behind this reads the text again. ``host`` is lower-case ASCII
    or a plain IP address, without brackets or a last dot."""

    url: httpx.URL
    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises InvalidRequest. The text is not repeated: there may be a password in it."""
        if len(text) > _LONGEST_URL:
            raise InvalidRequest(f"The address of the picture is longer than {_LONGEST_URL} characters.")
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, UnicodeError, ValueError):
            raise InvalidRequest("The address of the picture cannot be read; give http(s)://...") from None
        if url.scheme not in ("http", "https"):
            raise InvalidRequest("Pictures are fetched from http and https addresses only.")
        # A backslash, or an @ in the wrong place, is where readers of addresses disagree about the host.
        if url.userinfo or "\\" in text or "@" in text.split("://", 1)[-1].split("/", 1)[0]:
            raise InvalidRequest("The address of the picture holds a name or password; give it without.")
        host = url.raw_host.decode("ascii").lower().removesuffix(".")
        if _literal(host) is None and not _is_name(host):
            raise InvalidRequest(
                "The address of the picture names no host that can be asked; write IP addresses plainly."
            )
        port = url.port if url.port is not None else {"http": 80, "https": 443}[url.scheme]
        return cls(url, host, port)

    @property
    def authority(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.url.port is None else f"{shown}:{self.port}"

    def for_transport(self) -> httpcore.URL:
        return httpcore.URL(
            scheme=self.url.raw_scheme, host=self.host.encode(), port=self.port, target=self.url.raw_path
        )


class _PublicOnly(httpcore.NetworkBackend):
    """Connects to public addresses until ``deadline``, to nothing else ever."""

    def __init__(self, fetcher: Fetcher, deadline: float):
        self._fetcher, self._deadline = fetcher, deadline

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        last: Exception = httpcore.ConnectError("no address")
        for address in self._fetcher.addresses(host, port, self._deadline):
            try:
                return _Timed(self._fetcher.dial(address, port, _left(self._deadline)), self._deadline)
            except httpcore.ConnectError as error:
                last = error
        raise last

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("not a place on the Internet")


class _Timed(httpcore.NetworkStream):
    """Every wait ends at ``deadline``: a server that sends a byte now and then cannot stretch it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float):
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("time is up")
    return left


def _within(deadline: float, look_up: Callable[[], Sequence[str]]) -> Sequence[str]:
    """The system's resolver takes as long as it likes; whoever waits for it need not."""
    results: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put(look_up())
        except Exception as error:
            results.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        found = results.get(timeout=_left(deadline))
    except queue.Empty:
        raise httpcore.ConnectTimeout("the name was not found in time") from None
    if isinstance(found, Exception):
        raise found
    return found


def _literal(host: str) -> Address | None:
    """``host`` as an IP address when it is one, plainly written and without a zone."""
    try:
        return None if "%" in host else ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    """Names whose last part is a number are IP addresses to some readers (2130706433, 0x7f.1, 127.1): to
    none of ours. https://url.spec.whatwg.org/#ends-in-a-number-checker"""
    last = host.rpartition(".")[2]
    return bool(_HOST_NAME.fullmatch(host)) and not _LOOKS_LIKE_A_NUMBER.fullmatch(last)


def _joined(url: httpx.URL, location: str) -> str:
    """Where a redirect leads. Raises InvalidRequest."""
    try:
        if location:
            return str(url.join(location))
    except (httpx.InvalidURL, UnicodeError, ValueError):
        pass
    raise InvalidRequest("The address of the picture leads on to one that cannot be read.")
