"""A fixed grid of square tiles at several resolutions: what no detector found is still described."""

from __future__ import annotations

from functools import cache

import numpy as np

from core.boxes import Boxes

LEVELS: tuple[tuple[float, float], ...] = ((1.0, 0.0), (0.5, 0.25))
"""Per level: side as a share of the frame's shorter side, and the least overlap of neighbours."""


def tile_boxes(width: int, height: int, levels: tuple[tuple[float, float], ...] = LEVELS) -> Boxes:
    """Boxes (n, 4) of square tiles that cover the frame at every level, by rows from the top left.

    A level whose one tile is the whole frame is left out: the frame's own vector says the same.

    >>> len(tile_boxes(1280, 720)), len(tile_boxes(500, 500))
    (17, 9)
    """
    return _tile_boxes(width, height, levels).copy()


@cache
def _tile_boxes(width: int, height: int, levels: tuple[tuple[float, float], ...]) -> Boxes:
    boxes = []
    for share, overlap in levels:
        side = min(width, height) * share
        across, down = (_count(length, side, overlap) for length in (width, height))
        if share == 1.0 and across == down == 1:
            continue
        for row in range(down):
            for column in range(across):
                x = (width - side) * (column / (across - 1) if across > 1 else 0.5)
                y = (height - side) * (row / (down - 1) if down > 1 else 0.5)
                boxes.append((x / width, y / height, (x + side) / width, (y + side) / height))
    return np.clip(np.array(boxes, np.float32).reshape(-1, 4), 0, 1)


def _count(length: float, side: float, overlap: float) -> int:
    """Tiles of ``side`` that cover ``length`` with at least ``overlap``; a sliver under 5 % needs none."""
    spare = length - side * 1.05
    return 1 if spare <= 0 else int(np.ceil(spare / (side * (1 - overlap)))) + 1
