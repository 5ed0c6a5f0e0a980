"""Vectors of boxes from one feature map: mean pooling over any box, then whitening.

Pooling regions from one map follows R-MAC (Tolias, Sicre, Jégou 2016, arXiv 1511.05879); whitening
follows Jégou and Chum 2012, "Negative evidences and co-occurences in image retrieval".
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.boxes import Boxes
from core.types import Vectors


class _Blas:
    """The threads of numpy's products, for the whole process: they come back when the last one leaves."""

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController

        self._threads = ThreadpoolController().select(user_api="blas")
        self._lock = threading.Lock()
        self._inside = 0
        self._limit: Any = None

    def enter(self) -> None:
        with self._lock:
            if not self._inside:
                self._limit = self._threads.limit(limits=1)
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()


_blas = cache(_Blas)


@contextmanager
def without_blas_threads() -> Iterator[None]:
    """Products of small matrices on one core. On several their threads wait for one another in a loop: of two
    cores that others use as well, thirteen times the processor time."""
    blas = _blas()
    blas.enter()
    try:
        yield
    finally:
        blas.leave()


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Rows scaled to length one; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return result


def pool(feature_map: NDArray[np.float32], boxes: Boxes) -> NDArray[np.float32]:
    """Mean of the map over each box, cells counted by the share that the box covers.

    (channels, rows, columns) and (n, 4) -> (n, channels). One product of matrices: on maps of a few hundred
    cells that is six times as fast as an integral image.

    >>> pool(np.float32([[[1, 3]]]), np.float32([[0, 0, 1, 1], [0, 0, .5, 1]])).tolist()
    [[2.0], [1.0]]
    """
    channels, rows, columns = feature_map.shape
    exact = boxes.astype(np.float64)
    across = _covered(exact[:, 0], exact[:, 2], columns)
    down = _covered(exact[:, 1], exact[:, 3], rows)
    shares = down[:, :, None] * across[:, None, :]
    shares /= np.maximum(shares.sum(axis=(1, 2), keepdims=True), 1e-9)
    mean: NDArray[np.float32] = (
        shares.reshape(len(boxes), rows * columns).astype(np.float32) @ feature_map.reshape(channels, -1).T
    )
    return mean


def _covered(begin: NDArray[np.float64], end: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """How much of each cell lies in the stretches [begin, end) of [0, 1], shape (n, cells).

    >>> _covered(np.array([0.25]), np.array([1.0]), 2).tolist()
    [[0.5, 1.0]]
    """
    edges = np.arange(cells)
    inside = np.minimum(end[:, None] * cells, edges + 1) - np.maximum(begin[:, None] * cells, edges)
    return np.asarray(np.clip(inside, 0, None), np.float64)


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
