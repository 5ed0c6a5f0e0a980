"""Paths of the catalogue: one content may lie at several, and the content at a path may change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from sqlalchemy import ColumnElement, delete, select, update

from index.database import Database
from index.paths import fold, from_text, to_text
from index.rows import FileRow, MediaStatus
from index.tables import Media, MediaFile, now

_CHUNK = 500
"""Values in one IN list; SQLite's limit differs between builds."""


class Files(Database):
    """The table of files."""

    def record_file(
        self,
        path: Path | str,
        size_bytes: int,
        mtime_ns: int,
        media_id: str | None = None,
        status: MediaStatus = "pending",
        reason: str | None = None,
    ) -> FileRow:
        """What lies at ``path`` now. A content seen for the first time becomes a pending media; without
        ``media_id`` (the file cannot even be read) ``status`` and ``reason`` say what is wrong."""
        with self._write() as session:
            if media_id is not None and session.get(Media, media_id) is None:
                session.add(Media(id=media_id, size_bytes=size_bytes, status="pending"))
                session.flush()
            file = session.merge(MediaFile(
                path=to_text(path), media_id=media_id, name_folded=fold(Path(path).name),
                size_bytes=size_bytes, mtime_ns=mtime_ns, status=status, reason=reason, seen_at=now(),
            ))
            session.flush()
            return _file_row(file, session.get(Media, media_id) if media_id else None)

    def find_file(self, path: Path | str) -> FileRow | None:
        with self._read() as session:
            file = session.get(MediaFile, to_text(path))
            if file is None:
                return None
            return _file_row(file, session.get(Media, file.media_id) if file.media_id else None)

    def list_files(self, under: Path | str | None = None) -> list[FileRow]:
        """All known files, or those below one folder, in order of path."""
        query = select(MediaFile, Media).outerjoin(Media, Media.id == MediaFile.media_id)
        if under is not None:
            prefix = to_text(under).rstrip("/") + "/"
            query = query.where(MediaFile.path.startswith(prefix, autoescape=True))
        with self._read() as session:
            return [_file_row(file, media) for file, media in session.execute(query.order_by(MediaFile.path))]

    def mark_missing(self, paths: Iterable[Path | str]) -> None:
        """These files are gone from their place. Media and points stay: a moved file comes back elsewhere."""
        texts = [to_text(path) for path in paths]
        with self._write() as session:
            for some in chunks(texts):
                session.execute(update(MediaFile).where(MediaFile.path.in_(some)).values(status="missing"))

    def forget_file(self, path: Path | str) -> None:
        """Drop one path; its content stays."""
        with self._write() as session:
            session.execute(delete(MediaFile).where(MediaFile.path == to_text(path)))

    def paths_of(self, media_id: str) -> list[Path]:
        """Where the content lies, the newest first; missing files are left out."""
        query = select(MediaFile.path).where(MediaFile.media_id == media_id, MediaFile.status != "missing")
        with self._read() as session:
            return [from_text(path) for path in session.scalars(query.order_by(*newest_first()))]


def newest_first() -> tuple[ColumnElement[Any], ...]:
    return (MediaFile.seen_at.desc(), MediaFile.path)  # type: ignore[return-value]


def chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[first : first + _CHUNK] for first in range(0, len(values), _CHUNK))


def _file_row(file: MediaFile, media: Media | None) -> FileRow:
    said = file if media is None else media
    status = "pending" if said.status == "missing" else said.status
    return FileRow(
        path=from_text(file.path), media_id=file.media_id, size_bytes=file.size_bytes, mtime_ns=file.mtime_ns,
        status=cast(MediaStatus, status), reason=said.reason, missing=file.status == "missing",
        seen_at=file.seen_at,
    )
