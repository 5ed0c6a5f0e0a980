"""Connections to addresses that somebody gave us, without lending anybody our place inside the network.

Whoever gives us an address makes this machine ask for it (server-side request forgery), so:

- only http and https, no credentials, no way of writing an IP address but the plain one;
- a name is resolved once and every address it has must be allowed; we connect to that very address, so a name
  that changes between check and use (DNS rebinding) gains nothing; Host, SNI and certificate go by the name;
- no proxy, no cookies, nothing from the environment; everything ends at one deadline.

The check sits in the network backend of httpcore, below everything that knows of URLs: what connects through
it cannot get past it. Redirects are the caller's: each one is a Target of its own.
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

from core.addresses import LONGEST_URL, Address, is_public
from core.errors import InvalidRequest

_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
_LOOKS_LIKE_A_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")

Resolve = Callable[[str, int], Sequence[str]]
"""Host name and port -> its addresses as text. Raises OSError."""
Dial = Callable[[str, int, float], httpcore.NetworkStream]
"""Address, port, timeout in seconds -> an open connection. Raises httpcore's errors."""


@cache
def usual_tls() -> ssl.SSLContext:
    """The authorities that browsers trust, whatever the environment says. Reading them takes a while."""
    return httpx.create_ssl_context(trust_env=False)


def resolve_by_system(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def dial_tcp(address: str, port: int, timeout_seconds: float) -> httpcore.NetworkStream:
    return httpcore.SyncBackend().connect_tcp(address, port, timeout_seconds)


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart, once: nothing behind this reads the text again. ``host`` is lower-case ASCII
    or a plain IP address, without brackets or a last dot."""

    url: httpx.URL
    host: str
    port: int

    @classmethod
    def of(cls, text: str, what: str = "The address") -> Self:
        """``what`` is how messages call it. Raises InvalidRequest, which does not repeat the text: there may
        be a password in it."""
        if len(text) > LONGEST_URL:
            raise InvalidRequest(f"{what} is longer than {LONGEST_URL} characters.")
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, UnicodeError, ValueError):
            raise InvalidRequest(f"{what} cannot be read; give http(s)://...") from None
        if url.scheme not in ("http", "https"):
            raise InvalidRequest(f"{what} is none of http or https; give http(s)://...")
        # A backslash, or an @ in the wrong place, is where readers of addresses disagree about the host.
        if url.userinfo or "\\" in text or "@" in text.split("://", 1)[-1].split("/", 1)[0]:
            raise InvalidRequest(f"{what} holds a name or password; give it without.")
        host = url.raw_host.decode("ascii").lower().removesuffix(".")
        if _literal(host) is None and not _is_name(host):
            raise InvalidRequest(f"{what} names no host that can be asked; write IP addresses plainly.")
        port = url.port if url.port is not None else {"http": 80, "https": 443}[url.scheme]
        return cls(url, host, port)

    def joined(self, location: str, what: str = "The address") -> str:
        """Where a redirect from here leads. Raises InvalidRequest."""
        try:
            if location:
                return str(self.url.join(location))
        except (httpx.InvalidURL, UnicodeError, ValueError):
            pass
        raise InvalidRequest(f"{what} leads on to one that cannot be read.")

    @property
    def authority(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.url.port is None else f"{shown}:{self.port}"

    def for_transport(self) -> httpcore.URL:
        return httpcore.URL(
            scheme=self.url.raw_scheme, host=self.host.encode(), port=self.port, target=self.url.raw_path
        )


@dataclass(frozen=True, slots=True)
class Door:
    """``allowed`` says which addresses may be connected to."""

    allowed: Callable[[Address], bool] = is_public
    resolve: Resolve = resolve_by_system
    dial: Dial = dial_tcp

    def addresses(self, host: str, port: int, deadline: float) -> list[str]:
        """Where to connect; ``deadline`` is a time of the monotonic clock. Raises InvalidRequest unless every
        address of ``host`` is allowed.

        No such name, and one of the inner network, are one message: it must not say which names there are.
        """
        where = "on the public Internet " if self.allowed is is_public else ""
        refused = InvalidRequest(f"{host} is no place {where}that can be found.")
        try:
            found = [host] if _literal(host) else _within(deadline, lambda: self.resolve(host, port))
            parsed = [ipaddress.ip_address(one) for one in found]
        except (OSError, ValueError, UnicodeError):
            raise refused from None
        if not parsed or not all(map(self.allowed, parsed)):
            raise refused
        return list(dict.fromkeys(map(str, parsed)))


class Guarded(httpcore.NetworkBackend):
    """Connects through ``door`` until ``deadline``, to nothing else ever."""

    def __init__(self, door: Door, deadline: float):
        self._door, self._deadline = door, deadline

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        last: Exception = httpcore.ConnectError("no address")
        for address in self._door.addresses(host, port, self._deadline):
            try:
                return _Timed(self._door.dial(address, port, _left(self._deadline)), self._deadline)
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


def one_line(error: Exception) -> str:
    """What a failed connection says of itself."""
    return " ".join(str(error).split())[:200] or type(error).__name__


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
