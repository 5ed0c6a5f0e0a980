"""What can be looked for: things cut out of photographs, with soft edges.

The boxes are given by hand; what inside a box is the thing is found by GrabCut (Rother, Kolmogorov and
Blake, 2004) or, for round things, is the ellipse that touches the box's sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.photographs import Box, available, photograph
from core.packaged import packaged_file
from core.types import Image

Kind = Literal["object", "face", "clutter"]
PORTRAITS = "portraits"
"""The "photograph" of the small faces of scikit-image's LFW subset: a table of 25 x 25 pixel pictures."""

_LONGEST_SIDE = 420
"""Pixels a cut-out is made at; more is never shown."""
_GRABCUT_SIDE = 240
"""Pixels GrabCut works at: its time grows with the area, its outline hardly improves."""


@dataclass(frozen=True, slots=True)
class CutOut:
    """``box_xyxy`` is on the photograph. ``family`` names those that are easily taken for one another.

    ``rival`` is another cut-out of the same person or thing: one library shows only one of the two.
    Clutter is pasted to distract and never asked for. ``certain_xyxy`` are parts of the photograph that
    are nothing but the thing, where GrabCut needs the hint.
    """

    photograph: str
    box_xyxy: Box
    kind: Kind = "object"
    outline: Literal["grabcut", "ellipse"] = "grabcut"
    family: str | None = None
    rival: str | None = None
    number: int = 0
    certain_xyxy: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Sprite:
    """Pixels of a cut-out: ``colour`` (height, width, 3) in [0, 255], ``alpha`` (height, width) in [0, 1].

    Both float32; colour is not multiplied by alpha. The sprite is as tight round the thing as its box.
    """

    colour: NDArray[np.float32]
    alpha: NDArray[np.float32]

    @property
    def aspect(self) -> float:
        """Width over height."""
        return float(self.alpha.shape[1] / self.alpha.shape[0])


_COINS: tuple[Box, ...] = (
    (0.057, 0.112, 0.174, 0.244), (0.211, 0.129, 0.312, 0.244), (0.344, 0.092, 0.466, 0.244),
    (0.500, 0.099, 0.628, 0.241), (0.664, 0.112, 0.776, 0.238), (0.065, 0.343, 0.177, 0.482),
    (0.216, 0.353, 0.318, 0.479), (0.349, 0.360, 0.453, 0.479), (0.482, 0.347, 0.591, 0.479),
    (0.638, 0.314, 0.771, 0.475), (0.826, 0.347, 0.930, 0.479), (0.062, 0.584, 0.164, 0.716),
    (0.206, 0.578, 0.323, 0.716), (0.352, 0.591, 0.453, 0.716), (0.479, 0.561, 0.617, 0.716),
    (0.654, 0.564, 0.781, 0.716), (0.815, 0.515, 0.985, 0.719), (0.372, 0.779, 0.523, 0.950),
)  # fmt: skip
_FACES_IN_SUBSET = 16
"""How many of the 100 small faces are used: more would drown everything else in lookalikes."""


def _coins() -> dict[str, CutOut]:
    return {
        f"coin {number}": CutOut("coins", box, outline="ellipse", family="coin")
        for number, box in enumerate(_COINS)
    }


def _portraits() -> dict[str, CutOut]:
    return {
        f"portrait {number}": CutOut(
            PORTRAITS, (0.0, 0.0, 1.0, 1.0), "face", "ellipse", family="portrait", number=number * 6
        )
        for number in range(_FACES_IN_SUBSET)
    }


