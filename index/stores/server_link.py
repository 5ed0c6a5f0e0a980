"""The way to a Qdrant server: a client, calls that are tried again, errors in our words.

Everything this store asks may be asked twice: points are written and removed by id or by a condition, so the
second time changes nothing.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import grpc
import httpx
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from core.errors import DiskFull, SettingsError, StoreBusy, StoreDamaged, StoreError, StoreLost
from core.settings import StoreSettings

T = TypeVar("T")
_log = logging.getLogger("momentseek")
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0

_BUSY = {408, 429, 500, 502, 503, 504}
"""Replies that the next attempt may not get: too busy, out of time, a node that starts or leaves."""
_GRPC_STATUS = {
    grpc.StatusCode.UNAVAILABLE: None,
    grpc.StatusCode.DEADLINE_EXCEEDED: 408,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.ABORTED: 503,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
}
"""As HTTP would say it; None: there was no reply."""
_ITS_ERRORS = (ApiException, QdrantException, grpc.RpcError, RuntimeError, ValueError, OSError)
_LOCAL_MACHINE = {"localhost", "127.0.0.1", "::1"}


class Link:
    """Calls to a server from any thread; ``serial``: one at a time, for clients that are not thread-safe."""

    def __init__(self, client: QdrantClient, url: str, attempts: int, serial: bool = False) -> None:
        self.client, self.url = client, url
        self._attempts = attempts
        self._turn: contextlib.AbstractContextManager[Any] = (
            threading.Lock() if serial else contextlib.nullcontext()
        )

    def call(self, what: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """The answer of ``what``, a method of ``client``, after as many attempts as it may take.

        Raises StoreLost when nobody answers, DiskFull, StoreDamaged for a collection that is not there, and
        StoreError for everything else that the server refuses, a key for instance.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                with self._turn:
                    return what(*arguments, **named)
            except _ITS_ERRORS as error:
                if attempt == self._attempts or not _may_pass(error):
                    raise self._in_our_words(error) from error
                pause = _pause_seconds(error, attempt)
                _log.info("%s: %s; trying again in %.1f s", self.url, _reason(error), pause)
                time.sleep(pause)
        raise AssertionError("unreachable: attempts is at least 1")

    def _in_our_words(self, error: Exception) -> Exception:
        status, reason = _status(error), _reason(error)
        if isinstance(error, ValueError) and "not found" in reason:  # the client's own local mode
            status = 404
        if status in (401, 403):
            return StoreError(
                f"The Qdrant server at {self.url} refuses the key ({reason}). Set store.api_key_file, or "
                "MOMENTSEEK_STORE__API_KEY, to one that may read and write."
            )
        if status == 404:
            return StoreDamaged(
                f"The index is missing at {self.url} ({reason}). Run `momentseek doctor` to make it again."
            )
        if status == 507 or _is_full(reason):
            return DiskFull(f"The disk of the server at {self.url} is full ({reason}). Make room there.")
        if status is None and isinstance(error, ResponseHandlingException | grpc.RpcError):
            return StoreLost(
                f"The Qdrant server at {self.url} does not answer ({reason}). See that it runs and that "
                "store.url is right, then try again."
            )
        return StoreError(f"The Qdrant server at {self.url} could not do it: {reason}")


def connect(settings: StoreSettings) -> Link:
    """Raises SettingsError for settings that make no sense. Nothing is sent yet."""
    url = settings.url
    if url is None:
        raise SettingsError("store.url is not set; write it like http://qdrant.example:6333.")
    if url.startswith("file://"):
        # The client's own local mode: a stand-in for a server, in one process, slow beyond 20 000 points.
        try:
            local = QdrantClient(path=url.removeprefix("file://"), force_disable_check_same_thread=True)
        except RuntimeError:
            raise StoreBusy(f"Another process has {url} open; only a server can be shared.") from None
        return Link(local, url, 1, serial=True)
    key = _key(settings)
    if key and url.startswith("http://") and urlsplit(url).hostname not in _LOCAL_MACHINE:
        _log.warning("%s: the key of the Qdrant server crosses the network in the clear; use https", url)
    client = QdrantClient(
        url=url, port=_port(url), grpc_port=settings.grpc_port, prefer_grpc=settings.prefer_grpc,
        timeout=settings.timeout_seconds,
        # Not as ``api_key``: the client warns on the terminal about http then, also within one machine.
        headers={"api-key": key} if key else None,
        # Its check runs in a thread that warns on the terminal; see check_version.
        check_compatibility=False,
    )  # fmt: skip
    return Link(client, url, settings.attempts)


def check_version(link: Link) -> None:
    """Say so when client and server are too far apart to be sure of each other."""
    ours = importlib.metadata.version("qdrant-client").split(".")[:2]
    theirs = str(link.call(link.client.info).version).split(".")[:2]
    if ours[0] != theirs[0] or abs(int(ours[1]) - int(theirs[1])) > 1:
        _log.warning(
            "The Qdrant server at %s is version %s, the client is made for %s and its neighbours: new things "
            "may be missing.", link.url, ".".join(theirs), ".".join(ours),
        )  # fmt: skip


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or (443 if url.startswith("https://") else 6333)
    except ValueError as error:
        raise SettingsError(f"store.url = {url!r}: {error}.") from None


def _key(settings: StoreSettings) -> str | None:
    if settings.api_key is not None and settings.api_key_file is not None:
        raise SettingsError("store.api_key and store.api_key_file are both set; keep one.")
    if settings.api_key_file is None:
        return None if settings.api_key is None else settings.api_key.get_secret_value()
    try:
        key = settings.api_key_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"store.api_key_file {settings.api_key_file} cannot be read: {reason}.") from None
    if not key:
        raise SettingsError(f"store.api_key_file {settings.api_key_file} is empty.")
    return key


def _may_pass(error: Exception) -> bool:
    """Whether another attempt may go better."""
    if isinstance(error, ResourceExhaustedResponse):
        return True
    if isinstance(error, ResponseHandlingException):
        return isinstance(error.source, httpx.TransportError)  # and not, for instance, a reply we cannot read
    if isinstance(error, grpc.RpcError) and _status(error) is None:
        return True
    return _status(error) in _BUSY and not _is_full(_reason(error))


def _is_full(reason: str) -> bool:
    """The server has no status of its own for it."""
    return any(said in reason.lower() for said in ("no space left", "disk space", "disk is full"))


def _pause_seconds(error: Exception, attempt: int) -> float:
    """Twice as long every time, and never the same for two who were turned away together."""
    if isinstance(error, ResourceExhaustedResponse):
        return min(float(error.retry_after_s), _LONGEST_PAUSE_SECONDS)
    longest = min(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), _LONGEST_PAUSE_SECONDS)
    return random.uniform(longest / 2, longest)


def _status(error: Exception) -> int | None:
    if isinstance(error, UnexpectedResponse):
        return int(error.status_code) if error.status_code is not None else None
    if isinstance(error, ResourceExhaustedResponse):
        return 429
    if isinstance(error, grpc.RpcError):
        return _GRPC_STATUS.get(error.code(), 400)
    return None


def _reason(error: Exception) -> str:
    said: object = error
    if isinstance(error, UnexpectedResponse):
        try:
            said = error.structured()["status"]["error"]
        except (ValueError, LookupError, TypeError):
            said = f"{error.status_code} {error.reason_phrase}".strip()
    elif isinstance(error, ResponseHandlingException):
        said = str(error.source) or type(error.source).__name__
    elif isinstance(error, grpc.RpcError):
        said = f"{error.code().name}: {error.details()}"
    return " ".join(str(said).split())[:300] or type(error).__name__
