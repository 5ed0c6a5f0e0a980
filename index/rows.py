"""What the catalogue hands out: plain values that stay true when the database moves on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from core.types import Kind, MediaType

MediaStatus = Literal[
    "pending", "indexing", "indexed", "partial", "failed", "skipped", "refused", "quarantined"
]
MEDIA_STATUSES: tuple[MediaStatus, ...] = (
    "pending", "indexing", "indexed", "partial", "failed", "skipped", "refused", "quarantined",
)
SEARCHABLE: tuple[MediaStatus, ...] = ("indexed", "partial")
"""Their points are complete in the store."""
FAILED: tuple[MediaStatus, ...] = ("failed", "skipped", "refused", "quarantined")

JobState = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class MediaRow:
    """One content. ``name`` is the file name of its newest path that exists. Sizes are as displayed;
    ``shot_starts_seconds`` does not hold 0 unless the first shot's start was recorded."""

    id: str
    name: str
    media_type: MediaType | None
    container: str | None
    codec: str | None
    width: int | None
    height: int | None
    duration_seconds: float | None
    duration_from_header_seconds: float | None
    fps: float | None
    size_bytes: int
    status: MediaStatus
    reason: str | None
    point_counts: dict[Kind, int]
    sample_count: int
    shot_starts_seconds: tuple[float, ...]
    attempts: int
    crashes: int
    tags: tuple[str, ...]
    generation: str | None
    created_at: datetime
    updated_at: datetime
    indexed_at: datetime | None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileRow:
    """One path. ``status`` and ``reason`` are those of its content; its own when it has none (a file that
    could not be opened), None when nothing is known yet."""

    path: Path
    media_id: str | None
    size_bytes: int
    mtime_ns: int
    status: MediaStatus
    reason: str | None
    missing: bool
    seen_at: datetime

    def matches(self, size_bytes: int, mtime_ns: int) -> bool:
        """Whether the file on disk is still the one that was looked at."""
        return (self.size_bytes, self.mtime_ns) == (size_bytes, mtime_ns)

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing left to do unless the file changes."""
        return self.status in SEARCHABLE or self.status in FAILED


@dataclass(frozen=True, slots=True)
class JobRow:
    """Work. ``progress`` in [0, 1]; ``started_at`` and ``ended_at`` of its last attempt. ``take_overs``
    counts the workers that were lost over it since it last ended."""

    id: str
    kind: str
    media_id: str | None
    path: Path | None
    state: JobState
    lease_owner: str | None
    lease_until: datetime | None
    attempts: int
    progress: float
    message: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    take_overs: int = 0


@dataclass(frozen=True, slots=True)
class StretchRow:
    """Work on the half-open [``start_seconds``, ``end_seconds``) of a video, counted from 0 by ``number``; no
    end: to the end of the file. ``result`` is what came of it, as ingest/stretches.py says it."""

    id: str
    media_id: str
    number: int
    start_seconds: float
    end_seconds: float | None
    state: JobState
    lease_owner: str | None
    progress: float
    message: str | None
    take_overs: int
    result: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Added:
    """A file that came into the library. ``known``: its content was there before. ``job`` is its last one,
    None where it was indexed before there were jobs."""

    media: MediaRow
    job: JobRow | None
    known: bool


@dataclass(frozen=True, slots=True)
class GenerationRow:
    name: str
    fingerprint: dict[str, dict[str, str]]
    active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class IndexedFacts:
    """What indexing found out about one content; sizes are of the displayed frame."""

    media_type: MediaType
    container: str
    codec: str
    width: int
    height: int
    duration_seconds: float | None = None
    duration_from_header_seconds: float | None = None
    fps: float | None = None
    sample_count: int = 0
    shot_starts_seconds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class LibraryFacts:
    """``videos``, ``stills`` and ``hours`` of video that can be searched; ``by_status`` counts everything."""

    videos: int
    stills: int
    hours: float
    by_status: dict[MediaStatus, int] = field(default_factory=dict)
