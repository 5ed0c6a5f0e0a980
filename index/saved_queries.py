"""Questions that are asked of whatever is new, and what they have found."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.errors import InvalidRequest, NotFound
from index.database import Database
from index.tables import (
    Media,
    SavedQuery,
    SavedQueryMatch,
    SavedQueryPicture,
    SavedQueryRun,
    Webhook,
    now,
)
from index.webhooks import add_deliveries

MOST_SAVED_QUERIES = 100
MOST_OF_ONE_MEDIA = 100
"""Segments of one media file that are kept for a saved query, the best."""
KEPT_MATCHES = 10_000
"""Segments that are kept for a saved query, the newest."""
_LONGEST_NAME = 100

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class SavedPicture:
    """A JPEG file, in displayed orientation. ``unlike``: what is not meant."""

    jpeg: bytes
    box_xyxy: Box | None = None
    unlike: bool = False


@dataclass(frozen=True, slots=True)
class SavedQueryRow:
    """``question`` is what is asked beside pictures; ``matches`` counts segments that are kept;
    ``last_error`` is why the last run found nothing out."""

    id: str
    name: str
    question: dict[str, Any]
    pictures: int
    webhook_id: str | None
    paused: bool
    matches: int
    created_at: datetime
    last_run_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class MatchRow:
    id: int
    media_id: str
    segment: dict[str, Any]
    found_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """What one run found in one media file: ``segments`` as JSON, the best first, and what a webhook is told
    of it."""

    media_id: str
    segments: Sequence[Mapping[str, Any]]
    news: Mapping[str, Any]


class SavedQueries(Database):
    """The tables of saved queries. Thread-safe; any number of processes may have them open."""

    def add(
        self, name: str, question: Mapping[str, Any], pictures: Sequence[SavedPicture],
        webhook_id: str | None,
    ) -> SavedQueryRow:
        """Raises InvalidRequest for a name that is taken or none, NotFound for an unknown webhook."""
        _check_name(name)
        with self._write() as session:
            if (session.scalar(select(func.count()).select_from(SavedQuery)) or 0) >= MOST_SAVED_QUERIES:
                raise InvalidRequest(f"There are {MOST_SAVED_QUERIES} saved queries; remove one first.")
            _check_free(session, name, None)
            _check_webhook(session, webhook_id)
            made = SavedQuery(
                id=secrets.token_hex(8), name=name, question=dict(question), webhook_id=webhook_id,
                paused=False,
            )  # fmt: skip
            session.add(made)
            session.flush()
            session.add_all(
                SavedQueryPicture(
                    saved_query_id=made.id, position=position, jpeg=one.jpeg, unlike=one.unlike,
                    box=None if one.box_xyxy is None else list(one.box_xyxy),
                )
                for position, one in enumerate(pictures)
            )  # fmt: skip
            session.flush()
            return _row(session, made)

    def list_all(self) -> Sequence[SavedQueryRow]:
        """The oldest first."""
        query = select(SavedQuery).order_by(SavedQuery.created_at, SavedQuery.id)
        with self._read() as session:
            return [_row(session, one) for one in session.scalars(query)]

    def get(self, saved_query_id: str) -> SavedQueryRow:
        """Raises NotFound."""
        with self._read() as session:
            return _row(session, _get(session, saved_query_id))

    def pictures(self, saved_query_id: str) -> Sequence[SavedPicture]:
        """In the order in which they were given."""
        query = select(SavedQueryPicture).where(SavedQueryPicture.saved_query_id == saved_query_id)
        with self._read() as session:
            return [
                SavedPicture(one.jpeg, None if one.box is None else _box(one.box), one.unlike)
                for one in session.scalars(query.order_by(SavedQueryPicture.position))
            ]

    def change(self, saved_query_id: str, changes: Mapping[str, Any]) -> SavedQueryRow:
        """``changes`` may hold ``name``, ``paused`` and ``webhook_id``. Raises as ``add``."""
        with self._write() as session:
            found = _get(session, saved_query_id)
            if "name" in changes:
                _check_name(changes["name"])
                _check_free(session, changes["name"], found.id)
                found.name = changes["name"]
            if "webhook_id" in changes:
                _check_webhook(session, changes["webhook_id"])
                found.webhook_id = changes["webhook_id"]
            found.paused = changes.get("paused", found.paused)
            session.flush()
            return _row(session, found)

    def remove(self, saved_query_id: str) -> None:
        """With what it has found. Raises NotFound."""
        with self._write() as session:
            session.delete(_get(session, saved_query_id))

    def matches(self, saved_query_id: str, limit: int, before: int | None = None) -> Sequence[MatchRow]:
        """The newest first; ``before`` is the id of the last one seen. Raises NotFound."""
        query = select(SavedQueryMatch).where(SavedQueryMatch.saved_query_id == saved_query_id)
        if before is not None:
            query = query.where(SavedQueryMatch.id < before)
        with self._read() as session:
            _get(session, saved_query_id)
            found = session.scalars(query.order_by(SavedQueryMatch.id.desc()).limit(limit))
            return [MatchRow(one.id, one.media_id, one.segment, one.found_at) for one in found]

    def to_ask(self, first_done_at: Mapping[str, datetime | None]) -> dict[str, list[str]]:
        """Saved query -> media that it is still to be asked of, out of those given with the time when they
        could be searched first: what was there before the question is not new."""
        with self._read() as session:
            wanted = {}
            for one in session.scalars(select(SavedQuery).where(SavedQuery.paused.is_(False))):
                ran = select(SavedQueryRun.media_id).where(
                    SavedQueryRun.saved_query_id == one.id, SavedQueryRun.media_id.in_(list(first_done_at))
                )
                asked = set(session.scalars(ran))
                media_ids = [
                    media_id for media_id, done_at in first_done_at.items()
                    if done_at is not None and done_at >= one.created_at and media_id not in asked
                ]  # fmt: skip
                if media_ids:
                    wanted[one.id] = media_ids
            return wanted

    def note_run(
        self, saved_query_id: str, media_ids: Sequence[str], found: Sequence[Found], error: str | None
    ) -> None:
        """It was asked of these media. What it found is kept and its webhook is to be told, once, however
        often this is said. Nothing happens when it is gone; media that are gone are left out."""
        with self._write() as session:
            query = session.get(SavedQuery, saved_query_id)
            if query is None:
                return
            query.last_run_at, query.last_error = now(), error
            new = _not_asked(session, saved_query_id, media_ids)
            session.add_all(SavedQueryRun(saved_query_id=query.id, media_id=one) for one in sorted(new))
            for one in found:
                if one.media_id not in new or not one.segments:
                    continue
                session.add_all(
                    SavedQueryMatch(saved_query_id=query.id, media_id=one.media_id, segment=dict(segment))
                    for segment in reversed(one.segments[:MOST_OF_ONE_MEDIA])
                )
                session.flush()
                if query.webhook_id is not None:
                    add_deliveries(session, "saved_query.matched", one.news, query.webhook_id)
            _forget_old(session, query.id)


def _not_asked(session: Session, saved_query_id: str, media_ids: Sequence[str]) -> set[str]:
    ran = select(SavedQueryRun.media_id).where(
        SavedQueryRun.saved_query_id == saved_query_id, SavedQueryRun.media_id.in_(media_ids)
    )
    there = set(session.scalars(select(Media.id).where(Media.id.in_(media_ids))))
    return there - set(session.scalars(ran))


def _forget_old(session: Session, saved_query_id: str) -> None:
    own = SavedQueryMatch.saved_query_id == saved_query_id
    order = SavedQueryMatch.id.desc()
    last = session.scalar(
        select(SavedQueryMatch.id).where(own).order_by(order).offset(KEPT_MATCHES).limit(1)
    )
    if last is not None:
        session.execute(delete(SavedQueryMatch).where(own, SavedQueryMatch.id <= last))


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise InvalidRequest(
            f"{name[:200]!r} cannot be the name of a saved query: 1 to {_LONGEST_NAME} letters that can be "
            "printed, without space round them."
        )


def _check_free(session: Session, name: str, own_id: str | None) -> None:
    taken = session.scalar(select(SavedQuery.id).where(SavedQuery.name == name))
    if taken not in (None, own_id):
        raise InvalidRequest(f"There is a saved query {name!r} already; take another name.")


def _check_webhook(session: Session, webhook_id: str | None) -> None:
    if webhook_id is None:
        return
    webhook = session.get(Webhook, webhook_id)
    if webhook is None:
        raise NotFound(f"There is no webhook {webhook_id!r}; GET /v1/webhooks lists those there are.")
    if "saved_query.matched" not in webhook.events:
        raise InvalidRequest(f"The webhook {webhook_id} does not take the event saved_query.matched.")


def _get(session: Session, saved_query_id: str) -> SavedQuery:
    found = session.get(SavedQuery, saved_query_id)
    if found is None:
        raise NotFound(
            f"There is no saved query {saved_query_id!r}; GET /v1/saved-queries lists those there are."
        )
    return found


def _box(values: Sequence[float]) -> Box:
    left, top, right, bottom = values
    return left, top, right, bottom


def _count(session: Session, table: type[Any], saved_query_id: str) -> int:
    query = select(func.count()).select_from(table).where(table.saved_query_id == saved_query_id)
    return session.scalar(query) or 0


def _row(session: Session, one: SavedQuery) -> SavedQueryRow:
    return SavedQueryRow(
        one.id, one.name, dict(one.question), _count(session, SavedQueryPicture, one.id), one.webhook_id,
        one.paused, _count(session, SavedQueryMatch, one.id), one.created_at, one.last_run_at, one.last_error,
    )
