"""Stills and animations: what Pillow reads. More than one frame in a GIF, WebP, AVIF or PNG is a video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.errors import InvalidImage, MediaBroken, MediaError, MediaRefused
from core.pictures import PictureTooLarge, load_picture, open_picture
from core.settings import DecodeSettings
from core.types import Image
from ingest.media import MediaFacts

ANIMATED_FORMATS = frozenset({"GIF", "WEBP", "AVIF", "PNG"})
_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}
)
_ORIENTATION = 0x0112
_SHORTEST_MS, _ASSUMED_MS = 10, 100


def is_picture(head: bytes) -> bool:
    """Whether a file that begins like this is a picture; its name does not count."""
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")):
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


class StillFile:
    """An open picture file. ``animated`` when it has more than one frame. Close it."""

    def __init__(self, path: Path, decode: DecodeSettings) -> None:
        self._path = path
        try:
            self._picture = open_picture(path, decode.max_pixels)
            self.frame_count = self._count_frames()
            # A PNG is read to its end for this: its EXIF may stand behind the pixels.
            self._turned = int(self._picture.getexif().get(_ORIENTATION, 1)) >= 5
        except Exception as error:
            raise _as_media_error(path, error) from None

    @property
    def animated(self) -> bool:
        return self.frame_count > 1

    def facts(self) -> MediaFacts:
        """Size as displayed: after the EXIF orientation."""
        width, height = self._picture.size
        if self._turned:
            width, height = height, width
        name = (self._picture.format or "").lower()
        return MediaFacts("video" if self.animated else "image", name, name, width, height)

    def load(self, max_side: int | None = None) -> Image:
        """RGB pixels of the (current) frame, upright."""
        try:
            return load_picture(self._picture, max_side)
        except InvalidImage as error:
            raise _as_media_error(self._path, error) from None

    def frames(self) -> Iterator[float]:
        """Go through the frames of an animation; yields the seconds each is shown, ``load`` reads it.

        As browsers do, a frame of 10 ms or less is shown for 100 ms.
        """
        for index in range(self.frame_count):
            try:
                self._picture.seek(index)
                self._picture.load()
            except Exception as error:
                raise _as_media_error(self._path, error) from None
            shown_ms = float(self._picture.info.get("duration", 0) or 0)
            yield (shown_ms if shown_ms > _SHORTEST_MS else _ASSUMED_MS) / 1000

    def close(self) -> None:
        self._picture.close()

    def _count_frames(self) -> int:
        if self._picture.format not in ANIMATED_FORMATS:
            return 1  # A second picture in JPEG or HEIC is a depth map or a variant, not a later moment.
        return int(getattr(self._picture, "n_frames", 1))


def read_still(path: Path, decode: DecodeSettings, max_side: int | None = None) -> Image:
    """The picture in a file as RGB, upright. Raises MediaBroken or MediaRefused."""
    still = StillFile(path, decode)
    try:
        return still.load(max_side)
    finally:
        still.close()


def _as_media_error(path: Path, error: Exception) -> MediaError:
    if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
        raise MemoryError from None  # No fault of the picture alone: the process has to answer for it.
    if isinstance(error, PictureTooLarge):
        return MediaRefused(f"{path.name}: {error}")
    if isinstance(error, InvalidImage):
        return MediaBroken(f"{path.name}: {error}")
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return MediaBroken(f"{path.name}: The picture is damaged: {reason}.")
