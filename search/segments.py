"""From scores at sampled times to stretches of video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Curve:
    """Best score per sampled time of one media file, in order of time, shape (n,) each.

    ``start_seconds`` and ``end_seconds`` bound what the sample stands for, half-open; ``hit`` is the row
    of the hit that scored best there.
    """

    start_seconds: NDArray[np.float64]
    end_seconds: NDArray[np.float64]
    z: NDArray[np.float32]
    hit: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.z)


def best_per_time(
    time_seconds: NDArray[np.float64], span_seconds: NDArray[np.float64], z: NDArray[np.float32]
) -> Curve:
    """The curve of one media file from its hits: times (n,), spans (n, 2), scores (n,)."""
    order = np.lexsort((-z, time_seconds))
    times = time_seconds[order]
    first = np.ones(len(order), bool)
    first[1:] = times[1:] != times[:-1]
    rows = order[first]
    return Curve(span_seconds[rows, 0], span_seconds[rows, 1], z[rows], rows.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Growth:
    """How a segment grows from a peak: while the curve stays above ``share`` of the peak, across holes
    of at most ``bridge_seconds``."""

    share: float = 0.5
    bridge_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open [start_seconds, end_seconds) with its peak: z and the row of the best hit."""

    start_seconds: float
    end_seconds: float
    z: float
    hit: int


def grow(curve: Curve, least_z: float, growth: Growth) -> list[Span]:
    """Spans of a curve, best first; every peak is at least ``least_z``. A sample belongs to one span.

    Samples that are missing from the curve (they scored too low to be fetched) end a span like samples
    below the share.
    """
    free = np.ones(len(curve), bool)
    spans: list[Span] = []
    while free.any():
        peak = int(np.where(free, curve.z, -np.inf).argmax())
        if curve.z[peak] < least_z:
            break
        good = curve.z >= growth.share * curve.z[peak]
        first = _reach(curve, good, free, peak, -1, growth.bridge_seconds)
        last = _reach(curve, good, free, peak, +1, growth.bridge_seconds)
        free[first : last + 1] = False
        spans.append(
            Span(
                float(curve.start_seconds[first]),
                float(curve.end_seconds[last]),
                float(curve.z[peak]),
                int(curve.hit[peak]),
            )
        )
    return spans


def _reach(
    curve: Curve,
    good: NDArray[np.bool_],
    free: NDArray[np.bool_],
    peak: int,
    step: int,
    bridge_seconds: float,
) -> int:
    """The outermost good sample that is reached from the peak without a hole over ``bridge_seconds`` and
    without crossing a span that is already there."""
    reached, at = peak, peak + step
    while 0 <= at < len(curve) and free[at]:
        hole = (
            curve.start_seconds[at] - curve.end_seconds[reached]
            if step > 0
            else curve.start_seconds[reached] - curve.end_seconds[at]
        )
        if hole > bridge_seconds + 1e-6:
            break
        if good[at]:
            reached = at
        at += step
    return reached
