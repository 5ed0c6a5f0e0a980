"""Films to be: shots over a stage with things on smooth paths; the frame at any moment, and who is seen.

Everything is a plain value, so a film can be drawn again without one of its things.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.camera import Reel, Shot, Stretch, View
from bench.labelled.light import PLAIN_LIGHT, Light, lit
from bench.labelled.places import stage_picture
from bench.labelled.things import THINGS, Sprite, cut_out
from bench.photographs import Box
from bench.tiny.scenes import COLOURS, draw
from core.types import Image

_SHADOW = 0.4
_SHADOW_MARGIN = 0.06
"""How far a thing's shadow reaches, as a share of its longer side."""


@dataclass(frozen=True, slots=True)
class Item:
    """A thing on its way through a shot.

    ``name`` is one of THINGS, or ``bar/HUE`` (an upright board) or ``shape/SHAPE/COLOUR``.
    ``path`` holds (share of the shot, x, y): where the thing's centre is in the frame, in shares of it;
    in between it moves smoothly. ``size`` is the share of the frame's area that its upright box has in the
    middle of the shot and ``growth`` how many times wider the thing is at the end than at the start.
    """

    name: str
    path: tuple[tuple[float, float, float], ...]
    size: float
    growth: float = 1.0
    turn_degrees: tuple[float, float] = (0.0, 0.0)

    def centre(self, share: float) -> tuple[float, float]:
        """Where it is after ``share`` of the shot.

        >>> Item("cup", ((0.0, 0.2, 0.5), (1.0, 0.6, 0.5)), 0.1).centre(0.5)
        (0.4, 0.5)
        """
        before, after = self.path[0], self.path[-1]
        for one, other in zip(self.path, self.path[1:], strict=False):
            if one[0] <= share <= other[0]:
                before, after = one, other
        length = after[0] - before[0]
        way = min(max((share - before[0]) / length, 0.0), 1.0) if length else 0.0
        eased = way * way * (3 - 2 * way)
        return before[1] + (after[1] - before[1]) * eased, before[2] + (after[2] - before[2]) * eased

    def width(self, share: float, size_wh: tuple[int, int]) -> float:
        """Pixels across, upright."""
        middle = math.sqrt(self.size * size_wh[0] * size_wh[1] * sprite(self.name).aspect)
        return float(middle * self.growth ** (min(max(share, 0.0), 1.0) - 0.5))

    def degrees(self, share: float) -> float:
        return self.turn_degrees[0] + (self.turn_degrees[1] - self.turn_degrees[0]) * share


@dataclass(frozen=True, slots=True)
class Take:
    """One shot: the camera's move over the stage ``camera.photograph``, the things before it (later ones
    in front), the light, and how many times brighter it is at the end."""

    camera: Shot
    items: tuple[Item, ...] = ()
    light: Light = PLAIN_LIGHT
    brightening: float = 1.0

    def without(self, name: str) -> Take:
        """The same shot without that thing."""
        return replace(self, items=tuple(item for item in self.items if item.name != name))


@dataclass(frozen=True, slots=True)
class Film:
    """A video to be. ``crf`` is x264's quality: 18 is fine, 36 is bad."""

    name: str
    fps: Fraction
    size_wh: tuple[int, int]
    takes: tuple[Take, ...]
    crf: int = 23

    @property
    def reel(self) -> Reel:
        """Its timing."""
        return Reel(self.name, self.fps, self.size_wh, tuple(take.camera for take in self.takes))

    def placed(self) -> list[tuple[Take, Stretch]]:
        """The takes and the frames [first, stop) that belong to each."""
        return list(zip(self.takes, self.reel.stretches(), strict=True))

    def without(self, name: str) -> Film:
        return replace(self, takes=tuple(take.without(name) for take in self.takes))

    def frames(self) -> Iterator[Image]:
        """Every frame in order, RGB (height, width, 3)."""
        placed = self.placed()
        for index, (_, stretch) in enumerate(placed):
            for frame in range(stretch.first, stretch.stop):
                yield self._frame(placed, index, frame)

    def frame(self, number: int) -> Image:
        placed = self.placed()
        index = next(i for i, (_, stretch) in enumerate(placed) if stretch.first <= number < stretch.stop)
        return self._frame(placed, index, number)

    def _frame(self, placed: Sequence[tuple[Take, Stretch]], index: int, frame: int) -> Image:
        picture = self._look(*placed[index], frame)
        if index and (share := self._dissolved(*placed[index], frame)) < 1:
            other = self._look(*placed[index - 1], frame)
        elif index + 1 < len(placed) and (share := 1 - self._dissolved(*placed[index + 1], frame)) < 1:
            other = self._look(*placed[index + 1], frame)
        else:
            return picture
        return np.asarray(cv2.addWeighted(picture, share, other, 1 - share, 0), np.uint8)

    def _look(self, take: Take, stretch: Stretch, frame: int) -> Image:
        return shown(take, share_of(stretch, frame), self.size_wh, frame)

    def _dissolved(self, take: Take, stretch: Stretch, frame: int) -> float:
        """How much of the take is on screen, 0 to 1; half at its first frame."""
        overlap = take.camera.dissolve_seconds * float(self.fps)
        if overlap == 0:
            return float(frame >= stretch.first)
        return min(max(0.5 + (frame - stretch.first) / overlap, 0.0), 1.0)


