"""``client.media``: files into the library, what is in it, and out of it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from core.errors import InvalidRequest
from core.types import MediaType
from momentseek.client.connection import Connection
from momentseek.client.errors import ServerUnreachable, UploadInterrupted
from momentseek.client.jobs import Jobs, OnJob
from momentseek.client.records import Added, Duplicates, Media, Similar, known

IN_ONE_REQUEST_BYTES = 8 << 20
"""Larger files go up in pieces of this size, and go on where they were when the connection breaks."""
_TRIES = 4
"""Pieces in a row that bring nothing before an upload is given up."""
_PAGE = 200
_CONFLICT = 409

OnBytes = Callable[[int, int], None]
"""Bytes that have arrived, and bytes in all."""


class MediaFiles:
    def __init__(self, connection: Connection, jobs: Jobs) -> None:
        self._connection, self._jobs = connection, jobs

    def upload(
        self, path: str | Path, name: str | None = None, on_progress: OnBytes | None = None,
        upload_id: str | None = None,
    ) -> Added:
        """Send a file. It is in the library when this returns, and can be found when its job is done: see
        ``wait``.

        ``name``: another one than its own. ``upload_id``: of an upload of this file that was interrupted.
        Raises MediaError for what is no media, InvalidRequest for what is too large, UploadInterrupted.
        """
        path = Path(path)
        tell = on_progress or (lambda arrived, total: None)
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                if upload_id is None and size <= IN_ONE_REQUEST_BYTES:
                    query = {"name": name or path.name}
                    body = self._connection.json("POST", "/v1/media", query=query, content=file.read())
                    tell(size, size)
                    return Added.of_json(body)
                return self._in_pieces(file, size, name or path.name, tell, upload_id)
        except OSError as error:
            raise InvalidRequest(f"{path} cannot be read: {error.strerror}.") from None

    def register(self, path: str | Path) -> Added:
        """A file that the server can see at this absolute path, under one of its ``server.media_roots``."""
        return Added.of_json(self._connection.json("POST", "/v1/media/register", body={"path": str(path)}))

    def wait(
        self, added: Added, timeout_seconds: float | None = None, on_progress: OnJob | None = None
    ) -> Media:
        """The media file once its job is done. Raises JobFailed and StillRunning."""
        if added.job is not None:
            self._jobs.wait(added.job, timeout_seconds, on_progress)
        return self.get(added.media.id)

    def list(
        self, media_type: MediaType | None = None, status: str | None = None, tag: str | None = None,
        name_contains: str | None = None,
    ) -> Iterator[Media]:
        """The newest first, page by page as they are asked for."""
        query: dict[str, Any] = {
            "media_type": media_type, "status": status, "tag": tag, "name_contains": name_contains,
            "limit": _PAGE,
        }  # fmt: skip
        while True:
            page = self._connection.json("GET", "/v1/media", query=query)
            yield from map(Media.of_json, page["data"])
            if page["next_page_token"] is None:
                return
            query["page_token"] = page["next_page_token"]

    def get(self, media_id: str) -> Media:
        """Raises NotFound."""
        return Media.of_json(self._connection.json("GET", _path(media_id)))

    def describe(
        self, media_id: str, tags: Sequence[str] | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Media:
        """Note down tags and metadata of your own: they replace what was there; None leaves it."""
        given = {"tags": None if tags is None else [*tags], "metadata": metadata}
        body = {name: value for name, value in given.items() if value is not None}
        return Media.of_json(self._connection.json("PATCH", _path(media_id), body=body))

    def remove(self, media_id: str) -> None:
        """Take it out of the library; the file goes, too, where it was uploaded."""
        self._connection.json("DELETE", _path(media_id))

    def frame(self, media_id: str, at_seconds: float = 0.0, max_side_px: int | None = None) -> bytes:
        """The frame shown at a time, as JPEG. Raises TimeOutOfRange."""
        query = {"at_seconds": at_seconds, "max_side_px": max_side_px}
        return self._connection.reply("GET", f"{_path(media_id)}/frame", query=query).content

    def file(self, media_id: str, target: str | Path) -> Path:
        """Write the original to ``target``."""
        return self._connection.save("GET", f"{_path(media_id)}/file", Path(target))

    def clip(
        self, media_id: str, start_seconds: float, end_seconds: float, target: str | Path, copy: bool = False
    ) -> Path:
        """Write the half-open stretch to ``target``; ``copy``: fast, from the keyframe before."""
        query = {
            "start_seconds": start_seconds, "end_seconds": end_seconds, "how": "copy" if copy else "exact",
        }  # fmt: skip
        return self._connection.save("GET", f"{_path(media_id)}/clip", Path(target), query=query)

    def similar(
        self, media_id: str, only: MediaType | None = None, limit: int = 20
    ) -> tuple[Similar, ...]:
        """Other media that resemble this one, the most alike first."""
        query = {"only": only, "limit": limit}
        page = self._connection.json("GET", f"{_path(media_id)}/similar", query=query)
        return tuple(Similar(**known(Similar, one)) for one in page["data"])

    def duplicates(self, media_id: str | None = None) -> tuple[Duplicates, ...]:
        """What is there more than once, the longest first: waits until the server has looked at all."""
        pause = 0.2
        while True:
            groups, complete = self._duplicates(media_id)
            if complete:
                return groups
            time.sleep(pause)
            pause = min(pause * 1.5, 5.0)

    def _duplicates(self, media_id: str | None) -> tuple[tuple[Duplicates, ...], bool]:
        query: dict[str, Any] = {"media_id": media_id, "limit": _PAGE}
        groups: list[Duplicates] = []
        while True:
            page = self._connection.json("GET", "/v1/duplicates", query=query)
            groups += map(Duplicates.of_json, page["data"])
            query["page_token"] = page["next_page_token"]
            if query["page_token"] is None or not page["complete"]:
                return tuple(groups), page["complete"]

    def _in_pieces(
        self, file: IO[bytes], size: int, name: str, tell: OnBytes, upload_id: str | None
    ) -> Added:
        if upload_id is None:
            body = {"name": name, "size_bytes": size}
            upload_id = str(self._connection.json("POST", "/v1/uploads", body=body)["id"])
            offset = 0
        else:
            offset = self._offset(upload_id, size)
        in_vain = 0
        while True:
            tell(offset, size)
            file.seek(offset)
            try:
                done = self._connection.json(
                    "PATCH", f"/v1/uploads/{upload_id}", query={"offset": offset},
                    content=file.read(IN_ONE_REQUEST_BYTES),
                )  # fmt: skip
            except (ServerUnreachable, InvalidRequest) as error:
                if isinstance(error, InvalidRequest) and error.http_status != _CONFLICT:
                    raise
                in_vain += 1
                offset, before = self._after_a_break(upload_id, size, offset, in_vain, error), offset
                in_vain = 0 if offset > before else in_vain
                continue
            in_vain, offset = 0, done["offset"]
            if done["added"] is not None:
                tell(size, size)
                return Added.of_json(done["added"])
            if offset >= size:
                raise InvalidRequest(f"{name} has changed while it was sent; send it again.")

    def _after_a_break(
        self, upload_id: str, size: int, offset: int, in_vain: int, error: Exception
    ) -> int:
        """Where to go on. Raises UploadInterrupted once that has been in vain too often."""
        if in_vain >= _TRIES:
            raise UploadInterrupted(
                f"The upload ended at {offset} of {size} bytes: {error} Go on within a day with "
                f"upload_id={upload_id!r}.", upload_id,
            ) from None  # fmt: skip
        time.sleep(2.0 ** (in_vain - 2))
        try:
            return self._offset(upload_id, size)
        except ServerUnreachable:
            return offset

    def _offset(self, upload_id: str, size: int) -> int:
        found = self._connection.json("GET", f"/v1/uploads/{quote(upload_id, safe='')}")
        if found["size_bytes"] != size:
            raise InvalidRequest(
                f"This upload is of a file of {found['size_bytes']} bytes; the one given has {size}."
            )
        return int(found["offset"])


def _path(media_id: str) -> str:
    return f"/v1/media/{quote(media_id, safe='')}"
