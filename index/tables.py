"""Tables of the catalogue. Their history is in index/migrations; a test keeps the two the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    MetaData,
    String,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

STRETCH = "stretch"
"""The kind of jobs that are parts of another: see index/stretches.py."""

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware times in UTC, also where the database keeps none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
        float: Double(),
    }


class Media(Base):
    """One content; ``id`` is its identity, wherever the file lies."""

    __tablename__ = "media"
    __table_args__ = (Index("ix_media_created_at_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    media_type: Mapped[str | None] = mapped_column(String(16))
    container: Mapped[str | None] = mapped_column(String(64))
    codec: Mapped[str | None] = mapped_column(String(64))
    width: Mapped[int | None]
    height: Mapped[int | None]
    duration_seconds: Mapped[float | None]
    duration_from_header_seconds: Mapped[float | None]
    fps: Mapped[float | None]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(16), index=True)
    reason: Mapped[str | None]
    point_counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sample_count: Mapped[int] = mapped_column(default=0)
    shot_starts: Mapped[list[Any]] = mapped_column(default=list)
    attempts: Mapped[int] = mapped_column(default=0)
    crashes: Mapped[int] = mapped_column(default=0)
    tags: Mapped[list[Any]] = mapped_column(default=list)
    # Declarative classes have a ``metadata`` of their own.
    user_metadata: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    generation: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    indexed_at: Mapped[datetime | None]


class MediaFile(Base):
    """One path. ``name_folded`` is its name without case, for filters in any alphabet."""

    __tablename__ = "media_files"

    path: Mapped[str] = mapped_column(String(4096), primary_key=True)
    media_id: Mapped[str | None] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), index=True)
    name_folded: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None]
    seen_at: Mapped[datetime] = mapped_column(default=now)


class Job(Base):
    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state_created_at_id", "state", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    media_id: Mapped[str | None] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), index=True)
    path: Mapped[str | None] = mapped_column(String(4096))
    state: Mapped[str] = mapped_column(String(16), index=True)
    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    take_overs: Mapped[int] = mapped_column(default=0, server_default="0")
    progress: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # What comes after its end has been done: see index/follow_up.py.
    followed_up: Mapped[bool] = mapped_column(default=False, server_default=false(), index=True)
    first_done_at: Mapped[datetime | None]
    # Of a stretch of a long video: see index/stretches.py.
    start_seconds: Mapped[float | None]
    end_seconds: Mapped[float | None]
    result: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Generation(Base):
    __tablename__ = "generations"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    fingerprint: Mapped[dict[str, Any]]
    active: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Person(Base):
    """Somebody whose faces belong together; see index/people.py."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(100))
    name_folded: Mapped[str | None] = mapped_column(String(255), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class PersonFace(Base):
    """A face of the index and whose it is. ``unit``: faces that are one person's for certain (one track).
    ``decided``: a person said so, and no grouping changes it."""

    __tablename__ = "person_faces"
    __table_args__ = (Index("ix_person_faces_person_id", "person_id", "quality"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    media_id: Mapped[str] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), index=True)
    unit: Mapped[str] = mapped_column(String(100), index=True)
    generation: Mapped[str] = mapped_column(String(100))
    decided: Mapped[bool] = mapped_column(default=False)
    start_seconds: Mapped[float]
    end_seconds: Mapped[float]
    box_xyxy: Mapped[list[Any]]
    quality: Mapped[float]


class PersonRefusal(Base):
    """This face is not this person's: a person said so."""

    __tablename__ = "person_refusals"

    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    face_id: Mapped[str] = mapped_column(
        ForeignKey("person_faces.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class ApiKey(Base):
    """Who may ask the server. Of the key itself only a hash is here: see index/keys.py."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    scope: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]


class MediaSet(Base):
    """A named set of media. ``notes`` are whatever the one who made it wants to be told again."""

    __tablename__ = "media_sets"

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    notes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class MediaSetMember(Base):
    __tablename__ = "media_set_members"

    set_id: Mapped[str] = mapped_column(ForeignKey("media_sets.id", ondelete="CASCADE"), primary_key=True)
    media_id: Mapped[str] = mapped_column(
        ForeignKey("media.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    added_at: Mapped[datetime] = mapped_column(default=now)


class MediaSetUpload(Base):
    """Media that came into the library for the sake of sets, and go with them; ``kept``: also in none."""

    __tablename__ = "media_set_uploads"

    media_id: Mapped[str] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), primary_key=True)
    kept: Mapped[bool]
    from_url: Mapped[bool]


class Webhook(Base):
    """Whom to tell. The secret is here as it is: what is sent is signed with it."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    url: Mapped[str] = mapped_column(String(4096))
    events: Mapped[list[Any]]
    secret: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=now)


class WebhookDelivery(Base):
    """One event for one webhook; ``body`` is what is sent, to the byte, at every attempt."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("ix_webhook_deliveries_waiting", "webhook_id", "state", "next_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(32))
    body: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]
    status: Mapped[int | None]
    message: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]


class SavedQuery(Base):
    """A question that is asked of whatever is new. ``question`` is all of it but its pictures."""

    __tablename__ = "saved_queries"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    question: Mapped[dict[str, Any]]
    webhook_id: Mapped[str | None] = mapped_column(ForeignKey("webhooks.id", ondelete="SET NULL"))
    paused: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_run_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class SavedQueryPicture(Base):
    __tablename__ = "saved_query_pictures"

    saved_query_id: Mapped[str] = mapped_column(
        ForeignKey("saved_queries.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    jpeg: Mapped[bytes]
    box: Mapped[list[Any] | None]
    unlike: Mapped[bool]


class SavedQueryRun(Base):
    """A saved query has been asked of a media file, and is not asked again."""

    __tablename__ = "saved_query_runs"

    saved_query_id: Mapped[str] = mapped_column(
        ForeignKey("saved_queries.id", ondelete="CASCADE"), primary_key=True
    )
    media_id: Mapped[str] = mapped_column(
        ForeignKey("media.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    ran_at: Mapped[datetime] = mapped_column(default=now)


class SavedQueryMatch(Base):
    """A segment that a saved query has found."""

    __tablename__ = "saved_query_matches"
    __table_args__ = (Index("ix_saved_query_matches_saved_query_id_id", "saved_query_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    saved_query_id: Mapped[str] = mapped_column(ForeignKey("saved_queries.id", ondelete="CASCADE"))
    media_id: Mapped[str] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), index=True)
    segment: Mapped[dict[str, Any]]
    found_at: Mapped[datetime] = mapped_column(default=now)
