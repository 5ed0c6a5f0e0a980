"""Long curves made short."""

from __future__ import annotations

import numpy as np
import pytest

from search.searcher import Line, MediaCurve
from search.thin import thin, thin_line


def line(start_seconds: list[float], score: list[float]) -> Line:
    start = np.array(start_seconds, np.float64)
    return Line(start, start + 1, np.array(score, np.float32))


def test_nothing_stays_nothing() -> None:
    assert len(thin_line(line([], []), 10).score) == 0


def test_a_short_line_stays_as_it_is() -> None:
    short = line([0, 1, 2], [5, 9, 1])
    assert thin_line(short, 3) is short


def test_the_best_of_neighbours_is_kept() -> None:
    thinned = thin_line(line([0, 1, 2, 3], [5, 9, 1, 2]), 2)
    assert thinned.start_seconds.tolist() == [0, 2]
    assert thinned.end_seconds.tolist() == [2, 4]
    assert thinned.score.tolist() == [9, 2]


def test_a_hole_stays_a_hole() -> None:
    """Buckets are of equal time: what lies an hour apart does not become one stretch."""
    thinned = thin_line(line([0, 1, 2, 3603, 3604], [1, 2, 3, 9, 8]), 4)
    assert thinned.start_seconds.tolist() == [0, 3603]
    assert thinned.end_seconds.tolist() == [3, 3605]
    assert thinned.score.tolist() == [3, 9]


@pytest.mark.parametrize("max_points", [10, 999, 2000])
def test_ten_hours_keep_every_peak(max_points: int) -> None:
    start = np.arange(72_000) / 2
    score = np.random.default_rng(7).uniform(0, 100, len(start)).astype(np.float32)
    thinned = thin_line(Line(start, start + 0.5, score), max_points)
    assert len(thinned.score) == max_points
    assert (np.diff(thinned.start_seconds) > 0).all()
    # The stretches share the line among them, and each has the best of its own.
    assert np.array_equal(thinned.end_seconds[:-1], thinned.start_seconds[1:])
    assert (thinned.start_seconds[0], thinned.end_seconds[-1]) == (0.0, 36_000.0)
    first = np.searchsorted(start, thinned.start_seconds)
    for n, begin in enumerate(first):
        end = first[n + 1] if n + 1 < len(first) else None
        assert thinned.score[n] == score[begin:end].max()


def test_every_line_of_a_curve_is_thinned() -> None:
    whole = line(list(range(30)), list(range(30)))
    thresholds = {"low": 1.0, "medium": 2.0, "high": 3.0}
    curve = MediaCurve("q", "m", whole, {"frames": whole, "regions": line([0], [1])}, thresholds, ())
    thinned = thin(curve, 10)
    assert [len(one.score) for one in (thinned.best, *thinned.parts.values())] == [10, 10, 1]
    assert (thinned.query_id, thinned.media_id, thinned.thresholds) == ("q", "m", thresholds)
