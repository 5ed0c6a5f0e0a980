"""Pictures that somebody asks with, kept for a while: a copied address opens the same question again, and a
box that is drawn anew needs no new upload."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import DiskFull, NotFound
from core.pictures import MAX_PIXELS, encode_jpeg, read_picture
from core.types import Image

LONGEST_SIDE_PX = 2048
MOST_PICTURES = 2000
MOST_BYTES = 512 * 2**20
"""What is kept of them; beyond that, the one that was used longest ago goes."""

_QUALITY = 95
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels as they are kept: upright, at most LONGEST_SIDE_PX long."""

    id: str
    width: int
    height: int


class Pictures:
    """JPEG files of one folder, which one process owns, each named after its content. Thread-safe."""

    def __init__(
        self, folder: Path, min_free_bytes: int, most: int = MOST_PICTURES, most_bytes: int = MOST_BYTES
    ) -> None:
        self._folder, self._min_free_bytes = folder, min_free_bytes
        self._most, self._most_bytes = most, most_bytes
        self._lock = threading.Lock()

    def keep(self, data: bytes, max_pixels: int = MAX_PIXELS) -> Picture:
        """Any picture that can be read, written anew: nothing that a file hides beside its pixels (places,
        names) is kept. The same picture has the same id. Raises InvalidImage and DiskFull."""
        image = read_picture(data, max_pixels, LONGEST_SIDE_PX)
        written = encode_jpeg(image, _QUALITY)
        picture_id = hashlib.sha256(written).hexdigest()[:32]
        with self._lock:
            path = self._path(picture_id)
            if not path.exists():
                self._write(path, written)
            os.utime(path)
            self._make_room(spared=path)
        return Picture(picture_id, image.shape[1], image.shape[0])

    def path(self, picture_id: str) -> Path:
        """The JPEG file; it stays longer for having been asked for. Raises NotFound."""
        path = self._path(picture_id)
        try:
            if not _ID.fullmatch(picture_id):
                raise FileNotFoundError
            os.utime(path)
        except FileNotFoundError:
            raise NotFound(
                f"The picture {picture_id[:40]!r} is not kept (any more): only the latest are; send it again."
            ) from None
        return path

    def read(self, picture_id: str) -> Image:
        """Raises NotFound."""
        return read_picture(self.path(picture_id))

    def _path(self, picture_id: str) -> Path:
        return self._folder / f"{picture_id}.jpg"

    def _write(self, path: Path, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._folder).free - len(data) < self._min_free_bytes:
            raise DiskFull(
                f"Keeping the picture would leave less than {self._min_free_bytes // 2**20} MB of disk free "
                "(ingest.min_free_disk_mb); make room."
            )
        draft = path.with_name(f"{uuid.uuid4().hex}.draft")
        try:
            draft.write_bytes(data)
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise DiskFull(f"The picture cannot be written: {error.strerror}.") from None

    def _make_room(self, spared: Path) -> None:
        """Those used longest ago go until the rest is within bounds."""
        facts = [(path.stat(), path) for path in self._folder.iterdir()]
        facts.sort(key=lambda one: one[0].st_mtime_ns, reverse=True)
        kept_bytes = 0
        for number, (fact, path) in enumerate(facts):
            kept_bytes += fact.st_size
            if (number >= self._most or kept_bytes > self._most_bytes) and path != spared:
                with suppress(FileNotFoundError):
                    path.unlink()