def share_of(stretch: Stretch, frame: int) -> float:
    """How far the shot has come at a frame, 0 to 1 (beyond it in a dissolve: held at the end)."""
    return min(max((frame - stretch.first) / max(1, stretch.stop - stretch.first - 1), 0.0), 1.0)


def shown(take: Take, share: float, size_wh: tuple[int, int], grain: int = 0) -> Image:
    """What the camera sees after ``share`` of the shot, RGB."""
    picture = through(take.camera.photograph, take.camera.view(share), size_wh)
    for item in take.items:
        _paste(picture, _stamp(item, share, size_wh))
    light = replace(take.light, exposure=take.light.exposure * take.brightening ** round(share - 0.5, 2))
    return lit(picture, light, grain)


def through(stage: str, view: View, size_wh: tuple[int, int]) -> Image:
    """The stage through the camera, to a fraction of a pixel, RGB."""
    whole = stage_picture(stage)
    height, width = whole.shape[:2]
    left, top, right, bottom = view.window((width, height), size_wh)
    scale_x, scale_y = size_wh[0] / ((right - left) * width), size_wh[1] / ((bottom - top) * height)
    shrink = 1
    while min(scale_x, scale_y) * shrink < 0.5:
        shrink *= 2
    small = _shrunk(stage, shrink)
    scale_x *= width / small.shape[1]
    scale_y *= height / small.shape[0]
    # Pixel centres lie at halves: the window's left edge is the frame's left edge, not its first centre.
    matrix = np.array(
        [
            [scale_x, 0, (0.5 - left * small.shape[1]) * scale_x - 0.5],
            [0, scale_y, (0.5 - top * small.shape[0]) * scale_y - 0.5],
        ]
    )
    looked = cv2.warpAffine(small, matrix, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(looked, np.uint8)


@lru_cache(maxsize=16)
def _shrunk(stage: str, times: int) -> Image:
    whole = stage_picture(stage)
    if times == 1:
        return whole
    size = (whole.shape[1] // times, whole.shape[0] // times)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)


@lru_cache(maxsize=256)
def sprite(name: str) -> Sprite:
    """The pixels of a thing, a board or a shape."""
    if name in THINGS:
        return cut_out(name)
    kind, *how = name.split("/")
    if kind == "bar":
        red, green, blue = (255 * value for value in colorsys.hsv_to_rgb(float(how[0]), 0.35, 0.55))
        shade = np.linspace(0.6, 1.2, 120, dtype=np.float32)[None, :, None]
        colour = np.broadcast_to(np.array([red, green, blue], np.float32) * shade, (480, 120, 3))
        return Sprite(np.ascontiguousarray(colour), np.ones((480, 120), np.float32))
    black = np.zeros((240, 240, 3), np.uint8)
    mask = draw(black, how[0], "white", np.array([0.02, 0.02, 0.98, 0.98], np.float32))
    alpha = np.asarray(mask.max(axis=2) / 245, np.float32).clip(0, 1)
    shade = np.linspace(1.1, 0.7, 240, dtype=np.float32)[:, None, None]
    return Sprite(np.asarray(np.array(COLOURS[how[1]], np.float32) * shade + np.zeros((1, 240, 1))), alpha)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A thing as it lies on a frame; float32 planes whose upper left pixel is at ``left``, ``top``.

    ``ink`` (height, width, 4) is colour times alpha, and how much of what is behind is taken away (with
    the shadow); ``alpha`` (height, width) is the thing alone.
    """

    left: int
    top: int
    ink: NDArray[np.float32]
    alpha: NDArray[np.float32]


def visible_share(take: Take, index: int, share: float, size_wh: tuple[int, int]) -> float:
    """How much of item ``index`` is inside the frame and not behind another item, 0 to 1."""
    mine = _stamp(take.items[index], share, size_wh, plain=True)
    everything = float(mine.alpha.sum())
    seen = mine.alpha.copy()
    height, width = seen.shape
    seen[: max(0, -mine.top)] = 0
    seen[max(0, size_wh[1] - mine.top) :] = 0
    seen[:, : max(0, -mine.left)] = 0
    seen[:, max(0, size_wh[0] - mine.left) :] = 0
    for item in take.items[index + 1 :]:
        cover(seen, (mine.left, mine.top, mine.left + width, mine.top + height), item, share, size_wh)
    return float(seen.sum()) / everything


def cover(
    seen: NDArray[np.float32], at: tuple[int, int, int, int],
    item: Item, share: float, size_wh: tuple[int, int],
) -> None:  # fmt: skip
    """Take away from ``seen``, which lies on the pixels ``at`` (x1, y1, x2, y2), what the item hides."""
    over = _stamp(item, share, size_wh, plain=True)
    bottom, right = over.top + over.alpha.shape[0], over.left + over.alpha.shape[1]
    x1, y1, x2, y2 = max(at[0], over.left), max(at[1], over.top), min(at[2], right), min(at[3], bottom)
    if x1 < x2 and y1 < y2:
        hidden = over.alpha[y1 - over.top : y2 - over.top, x1 - over.left : x2 - over.left]
        seen[y1 - at[1] : y2 - at[1], x1 - at[0] : x2 - at[0]] *= 1 - hidden


def item_box(item: Item, share: float, size_wh: tuple[int, int]) -> Box:
    """The box round the thing's pixels, clipped to the frame, normalised."""
    stamp = _stamp(item, share, size_wh, plain=True)
    ys, xs = np.nonzero(stamp.alpha > 0.5)
    x1, x2 = stamp.left + int(xs.min()), stamp.left + int(xs.max()) + 1
    y1, y2 = stamp.top + int(ys.min()), stamp.top + int(ys.max()) + 1
    width, height = size_wh
    return (
        min(max(x1, 0), width) / width, min(max(y1, 0), height) / height,
        min(max(x2, 0), width) / width, min(max(y2, 0), height) / height,
    )  # fmt: skip


def _paste(picture: Image, stamp: Stamp) -> None:
    height, width = picture.shape[:2]
    x1, y1 = max(0, stamp.left), max(0, stamp.top)
    x2 = min(width, stamp.left + stamp.ink.shape[1])
    y2 = min(height, stamp.top + stamp.ink.shape[0])
    if x1 >= x2 or y1 >= y2:
        return
    ink = stamp.ink[y1 - stamp.top : y2 - stamp.top, x1 - stamp.left : x2 - stamp.left]
    under = picture[y1:y2, x1:x2]
    picture[y1:y2, x1:x2] = np.clip(under * (1 - ink[:, :, 3:]) + ink[:, :, :3] + 0.5, 0, 255)


def _stamp(item: Item, share: float, size_wh: tuple[int, int], plain: bool = False) -> Stamp:
    """The item on a frame of that size; ``plain`` leaves the ink empty (all that truth needs is alpha)."""
    across = item.width(share, size_wh)
    ready_ink, ready_alpha, inner_wide = _ready(item.name, _bucket(across))
    height, width = ready_alpha.shape
    scale, angle = across / inner_wide, math.radians(item.degrees(share))
    cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
    out_w = math.ceil(abs(width * cosine) + abs(height * sine)) + 2
    out_h = math.ceil(abs(width * sine) + abs(height * cosine)) + 2
    centre_x, centre_y = item.centre(share)
    middle_x, middle_y = centre_x * size_wh[0], centre_y * size_wh[1]
    left, top = math.floor(middle_x - out_w / 2), math.floor(middle_y - out_h / 2)
    half_w, half_h = (width - 1) / 2, (height - 1) / 2
    matrix = np.array(
        [
            [cosine, -sine, middle_x - left - 0.5 - cosine * half_w + sine * half_h],
            [sine, cosine, middle_y - top - 0.5 - sine * half_w - cosine * half_h],
        ]
    )
    alpha = np.asarray(cv2.warpAffine(ready_alpha, matrix, (out_w, out_h)), np.float32)
    ink = np.empty((0, 0, 4), np.float32)
    if not plain:
        ink = np.asarray(cv2.warpAffine(ready_ink, matrix, (out_w, out_h)), np.float32)
    return Stamp(left, top, ink, alpha)


def _bucket(across: float) -> int:
    """A width to keep a sprite at: at least what is needed, at most a quarter more.

    >>> _bucket(30.0), _bucket(31.0)
    (36, 36)
    """
    return math.ceil(1.25 ** math.ceil(math.log(max(across, 4.0), 1.25)))


@lru_cache(maxsize=64)
def _ready(name: str, wide: int) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Ink and alpha of a sprite ``wide`` pixels wide, with room for its shadow, and that width."""
    whole = sprite(name)
    tall = max(1, round(wide / whole.aspect))
    how = cv2.INTER_AREA if wide < whole.alpha.shape[1] else cv2.INTER_CUBIC
    margin = max(2, round(_SHADOW_MARGIN * max(wide, tall)))
    alpha = np.pad(np.clip(cv2.resize(whole.alpha, (wide, tall), interpolation=how), 0, 1), margin)
    colour = np.clip(cv2.resize(whole.colour, (wide, tall), interpolation=how), 0, 255)
    colour = np.pad(colour, ((margin, margin), (margin, margin), (0, 0)))
    shadow = np.asarray(cv2.GaussianBlur(np.roll(alpha, margin // 2, (0, 1)), (0, 0), margin / 3), np.float32)
    taken = alpha + (1 - alpha) * shadow * _SHADOW
    ink = np.concatenate([colour * alpha[:, :, None], taken[:, :, None]], axis=2)
    return np.asarray(ink, np.float32), np.asarray(alpha, np.float32), wide