THINGS: dict[str, CutOut] = {
    "cup and saucer": CutOut(
        "coffee", (0.12, 0.035, 0.82, 0.975),
        certain_xyxy=((0.18, 0.48, 0.34, 0.72), (0.36, 0.12, 0.62, 0.55), (0.40, 0.75, 0.64, 0.93)),
    ),
    "pagoda": CutOut("china", (0.10, 0.06, 0.60, 0.93)),
    "dahlia": CutOut("flower", (0.25, 0.18, 0.71, 0.85)),
    "launcher": CutOut("rocket", (0.47, 0.30, 0.55, 1.0)),
    "cat": CutOut("chelsea", (0.0, 0.0, 0.86, 1.0)),
    "astronaut": CutOut("astronaut", (0.03, 0.02, 0.78, 1.0), rival="astronaut's head"),
    "astronaut's head": CutOut("astronaut", (0.28, 0.02, 0.61, 0.40), "face", rival="astronaut"),
    "shuttle": CutOut("astronaut", (0.67, 0.0, 0.91, 0.57)),
    "admiral": CutOut(
        "grace_hopper", (0.02, 0.03, 1.0, 1.0), family="suit", rival="admiral's head",
        certain_xyxy=((0.39, 0.10, 0.66, 0.28), (0.2, 0.78, 0.9, 1.0), (0.38, 0.3, 0.68, 0.6)),
    ),
    "admiral's head": CutOut(
        "grace_hopper", (0.27, 0.03, 0.76, 0.56), "face", rival="admiral",
        certain_xyxy=((0.39, 0.10, 0.66, 0.28),),
    ),
    "motorcycle": CutOut("motorcycle", (0.11, 0.15, 0.94, 0.93)),
    "bus": CutOut("bus", (0.41, 0.22, 0.94, 0.68), certain_xyxy=((0.45, 0.27, 0.9, 0.56),)),
    "man in a coat": CutOut("bus", (0.06, 0.36, 0.255, 0.85), family="passer-by"),
    "man in black": CutOut("bus", (0.28, 0.37, 0.44, 0.80), family="passer-by"),
    "shouting man": CutOut("zidane", (0.11, 0.25, 0.61, 1.0), family="suit", rival="shouting man's head"),
    "shouting man's head": CutOut("zidane", (0.33, 0.27, 0.54, 0.68), "face", rival="shouting man"),
    "pointing man": CutOut("zidane", (0.57, 0.04, 0.92, 1.0), family="suit", rival="pointing man's head"),
    "pointing man's head": CutOut("zidane", (0.68, 0.04, 0.86, 0.38), "face", rival="pointing man"),
    "cameraman": CutOut("camera", (0.0, 0.11, 0.80, 1.0), family="suit"),
    "fundus": CutOut("retina", (0.03, 0.03, 0.97, 0.97), outline="ellipse"),
    "cell": CutOut("cell", (0.65, 0.43, 0.93, 0.68), outline="ellipse"),
    "gift": CutOut("gift", (0.02, 0.0, 1.0, 1.0), certain_xyxy=((0.2, 0.1, 0.9, 0.75),)),
    "blurred clock": CutOut("clock", (0.33, 0.29, 0.72, 0.73), outline="ellipse"),
    "snake logo": CutOut("logo", (0.02, 0.03, 0.98, 0.97), outline="ellipse"),
    **_coins(),
    **_portraits(),
    "horse": CutOut("horse", (0.02, 0.02, 0.98, 0.98), "clutter"),
    "colour wheel": CutOut("colour_wheel", (0.02, 0.02, 0.98, 0.98), "clutter", "ellipse"),
}


def things_available() -> dict[str, CutOut]:
    """Those whose package is installed."""
    return {
        name: thing
        for name, thing in THINGS.items()
        if thing.photograph == PORTRAITS or available(thing.photograph)
    }


@cache
def portraits() -> NDArray[np.uint8]:
    """The faces of the subset, shape (100, 25, 25), grey."""
    table = np.load(packaged_file("skimage", "data/lfw_subset.npy"))
    return np.asarray(np.round(table[:100] * 255), np.uint8)


@cache
def source_picture(thing_name: str) -> Image:
    """The whole picture a thing is cut from, RGB (height, width, 3)."""
    thing = THINGS[thing_name]
    if thing.photograph == PORTRAITS:
        small = cv2.resize(portraits()[thing.number], (200, 200), interpolation=cv2.INTER_CUBIC)
        return np.repeat(small[:, :, None], 3, axis=2)
    return np.asarray(photograph(thing.photograph), np.uint8)


