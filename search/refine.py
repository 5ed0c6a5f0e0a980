"""Exact boundaries: the original is opened around a moment's start, end and best frame, and looked at again.

Stored samples say between which two of them a thing appears and disappears. There every frame is at hand, and
a few are described afresh, in a close-up of the place where the thing was. The boundary lies where the level
crosses the middle between inside and outside: exactly at a cut, near the middle of a dissolve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.boxes import WHOLE, Boxes, expand, to_pixels
from core.errors import MediaError, NotFound, TimeOutOfRange
from core.pictures import resize, resize_to_fit
from core.types import Image, Kind, Vectors
from embed.embedder import Embedder, FaceEmbedder
from search.chance import Chance
from search.describe import MARGINS, FindsFaces
from search.moment import Moment
from search.query import Box

MOST_MOMENTS = 10
"""Moments of one answer that are refined: the best ones."""

_MOST_SHIFTS = 2
"""How often the search for a boundary moves on when it is not where the samples say."""

_LEAST_CONTRAST = 0.25
"""Share of the best level by which inside and outside must differ, or there is nothing to be found."""

_CUT_GREY_LEVELS, _CUT_OUTSTANDS = 6.0, 4.0
"""A cut changes a thumbnail by so much of 255 on average, and by so many times the usual."""

_PART_AT_A_CUT, _PART_IN_A_SHOT = 0.2, 0.33
"""Share of the fall from inside to outside that makes a sudden change of the picture the boundary."""

_KEPT_SIDE_PX = 640
"""Longer side of what is kept of a frame: a second of whole 4K frames would fill the memory."""

_ROUNDING_SECONDS = 1e-4
"""A frame this little later is still the one that is meant."""

_SURROUNDINGS: Mapping[Kind, float] = {"frame": 0.0, "region": 1.0, "tile": 0.25, "face": 1.0}
"""How much around its box a thing is looked for, in shares of the box on each side."""

_SIZES: Mapping[Kind, tuple[float, ...]] = {"region": (0.7, 1.0, 1.4), "tile": (0.35, 0.6, 1.0)}
_SHIFTS: Mapping[Kind, float] = {"region": 0.5, "tile": 0.25}
"""Boxes that are tried where one feature map describes them all: sizes and steps in shares of the box."""


class ReadsFrames(Protocol):
    def __call__(
        self, media_id: str, start_seconds: float, end_seconds: float
    ) -> Iterator[tuple[float, Image]]:
        """Time and full-resolution picture of every frame shown within the half-open [start, end), first the
        one on screen at the start (its own time may be before it). Always read to its end at once."""


@dataclass(frozen=True, slots=True)
class Look:
    """Where in a frame to look, and how strongly pictures of that place show the thing: z, shape (n,)."""

    window: Box
    levels: Callable[[Sequence[Image]], NDArray[np.float32]]

    def cut(self, image: Image) -> Image:
        left, top, right, bottom = to_pixels(self.window, image.shape[1], image.shape[0])
        # A copy, so that the whole frame can go.
        return resize_to_fit(image[top:bottom, left:right].copy(), _KEPT_SIDE_PX)


@dataclass(slots=True)
class Frames:
    """Consecutive frames at ascending times, cut to what is looked at; each is described once at most."""

    seconds: NDArray[np.float64]
    pictures: list[Image]
    look: Look
    _known: dict[int, float] = field(default_factory=dict)

    def at(self, seconds: float) -> int:
        """The frame on screen then; outside, the first or the last one."""
        row = int(np.searchsorted(self.seconds, seconds + _ROUNDING_SECONDS, "right")) - 1
        return min(max(row, 0), len(self.pictures) - 1)

    def levels(self, rows: Sequence[int]) -> list[float]:
        new = [row for row in dict.fromkeys(rows) if row not in self._known]
        if new:
            levels = self.look.levels([self.pictures[row] for row in new])
            self._known.update(zip(new, levels.tolist(), strict=True))
        return [self._known[row] for row in rows]

    def first_without(self, rows: Sequence[int], levels: Sequence[float], expected: int) -> int:
        """The first frame without the thing, going from the first of ``rows``, that shows it, to the last,
        that does not, whichever comes first in time; ``levels`` are theirs.

        A cut at the ``expected`` frame is the answer: samples are taken at cuts, and it needs no drift of the
        level before it to be explained. So is another cut, or any sudden change of the picture, that takes
        away a part of the level. Otherwise the outermost fall below the middle is halved, log2 of its frames
        times.
        """
        low, contrast = min(levels), max(levels) - min(levels)
        before, after, is_cut = self._sharpest_change(rows[0], rows[-1])
        if is_cut and after == expected:
            return after
        level, next_level = self.levels([before, after])
        part = _PART_AT_A_CUT if is_cut else _PART_IN_A_SHOT
        if level - next_level >= part * contrast and next_level < low + contrast / 3:
            return after
        middle = low + contrast / 2
        falls = [one for one in range(len(rows) - 1) if levels[one] >= middle > levels[one + 1]]
        inside, outside = rows[falls[-1]], rows[falls[-1] + 1]
        while abs(outside - inside) > 1:
            between = (inside + outside) // 2
            if self.levels([between])[0] >= middle:
                inside = between
            else:
                outside = between
        return outside

    def _sharpest_change(self, first: int, last: int) -> tuple[int, int, bool]:
        """The two neighbouring frames between which the picture changes most, in the order of first, last,
        and whether that is a cut."""
        lower, upper = min(first, last), max(first, last)
        small = np.stack([resize(one, 16, 16) for one in self.pictures[lower : upper + 1]]).astype(np.int16)
        changes = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2, 3))
        at = int(changes.argmax())
        is_cut = bool(changes[at] >= max(_CUT_GREY_LEVELS, _CUT_OUTSTANDS * float(np.median(changes))))
        pair = lower + at, lower + at + 1
        return (*pair, is_cut) if last > first else (*pair[::-1], is_cut)


class Refiner:
    """Opens originals again. Thread-safe where ``read_frames`` is.

    ``spacing_seconds`` lie between stored samples; ``share`` of the best level counts as shown, as in
    ``Growth``; ``faces`` finds and describes faces, None in a library without them.

    The cost of a moment is bounded. Readings: one frame, and for each of the two boundaries 3 of 3 *
    ``spacing_seconds``, mostly 1; held in memory is one reading, 90 pictures of ``_KEPT_SIDE_PX`` at 60
    frames a second. Descriptions: 1 close-up, and for each boundary 4 a reading and 2 + log2 of the frames in
    ``spacing_seconds`` for the last: at 30 frames and two samples a second at most 21 where the samples were
    right about the place, 37 at worst. A description is one pass of a network that has a feature map, and
    one for each of ``MARGINS`` of a network that has none.
    """

    def __init__(
        self,
        embedder: Embedder,
        read_frames: ReadsFrames,
        spacing_seconds: float,
        share: float,
        faces: tuple[FindsFaces, FaceEmbedder] | None = None,
        most: int = MOST_MOMENTS,
    ):
        self._embedder, self._read, self._faces = embedder, read_frames, faces
        self._spacing, self._share, self._most = spacing_seconds, share, most

    def refine(
        self, moments: Sequence[Moment], like: Vectors, chance: Mapping[Kind, Chance], least_z: float
    ) -> list[Moment]:
        """The same moments with exact boundaries. The first ``most`` are looked at and say ``refined``; those
        whose original cannot be opened stay as they are.

        Left out are moments whose close-up is below ``share`` of ``least_z``. No more than those: a close-up
        tells true from false no better than what is stored does (on the labelled set it separates less
        well), so it is no reason to doubt, or to score anew, what stands out of chance in the index.
        """
        refined: list[Moment] = []
        for rank, moment in enumerate(moments):
            if rank >= self._most:
                refined.append(moment)
                continue
            try:
                looked_at = self._refine(moment, moments, like, chance, least_z)
            except (MediaError, NotFound, TimeOutOfRange):
                looked_at = moment
            if looked_at is not None:
                refined.append(looked_at)
        return refined

    def _refine(
        self, moment: Moment, moments: Sequence[Moment], like: Vectors, chance: Mapping[Kind, Chance],
        least_z: float,
    ) -> Moment | None:  # fmt: skip
        level = self._close_up(moment, like, chance)
        if level < self._share * least_z:
            return None
        if moment.media_type == "image":
            return replace(moment, refined=moment.kind != "frame")
        before, after = _neighbours(moment, moments)
        start = self._boundary(moment, -1, level, like, chance)
        end = self._boundary(moment, +1, level, like, chance)
        start, end = max(start, before), min(end, after)
        if not start <= moment.best_seconds + _ROUNDING_SECONDS < end:
            return moment
        path = tuple(place for place in moment.path if start <= place[0] + _ROUNDING_SECONDS < end)
        return replace(moment, start_seconds=start, end_seconds=end, path=path, refined=True)

    def _close_up(self, moment: Moment, like: Vectors, chance: Mapping[Kind, Chance]) -> float:
        """The level at the best moment. A whole frame has nothing more to show than what is stored."""
        if moment.kind == "frame":
            return moment.z
        look = self._look(moment, [moment.box_xyxy], like, chance)
        frames = self._frames(moment.media_id, look, moment.best_seconds, moment.best_seconds)
        return frames.levels([0])[0]

    def _boundary(
        self, moment: Moment, step: int, best: float, like: Vectors, chance: Mapping[Kind, Chance]
    ) -> float:
        """Where the thing appears (``step`` -1) or is gone (+1)."""
        edge = sampled = moment.start_seconds if step < 0 else moment.end_seconds
        for _ in range(1 + _MOST_SHIFTS):
            look = self._look(moment, _boxes_near(moment, edge, self._spacing), like, chance)
            found, way = self._change(moment, look, edge, step, best)
            if found is not None:
                return found
            if way == 0:
                break
            edge += way * 2 * self._spacing
            if edge < 0 or (way != step and not moment.start_seconds < edge < moment.end_seconds):
                break
        return sampled

    def _change(
        self, moment: Moment, look: Look, edge: float, step: int, best: float
    ) -> tuple[float | None, int]:
        """The time of the change near ``edge``; without one, which way to look for it (0: neither)."""
        # The sample at a start shows the thing, the sample at an end no longer does.
        outward = (-1, 0, 1, 2) if step < 0 else (-2, -1, 0, 1)
        times = [edge + step * way * self._spacing for way in outward]
        frames = self._frames(moment.media_id, look, max(0.0, min(times)), max(times))
        rows = [frames.at(time) for time in times]
        levels = frames.levels(rows)
        low, high = min(levels[1:]), max(levels[:-1])
        contrast, shown = high - low, self._share * best
        if contrast >= _LEAST_CONTRAST * best and high >= shown and levels[-1] < (low + high) / 2:
            gone = frames.first_without(rows, levels, rows[2] if step > 0 else rows[1] - 1)
            return float(frames.seconds[gone if step > 0 else gone + 1]), 0
        if levels[-1] < shown:
            return None, -step if high < shown else 0
        if step < 0 and times[-1] <= 0:
            return max(0.0, float(frames.seconds[0])), 0
        ends = step > 0 and frames.seconds[-1] + _ROUNDING_SECONDS < edge
        return None, 0 if ends else step

    def _frames(self, media_id: str, look: Look, start_seconds: float, end_seconds: float) -> Frames:
        shown = self._read(media_id, start_seconds, end_seconds + _ROUNDING_SECONDS)
        seconds, pictures = [], []
        for time_seconds, image in shown:
            seconds.append(time_seconds)
            pictures.append(look.cut(image))
        if not pictures:
            raise NotFound(f"{media_id} has no frames from {start_seconds:g} s on.")
        return Frames(np.array(seconds), pictures, look)

    def _look(
        self, moment: Moment, boxes: Sequence[Box], like: Vectors, chance: Mapping[Kind, Chance]
    ) -> Look:
        kind = moment.kind
        if kind == "frame":
            return Look(WHOLE, self._described(np.array([WHOLE], np.float32), None, like, chance[kind]))
        around = np.array(boxes, np.float32)
        union = np.concatenate([around[:, :2].min(0), around[:, 2:].max(0)])[None]
        x1, y1, x2, y2 = expand(union, _SURROUNDINGS[kind])[0].tolist()
        window = x1, y1, x2, y2
        if kind == "face":
            return Look(window, self._faces_in(like, chance[kind]))
        margins = np.concatenate([expand(around[:1], margin) for margin in MARGINS])
        grid = _grid(around, _SIZES[kind], _SHIFTS[kind])
        few, many = _within(margins, window), _within(np.concatenate([margins, grid]), window)
        return Look(window, self._described(few, many, like, chance[kind]))

    def _described(
        self, few: Boxes, many: Boxes | None, like: Vectors, chance: Chance
    ) -> Callable[[Sequence[Image]], NDArray[np.float32]]:
        def levels(pictures: Sequence[Image]) -> NDArray[np.float32]:
            encodings = self._embedder.encode(pictures)
            # One map describes any number of boxes; without one every box has its price.
            boxes = [few if many is None or one.feature_map is None else many for one in encodings]
            vectors = self._embedder.describe(encodings, boxes)
            return chance.z(np.array([(own @ like.T).max() for own in vectors], np.float32))

        return levels

    def _faces_in(self, like: Vectors, chance: Chance) -> Callable[[Sequence[Image]], NDArray[np.float32]]:
        assert self._faces is not None  # a face was found, so the library has them
        detector, embedder = self._faces

        def levels(pictures: Sequence[Image]) -> NDArray[np.float32]:
            cosines = np.full(len(pictures), chance.centre, np.float32)
            for row, picture in enumerate(pictures):
                faces = detector.detect(picture)
                if len(faces):
                    cosines[row] = max(chance.centre, (embedder.describe(picture, faces) @ like.T).max())
            return chance.z(cosines)

        return levels


def _neighbours(moment: Moment, moments: Sequence[Moment]) -> tuple[float, float]:
    """Where the moment before it in the same file ends, and where the one after it starts."""
    others = [one for one in moments if one.media_id == moment.media_id and one is not moment]
    before = [one.end_seconds for one in others if one.end_seconds <= moment.start_seconds]
    after = [one.start_seconds for one in others if one.start_seconds >= moment.end_seconds]
    return max(before, default=0.0), min(after, default=float("inf"))


def _boxes_near(moment: Moment, seconds: float, spacing_seconds: float) -> list[Box]:
    """Where the thing is next to that time, the nearest place first."""
    if not moment.path:
        return [moment.box_xyxy]
    nearest = sorted(moment.path, key=lambda place: abs(place[0] - seconds))
    reach = abs(nearest[0][0] - seconds) + spacing_seconds + _ROUNDING_SECONDS
    return [box for time_seconds, box in nearest if abs(time_seconds - seconds) <= reach]


def _grid(boxes: Boxes, sizes: Sequence[float], shift: float) -> Boxes:
    """The first of the boxes in several sizes, moved by up to two steps each way: (sizes * 25, 4)."""
    centre, size = (boxes[0, :2] + boxes[0, 2:]) / 2, boxes[0, 2:] - boxes[0, :2]
    steps = np.arange(-2, 3) * shift
    moved = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * size + centre
    grid: Boxes = np.concatenate(
        [np.concatenate([moved - size * one / 2, moved + size * one / 2], axis=1) for one in sizes]
    ).astype(np.float32)
    return grid


def _within(boxes: Boxes, window: Box) -> Boxes:
    """The boxes in the coordinates of the window, without those that hardly touch it."""
    left, top, right, bottom = window
    moved = (boxes - np.array([left, top, left, top])) / np.array([right - left, bottom - top] * 2)
    clipped = np.clip(moved, 0, 1)
    whole, seen = moved[:, 2:] - moved[:, :2], clipped[:, 2:] - clipped[:, :2]
    inside: Boxes = clipped[(seen >= 0.5 * whole).all(axis=1)].astype(np.float32)
    return inside
