"""Long curves made short enough to send and to draw, without losing a peak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search.searcher import Line, MediaCurve


def thin(curve: MediaCurve, max_points: int) -> MediaCurve:
    """The same curve with at most ``max_points`` stretches in each of its lines."""
    parts = {name: thin_line(line, max_points) for name, line in curve.parts.items()}
    return replace(curve, best=thin_line(curve.best, max_points), parts=parts)


def thin_line(line: Line, max_points: int) -> Line:
    """At most ``max_points`` stretches: time is cut into as many equal buckets, and all that begins in one
    becomes one stretch with the best score there. A line that is short enough stays as it is.

    Starts 0, 1, 2, 3 with scores 5, 9, 1, 2 and two points allowed -> starts 0, 2 with scores 9, 2.
    """
    if len(line.score) <= max_points:
        return line
    order = np.argsort(line.start_seconds, kind="stable")
    start, end, score = line.start_seconds[order], line.end_seconds[order], line.score[order]
    width = (start[-1] - start[0]) / max_points or 1.0
    # The last start would fall on the far edge of the last bucket.
    bucket = np.minimum(((start - start[0]) / width).astype(np.int64), max_points - 1)
    first = np.flatnonzero(np.diff(bucket, prepend=-1))
    return Line(start[first], np.maximum.reduceat(end, first), np.maximum.reduceat(score, first))
