"""Files on their way in: bytes to disk as they come, counted, resumable, and swept when nobody goes on.

An upload that is not finished is two files: ``ID.json`` says what it will be, ``ID.part`` holds what has
come. The length of the latter is the offset, so a server that is killed loses nothing it has written.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.errors import DiskFull, InvalidRequest, NotFound

MOST_AT_A_TIME = 16
"""Uploads whose bytes are written at the same moment."""
MOST_UNFINISHED = 200
KEPT_SECONDS = 24 * 3600.0
"""How long an upload that nobody goes on with is kept."""
LONGEST_NAME_BYTES = 200
_ID = re.compile(r"[0-9a-f]{32}")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]|[\ud800-\udfff]')


class TooLarge(InvalidRequest):
    """More bytes than an upload may have."""


class OffsetWrong(InvalidRequest):
    """Bytes that do not go on where the last ones ended."""


class BeingWritten(InvalidRequest):
    """Another request writes the same upload."""


class TooMany(InvalidRequest):
    """Uploads at a time, or unfinished ones."""


@dataclass(frozen=True, slots=True)
class Upload:
    """``offset`` of ``size_bytes`` bytes have come; ``size_bytes`` is None where nobody has said."""

    id: str
    name: str
    size_bytes: int | None
    offset: int
    path: Path

    @property
    def is_whole(self) -> bool:
        return self.offset == self.size_bytes


class Incoming:
    """The unfinished uploads of one folder, which one process owns."""

    def __init__(self, folder: Path, max_bytes: int, min_free_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._folder, self._min_free_bytes = folder, min_free_bytes
        self._lock = threading.Lock()
        self._written: set[str] = set()

    def start(self, name: str, size_bytes: int | None) -> Upload:
        """Raises TooLarge, DiskFull and TooMany."""
        if size_bytes is not None:
            self._check_size(size_bytes)
            self._check_disk(size_bytes)
        self._folder.mkdir(parents=True, exist_ok=True)
        if sum(1 for _ in self._folder.glob("*.json")) >= MOST_UNFINISHED:
            raise TooMany(
                f"{MOST_UNFINISHED} uploads are unfinished; finish or delete some, or wait: each is removed "
                "a day after its last bytes."
            )
        upload_id, name = uuid.uuid4().hex, safe_name(name)
        path = self._path(upload_id)
        path.touch()
        # Its facts come second: without bytes beside them they would be an upload that cannot go on.
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps({"name": name, "size_bytes": size_bytes}), "utf-8")
        draft.replace(path.with_suffix(".json"))
        return Upload(upload_id, name, size_bytes, 0, path)

    def find(self, upload_id: str) -> Upload:
        """Raises NotFound."""
        try:
            if not _ID.fullmatch(upload_id):
                raise FileNotFoundError
            path = self._path(upload_id)
            facts = json.loads(path.with_suffix(".json").read_text("utf-8"))
            return Upload(upload_id, facts["name"], facts["size_bytes"], path.stat().st_size, path)
        except FileNotFoundError:
            raise NotFound(
                "There is no such upload (any more): it is finished, deleted, or nothing came for a day."
            ) from None

    @contextmanager
    def writing(self, upload_id: str, offset: int) -> Iterator[Writer]:
        """What comes from ``offset`` on. Raises NotFound, OffsetWrong, BeingWritten and TooMany."""
        with self._lock:
            if upload_id in self._written:
                raise BeingWritten("Another request is sending this upload; end that one first.")
            if len(self._written) >= MOST_AT_A_TIME:
                raise TooMany(f"{MOST_AT_A_TIME} files are being uploaded; try again in a moment.")
            self._written.add(upload_id)
        try:
            upload = self.find(upload_id)
            if offset != upload.offset:
                raise OffsetWrong(
                    f"{upload.offset} bytes of this upload are here, so go on at offset={upload.offset}, not "
                    f"{offset}."
                )
            limit = self.max_bytes if upload.size_bytes is None else upload.size_bytes
            with upload.path.open("ab") as file:
                yield Writer(self, file, offset, limit)
        finally:
            with self._lock:
                self._written.discard(upload_id)

    def drop(self, upload_id: str) -> None:
        """Raises NotFound and BeingWritten."""
        with self._lock:
            if upload_id in self._written:
                raise BeingWritten("A request is sending this upload; end that one first.")
            self._remove(self.find(upload_id).path)

    def finished(self, upload_id: str) -> None:
        """Its bytes have found another place, or are known already."""
        self._remove(self._path(upload_id))

    def sweep(self) -> None:
        """Remove what nobody has gone on with for a day, and what a killed process left half made."""
        for path in self._folder.glob("*.*"):
            with self._lock, suppress(FileNotFoundError):
                idle_seconds = time.time() - path.stat().st_mtime
                if path.stem not in self._written and idle_seconds > KEPT_SECONDS:
                    if path.suffix == ".part":
                        self._remove(path)
                    elif not self._path(path.stem).exists():
                        path.unlink()

    def _path(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.part"

    def _remove(self, path: Path) -> None:
        path.with_suffix(".json").unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self.max_bytes:
            raise TooLarge(
                f"A file of {size_bytes} bytes was given; at most {self.max_bytes // 2**20} MB may be "
                "uploaded (server.max_media_mb)."
            )

    def _check_disk(self, coming_bytes: int) -> None:
        free = shutil.disk_usage(_existing(self._folder)).free - coming_bytes
        if free < self._min_free_bytes:
            raise DiskFull(
                f"Writing {coming_bytes} bytes would leave less than {self._min_free_bytes // 2**20} MB of "
                "disk free (ingest.min_free_disk_mb); make room."
            )


class Writer:
    """Appends to one upload. ``offset`` is where the next bytes go."""

    def __init__(self, incoming: Incoming, file: IO[bytes], offset: int, limit: int) -> None:
        self._incoming, self._file, self._limit = incoming, file, limit
        self.offset = offset

    def write(self, data: bytes) -> None:
        """Raises TooLarge (nothing of ``data`` is written then) and DiskFull."""
        if self.offset + len(data) > self._limit:
            raise TooLarge(
                f"More than {self._limit} bytes have come; that is what was announced, or the most that may "
                "be uploaded (server.max_media_mb)."
            )
        self._incoming._check_disk(len(data))
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise DiskFull(f"The upload cannot be written: {error.strerror}.") from None
        self.offset += len(data)

    def sync(self) -> None:
        """Return when the bytes are on the disk."""
        os.fsync(self._file.fileno())


def safe_name(name: str) -> str:
    """A file name of ours like somebody else's: no folders, nothing that a system or a page would take for
    something else, at most 200 bytes with its suffix.

    >>> safe_name("../../etc/passwd"), safe_name("C:\\\\films\\\\a reel.MP4"), safe_name("..")
    ('passwd', 'a reel.MP4', 'upload')
    """
    last = _UNSAFE.sub("_", re.split(r"[/\\]", name)[-1]).strip(". ")
    suffix = Path(last).suffix if len(Path(last).suffix.encode()) <= 16 else ""
    room = LONGEST_NAME_BYTES - len(suffix.encode())
    stem = last.removesuffix(suffix).encode()[:room].decode("utf-8", "ignore")
    return stem + suffix or "upload"


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
