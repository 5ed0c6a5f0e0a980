"""Vectors of boxes from one feature map: sum-pooling over any box in constant time, then whitening.

Pooling regions from one map follows R-MAC (Tolias, Sicre, Jégou 2016, arXiv 1511.05879); whitening
follows Jégou and Chum 2012, "Negative evidences and co-occurences in image retrieval".
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.boxes import Boxes
from core.types import Vectors


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Rows scaled to length one; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return result


def pool(feature_map: NDArray[np.float32], boxes: Boxes) -> NDArray[np.float32]:
    """Mean of the map over each box, cells counted by the share that the box covers.

    (channels, rows, columns) and (n, 4) -> (n, channels); uses an integral image, so the cost of a box
    does not depend on its size.

    >>> pool(np.float32([[[1, 3]]]), np.float32([[0, 0, 1, 1], [0, 0, .5, 1]])).tolist()
    [[2.0], [1.0]]
    """
    channels, rows, columns = feature_map.shape
    integral = np.zeros((rows + 1, columns + 1, channels), np.float32)
    integral[1:, 1:] = feature_map.transpose(1, 2, 0).cumsum(0).cumsum(1)
    x = boxes[:, [0, 2]].astype(np.float64) * columns
    y = boxes[:, [1, 3]].astype(np.float64) * rows
    corner = {(i, j): _at(integral, x[:, i], y[:, j]) for i in (0, 1) for j in (0, 1)}
    total = corner[1, 1] - corner[0, 1] - corner[1, 0] + corner[0, 0]
    cells = (x[:, 1] - x[:, 0]) * (y[:, 1] - y[:, 0])
    mean: NDArray[np.float32] = (total / np.maximum(cells, 1e-9)[:, None]).astype(np.float32)
    return mean


def _at(integral: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bilinear reading of the integral image, shape (n, channels)."""
    left = np.clip(np.floor(x).astype(int), 0, integral.shape[1] - 2)
    top = np.clip(np.floor(y).astype(int), 0, integral.shape[0] - 2)
    right_share, low_share = (x - left)[:, None], (y - top)[:, None]
    upper = integral[top, left] * (1 - right_share) + integral[top, left + 1] * right_share
    lower = integral[top + 1, left] * (1 - right_share) + integral[top + 1, left + 1] * right_share
    result: NDArray[np.float64] = upper * (1 - low_share) + lower * low_share
    return result


@dataclass(frozen=True, slots=True)
class Whitening:
    """``unit((unit(x) - mean) @ projection)``: takes away what all pictures share."""

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]

    @classmethod
    def load(cls, name: str) -> Self:
        """The array file ``name`` of this package; bench/whitening.py is its recipe."""
        with (resources.files("embed") / "data" / name).open("rb") as file, np.load(file) as arrays:
            return cls(arrays["mean"].astype(np.float32), arrays["projection"].astype(np.float32))

    @classmethod
    def learn(cls, samples: NDArray[np.float32], dimension: int) -> Self:
        """PCA whitening with every variance raised by the mean of those kept, so that the directions
        in which a few thousand samples hardly vary are not blown up. ``samples`` (n, channels)."""
        rows = unit(samples).astype(np.float64)
        mean = rows.mean(0)
        variance, axes = np.linalg.eigh(np.cov((rows - mean).T))
        order = variance.argsort()[::-1][:dimension]
        kept = variance[order]
        # eigh leaves the sign of an axis open; fix it so that every machine learns the same file.
        chosen = axes[:, order]
        chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(0), np.arange(dimension)])
        return cls(mean.astype(np.float32), (chosen / np.sqrt(kept + kept.mean())).astype(np.float32))

    def apply(self, vectors: NDArray[np.float32]) -> Vectors:
        return unit((unit(vectors) - self.mean) @ self.projection)
