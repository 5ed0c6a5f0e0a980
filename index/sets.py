"""Named sets of media. One media file may be in any number of them, and the library has more than they hold.

Who puts a file into the library only to have it in a set expects it to leave with the set: ``note_upload``
remembers those, ``found_nowhere_else`` names them. Whatever came another way stays where it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select
from sqlalchemy.orm import Session, aliased

from core.errors import InvalidRequest, NotFound
from index.catalogue import fitting
from index.database import Database
from index.media_filter import MediaFilter
from index.rows import FAILED, SEARCHABLE
from index.tables import Job, Media, MediaSet, MediaSetMember, MediaSetUpload, now

MemberStatus = Literal["pending", "queued", "indexing", "ready", "failed"]
MEMBER_STATUSES: tuple[MemberStatus, ...] = ("pending", "queued", "indexing", "ready", "failed")

LONGEST_NAME = 255


class NameTaken(InvalidRequest):
    """There is a set of this name."""

    code = "name_taken"


@dataclass(frozen=True, slots=True)
class SetRow:
    """``media_count`` and ``total_seconds`` are of what can be searched."""

    id: str
    name: str
    notes: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    media_count: int
    total_seconds: float


@dataclass(frozen=True, slots=True)
class Member:
    """One media file in one set. ``status`` is what became of the file, ``reason`` why it failed or waits;
    ``updated_at`` is when that changed."""

    set_id: str
    media_id: str
    status: MemberStatus
    reason: str | None
    fps: float | None
    added_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class UploadRow:
    """``kept``: it stays in the library also when no set has it."""

    media_id: str
    kept: bool
    from_url: bool


class MediaSets(Database):
    """The tables of sets. Thread-safe; any number of processes may have them open."""

    def add_set(self, name: str, notes: Mapping[str, Any]) -> SetRow:
        """Raises InvalidRequest for a name that does not do, NameTaken for one that is in use."""
        _check_name(name)
        with self._write() as session:
            _check_free(session, name, None)
            made = MediaSet(id=secrets.token_hex(12), name=name, notes=dict(notes))
            session.add(made)
            session.flush()
            return _rows(session, [made])[0]

    def find_set(self, set_id: str) -> SetRow | None:
        with self._read() as session:
            found = session.get(MediaSet, set_id)
            return None if found is None else _rows(session, [found])[0]

    def list_sets(self) -> list[SetRow]:
        """The newest first."""
        query = select(MediaSet).order_by(MediaSet.created_at.desc(), MediaSet.id)
        with self._read() as session:
            return _rows(session, session.scalars(query).all())

    def rename_set(self, set_id: str, name: str) -> None:
        """Raises as ``add_set``, and NotFound."""
        _check_name(name)
        with self._write() as session:
            _check_free(session, name, set_id)
            found = session.get(MediaSet, set_id)
            if found is None:
                raise NotFound(f"There is no set {set_id}.")
            found.name = name

    def remove_set(self, set_id: str) -> None:
        """Media stay in the library; see ``found_nowhere_else``."""
        with self._write() as session:
            session.execute(delete(MediaSet).where(MediaSet.id == set_id))

    def add_member(self, set_id: str, media_id: str) -> None:
        """Nothing happens when it is in there. Raises NotFound where there is no such set or media."""
        with self._write() as session:
            there = session.get(MediaSet, set_id)
            if there is None or session.get(Media, media_id) is None:
                raise NotFound(f"There is no set {set_id}, or the library has no media {media_id}.")
            if session.get(MediaSetMember, (set_id, media_id)) is None:
                session.add(MediaSetMember(set_id=set_id, media_id=media_id))
                there.updated_at = now()

    def remove_member(self, set_id: str, media_id: str) -> None:
        """The media stays in the library."""
        mine = and_(MediaSetMember.set_id == set_id, MediaSetMember.media_id == media_id)
        with self._write() as session:
            session.execute(delete(MediaSetMember).where(mine))

    def find_member(self, set_id: str, media_id: str) -> Member | None:
        found = self._members(MediaSetMember.set_id == set_id, MediaSetMember.media_id == media_id)
        return found[0] if found else None

    def members(self, set_id: str | None = None, wanted: MediaFilter | None = None) -> list[Member]:
        """Of one set, or of all of them, those that fit; the last added first."""
        mine = () if set_id is None else (MediaSetMember.set_id == set_id,)
        return self._members(*mine, wanted=wanted)

    def sets_of(self, media_id: str) -> list[SetRow]:
        """The sets that hold it, the newest first."""
        query = select(MediaSet).join(MediaSetMember, MediaSetMember.set_id == MediaSet.id)
        query = query.where(MediaSetMember.media_id == media_id)
        with self._read() as session:
            return _rows(session, session.scalars(query.order_by(MediaSet.created_at.desc())).all())

    def note_upload(self, media_id: str, kept: bool, from_url: bool = False) -> None:
        """It came into the library for the sake of sets. Raises NotFound."""
        with self._write() as session:
            if session.get(Media, media_id) is None:
                raise NotFound(f"The library has no media {media_id}.")
            upload = session.get(MediaSetUpload, media_id)
            if upload is None:
                session.add(MediaSetUpload(media_id=media_id, kept=kept, from_url=from_url))
            else:
                upload.kept = upload.kept or kept

    def find_upload(self, media_id: str) -> UploadRow | None:
        """None for media that came into the library another way."""
        with self._read() as session:
            found = session.get(MediaSetUpload, media_id)
            return None if found is None else UploadRow(found.media_id, found.kept, found.from_url)

    def found_nowhere_else(self, set_id: str, media_id: str | None = None) -> list[str]:
        """Of this set (or this media of it): what came for the sake of sets, is not kept and in no other
        set. Nobody would find it again without this one."""
        other = aliased(MediaSetMember)
        elsewhere = select(other.set_id).where(
            other.media_id == MediaSetMember.media_id, other.set_id != set_id
        )
        query = (
            select(MediaSetMember.media_id)
            .join(MediaSetUpload, MediaSetUpload.media_id == MediaSetMember.media_id)
            .where(MediaSetMember.set_id == set_id, ~MediaSetUpload.kept, ~elsewhere.exists())
        )
        if media_id is not None:
            query = query.where(MediaSetMember.media_id == media_id)
        with self._read() as session:
            return list(session.scalars(query.order_by(MediaSetMember.media_id)))

    def _members(self, *conditions: ColumnElement[bool], wanted: MediaFilter | None = None) -> list[Member]:
        wanted = wanted or MediaFilter()
        query = (
            select(
                MediaSetMember.set_id, MediaSetMember.media_id, _STATUS, Media.reason, Job.message, Media.fps,
                MediaSetMember.added_at, Media.updated_at, Media.user_metadata,
            )
            .join(Media, Media.id == MediaSetMember.media_id)
            .outerjoin(Job, and_(Job.media_id == Media.id, Job.kind == "ingest"))
            .where(*conditions, *fitting(wanted))
            .order_by(MediaSetMember.added_at.desc(), MediaSetMember.media_id)
        )  # fmt: skip
        with self._read() as session:
            return [
                Member(
                    set_id, media_id, cast(MemberStatus, status), reason or message, fps, added_at,
                    max(added_at, updated_at),
                )
                for set_id, media_id, status, reason, message, fps, added_at, updated_at, noted
                in session.execute(query)
                if wanted.fits_metadata(noted)
            ]  # fmt: skip


_STATUS = case(
    (Media.status.in_(SEARCHABLE), "ready"),
    (Media.status.in_(FAILED), "failed"),
    (Job.state == "running", "indexing"),
    (Job.state == "queued", "queued"),
    # Nobody tries again by themselves: whoever waits for it would wait for ever.
    (or_(Job.state == "failed", Job.state == "cancelled"), "failed"),
    else_="pending",
)


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or not name.strip():
        raise InvalidRequest(
            f"{name[:100]!r} cannot be the name of a set: 1 to {LONGEST_NAME} letters that can be printed."
        )


def _check_free(session: Session, name: str, mine: str | None) -> None:
    owner = session.scalar(select(MediaSet.id).where(MediaSet.name == name))
    if owner is not None and owner != mine:
        raise NameTaken(f"The name {name!r} is in use already; take another one.")


def _rows(session: Session, found: Sequence[MediaSet]) -> list[SetRow]:
    query = (
        select(MediaSetMember.set_id, func.count(), func.sum(func.coalesce(Media.duration_seconds, 0.0)))
        .join(Media, Media.id == MediaSetMember.media_id)
        .where(Media.status.in_(SEARCHABLE))
        .group_by(MediaSetMember.set_id)
    )
    if len(found) == 1:
        query = query.where(MediaSetMember.set_id == found[0].id)
    totals = {set_id: (int(count), float(seconds)) for set_id, count, seconds in session.execute(query)}
    return [
        SetRow(
            one.id, one.name, dict(one.notes), one.created_at, one.updated_at, *totals.get(one.id, (0, 0.0))
        )
        for one in found
    ]
