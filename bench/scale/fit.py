"""Straight lines through what was measured, for sizes that were not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.scale.growing import Size


@dataclass(frozen=True, slots=True)
class Line:
    """``start + slope * x``; ``worst`` is the largest relative error among what it was drawn through."""

    start: float
    slope: float
    worst: float

    def at(self, x: float) -> float:
        return self.start + self.slope * x


def line(x: Sequence[float], y: Sequence[float]) -> Line:
    """Least squares of the relative errors, so that small sizes count as much as large ones. Through two
    points it goes exactly. Raises ValueError for fewer than two different x, and for y that are not above
    zero.

    >>> line([1, 2, 3], [3, 5, 7])
    Line(start=1.0, slope=2.0, worst=0.0)
    """
    if len(set(x)) < 2 or min(y, default=0) <= 0:
        raise ValueError("a line needs two different sizes, and figures above zero")
    across, up = np.asarray(x, float), np.asarray(y, float)
    scale = across.max()
    rows = np.stack([np.ones_like(across), across / scale], axis=1) / up[:, None]
    start, slope = np.linalg.lstsq(rows, np.ones_like(up), rcond=None)[0]
    slope /= scale
    worst = float(np.max(np.abs((start + slope * across) / up - 1)))
    return Line(round(float(start), 9), float(slope), round(worst, 9))


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one number of dimensions. Bytes by points, milliseconds by points."""

    dimension: int
    disk_bytes: Line
    own_bytes: Line
    mapped_bytes: Line
    one_ms: Line
    several_ms: Line
    one_processor_ms: Line
    several_processor_ms: Line


def costs(sizes: Sequence[Size]) -> Costs:
    """``sizes`` of one dimension, two at least."""
    points = [float(size.points) for size in sizes]

    def of(name: str) -> Line:
        return line(points, [float(getattr(size, name)) for size in sizes])

    return Costs(
        sizes[0].dimension, of("disk_bytes"), of("own_bytes"), of("mapped_bytes"), of("one_ms"),
        of("several_ms"), of("one_processor_ms"), of("several_processor_ms"),
    )  # fmt: skip
