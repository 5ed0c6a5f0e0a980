"""Small pictures of a whole video: JPEG sprite sheets and a WebVTT track that says where each one lies."""

from __future__ import annotations

import math
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np

from core.pictures import encode_jpeg, fit, resize
from core.types import Image

THUMBNAIL_WIDTH_PX = 160
COLUMNS = ROWS = 10
MAX_THUMBNAILS = 200
"""At most two sheets, and at most this many small pictures in memory, however long the video is."""
FIRST_INTERVAL_SECONDS = 1.0
JPEG_QUALITY = 75
TRACK_NAME = "storyboard.vtt"

_ROUNDING_SECONDS = 1e-6


@dataclass(frozen=True, slots=True)
class _Thumbnail:
    time_seconds: float
    image: Image


class Storyboard:
    """Give it the samples of one video as they pass, then ``write``.

    It keeps one thumbnail a second; when there are more than ``most`` it keeps every second one and doubles
    the interval, so the length of the video need not be known.
    """

    def __init__(self, most: int = MAX_THUMBNAILS) -> None:
        self._most = most
        self.interval_seconds = FIRST_INTERVAL_SECONDS
        self._kept: list[_Thumbnail] = []

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, time_seconds: float, image: Image) -> Self:
        """A sample's RGB picture; times ascend. The first one fixes the size of every thumbnail."""
        if self._kept and not self._is_due(time_seconds, self._kept[-1].time_seconds):
            return self
        self._kept.append(_Thumbnail(time_seconds, self._small(image)))
        if len(self._kept) > self._most:
            self._thin()
        return self

    def write(self, folder: Path, duration_seconds: float) -> Path | None:
        """Write sheets and track into ``folder``, replacing it as a whole; the track's path, or None when
        there is nothing to show. Cues are half-open and the last one ends at ``duration_seconds``."""
        if not self._kept:
            return None
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            for number, sheet in enumerate(self._sheets()):
                (fresh / _sheet_name(number)).write_bytes(encode_jpeg(sheet, JPEG_QUALITY))
            (fresh / TRACK_NAME).write_text(self._track(duration_seconds), "utf-8")
            fresh.chmod(0o755)
            _replace(folder, fresh)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return folder / TRACK_NAME

    def save(self, path: Path) -> None:
        """For ``add_saved``."""
        pictures = [one.image for one in self._kept]
        stacked = np.stack(pictures) if pictures else np.zeros((0, 0, 0, 3), np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.npz")
        np.savez(fresh, times_seconds=[one.time_seconds for one in self._kept], pictures=stacked)
        fresh.replace(path)

    def add_saved(self, path: Path) -> Self:
        """What another storyboard, of a later part of the video, has saved."""
        with np.load(path, allow_pickle=False) as saved:
            pictures = saved["pictures"]
            for time_seconds, picture in zip(saved["times_seconds"].tolist(), pictures, strict=True):
                self.add(time_seconds, picture)
        return self

    def _is_due(self, time_seconds: float, last_seconds: float) -> bool:
        return time_seconds >= last_seconds + self.interval_seconds - _ROUNDING_SECONDS

    def _thin(self) -> None:
        while len(self._kept) > self._most:
            self.interval_seconds *= 2
            first, *others = self._kept
            self._kept = [first]
            for one in others:
                if self._is_due(one.time_seconds, self._kept[-1].time_seconds):
                    self._kept.append(one)

    def _small(self, image: Image) -> Image:
        if not self._kept:
            height, width = image.shape[:2]
            # A very tall picture would make sheets that no browser shows.
            width, height = fit(width, height, THUMBNAIL_WIDTH_PX)
            return resize(image, width, height)
        height, width = self._kept[0].image.shape[:2]
        return _within(image, width, height)

    def _sheets(self) -> list[Image]:
        return [
            _sheet([thumbnail.image for thumbnail in self._kept[start : start + COLUMNS * ROWS]])
            for start in range(0, len(self._kept), COLUMNS * ROWS)
        ]

    def _track(self, duration_seconds: float) -> str:
        height, width = self._kept[0].image.shape[:2]
        times = [thumbnail.time_seconds for thumbnail in self._kept]
        end = max(duration_seconds, times[-1] + 0.001)
        cues = ["WEBVTT"]
        for index, (start, stop) in enumerate(pairwise([*times, end])):
            number, cell = divmod(index, COLUMNS * ROWS)
            row, column = divmod(cell, COLUMNS)
            where = f"{_sheet_name(number)}#xywh={column * width},{row * height},{width},{height}"
            cues.append(f"{_vtt_time(start)} --> {_vtt_time(stop)}\n{where}")
        return "\n\n".join(cues) + "\n"


def _sheet(images: list[Image]) -> Image:
    height, width = images[0].shape[:2]
    rows, columns = math.ceil(len(images) / COLUMNS), min(len(images), COLUMNS)
    sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
    for cell, image in enumerate(images):
        top, left = cell // COLUMNS * height, cell % COLUMNS * width
        sheet[top : top + height, left : left + width] = image
    return sheet


def _within(image: Image, width: int, height: int) -> Image:
    """``image`` whole and undistorted on a black cell: the shape may change in the middle of a video."""
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    cell = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    cell[top : top + inner[1], left : left + inner[0]] = resize(image, *inner)
    return cell


def _sheet_name(number: int) -> str:
    return f"sprite_{number:03d}.jpg"


def _vtt_time(seconds: float) -> str:
    """
    >>> _vtt_time(3675.25)
    '01:01:15.250'
    """
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{whole:02d}.{milliseconds:03d}"


def _replace(folder: Path, fresh: Path) -> None:
    """Put ``fresh`` in the place of ``folder``. A folder that holds files cannot be renamed over, so the
    old one steps aside first."""
    if not folder.exists():
        fresh.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
    folder.replace(aside)
    fresh.rename(folder)
    shutil.rmtree(aside, ignore_errors=True)
