"""The catalogue: which media there are, where their files lie, what became of them.

Every write is one short transaction. Work is derived from here: whatever is neither settled nor leased is
still to do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, String, and_, delete, func, or_, select
from sqlalchemy import cast as as_type
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.types import Kind, MediaType
from index.files import Files, chunks, newest_first
from index.generations import Generations
from index.jobs import ingest_job_id
from index.media_filter import MediaFilter, Range
from index.paths import fold, from_text
from index.rows import (
    FAILED,
    SEARCHABLE,
    FileRow,
    GenerationRow,
    IndexedFacts,
    JobRow,
    LibraryFacts,
    MediaRow,
    MediaStatus,
)
from index.stretches import Stretches
from index.tables import Job, Media, MediaFile, MediaSetMember, now

__all__ = [
    "Catalogue", "FileRow", "GenerationRow", "IndexedFacts", "JobRow", "LibraryFacts", "MediaRow",
    "ingest_job_id",
]  # fmt: skip

CRASHES_ALLOWED = 2


class Catalogue(Files, Stretches, Generations):
    """Media, files, jobs and generations. Thread-safe; any number of processes may have it open."""

    def find_media(self, media_id: str) -> MediaRow | None:
        with self._read() as session:
            media = session.get(Media, media_id)
            return None if media is None else _media_rows(session, [media])[0]

    def get_media(self, media_id: str) -> MediaRow:
        """Raises NotFound."""
        media = self.find_media(media_id)
        if media is None:
            raise NotFound(f"The library has no media {media_id}.")
        return media

    def list_media(
        self,
        media_type: MediaType | None = None,
        statuses: Sequence[MediaStatus] | None = None,
        name_contains: str | None = None,
        limit: int = 50,
        offset: int = 0,
        after: str | None = None,
        tag: str | None = None,
        before: tuple[datetime, str] | None = None,
    ) -> list[MediaRow]:
        """The newest first. Turn pages with ``offset``, or with ``after``, the id of the last row seen,
        which neither repeats nor skips when media are added meanwhile; or with ``before``, that row's
        ``created_at`` and id, which also does when the row itself is gone."""
        with self._read() as session:
            query = select(Media).where(*_conditions(media_type, statuses, name_contains, tag))
            if after is not None:
                last = _get(session, after)
                before = last.created_at, last.id
            if before is not None:
                query = query.where(_comes_after(*before))
            query = query.order_by(Media.created_at.desc(), Media.id).limit(limit).offset(offset)
            return _media_rows(session, session.scalars(query).all())

    def count_media(
        self,
        media_type: MediaType | None = None,
        statuses: Sequence[MediaStatus] | None = None,
        name_contains: str | None = None,
    ) -> int:
        conditions = _conditions(media_type, statuses, name_contains)
        query = select(func.count()).select_from(Media).where(*conditions)
        with self._read() as session:
            return session.scalar(query) or 0

    def media_ids_beginning(self, prefix: str, limit: int) -> list[str]:
        """Ids that begin with ``prefix``, at most ``limit`` of them."""
        query = select(Media.id).where(Media.id.startswith(prefix, autoescape=True))
        with self._read() as session:
            return list(session.scalars(query.order_by(Media.id).limit(limit)))

    def media_ids_where(self, wanted: MediaFilter) -> list[str]:
        """Ids of all media that fit, whatever became of them, in order of id."""
        query = select(Media.id, Media.user_metadata).where(*fitting(wanted)).order_by(Media.id)
        with self._read() as session:
            return [media_id for media_id, noted in session.execute(query) if wanted.fits_metadata(noted)]

    def media_to_index(self, generation: str) -> list[str]:
        """What is still to do, the oldest first: media with an existing file that nobody works on and that
        are new, were left unfinished, or belong to another generation."""
        unfinished = or_(
            Media.status.in_(("pending", "indexing")),
            and_(Media.status.in_(SEARCHABLE), ~_belongs_to(generation)),
        )
        there = select(MediaFile.path).where(MediaFile.media_id == Media.id, MediaFile.status != "missing")
        running = and_(Job.state == "running", Job.lease_until >= now())
        leased = select(Job.id).where(Job.media_id == Media.id, running)
        query = select(Media.id).where(unfinished, there.exists(), ~leased.exists())
        with self._read() as session:
            return list(session.scalars(query.order_by(Media.created_at, Media.id)))

    def mark_indexing(self, media_id: str, generation: str | None = None) -> int:
        """Say so before the first point is written; returns which attempt this is. Raises NotFound."""
        with self._write() as session:
            media = _get(session, media_id)
            media.status, media.reason, media.attempts = "indexing", None, media.attempts + 1
            media.generation = generation or media.generation
            return media.attempts

    def mark_indexed(
        self,
        media_id: str,
        facts: IndexedFacts,
        point_counts: Mapping[Kind, int],
        generation: str,
        partial_reason: str | None = None,
    ) -> None:
        """Say so after the store has flushed the last point. A ``partial_reason`` makes it partial."""
        values: dict[str, Any] = asdict(facts)
        values["shot_starts"] = list(values.pop("shot_starts_seconds"))
        with self._write() as session:
            media = _get(session, media_id)
            for name, value in values.items():
                setattr(media, name, value)
            media.status, media.reason = ("partial" if partial_reason else "indexed"), partial_reason
            media.point_counts = {kind: int(number) for kind, number in point_counts.items() if number}
            media.generation, media.indexed_at, media.crashes = generation, now(), 0

    def mark_failed(
        self, media_id: str, status: MediaStatus, reason: str, crashed: bool = False
    ) -> MediaStatus:
        """Returns the status that was recorded. A file that has ``crashed`` the decoder twice becomes
        ``quarantined``; after the first time it is ``pending``, to be tried once more."""
        if status not in FAILED:
            raise ValueError(f"{status!r} does not say that media failed; {', '.join(FAILED)} do")
        with self._write() as session:
            media = _get(session, media_id)
            if crashed:
                media.crashes += 1
                status = "quarantined" if media.crashes >= CRASHES_ALLOWED else "pending"
            media.status, media.reason = status, reason
            media.point_counts, media.indexed_at = {}, None
            return status

    def reset_media(self, media_id: str) -> None:
        """Try again from the beginning, whatever happened before. Raises NotFound."""
        with self._write() as session:
            media = _get(session, media_id)
            media.status, media.reason, media.attempts, media.crashes = "pending", None, 0, 0

    def set_tags(self, media_id: str, tags: Iterable[str]) -> None:
        """Raises NotFound."""
        with self._write() as session:
            _get(session, media_id).tags = sorted(set(tags))

    def set_metadata(self, media_id: str, metadata: Mapping[str, Any]) -> None:
        """Raises NotFound."""
        with self._write() as session:
            _get(session, media_id).user_metadata = dict(metadata)

    def put_back(self, media_id: str, reason: str) -> None:
        """It is as if nobody had begun with it; delete its points first. Raises NotFound."""
        with self._write() as session:
            media = _get(session, media_id)
            media.status, media.reason, media.point_counts, media.indexed_at = "pending", reason, {}, None

    def names_of(self, media_ids: Sequence[str]) -> dict[str, str]:
        """File names; ids that the library does not have are left out."""
        with self._read() as session:
            return _names(session, media_ids)

    def remove_media(self, media_id: str) -> None:
        """Forget a content, its files and jobs; delete its points from the store first. Raises NotFound."""
        with self._write() as session:
            media = _get(session, media_id)
            session.execute(delete(MediaFile).where(MediaFile.media_id == media_id))
            session.execute(delete(Job).where(Job.media_id == media_id))
            session.delete(media)

    # The whole library

    def expected_counts(self, generation: str) -> dict[Kind, int]:
        """Points that the store must hold for what is searchable in this generation, per kind."""
        totals: dict[Kind, int] = {}
        for counts in self.expected_counts_by_media(generation).values():
            for kind, number in counts.items():
                totals[kind] = totals.get(kind, 0) + number
        return totals

    def expected_counts_by_media(self, generation: str) -> dict[str, dict[Kind, int]]:
        query = select(Media.id, Media.point_counts).where(
            Media.status.in_(SEARCHABLE), Media.generation == generation
        )
        with self._read() as session:
            return {media_id: cast(dict[Kind, int], counts) for media_id, counts in session.execute(query)}

    def unsettled_media(self, generation: str) -> list[str]:
        """Media whose number of points is not known: new, in work, failed, or of another generation."""
        settled = and_(Media.status.in_(SEARCHABLE), _belongs_to(generation))
        with self._read() as session:
            return list(session.scalars(select(Media.id).where(~settled)))

    def facts(self) -> LibraryFacts:
        with self._read() as session:
            by_status = session.execute(select(Media.status, func.count()).group_by(Media.status)).all()
            searchable = session.execute(
                select(Media.media_type, func.count(), func.sum(Media.duration_seconds))
                .where(Media.status.in_(SEARCHABLE)).group_by(Media.media_type)
            ).all()
        by_type = {media_type: (number, seconds or 0.0) for media_type, number, seconds in searchable}
        videos, seconds = by_type.get("video", (0, 0.0))
        return LibraryFacts(
            videos=videos, stills=by_type.get("image", (0, 0.0))[0], hours=seconds / 3600,
            by_status={cast(MediaStatus, status): number for status, number in by_status},
        )


def _get(session: Session, media_id: str) -> Media:
    media = session.get(Media, media_id)
    if media is None:
        raise NotFound(f"The library has no media {media_id}.")
    return media


def _belongs_to(generation: str) -> ColumnElement[bool]:
    # Not plain equality: its negation is neither true nor false where there is no generation.
    return and_(Media.generation.is_not(None), Media.generation == generation)


def _conditions(
    media_type: MediaType | None, statuses: Sequence[MediaStatus] | None, name_contains: str | None,
    tag: str | None = None,
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if media_type is not None:
        conditions.append(Media.media_type == media_type)
    if statuses is not None:
        conditions.append(Media.status.in_(statuses))
    if name_contains:
        named = select(MediaFile.path).where(
            MediaFile.media_id == Media.id,
            MediaFile.name_folded.contains(fold(name_contains), autoescape=True),
        )
        conditions.append(named.exists())
    if tag is not None:
        # The list as JSON text, where a tag stands in quotation marks and has none inside that are bare.
        conditions.append(as_type(Media.tags, String).icontains(json.dumps(tag), autoescape=True))
    return conditions


def fitting(wanted: MediaFilter) -> list[ColumnElement[bool]]:
    """All but what the metadata must be: of that only that its keys are there."""
    conditions = _conditions(None, None, wanted.name_contains)
    for tag in wanted.tags:
        conditions += _conditions(None, None, None, tag)
    if wanted.name is not None:
        named = select(MediaFile.path).where(
            MediaFile.media_id == Media.id, MediaFile.name_folded == fold(wanted.name)
        )
        conditions.append(named.exists())
    if wanted.in_set is not None:
        inside = select(MediaSetMember.media_id).where(MediaSetMember.set_id == wanted.in_set)
        conditions.append(Media.id.in_(inside.correlate(None)))
    conditions += _within(Media.duration_seconds, wanted.duration_seconds)
    conditions += _within(Media.size_bytes, wanted.size_bytes)
    conditions += _within(Media.width, wanted.width) + _within(Media.height, wanted.height)
    for key in wanted.metadata:
        conditions.append(as_type(Media.user_metadata, String).contains(json.dumps(key), autoescape=True))
    return conditions


def _within(column: Any, range_: Range) -> list[ColumnElement[bool]]:
    least = [] if range_.least is None else [column >= range_.least]
    return least if range_.most is None else [*least, column <= range_.most]


def _comes_after(created_at: datetime, media_id: str) -> ColumnElement[bool]:
    same_time = and_(Media.created_at == created_at, Media.id > media_id)
    return or_(Media.created_at < created_at, same_time)


def _media_rows(session: Session, found: Sequence[Media]) -> list[MediaRow]:
    names = _names(session, [media.id for media in found])
    return [_media_row(media, names.get(media.id, media.id)) for media in found]


def _names(session: Session, media_ids: Sequence[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for some in chunks(media_ids):
        # Existing files first, the newest first among them: the first name met is the one to show.
        files = select(MediaFile.media_id, MediaFile.path).where(MediaFile.media_id.in_(some))
        order = ((MediaFile.status == "missing"), *newest_first())
        for media_id, path in session.execute(files.order_by(*order)):
            names.setdefault(str(media_id), from_text(path).name)
    return names


def _media_row(media: Media, name: str) -> MediaRow:
    return MediaRow(
        id=media.id, name=name, media_type=cast(MediaType | None, media.media_type),
        container=media.container, codec=media.codec, width=media.width, height=media.height,
        duration_seconds=media.duration_seconds,
        duration_from_header_seconds=media.duration_from_header_seconds, fps=media.fps,
        size_bytes=media.size_bytes, status=cast(MediaStatus, media.status), reason=media.reason,
        point_counts=cast(dict[Kind, int], dict(media.point_counts)), sample_count=media.sample_count,
        shot_starts_seconds=tuple(media.shot_starts), attempts=media.attempts, crashes=media.crashes,
        tags=tuple(media.tags), generation=media.generation, created_at=media.created_at,
        updated_at=media.updated_at, indexed_at=media.indexed_at, metadata=dict(media.user_metadata),
    )