@cache
def cut_out(thing_name: str) -> Sprite:
    """The thing without its photograph. The same for the same library versions, whatever ran before."""
    thing = THINGS[thing_name]
    picture = source_picture(thing_name)
    margin = 0.0 if thing.outline == "ellipse" else 0.12
    left, top, right, bottom = _with_margin(thing.box_xyxy, margin, picture)
    crop = picture[top:bottom, left:right]
    scale = min(1.0, _LONGEST_SIDE / max(crop.shape[:2]))
    crop = np.asarray(cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    if thing.outline == "ellipse":
        return _tight(Sprite(crop.astype(np.float32), _ellipse(crop.shape[1], crop.shape[0])))
    height, width = picture.shape[:2]
    to_crop = np.array([width, height, width, height]), np.array([left, top, left, top])
    size = np.tile([right - left, bottom - top], 2)
    boxes = (np.array([thing.box_xyxy, *thing.certain_xyxy]) * to_crop[0] - to_crop[1]) / size
    return _tight(Sprite(crop.astype(np.float32), _grab(crop, boxes)))


def _with_margin(box_xyxy: Box, margin: float, picture: Image) -> tuple[int, int, int, int]:
    """The box in pixels, grown by a share of its sides, inside the picture."""
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = box_xyxy
    grow_x, grow_y = (x2 - x1) * margin, (y2 - y1) * margin
    return (
        int(max(0.0, x1 - grow_x) * width), int(max(0.0, y1 - grow_y) * height),
        round(min(1.0, x2 + grow_x) * width), round(min(1.0, y2 + grow_y) * height),
    )  # fmt: skip


def _ellipse(width: int, height: int) -> NDArray[np.float32]:
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    y = (np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1
    radius = np.hypot(x[None, :], y[:, None])
    return np.asarray(np.clip((1 - radius) * min(width, height) / 4, 0, 1), np.float32)


def _grab(crop: Image, boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float32]:
    """GrabCut; ``boxes_xyxy`` on the crop, normalised: the first holds the thing, the others only the thing.

    Small islands and holes go; the edge becomes two or three pixels soft.
    """
    scale = min(1.0, _GRABCUT_SIDE / max(crop.shape[:2]))
    small = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = small.shape[:2]
    (x1, y1, x2, y2), *certain = np.rint(boxes_xyxy * [width, height, width, height]).astype(int).tolist()
    mask = np.full((height, width), cv2.GC_BGD, np.uint8)
    mask[y1:y2, x1:x2] = cv2.GC_PR_BGD
    likely = np.zeros_like(mask)
    centre = ((x1 + x2) // 2, (y1 + y2) // 2)
    cv2.ellipse(likely, centre, (int((x2 - x1) * 0.46), int((y2 - y1) * 0.48)), 0, 0, 360, 1, -1)
    mask[(likely > 0) & (mask == cv2.GC_PR_BGD)] = cv2.GC_PR_FGD
    cv2.ellipse(mask, centre, (int((x2 - x1) * 0.16), int((y2 - y1) * 0.2)), 0, 0, 360, cv2.GC_FGD, -1)
    for left, top, right, bottom in certain:
        mask[top:bottom, left:right] = cv2.GC_FGD
    # GrabCut draws its clusters from OpenCV's random state, which others may have moved.
    cv2.setRNGSeed(7)
    bgr = np.ascontiguousarray(small[:, :, ::-1])
    cv2.grabCut(bgr, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    thing = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    thing = _largest(cv2.morphologyEx(thing, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))
    thing = 1 - _without_small(1 - thing, thing.size // 100)
    full = (crop.shape[1], crop.shape[0])
    enlarged = cv2.resize(thing.astype(np.float32), full, interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(enlarged, (0, 0), 1.2 / scale)
    return np.asarray(np.clip((soft - 0.3) / 0.6, 0, 1), np.float32)


def _largest(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if len(stats) < 2:
        return mask
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), np.uint8)


def _without_small(mask: NDArray[np.uint8], least_area: int) -> NDArray[np.uint8]:
    """The mask without its parts of fewer than ``least_area`` pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    keep = stats[:, cv2.CC_STAT_AREA] >= least_area
    keep[0] = False
    return np.asarray(keep[labels], np.uint8)


def _tight(sprite: Sprite) -> Sprite:
    ys, xs = np.nonzero(sprite.alpha > 0.5)
    rows, columns = slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1)
    return Sprite(
        np.ascontiguousarray(sprite.colour[rows, columns]), np.ascontiguousarray(sprite.alpha[rows, columns])
    )
