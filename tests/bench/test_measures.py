"""The figures of an evaluation, on answers whose figures are known by hand."""

from __future__ import annotations

import pytest

from bench.measures import (
    Expected,
    Judged,
    Stretch,
    auroc,
    average_precision,
    boundary_errors,
    figures,
    first_is_right,
    still_recall,
)
from core.answer import Confidence, Segment


def segment(
    media: str, start: float, end: float, score: float = 80, confidence: Confidence = "high"
) -> Segment:
    kind = "video" if end else "image"
    return Segment("id", media, kind, start, end, score, confidence, start, None, "frame")  # type: ignore[arg-type]


TWO = Expected((Stretch("a", 0, 4), Stretch("b", 10, 20)), ("s.jpg",))


def test_a_perfect_answer() -> None:
    judged = Judged("q", TWO, (segment("a", 0, 4), segment("b", 10, 20), segment("s.jpg", 0, 0)))
    assert first_is_right(judged) and average_precision(judged, 0.75) == 1.0
    assert boundary_errors(judged) == [0, 0, 0, 0] and still_recall(judged) == 1.0


def test_a_wrong_one_first_costs_precision() -> None:
    judged = Judged("q", TWO, (segment("a", 30, 40), segment("a", 0, 4), segment("b", 10, 20)))
    assert not first_is_right(judged)
    assert average_precision(judged, 0.5) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_an_answer_is_used_once() -> None:
    judged = Judged("q", TWO, (segment("a", 0, 4), segment("a", 0, 3.9)))
    assert average_precision(judged, 0.5) == 0.5


def test_overlap_and_boundaries() -> None:
    judged = Judged("q", TWO, (segment("b", 11, 20),))
    assert average_precision(judged, 0.75) == 0.5
    assert boundary_errors(judged) == [1, 0]
    assert average_precision(Judged("q", TWO, (segment("b", 15, 20),)), 0.75) == 0.0


def test_what_counts_neither_way_is_left_out() -> None:
    expected = Expected((Stretch("a", 0, 4),), ignore=(Stretch("b", 0, 2),))
    judged = Judged("q", expected, (segment("b", 0, 1.5), segment("a", 0, 4)))
    assert first_is_right(judged) and len(judged.segments) == 1


def test_yes_and_no() -> None:
    there = Judged("q", TWO, (segment("a", 0, 4, 90),))
    low = Judged("q", TWO, (segment("a", 0, 4, 40, "low"),))
    nothing = Judged("n", Expected(), ())
    alarm = Judged("n", Expected(), (segment("a", 0, 4, 60, "medium"),))
    found = figures([there, low, nothing, alarm])
    assert found["answered"] == 0.5 and found["false_alarms"] == 0.5
    assert found["auroc"] == 0.75
    assert found["r1_at_0.5"] == 1.0


def test_nothing_to_say_is_none() -> None:
    assert figures([])["r1_at_0.5"] is None
    assert auroc([1.0], []) is None
