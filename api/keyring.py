"""Who is asking: keys, the token of this run that the commands know, sessions of browsers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from anyio import CapacityLimiter, to_thread
from starlette.requests import HTTPConnection

from index.keys import KeyRow, Scope, find_key, is_use_worth_noting

_log = logging.getLogger(__name__)

SESSION_COOKIE = "momentseek_session"
SESSION_SECONDS = 30 * 24 * 3600
"""A session ends after this, when its key is revoked, at the end of this run, or by logging out."""
REMEMBERED_SECONDS = 1.0
"""A key that is added or revoked counts after this: a flood of wrong keys never reaches the catalogue."""
_MOST_SESSIONS = 1000
_NOTED_SECONDS = 60.0


class Keys(Protocol):
    """What we need of index.keys; calls may wait for the catalogue."""

    def list_keys(self) -> Sequence[KeyRow]: ...

    def note_use(self, key_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """``name`` is that of the key."""

    name: str
    scope: Scope


ANYONE = Caller("anyone", "admin")
"""Whoever asks a server that has no keys."""
_COMMANDS = Caller("commands on this machine", "admin")


class Keyring:
    """Belongs to one event loop. ``local_token`` is this run's own secret, for commands that may read it.

    While there is no key, everybody may do everything when ``open_without_keys``, and nobody anything else.
    """

    def __init__(
        self, keys: Keys, local_token: str, open_without_keys: bool,
        remembered_seconds: float = REMEMBERED_SECONDS,
    ):
        self._keys, self._local_token, self._open_without_keys = keys, local_token, open_without_keys
        self._remembered_seconds = remembered_seconds
        self._rows: dict[str, KeyRow] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        # Threads of its own: whoever knocks must not wait behind those who are in.
        self._threads = CapacityLimiter(2)
        self._sessions: dict[str, tuple[str, float]] = {}
        self._noted_at: dict[str, float] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def caller(self, request: HTTPConnection) -> Caller | None:
        """Who sends this, None for somebody who may not come in. A key in a header goes before a session."""
        await self._read()
        if not self._rows and self._open_without_keys:
            return ANYONE
        presented = presented_key(request.headers)
        if presented is not None:
            return self._by_key(presented)
        key_id, ends_at = self._sessions.get(_session_of(request), ("", 0.0))
        return self._let_in(self._rows.get(key_id) if time.monotonic() < ends_at else None)

    def is_owner(self, request: HTTPConnection) -> bool:
        """Whether it is a command of whoever runs this server: only they can read this run's own secret."""
        presented = presented_key(request.headers)
        return presented is not None and self._is_local(presented)

    async def needs_key(self) -> bool:
        await self._read()
        return bool(self._rows) or not self._open_without_keys

    async def open_session(self, key: str) -> tuple[Caller, str] | None:
        """For whoever has this key: who it is, and what to put into the cookie."""
        await self._read()
        row = find_key(self._rows, key)
        if row is None:
            return None
        if len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        # Not the key itself: other servers on this machine get our cookies, too (ports do not count).
        token = secrets.token_urlsafe(32)
        self._sessions[_hash(token)] = row.id, time.monotonic() + SESSION_SECONDS
        return Caller(row.name, row.scope), token

    def close_session(self, request: HTTPConnection) -> None:
        self._sessions.pop(_session_of(request), None)

    def _by_key(self, presented: str) -> Caller | None:
        if self._is_local(presented):
            return _COMMANDS
        return self._let_in(find_key(self._rows, presented))

    def _is_local(self, presented: str) -> bool:
        return hmac.compare_digest(_hash(presented), _hash(self._local_token))

    def _let_in(self, row: KeyRow | None) -> Caller | None:
        if row is None:
            return None
        if is_use_worth_noting(row.last_used_at) and self._is_due(row.id):
            note = asyncio.create_task(self._note_use(row.id))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)
        return Caller(row.name, row.scope)

    def _is_due(self, key_id: str) -> bool:
        """Not said already: the row that says so may still be on its way to us."""
        now, before = time.monotonic(), self._noted_at.get(key_id)
        if before is not None and now - before < _NOTED_SECONDS:
            return False
        self._noted_at[key_id] = now
        return True

    async def _note_use(self, key_id: str) -> None:
        """Beside the request: the catalogue may be busy with an ingest, and nobody waits for this."""
        try:
            await to_thread.run_sync(self._keys.note_use, key_id, limiter=self._threads)
        except Exception as error:
            _log.warning("the use of key %s could not be noted: %s", key_id, type(error).__name__)

    async def _read(self) -> None:
        async with self._reading:
            if time.monotonic() - self._read_at >= self._remembered_seconds:
                rows = await to_thread.run_sync(self._keys.list_keys, limiter=self._threads)
                self._rows, self._read_at = {row.id: row for row in rows}, time.monotonic()


def presented_key(headers: Mapping[str, str]) -> str | None:
    """``Authorization: Bearer KEY``, or ``x-api-key: KEY``. None where there is neither."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return given.strip()
    return headers.get("x-api-key")


def _session_of(request: HTTPConnection) -> str:
    return _hash(request.cookies.get(SESSION_COOKIE, ""))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
