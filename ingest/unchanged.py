"""What has not changed since it was last looked at need not be looked at again.

A sample is compared with the one whose vectors are there, never with the one before it, so a slow change adds
up until it counts. What is compared is the largest change of any cell of a coarse grid, not the mean: a small
thing that comes into a large picture changes few cells, and those much.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.boxes import Boxes, iou, to_pixels
from core.types import Image, Vectors

LEAST_CHANGE = 8.0
"""Grey levels by which a cell must change to count. The noise of a sensor and of H.264 leaves less than this
when it is averaged over a cell."""

_FRAME_SIDE_CELLS = 120
"""Cells along the longer side of a frame: of 8 pixels where it has 960, a quarter of the least face."""

_BOX_CELLS = 16
"""Cells along each side of a box."""

_SAME_PLACE = 0.9
"""The least IoU of a box with the one whose vector it takes over."""

_FINE_SIDE_PX = 480
"""Boxes are cut out of the frame at this size: there a thirtieth of it has a pixel for every cell."""

Cells = NDArray[np.int16]
"""Mean colours, shape (rows, columns, 3)."""


@dataclass(frozen=True, slots=True)
class Glance:
    """A frame as coarse as it is compared: ``cells`` of all of it, ``fine`` for those of a box."""

    cells: Cells
    fine: Image

    @classmethod
    def at(cls, image: Image) -> Glance:
        fine = _shrunk(image, _FINE_SIDE_PX)
        return cls(_shrunk(fine, _FRAME_SIDE_CELLS).astype(np.int16), fine)

    def is_like(self, other: Glance) -> bool:
        """Whether no cell of the frame differs."""
        return is_same(self.cells, other.cells)

    def box(self, box_xyxy: NDArray[np.float32]) -> Cells:
        """The cells of a box (4,)."""
        height, width = self.fine.shape[:2]
        left, top, right, bottom = to_pixels(box_xyxy.tolist(), width, height)
        cut = self.fine[top:bottom, left:right]
        cells = cv2.resize(cut, (_BOX_CELLS, _BOX_CELLS), interpolation=cv2.INTER_AREA)
        return np.asarray(cells, np.int16)


@dataclass(slots=True)
class Look:
    """What was seen in a box, and the vector (dimension,) of it as soon as it is known."""

    box_xyxy: NDArray[np.float32]
    cells: Cells
    vector: NDArray[np.float32] | None = None


class Looks:
    """The boxes of the last frame, each with the sight that its vector was made of."""

    def __init__(self) -> None:
        self._last: list[Look] = []

    def take(self, glance: Glance, boxes: Boxes) -> list[Look]:
        """One for every box (n, 4) of the next frame: an old one where the box shows the same as then, else a
        new one, whose vector is still to be made."""
        looks = [Look(box, glance.box(box)) for box in boxes]
        if self._last and looks:
            overlap = iou(boxes, np.stack([look.box_xyxy for look in self._last]))
            for row, nearest in enumerate(overlap.argmax(axis=1)):
                before = self._last[nearest]
                if overlap[row, nearest] >= _SAME_PLACE and is_same(looks[row].cells, before.cells):
                    looks[row] = before
        self._last = looks
        return looks


def vectors_of(looks: list[Look], dimension: int) -> Vectors:
    """(n, dimension); each of them has its vector by now."""
    rows = [look.vector for look in looks if look.vector is not None]
    return np.stack(rows) if rows else np.zeros((0, dimension), np.float32)


def is_same(some: Cells, others: Cells) -> bool:
    """Whether no cell differs."""
    return some.shape == others.shape and change(some, others) < LEAST_CHANGE


def change(some: Cells, others: Cells) -> float:
    """The largest difference of a cell, in grey levels: the mean of its three colours'."""
    return float(np.abs(some - others).mean(axis=2).max())


def _shrunk(image: Image, side: int) -> Image:
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
