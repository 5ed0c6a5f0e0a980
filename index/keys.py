"""Keys of the HTTP interface: made, listed, revoked. A key is shown once; what is kept is its hash.

A key is ``ms_<id>_<secret>``: the id finds its row and stands in lists, the secret is 160 random bits. One
round of SHA-256 is the right hash for that: slow hashes (bcrypt, argon2) make up for passwords that can be
guessed, and nobody guesses 160 bits; a slow one would only let strangers burn our processor with wrong keys.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast, get_args

from sqlalchemy import select

from core.errors import InvalidRequest, NotFound
from index.database import Database
from index.tables import ApiKey, now

Scope = Literal["read", "ingest", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""What a key may do, each including the ones before it: ask; add media; take away and change."""

USE_NOTED_EVERY = timedelta(hours=1)
"""When a key was last used is known to the hour: a write for every request would be a writer too many."""

_MARK = "ms"
_LONGEST_NAME = 100
_NOBODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class KeyRow:
    """``sha256`` is the hash of the whole key, in hexadecimal; ``last_used_at`` is right to the hour."""

    id: str
    name: str
    scope: Scope
    sha256: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """``key`` exists here only: it cannot be shown again."""

    row: KeyRow
    key: str

    def __repr__(self) -> str:
        return f"NewKey({self.row.id})"


class Keys(Database):
    """The table of keys. Thread-safe; any number of processes may have it open."""

    def add_key(self, name: str, scope: str) -> NewKey:
        """Raises InvalidRequest for a name that is taken or no name, and for a scope that there is not."""
        if scope not in SCOPES:
            raise InvalidRequest(f"There is no scope {scope!r}; they are {', '.join(SCOPES)}.")
        if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable() or name != name.strip():
            raise InvalidRequest(
                f"{name[:200]!r} cannot be the name of a key: 1 to {_LONGEST_NAME} letters that can be "
                "printed, without space round them."
            )
        key_id = secrets.token_hex(4)
        key = f"{_MARK}_{key_id}_{secrets.token_hex(20)}"
        with self._write() as session:
            if session.scalar(select(ApiKey.id).where(ApiKey.name == name)) is not None:
                raise InvalidRequest(f"There is a key {name!r} already; take another name, or revoke it.")
            made = ApiKey(id=key_id, name=name, scope=scope, sha256=hash_of(key))
            session.add(made)
            session.flush()
            return NewKey(_row(made), key)

    def list_keys(self) -> list[KeyRow]:
        """The oldest first."""
        query = select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)
        with self._read() as session:
            return [_row(key) for key in session.scalars(query)]

    def revoke_key(self, name_or_id: str) -> KeyRow:
        """It opens nothing from now on. Returns what it was. Raises NotFound."""
        with self._write() as session:
            found = session.scalars(select(ApiKey).where(ApiKey.name == name_or_id)).first()
            found = found or session.get(ApiKey, name_or_id)
            if found is None:
                raise NotFound(f"There is no key {name_or_id!r}; momentseek keys list shows those there are.")
            row = _row(found)
            session.delete(found)
            return row

    def note_use(self, key_id: str) -> None:
        """Say that a key was used just now; nothing happens when it is gone or this was said lately."""
        with self._write() as session:
            key = session.get(ApiKey, key_id)
            if key is not None and is_use_worth_noting(key.last_used_at):
                key.last_used_at = now()


def is_use_worth_noting(last_used_at: datetime | None) -> bool:
    return last_used_at is None or now() - last_used_at >= USE_NOTED_EVERY


def hash_of(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def find_key(rows: Mapping[str, KeyRow], presented: str) -> KeyRow | None:
    """The key of ``rows`` (by id) that somebody presents, compared in constant time."""
    parts = presented.split("_")
    row = rows.get(parts[1]) if len(parts) == 3 else None
    # A comparison also where there is no such id: how long it takes says nothing of which ids there are.
    same = hmac.compare_digest(row.sha256 if row else _NOBODY, hash_of(presented))
    return row if same else None


def allows(scope: Scope, needed: Scope) -> bool:
    """
    >>> allows("ingest", "read"), allows("ingest", "admin")
    (True, False)
    """
    return SCOPES.index(scope) >= SCOPES.index(needed)


def _row(key: ApiKey) -> KeyRow:
    return KeyRow(
        key.id, key.name, cast(Scope, key.scope), key.sha256, key.created_at, key.last_used_at
    )
