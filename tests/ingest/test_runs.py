"""Tracks and runs on sequences made by hand: vectors are corners of a room, boxes move as told."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, pairwise

import numpy as np
import pytest

from core.record import LONGEST_RUN_SECONDS, Points, point_id
from core.types import Kind, Vectors
from ingest.runs import Runs
from ingest.tracks import joined

STEP = 0.5
Box = tuple[float, float, float, float]


def look(of: int, turned: float = 0.0) -> list[float]:
    """A unit vector for thing number ``of``; with ``turned`` it has changed: the cosine is cos(turned)."""
    vector = np.zeros(32)
    vector[2 * of], vector[2 * of + 1] = np.cos(turned), np.sin(turned)
    return list(vector)


def square(x: float, y: float = 0.5, size: float = 0.2) -> Box:
    return (x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def sample(
    number: int,
    things: Sequence[tuple[Box, Sequence[float]]],
    shot: int = 0,
    kind: Kind = "region",
    label: str | None = None,
) -> Points:
    """The points of one sample as ingest makes them, one per thing."""
    n, at = len(things), number * STEP
    boxes = np.array([box for box, _ in things], np.float32).reshape(n, 4)
    vectors: Vectors = np.array([vector for _, vector in things], np.float32).reshape(n, -1 if n else 0)
    return Points(
        "face" if kind == "face" else "visual",
        [point_id("m", kind, at, box) for box in boxes.tolist()], ["m"] * n, ["video"] * n, [kind] * n,
        np.full(n, at), np.tile([at, at + STEP], (n, 1)), boxes, [label] * n, np.ones(n, np.float32),
        np.full(n, -1, np.int64), np.full(n, shot, np.int64), vectors,
    )  # fmt: skip


def through(samples: Sequence[Points], likeness: float = 0.9) -> Points:
    """All that the runs of these samples become, in order of time."""
    runs = Runs("visual", likeness, count())
    ended = Points.empty("visual")
    for one in samples:
        ended = joined(ended, runs.add(one))
    ended = joined(ended, runs.finish())
    return ended[np.lexsort((ended.track, ended.time_seconds))]


def tracks(samples: Sequence[Points]) -> list[list[int]]:
    """The tracks of every sample's things, in their order."""
    points = through(samples, likeness=1.0)
    number_of = dict(zip(points.id, points.track.tolist(), strict=True))
    return [[number_of[one] for one in own.id] for own in samples]


def spans(points: Points) -> list[tuple[float, float]]:
    return [(start, end) for start, end in points.span_seconds.tolist()]


# Tracks


def test_nothing_to_follow_is_an_ordinary_value() -> None:
    nothing = sample(0, [])
    assert len(through([nothing, nothing])) == 0
    assert len(through([])) == 0
    assert tracks([sample(0, []), sample(1, [(square(0.5), look(0))]), sample(2, [])]) == [[], [0], []]


def test_two_that_cross_are_told_apart_by_likeness() -> None:
    """Half way each stands nearer to where the other was."""
    crossing = [
        sample(n, [(square(0.2 + 0.12 * n, size=0.4), look(0)), (square(0.8 - 0.12 * n, size=0.4), look(1))])
        for n in range(6)
    ]
    assert tracks(crossing) == [[0, 1]] * 6


def test_two_that_look_the_same_are_told_apart_by_place() -> None:
    """The first of them moves to where the other nearly is, and the detector names them in turns."""
    left, middle, right = square(0.3, size=0.4), square(0.4, size=0.4), square(0.5, size=0.4)
    before = sample(0, [(left, look(0)), (right, look(0))])
    assert tracks([before, sample(1, [(right, look(0)), (middle, look(0))])]) == [[0, 1], [1, 0]]


def test_likeness_counts_where_every_cosine_is_high() -> None:
    """The faces of strangers have a cosine of 0.83 in some models."""
    one, other = look(0), look(0, turned=np.arccos(0.83))
    here, there = square(0.45, size=0.4), square(0.6, size=0.4)
    assert tracks([
        sample(0, [(here, one), (there, other)], kind="face"),
        sample(1, [(here, other), (there, one)], kind="face"),
    ]) == [[0, 1], [1, 0]]


def test_what_moved_far_is_known_by_its_looks_alone() -> None:
    hop, leap = square(0.45, size=0.1), square(0.9, size=0.1)
    start = sample(0, [(square(0.3, size=0.1), look(0))])
    assert tracks([start, sample(1, [(hop, look(0))])]) == [[0], [0]]
    assert tracks([start, sample(1, [(hop, look(0, turned=0.8))])]) == [[0], [1]]
    assert tracks([start, sample(1, [(leap, look(0))])]) == [[0], [1]]


def test_another_thing_in_the_same_place_is_another_track() -> None:
    assert tracks([sample(0, [(square(0.5), look(0))]), sample(1, [(square(0.5), look(1))])]) == [[0], [1]]


@pytest.mark.parametrize(("missed", "is_same"), [(1, True), (2, True), (3, False)])
def test_a_track_outlives_two_missed_samples(missed: int, is_same: bool) -> None:
    gap = [sample(1 + n, []) for n in range(missed)]
    seen = [sample(0, [(square(0.5), look(0))]), *gap, sample(1 + missed, [(square(0.52), look(0))])]
    assert tracks(seen)[-1] == ([0] if is_same else [1])


def test_what_appears_and_what_comes_back_late_get_new_numbers() -> None:
    cup, cat = (square(0.2), look(0)), (square(0.8), look(1))
    numbers = tracks([
        sample(0, [cup]), sample(1, [cat, cup]), sample(2, [cat]), sample(3, [cat]), sample(4, [cat]),
        sample(5, [cup]),
    ])
    assert numbers == [[0], [1, 0], [1], [1], [1], [2]]


