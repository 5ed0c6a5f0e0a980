"""Faces to groups that are one person each: average linkage, in parts that fit into memory.

The likeness of two groups is the mean cosine between their faces, which for unit vectors is the product of
their means: so groups are kept as means, and nothing grows with their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import Vectors

_AT_ONCE = 4000
"""Faces that are linked together: 4000 need 250 MB for their distances. More are taken apart first."""
_BLOCK = 512
"""Rows of the cosine matrix that are looked at together."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """``likeness``: the least mean cosine of two groups of faces that are one person. ``source``: who says
    so."""

    likeness: float
    source: str


GROUPINGS: dict[str, Grouping] = {
    "dlib": Grouping(0.94, "measured, docs/people.md; the network's own distance of 0.6 is a cosine of 0.91"),
    "sface": Grouping(
        0.363, "OpenCV, DNN-based Face Detection And Recognition: cosine of one person; not measured here"
    ),
}
"""By face model. Vectors of different models have nothing in common, nor have their cosines."""


def group(vectors: Vectors, likeness: float) -> NDArray[np.intp]:
    """A group number for each of the unit vectors (n, d), shape (n,): average linkage down to ``likeness``.

    Two groups are joined only where at least one pair of their faces is that alike, so each connected part of
    the graph of such pairs is linked on its own, and the result is that of linking all together.

    >>> group(np.float32([[1, 0], [0.98, 0.2], [0, 1]]), 0.9).tolist()
    [0, 0, 1]
    """
    labels = np.zeros(len(vectors), np.intp)
    following = 0
    for part in _parts(vectors, likeness):
        own = _linked(vectors[part], likeness)
        labels[part] = own + following
        following += int(own.max()) + 1
    return _renumbered(labels)


def means_of(vectors: Vectors, labels: NDArray[np.intp]) -> Vectors:
    """The mean of each group, not brought to length 1: shape (groups, d)."""
    several = int(labels.max(initial=-1)) + 1
    sums = np.zeros((several, vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors)
    sizes = np.maximum(np.bincount(labels, minlength=several), 1)
    return np.asarray(sums / sizes[:, None], np.float32)


def join(
    groups: Vectors, people: Vectors, likeness: float, refused: Sequence[frozenset[int]]
) -> list[int | None]:
    """For each group's mean (n, d) the row of the person (m, d) it is nearest to, or None when none is near
    enough. ``refused``: rows that a group must not join."""
    found: list[int | None] = []
    for mean, not_these in zip(groups, refused, strict=True):
        cosines = people @ mean if len(people) else np.zeros(0, np.float32)
        cosines[list(not_these)] = -1
        best = int(cosines.argmax()) if len(cosines) else -1
        found.append(best if best >= 0 and cosines[best] >= likeness else None)
    return found


def _parts(vectors: Vectors, likeness: float) -> list[NDArray[np.intp]]:
    """Rows of each connected part of the graph in which pairs of at least ``likeness`` are joined."""
    labels = np.arange(len(vectors))
    for first in range(0, len(vectors), _BLOCK):
        near = vectors[first : first + _BLOCK] @ vectors.T >= likeness
        for row, others in enumerate(near, first):
            own = np.unique(labels[others])
            if len(own) > 1 or (len(own) and own[0] != labels[row]):
                labels[np.isin(labels, np.append(own, labels[row]))] = min(int(own[0]), int(labels[row]))
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1) if len(order) else []


def _linked(vectors: Vectors, likeness: float) -> NDArray[np.intp]:
    """Average linkage of one part. Where it is too large, pieces of it are linked first, and what comes of
    them is linked by its means."""
    if len(vectors) <= _AT_ONCE:
        return _average_linkage(vectors, likeness)
    labels = np.zeros(len(vectors), np.intp)
    following = 0
    for first in range(0, len(vectors), _AT_ONCE):
        own = _average_linkage(vectors[first : first + _AT_ONCE], likeness)
        labels[first : first + _AT_ONCE] = own + following
        following += int(own.max()) + 1
    if following == len(vectors):
        return labels
    return np.asarray(_linked(means_of(vectors, labels), likeness)[labels], np.intp)


def _average_linkage(vectors: Vectors, likeness: float) -> NDArray[np.intp]:
    if len(vectors) == 1:
        return np.zeros(1, np.intp)
    # A third of a second of imports that only this needs.
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distances = np.maximum(1 - vectors @ vectors.T, 0).astype(np.float64)
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), "average")
    return np.asarray(fcluster(tree, 1 - likeness, "distance") - 1, np.intp)


def _renumbered(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """The same groups, numbered in the order in which they appear."""
    _, first, where = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[where], np.intp)
