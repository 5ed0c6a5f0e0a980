"""The figures of an evaluation, on answers whose figures are known by hand."""

from __future__ import annotations

import pytest

from bench.measures import (
    Bin,
    Expected,
    Judged,
    Share,
    Stretch,
    auroc,
    average_precision,
    boundary_errors,
    calibration,
    figures,
    first_is_right,
    group_figures,
    query_figures,
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


def test_a_verdict_is_right_wrong_or_neither() -> None:
    expected = Expected((Stretch("a", 0, 4),), ("s.jpg",), ignore=(Stretch("a", 3, 8),))
    assert expected.verdict(segment("a", 0, 5)) == "right"
    assert expected.verdict(segment("s.jpg", 0, 0)) == "right"
    assert expected.verdict(segment("a", 4, 7)) == "ignored"
    assert expected.verdict(segment("a", 6, 20)) == "wrong"
    assert expected.verdict(segment("t.jpg", 0, 0)) == "wrong"
    judged = Judged("q", expected, (segment("a", 4, 7), segment("a", 0, 4)))
    assert len(judged.returned) == 2 and judged.segments == (segment("a", 0, 4),)


def test_scores_that_come_true_are_calibrated() -> None:
    right, wrong = segment("a", 0, 4, 75), segment("a", 30, 40, 75)
    four = [Judged("q", TWO, (one,)) for one in (right, right, right, wrong)]
    found = calibration(four).segments
    assert found.expected_calibration_error == 0.0 and found.count == 4
    assert found.bins[7] == Bin(4, 75.0, 0.75, from_score=70, to_score=80)
    assert found.bins[0].right is None and len(found.bins) == 10
    assert found.by_confidence["high"] == Share(4, 75.0, 0.75)
    assert found.by_confidence["low"] == Share(0, None, None)


def test_the_calibration_error_weighs_bins_by_their_segments() -> None:
    answers = [
        Judged("sure", TWO, (segment("a", 0, 4, 100), segment("a", 30, 40, 100), segment("b", 10, 20, 100))),
        Judged("unsure", TWO, (segment("a", 0, 4, 40, "low"),)),
        Judged("silent", TWO, ()),
        Judged("alarm", Expected(), (segment("a", 0, 4, 60, "medium"),)),
    ]
    found = calibration(answers)
    # |1 - 2/3| of three, |0.4 - 1| of one, |0.6 - 0| of one.
    assert found.segments.expected_calibration_error == pytest.approx((1 + 0.6 + 0.6) / 5)
    assert found.segments.bins[9].count == 3, "100 belongs to the last bin"
    # Of each query its best alone, and nothing of the one that returned nothing.
    assert found.best_segment.expected_calibration_error == pytest.approx((0 + 0.6 + 0.6) / 3)
    assert found.best_segment.by_confidence["medium"] == Share(1, 60.0, 0.0)
    as_json = found.to_json()
    assert as_json["bins"][4] == {
        "count": 1, "mean_score": 40.0, "right": 1.0, "from_score": 40, "to_score": 50
    }
    assert as_json["best_segment"]["count"] == 3


def test_what_counts_neither_way_predicts_nothing() -> None:
    expected = Expected((Stretch("a", 0, 4),), ignore=(Stretch("b", 0, 2),))
    found = calibration([Judged("q", expected, (segment("b", 0, 1.5, 95), segment("a", 0, 4, 90)))])
    assert found.segments.count == 1 and found.best_segment.bins[9].mean_score == 90.0
    assert calibration([]).segments.expected_calibration_error is None


def test_groups_have_their_own_figures_in_order_of_size() -> None:
    hit, miss = (segment("a", 0, 4),), (segment("a", 30, 40),)
    answers = [
        Judged("1", TWO, hit, ("size=0.1", "asks=object")),
        Judged("2", TWO, miss, ("size=0.03", "asks=object")),
        Judged("3", TWO, miss, ("size=1.0", "asks=scene")),
        Judged("4", TWO, hit),
    ]
    found = group_figures(answers)
    assert list(found) == ["asks=object", "asks=scene", "size=0.03", "size=0.1", "size=1.0"]
    assert found["asks=object"]["queries"] == 2 and found["asks=object"]["r1_at_0.5"] == 0.5
    assert found["size=0.1"]["expected_calibration_error"] == pytest.approx(0.2)
    assert found["size=1.0"]["expected_calibration_error"] == pytest.approx(0.8)
    assert group_figures([answers[3]]) == {}


def test_the_figures_of_one_query() -> None:
    hit = query_figures(Judged("q", TWO, (segment("a", 0, 4.4), segment("s.jpg", 0, 0))))
    assert hit["first_is_right"] is True and hit["boundary_error_seconds"] == pytest.approx(0.2)
    assert hit["average_precision"] == {"0.25": 0.5, "0.5": 0.5, "0.75": 0.5}
    assert hit["still_recall_at_5"] == 1.0 and hit["answered"] is True and hit["false_alarm"] is None
    alarm = query_figures(Judged("n", Expected(), (segment("a", 0, 4),)))
    assert alarm["false_alarm"] is True and alarm["answered"] is None and alarm["first_is_right"] is None
