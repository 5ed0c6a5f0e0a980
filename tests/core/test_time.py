from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.time import Interval, clock, pts_to_seconds

seconds = st.floats(0, 10_000)


def test_time_is_exact_where_frame_numbers_drift() -> None:
    """An hour of 29.97: the last frame is 3.6 s away from what counting at 30 would say."""
    frame = 107_892
    assert pts_to_seconds(frame * 1001, Fraction(1, 30000)) == pytest.approx(3599.9964, abs=1e-9)


@pytest.mark.parametrize(("pts", "start", "expected"), [(0, 0, 0.0), (9000, 9000, 0.0), (0, -1800, 0.02),
                                                      (90_000, 45_000, 0.5), (-900, 0, -0.01)])
def test_the_stream_s_start_is_zero(pts: int, start: int, expected: float) -> None:
    assert pts_to_seconds(pts, Fraction(1, 90_000), start) == expected


@given(st.integers(0, 2**40), st.integers(1, 2**20))
def test_conversion_rounds_once(pts: int, denominator: int) -> None:
    assert pts_to_seconds(pts, Fraction(1, denominator)) == float(Fraction(pts, denominator))


def test_half_open_neighbours_do_not_overlap() -> None:
    assert Interval(0, 4).iou(Interval(4, 8)) == 0
    assert Interval(0, 4).iou(Interval(3.5, 4)) == 0.125


def test_an_empty_interval_overlaps_nothing() -> None:
    assert Interval(3, 3).duration_seconds == 0
    assert Interval(3, 3).iou(Interval(3, 3)) == 0 == Interval(3, 3).iou(Interval(0, 10))
    assert Interval(5, 2).duration_seconds == 0


@given(seconds, seconds, seconds, seconds)
def test_iou_is_symmetric_and_within_zero_and_one(a: float, b: float, c: float, d: float) -> None:
    one, other = Interval(min(a, b), max(a, b)), Interval(min(c, d), max(c, d))
    assert one.iou(other) == pytest.approx(other.iou(one))
    assert 0 <= one.iou(other) <= 1 + 1e-9


@pytest.mark.parametrize(("given_seconds", "read"), [
    (0, "0:00.00"), (9.994, "0:09.99"), (59.999, "1:00.00"), (60, "1:00.00"), (3599.999, "1:00:00.00"),
    (36_061.5, "10:01:01.50"),
])
def test_clock_carries(given_seconds: float, read: str) -> None:
    assert clock(given_seconds) == read
