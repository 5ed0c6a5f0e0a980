"""Salient regions from a feature map, without a detector.

Selective convolutional descriptor aggregation (Wei, Luo, Wu, Zhou 2017, arXiv 1604.04994): where the summed
activation of the last convolution is above its mean, there is something. The paper keeps the largest
connected part at that one level; several levels and every part give the objects of a scene as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from core.boxes import area, iou
from core.types import Image, Regions

_LEVELS = (0.0, 0.5, 1.0, 1.6)
"""Standard deviations above the mean at which the map is cut."""

_SCALE = 4
"""The map is enlarged before it is cut: boxes finer than a cell."""

_LARGEST, _SMALLEST = 0.7, 0.002
"""Shares of the frame: above the first the frame's own vector says it all, below the second is noise."""


class SalientRegions:
    """``max_regions`` boxes per picture at most, strongest first; without labels."""

    def __init__(self, max_regions: int = 12, overlap: float = 0.6):
        self._max_regions, self._overlap = max_regions, overlap

    @property
    def fingerprint(self) -> dict[str, str]:
        return {"name": "salient", "max_regions": str(self._max_regions)}

    def detect(
        self, images: Sequence[Image], saliency: Sequence[NDArray[np.float32] | None]
    ) -> list[Regions]:
        """Raises ValueError when a picture comes without its activation map."""
        if any(one is None for one in saliency):
            raise ValueError("salient regions need an embedder with a feature map; choose another detector")
        return [self._regions(one) for one in saliency if one is not None]

    def _regions(self, saliency: NDArray[np.float32]) -> Regions:
        rows, columns = saliency.shape
        fine = cv2.resize(saliency, (columns * _SCALE, rows * _SCALE), interpolation=cv2.INTER_CUBIC)
        mean, deviation = float(fine.mean()), float(fine.std())
        if deviation <= 1e-6 * max(abs(mean), 1e-6):
            return Regions.empty()
        found = [_parts(fine, mean + level * deviation) for level in _LEVELS]
        boxes = np.concatenate([box for box, _ in found])
        strength = (np.concatenate([value for _, value in found]) - mean) / deviation
        score = (1 - np.exp(-np.maximum(strength, 0) / 2)).astype(np.float32)
        size = area(boxes)
        keep = (size <= _LARGEST) & (size >= _SMALLEST)
        return _without_doubles(boxes[keep], score[keep], self._overlap, self._max_regions)


def _parts(fine: NDArray[np.float32], level: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (n, 4) and mean activation (n,) of the connected parts above ``level``."""
    above = (fine > level).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
    x, y, width, height, cells = (stats[1:, column].astype(np.float32) for column in range(5))
    totals = np.bincount(labels.ravel(), weights=fine.ravel(), minlength=count)[1:]
    rows, columns = fine.shape
    boxes = np.stack([x / columns, y / rows, (x + width) / columns, (y + height) / rows], axis=1)
    return boxes.astype(np.float32), (totals / np.maximum(cells, 1)).astype(np.float32)


def _without_doubles(
    boxes: NDArray[np.float32], score: NDArray[np.float32], overlap: float, most: int
) -> Regions:
    order = np.argsort(-score, kind="stable")
    pairs = iou(boxes, boxes)
    kept: list[int] = []
    for row in order:
        if len(kept) == most:
            break
        if not kept or pairs[row, kept].max() <= overlap:
            kept.append(int(row))
    return Regions(boxes[kept], score[kept], (None,) * len(kept))
