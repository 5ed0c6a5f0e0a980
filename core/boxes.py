"""Boxes: ``box_xyxy``, normalised to [0, 1] of the displayed (rotated) frame, x1 < x2 and y1 < y2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidBox

Boxes = NDArray[np.float32]
"""Shape (n, 4), float32, rows x1, y1, x2, y2."""

WHOLE: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


def no_boxes() -> Boxes:
    return np.zeros((0, 4), np.float32)


def check_box(box_xyxy: Sequence[float]) -> tuple[float, float, float, float]:
    """A user's box, checked.

    Raises InvalidBox when it is not four finite numbers, lies outside [0, 1] or has no area.

    >>> check_box([0.1, 0.2, 0.5, 0.9])
    (0.1, 0.2, 0.5, 0.9)
    """
    if len(box_xyxy) != 4:
        raise InvalidBox(f"A box has four numbers x1,y1,x2,y2; {len(box_xyxy)} were given.")
    x1, y1, x2, y2 = (float(value) for value in box_xyxy)
    shown = f"{x1:g},{y1:g},{x2:g},{y2:g}"
    if not np.isfinite([x1, y1, x2, y2]).all():
        raise InvalidBox(f"Box {shown} has a value that is not a number.")
    if min(x1, y1, x2, y2) < 0 or max(x1, y1, x2, y2) > 1:
        raise InvalidBox(
            f"Box {shown} is outside the picture: values are shares of its width and height, "
            "from 0 to 1 (divide pixels by the size)."
        )
    if x1 >= x2 or y1 >= y2:
        raise InvalidBox(f"Box {shown} has no area: x1 must be below x2 and y1 below y2.")
    return x1, y1, x2, y2


def parse_box(text: str) -> tuple[float, float, float, float]:
    """A box as people write it, checked. Raises InvalidBox.

    >>> parse_box("0.1,0.2,0.5,0.9")
    (0.1, 0.2, 0.5, 0.9)
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidBox(
            f"Box {text!r} is not four numbers separated by commas, like 0.1,0.2,0.5,0.9."
        ) from None
    return check_box(values)


def area(boxes: Boxes) -> NDArray[np.float32]:
    """Share of the frame each box covers, shape (n,)."""
    size = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    return np.asarray(size[:, 0] * size[:, 1], np.float32)


def iou(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Intersection over union of every pair, shape (len(a), len(b)).

    >>> iou(np.float32([[0, 0, 1, 1]]), np.float32([[0, 0, .5, 1]])).tolist()
    [[0.5]]
    """
    corner_low = np.maximum(a[:, None, :2], b[None, :, :2])
    corner_high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    size = np.clip(corner_high - corner_low, 0, None)
    shared = size[..., 0] * size[..., 1]
    union = area(a)[:, None] + area(b)[None, :] - shared
    result: NDArray[np.float32] = np.where(union > 0, shared / np.maximum(union, 1e-12), 0).astype(np.float32)
    return result


def expand(boxes: Boxes, margin: float) -> Boxes:
    """Grow every side by ``margin`` times the box's size, clipped to the frame.

    >>> expand(np.float32([[.4, .4, .6, .6]]), 0.5).round(2).tolist()[0][0]
    0.30000001192092896
    """
    size = boxes[:, 2:] - boxes[:, :2]
    grown = np.concatenate([boxes[:, :2] - margin * size, boxes[:, 2:] + margin * size], axis=1)
    return np.asarray(np.clip(grown, 0, 1), np.float32)


def to_pixels(box_xyxy: Sequence[float], width: int, height: int) -> tuple[int, int, int, int]:
    """Half-open pixel window [x1, x2) x [y1, y2) that covers the box and holds at least one pixel."""
    x1, y1, x2, y2 = (float(value) for value in box_xyxy)
    left = min(max(int(np.floor(x1 * width)), 0), width - 1)
    top = min(max(int(np.floor(y1 * height)), 0), height - 1)
    right = min(max(int(np.ceil(x2 * width)), left + 1), width)
    bottom = min(max(int(np.ceil(y2 * height)), top + 1), height)
    return left, top, right, bottom
