"""Growth of segments on curves made by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from search.segments import Curve, Growth, best_per_time, grow


def curve(*z: float, step: float = 0.5) -> Curve:
    start = np.arange(len(z)) * step
    return Curve(start, start + step, np.array(z, np.float32), np.arange(len(z)))


def spans(made: Curve, least: float = 3.0, **growth: float) -> list[tuple[float, float]]:
    return [(span.start_seconds, span.end_seconds) for span in grow(made, least, Growth(**growth))]


def test_nothing_above_the_line_is_no_segment() -> None:
    assert spans(curve(1, 2, 2.9, 1)) == []
    assert spans(curve()) == []


def test_a_segment_ends_where_the_curve_falls_below_half_its_peak() -> None:
    assert spans(curve(0, 1, 5, 6, 4, 2, 0), bridge_seconds=0) == [(1.0, 2.5)]


def test_a_short_dip_is_bridged_and_a_long_one_is_not() -> None:
    assert spans(curve(6, 6, 0, 6, 6), bridge_seconds=0.5) == [(0.0, 2.5)]
    assert spans(curve(6, 6, 0, 0, 0, 6, 6), bridge_seconds=0.5) == [(0.0, 1.0), (2.5, 3.5)]


def test_a_missing_sample_is_a_dip() -> None:
    whole = curve(6, 6, 6, 6, 6)
    keep = np.array([0, 1, 3, 4])
    holed = Curve(whole.start_seconds[keep], whole.end_seconds[keep], whole.z[keep], keep)
    assert spans(holed, bridge_seconds=0.5) == [(0.0, 2.5)]
    assert spans(holed, bridge_seconds=0.2) == [(0.0, 1.0), (1.5, 2.5)]


def test_the_better_of_two_comes_first_and_they_do_not_share_samples() -> None:
    found = grow(curve(4, 4, 0, 0, 0, 0, 9, 9), 3.0, Growth())
    assert [(span.start_seconds, span.z) for span in found] == [(3.0, 9.0), (0.0, 4.0)]


def test_around_a_peak_that_is_hardly_one_small_differences_do_not_part() -> None:
    """What is nearest to a question without an answer has peaks below the middle of chance."""
    below = curve(-0.2, -0.3, -0.25, -2, -2, -2, -1.9)
    assert spans(below, least=-10.0, bridge_seconds=0) == [(0.0, 1.5), (1.5, 3.5)]


def test_a_still_is_a_span_without_length() -> None:
    still = Curve(np.zeros(1), np.zeros(1), np.array([5], np.float32), np.array([7]))
    (span,) = grow(still, 3.0, Growth())
    assert (span.start_seconds, span.end_seconds, span.hit) == (0.0, 0.0, 7)


def test_no_hits_are_an_empty_curve() -> None:
    assert len(best_per_time(np.zeros((0, 2)), np.zeros(0, np.float32))) == 0


def test_best_per_time_keeps_the_best_hit_of_each_sample() -> None:
    times = np.array([1.0, 0.0, 1.0, 0.0])
    made = best_per_time(np.stack([times, times + 1], axis=1), np.array([1, 5, 3, 2], np.float32))
    assert made.z.tolist() == [5, 3]
    assert made.hit.tolist() == [1, 2]
    assert made.start_seconds.tolist() == [0.0, 1.0]


def test_a_hit_speaks_for_all_of_its_span_but_where_another_is_better() -> None:
    made = best_per_time(np.array([[0.0, 4.0], [1.0, 2.0], [1.5, 3.0], [6.0, 7.0]]), np.float32([4, 6, 5, 1]))
    intervals = zip(made.start_seconds, made.end_seconds, made.hit, strict=True)
    assert list(intervals) == [(0, 1, 0), (1, 1.5, 1), (1.5, 2, 1), (2, 3, 2), (3, 4, 0), (6, 7, 3)]


def test_hits_on_a_still_are_one_interval_without_length() -> None:
    made = best_per_time(np.zeros((3, 2)), np.array([2, 7, 5], np.float32))
    assert (made.start_seconds.tolist(), made.end_seconds.tolist()) == ([0.0], [0.0])
    assert (made.z.tolist(), made.hit.tolist()) == ([7.0], [1])


def test_of_equal_hits_the_first_speaks() -> None:
    assert best_per_time(np.array([[0.0, 1.0]] * 3), np.full(3, 4, np.float32)).hit.tolist() == [0]


@pytest.mark.parametrize("seed", range(20))
def test_the_curve_is_what_looking_at_every_moment_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, grid = int(rng.integers(1, 60)), 0.5
    first = rng.integers(0, 90, n)
    spans = np.stack([first, first + rng.integers(1, 1 + 40 ** rng.integers(0, 3), n)], axis=1) * grid
    z = rng.integers(0, 12, n).astype(np.float32)
    made = best_per_time(spans, z)
    assert (made.start_seconds[1:] >= made.end_seconds[:-1]).all()
    assert (made.start_seconds < made.end_seconds).all()
    assert set(made.start_seconds) | set(made.end_seconds) <= set(spans.ravel())
    for moment in np.arange(grid / 2, spans.max() + 1, grid):
        there = np.flatnonzero((spans[:, 0] <= moment) & (moment < spans[:, 1]))
        [*interval] = np.flatnonzero((made.start_seconds <= moment) & (moment < made.end_seconds))
        assert len(interval) == min(len(there), 1)
        if len(there):
            assert made.hit[interval[0]] == there[z[there].argmax()]
            assert made.z[interval[0]] == z[there].max()


@pytest.mark.parametrize("seed", range(20))
def test_spans_never_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = grow(curve(*(rng.random(80) * 8)), 2.0, Growth(bridge_seconds=float(rng.random() * 2)))
    edges = sorted((span.start_seconds, span.end_seconds) for span in found)
    assert all(end <= start for (_, end), (start, _) in pairwise(edges))
    assert all(start < end for start, end in edges)


def test_over_a_cut_one_thing_is_one_segment_only_if_it_is_as_plain_to_see() -> None:
    shots = np.array([0, 0, 1, 1])
    alike, dimmer = curve(6, 6, 5, 5), curve(6, 6, 3.5, 3.5)

    def found(made: Curve, in_shots: NDArray[np.int64] | None) -> list[tuple[float, float]]:
        return [(one.start_seconds, one.end_seconds) for one in grow(made, 3.0, Growth(), in_shots)]

    assert found(alike, shots) == [(0, 2)]
    assert found(dimmer, shots) == [(0, 1), (1, 2)]
    assert found(dimmer, None) == [(0, 2)]


def test_a_flash_is_no_segment() -> None:
    assert spans(curve(0, 6, 0, step=0.04), bridge_seconds=0) == []
    assert spans(curve(0, 6, 6, 6, 0, step=0.04), bridge_seconds=0) == [(0.04, 0.16)]
