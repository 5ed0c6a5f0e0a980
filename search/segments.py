"""From scores at sampled times to stretches of video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HARDLY_ANY = 0.5
"""Deviations. At the share that stretches grow by, it changes nothing for peaks above 0.91."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Best score over the time of one media file, shape (n,) each.

    Half-open intervals [start_seconds, end_seconds), in order of time and disjoint. ``hit`` is the row of the
    hit that scored best there; where no hit stands for the time, there is no interval. A still is one
    interval without length.
    """

    start_seconds: NDArray[np.float64]
    end_seconds: NDArray[np.float64]
    z: NDArray[np.float32]
    hit: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.z)


def best_per_time(span_seconds: NDArray[np.float64], z: NDArray[np.float32]) -> Curve:
    """The curve of one media file from its hits: half-open spans (n, 2), which may overlap, and scores (n,).
    Its intervals lie between neighbouring starts and ends of spans.

    >>> made = best_per_time(np.float64([[0, 9], [2, 3]]), np.float32([4, 5]))
    >>> made.start_seconds.tolist(), made.end_seconds.tolist(), made.z.tolist()
    ([0.0, 2.0, 3.0], [2.0, 3.0, 9.0], [4.0, 5.0, 4.0])
    """
    [curve] = curves_of(np.zeros(len(z), np.intp), 1, span_seconds, z)
    return curve


def curves_of(
    file: NDArray[np.intp], files: int, span_seconds: NDArray[np.float64], z: NDArray[np.float32]
) -> list[Curve]:
    """The curves of so many media files, each as ``best_per_time`` makes it, from the hits of all; ``file``
    (n,) in [0, files) is the one that a hit is from. All at once: most have a few hits."""
    times, of_file = span_seconds.T.ravel(), np.tile(file, 2)
    order = np.lexsort((times, of_file))
    times, of_file = times[order], of_file[order]
    is_new = np.ones(len(order), bool)
    is_new[1:] = (times[1:] != times[:-1]) | (of_file[1:] != of_file[:-1])
    cell = np.empty(len(order), np.intp)
    cell[order] = np.cumsum(is_new) - 1
    first, stop = cell.reshape(2, len(file))
    edges, of_file = times[is_new], of_file[is_new]
    rising = np.argsort(-z, kind="stable")[::-1]
    place = _highest(first[rising], np.maximum(stop, first + 1)[rising], len(edges))
    at = np.flatnonzero(place >= 0)
    hit = rising[place[at]].astype(np.int64)
    # The last edge of a file is where a still ends.
    following = np.minimum(at + 1, max(len(edges) - 1, 0))
    end = np.where(of_file[following] == of_file[at], edges[following], edges[at])
    bounds = np.searchsorted(of_file[at], np.arange(1, files))
    columns = (np.split(column, bounds) for column in (edges[at], end, z[hit], hit))
    return [Curve(*own) for own in zip(*columns, strict=True)]


def _highest(first: NDArray[np.intp], stop: NDArray[np.intp], cells: int) -> NDArray[np.intp]:
    """For each cell the highest n whose range [first[n], stop[n]) holds it, or -1. No range is empty.

    A range is two overlapping blocks whose length is a power of two; the blocks of one length are halved
    together. So the work grows with the ranges and with the logarithm of their length, not with the length.
    """
    level = np.frexp(stop - first)[1] - 1
    highest = np.full(cells, -1, np.intp)
    for power in range(int(level.max(initial=-1)), -1, -1):
        length = 1 << power
        highest[length:] = np.maximum(highest[length:], highest[:-length])
        own = np.flatnonzero(level == power)
        for begin in (first[own], stop[own] - length):
            # Of several assignments to one cell the last stays: the highest, as ``own`` ascends.
            block = np.full(cells, -1, np.intp)
            block[begin] = own
            highest = np.maximum(highest, block)
    return highest


@dataclass(frozen=True, slots=True)
class Growth:
    """How a segment grows from a peak: while the curve stays above ``share`` of the peak, across holes of at
    most ``bridge_seconds``, and over a cut only where it is above ``share_over_cut`` on the other side: one
    thing in two shots is one segment if it is as plain to see in both, else two. What lasts less than
    ``least_seconds`` is a flash that nobody has seen; stills have no length."""

    share: float = 0.45
    bridge_seconds: float = 1.0
    share_over_cut: float = 0.65
    least_seconds: float = 0.1


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open [start_seconds, end_seconds) with its peak: z and the row of the best hit."""

    start_seconds: float
    end_seconds: float
    z: float
    hit: int


def grow(
    curve: Curve, least_z: float, growth: Growth, shot: NDArray[np.int64] | None = None
) -> list[Span]:
    """Spans of a curve, best first; every peak is at least ``least_z``. A sample belongs to one span.
    ``shot`` says which shot each interval is in, shape (n,); None: all in one.

    Samples that are missing from the curve (they scored too low to be fetched) end a span like samples
    below the share.
    """
    free = np.ones(len(curve), bool)
    shot = np.zeros(len(curve), np.int64) if shot is None else shot
    # To walk along lists takes a fifth of the time.
    starts, ends = curve.start_seconds.tolist(), curve.end_seconds.tolist()
    spans: list[Span] = []
    while free.any():
        peak = int(np.where(free, curve.z, -np.inf).argmax())
        if curve.z[peak] < least_z:
            break
        share = np.where(shot == shot[peak], growth.share, growth.share_over_cut)
        good = curve.z >= _floor(float(curve.z[peak]), share, shot == shot[peak])
        taken, above = (~free).tolist(), good.tolist()
        first = _reach(starts, ends, above, taken, peak, -1, growth.bridge_seconds)
        last = _reach(starts, ends, above, taken, peak, +1, growth.bridge_seconds)
        free[first : last + 1] = False
        start, end = starts[first], ends[last]
        if start == end or end - start >= growth.least_seconds:
            spans.append(Span(start, end, float(curve.z[peak]), int(curve.hit[peak])))
    return spans


def _floor(
    peak_z: float, share: NDArray[np.float64], same_shot: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What a sample must reach to go with a peak, shape (n,). A share of next to nothing is nothing: around
    peaks that are hardly any, whatever differs by less than _HARDLY_ANY goes with them."""
    floor: NDArray[np.float64] = share * peak_z
    return np.where(same_shot, np.minimum(floor, peak_z - _HARDLY_ANY), floor)


def _reach(
    starts: list[float],
    ends: list[float],
    good: list[bool],
    taken: list[bool],
    peak: int,
    step: int,
    bridge_seconds: float,
) -> int:
    """The outermost good sample that is reached from the peak without a hole over ``bridge_seconds`` and
    without crossing a span that is already there."""
    reached, at = peak, peak + step
    while 0 <= at < len(good) and not taken[at]:
        hole = starts[at] - ends[reached] if step > 0 else starts[reached] - ends[at]
        if hole > bridge_seconds + 1e-6:
            break
        if good[at]:
            reached = at
        at += step
    return reached