def test_a_cut_separates_unless_nothing_changed() -> None:
    before = sample(0, [(square(0.5), look(0))])
    assert tracks([before, sample(1, [(square(0.5), look(0, turned=0.4))], shot=1)]) == [[0], [1]]
    assert tracks([before, sample(1, [(square(0.6), look(0))], shot=1)]) == [[0], [1]]
    assert tracks([before, sample(1, [(square(0.5), look(0, turned=0.1))], shot=1)]) == [[0], [0]]


def test_frames_and_tiles_have_no_track() -> None:
    for kind in ("frame", "tile"):
        points = through([sample(n, [(square(0.5), look(0))], kind=kind) for n in range(3)])
        assert points.track.tolist() == [-1]


# Runs


def test_what_does_not_change_is_one_point_with_its_first_time_and_id() -> None:
    seen = [sample(n, [(square(0.5), look(0, turned=0.05 * (n % 2)))]) for n in range(5)]
    points = through(seen)
    assert spans(points) == [(0.0, 2.5)]
    assert points.id == seen[0].id and points.time_seconds.tolist() == [0.0]


def test_a_slow_change_is_held_against_the_first_sight() -> None:
    """Each sample is like the one before it (cosine 0.995), the fifth is no longer like the first."""
    points = through([sample(n, [(square(0.5), look(0, turned=0.1 * n))]) for n in range(10)], likeness=0.9)
    assert spans(points) == [(0.0, 2.5), (2.5, 5.0)]
    assert points.track.tolist() == [0, 0]


def test_a_slow_move_is_held_against_the_first_place() -> None:
    points = through([sample(n, [(square(0.3 + 0.01 * n), look(0))]) for n in range(9)])
    assert spans(points) == [(0.0, 1.5), (1.5, 3.0), (3.0, 4.5)]
    assert set(points.track.tolist()) == {0}


def test_a_run_ends_where_the_thing_was_not_seen() -> None:
    cup = [(square(0.5), look(0))]
    points = through([sample(0, cup), sample(1, cup), sample(2, []), sample(3, cup)])
    assert spans(points) == [(0.0, 1.0), (1.5, 2.0)]
    assert points.track.tolist() == [0, 0]


def test_a_run_never_crosses_a_cut() -> None:
    for kind in ("frame", "tile", "region", "face"):
        cup = [(square(0.5), look(0))]
        points = through([sample(n, cup, shot=n // 2, kind=kind) for n in range(4)])
        assert spans(points) == [(0.0, 1.0), (1.0, 2.0)], kind


def test_a_run_has_a_longest_length() -> None:
    points = through([sample(n, [(square(0.5), look(0))], kind="frame") for n in range(50)])
    assert spans(points) == [(0.0, 10.0), (10.0, 20.0), (20.0, 25.0)]
    assert (points.span_seconds[:, 1] - points.span_seconds[:, 0]).max() == LONGEST_RUN_SECONDS


def test_a_new_name_begins_a_new_run_and_a_name_that_is_missing_does_not() -> None:
    names = ["cup", None, "cup", "bowl", None, None]
    points = through([sample(n, [(square(0.5), look(0))], label=name) for n, name in enumerate(names)])
    assert list(zip(points.label, spans(points), strict=True)) == [("cup", (0.0, 1.5)), ("bowl", (1.5, 3.0))]


def test_switched_off_every_sample_is_a_point() -> None:
    points = through([sample(n, [(square(0.5), look(0))]) for n in range(4)], likeness=1.0)
    assert spans(points) == [(0.0, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.0)]
    assert points.track.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("seed", range(10))
def test_spans_of_a_track_cover_exactly_where_it_was_seen(seed: int) -> None:
    """Things that wander, change, hide and come back, over cuts: nothing is lost, nothing invented."""
    rng = np.random.default_rng(seed)
    place, turned, samples = rng.uniform(0.2, 0.8, (4, 2)), np.zeros(4), []
    for n in range(60):
        place = np.clip(place + rng.normal(0, 0.01, place.shape), 0.15, 0.85)
        turned += rng.normal(0, 0.1, 4)
        shown = np.flatnonzero(rng.random(4) < 0.8)
        things = [(square(*place[i]), look(int(i), turned[i])) for i in shown]
        samples.append(sample(n, things, shot=n // 25))
    apart, together = through(samples, likeness=1.0), through(samples, likeness=0.95)
    assert len(together) < len(apart) == sum(map(len, samples))
    assert set(together.id) <= set(apart.id)
    for track in np.unique(apart.track):
        seen, runs = (points[points.track == track] for points in (apart, together))
        inside = [[start <= at < end for start, end in spans(runs)] for at in seen.time_seconds]
        assert [sum(one) for one in inside] == [1] * len(seen)
        assert np.diff(runs.span_seconds).sum() == pytest.approx(np.diff(seen.span_seconds).sum())
        assert all(end <= start for (_, end), (start, _) in pairwise(sorted(spans(runs))))
    within = (together.span_seconds[:, 0] <= together.time_seconds) & (
        together.time_seconds < together.span_seconds[:, 1]
    )
    assert within.all()


def test_twice_the_same_samples_are_the_same_points() -> None:
    def again() -> Points:
        rng = np.random.default_rng(7)
        return through([
            sample(n, [(square(0.2 + 0.2 * i), look(i, rng.normal(0, 0.3))) for i in range(4)])
            for n in range(20)
        ])

    one, other = again(), again()
    assert one.id == other.id and one.track.tolist() == other.track.tolist() and spans(one) == spans(other)
