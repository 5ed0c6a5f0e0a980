"""A camera that moves over photographs, and the reels that are cut from its shots.

A reel is exact by construction: every shot owns a whole number of frames, so which picture is on screen
when is known without looking at the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from bench.photographs import Box, photograph

_RECIPE = 1  # raise it when the same reel would give other pixels


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera looks: the centre as shares of the photograph's width and height, and how many
    times closer than the widest window of the frame's shape that fits in the photograph."""

    x: float = 0.5
    y: float = 0.5
    zoom: float = 1.0

    def window(self, photograph_wh: tuple[int, int], frame_wh: tuple[int, int]) -> Box:
        """What is seen, as shares of the photograph; moved inwards where it would stick out.

        >>> View(0.5, 0.9).window((400, 400), (200, 100))
        (0.0, 0.5, 1.0, 1.0)
        """
        wider = (frame_wh[0] / frame_wh[1]) / (photograph_wh[0] / photograph_wh[1])
        width, height = min(1.0, wider) / self.zoom, min(1.0, 1 / wider) / self.zoom
        left = min(max(self.x - width / 2, 0.0), 1 - width)
        top = min(max(self.y - height / 2, 0.0), 1 - height)
        return left, top, left + width, top + height


@dataclass(frozen=True, slots=True)
class Shot:
    """One move over one photograph, from ``start`` to ``end``.

    ``exposure`` multiplies the light; ``shake`` is how far a nervous hand sways, as a share of the
    photograph; ``dissolve_seconds`` is the overlap with the shot before, centred on the cut (0: hard cut).
    """

    photograph: str
    seconds: float
    start: View = View()
    end: View = View()
    exposure: float = 1.0
    shake: float = 0.0
    dissolve_seconds: float = 0.0

    def view(self, share: float) -> View:
        """The camera after ``share`` of the shot; speeds up and slows down gently, zooms evenly."""
        share = min(max(share, 0.0), 1.0)
        eased = share * share * (3 - 2 * share)
        sway = self.shake * math.sin(share * 13), self.shake * math.sin(share * 17 + 1)
        return View(
            self.start.x + (self.end.x - self.start.x) * eased + sway[0],
            self.start.y + (self.end.y - self.start.y) * eased + sway[1],
            self.start.zoom * (self.end.zoom / self.start.zoom) ** eased,
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """The frames [first, stop) of a reel that belong to a shot: its picture is the stronger one there."""

    shot: Shot
    first: int
    stop: int

    def view(self, frame: int) -> View:
        return self.shot.view((frame - self.first) / max(1, self.stop - self.first - 1))


@dataclass(frozen=True, slots=True)
class Reel:
    """A video to be: its file name, frame rate, size and shots in order."""

    name: str
    fps: Fraction
    size_wh: tuple[int, int]
    shots: tuple[Shot, ...]

    def stretches(self) -> list[Stretch]:
        placed, seconds = [], 0.0
        for shot in self.shots:
            first, seconds = round(seconds * self.fps), seconds + shot.seconds
            placed.append(Stretch(shot, first, round(seconds * self.fps)))
        return placed

    def seconds(self, frame: int) -> float:
        return float(frame / self.fps)

    @property
    def duration_seconds(self) -> float:
        return self.seconds(self.stretches()[-1].stop)

    def frames(self) -> Iterator[Image.Image]:
        """Every frame in order, RGB."""
        placed = self.stretches()
        for before, now, after in zip([None, *placed[:-1]], placed, [*placed[1:], None], strict=True):
            for frame in range(now.first, now.stop):
                picture = self._look(now, frame)
                if before and (share := self._dissolved(now, frame)) < 1:
                    picture = Image.blend(self._look(before, frame), picture, share)
                elif after and (share := self._dissolved(after, frame)) > 0:
                    picture = Image.blend(picture, self._look(after, frame), share)
                yield picture

    def _look(self, stretch: Stretch, frame: int) -> Image.Image:
        return look(stretch.shot.photograph, stretch.view(frame), self.size_wh, stretch.shot.exposure)

    def _dissolved(self, into: Stretch, frame: int) -> float:
        """How much of the shot ``into`` is on screen, 0 to 1; exactly half is reached at its first frame."""
        overlap = into.shot.dissolve_seconds * float(self.fps)
        if overlap == 0:
            return float(frame >= into.first)
        return min(max(0.5 + (frame - into.first) / overlap, 0.0), 1.0)


def look(name: str, view: View, size_wh: tuple[int, int], exposure: float = 1.0) -> Image.Image:
    """The photograph ``name`` through ``view``, RGB of ``size_wh`` pixels."""
    whole = photograph(name)
    left, top, right, bottom = view.window(whole.size, size_wh)
    window = (left * whole.width, top * whole.height, right * whole.width, bottom * whole.height)
    picture = whole.resize(size_wh, Image.Resampling.BICUBIC, box=window)
    if exposure == 1.0:
        return picture
    return picture.point([min(255, round(value * exposure)) for value in range(256)] * 3)


def write_reel(reel: Reel, path: Path) -> None:
    """Encode as H.264 in MP4. A file that this very reel was written to before is left as it is; a file
    that is there is always complete."""
    recipe = f"momentseek reel {_RECIPE} {reel!r}"
    if path.exists() and _recipe_of(path) == recipe:
        return
    unfinished = path.with_suffix(".part")
    with av.open(str(unfinished), "w", format="mp4") as container:
        container.metadata["comment"] = recipe
        stream = container.add_stream("libx264", rate=reel.fps, options={"preset": "superfast", "crf": "21"})
        stream.width, stream.height = reel.size_wh
        stream.pix_fmt = "yuv420p"
        for picture in reel.frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")))
        container.mux(stream.encode())
    unfinished.replace(path)


def _recipe_of(path: Path) -> str | None:
    try:
        with av.open(str(path)) as container:
            return container.metadata.get("comment")
    except av.FFmpegError:
        return None
