"""How good answers are: the figures of retrieval evaluation sets, as plain functions on plain values.

Temporal intersection over union and average precision as in ActivityNet (Caba Heilbron et al. 2015) and
THUMOS: ranked segments are matched greedily to answers that are still free. Reliability and expected
calibration error as in Guo et al. 2017 ("On calibration of modern neural networks"), with ten equal bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from core.answer import CONFIDENCES, Confidence, Segment
from core.time import Interval

MAP_AT = (0.25, 0.5, 0.75)
RIGHT_FROM = 0.5
"""The temporal intersection over union from which a segment is right."""
BINS = 10

Verdict = Literal["right", "wrong", "ignored"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Half-open [start_seconds, end_seconds) of a media file, by name."""

    media: str
    start_seconds: float
    end_seconds: float

    def iou(self, segment: Segment) -> float:
        if segment.media != self.media or segment.media_type != "video":
            return 0.0
        mine = Interval(self.start_seconds, self.end_seconds)
        return mine.iou(Interval(segment.start_seconds, segment.end_seconds))


@dataclass(frozen=True, slots=True)
class Expected:
    """What answers a query: ``stretches`` of videos and ``stills`` by name; ``ignore`` counts neither way."""

    stretches: tuple[Stretch, ...] = ()
    stills: tuple[str, ...] = ()
    ignore: tuple[Stretch, ...] = ()

    @property
    def answerable(self) -> bool:
        return bool(self.stretches or self.stills)

    def iou(self, segment: Segment) -> float:
        """With the answering stretch that it overlaps most."""
        return max((one.iou(segment) for one in self.stretches), default=0.0)

    def verdict(self, segment: Segment) -> Verdict:
        """Right is an answering still, or a segment that overlaps an answer at ``RIGHT_FROM`` or more.
        Ignored is what is not right and lies mostly inside a stretch that counts neither way."""
        if segment.media in self.stills or self.iou(segment) >= RIGHT_FROM:
            return "right"
        return "ignored" if any(_lies_mostly_in(segment, one) for one in self.ignore) else "wrong"


def _lies_mostly_in(segment: Segment, stretch: Stretch) -> bool:
    start = max(segment.start_seconds, stretch.start_seconds)
    shared = min(segment.end_seconds, stretch.end_seconds) - start
    length = max(segment.end_seconds - segment.start_seconds, 1e-9)
    return segment.media == stretch.media and shared > 0.5 * length


@dataclass(frozen=True, slots=True)
class Judged:
    """One query's answer beside its truth, best first. ``returned`` is all of it; ``segments``, and
    ``videos`` among them, are without the ignored ones. ``groups`` names the groups whose figures it
    counts in, such as "size=0.03"."""

    query: str
    expected: Expected
    segments: tuple[Segment, ...]
    groups: tuple[str, ...] = ()
    returned: tuple[Segment, ...] = field(init=False)
    videos: tuple[Segment, ...] = field(init=False)

    def __post_init__(self) -> None:
        counting = tuple(one for one in self.segments if self.expected.verdict(one) != "ignored")
        object.__setattr__(self, "returned", self.segments)
        object.__setattr__(self, "segments", counting)
        object.__setattr__(self, "videos", tuple(one for one in counting if one.media_type == "video"))

    @property
    def best_score(self) -> float:
        return max((segment.score for segment in self.segments), default=0.0)

    @property
    def says_yes(self) -> bool:
        """Whether anything came back at medium or high."""
        return any(segment.confidence != "low" for segment in self.segments)

    @property
    def is_answered(self) -> bool:
        """Whether a right answer came back at medium or high."""
        return any(
            segment.confidence != "low" and self.expected.verdict(segment) == "right"
            for segment in self.segments
        )


def first_is_right(judged: Judged, least_iou: float = RIGHT_FROM) -> bool:
    if not judged.videos:
        return False
    return any(one.iou(judged.videos[0]) >= least_iou for one in judged.expected.stretches)


def average_precision(judged: Judged, least_iou: float) -> float:
    """Over the ranked video segments; each answer is used once. 1.0 is perfect."""
    matched = matches(judged, least_iou)
    right, total = 0, 0.0
    for rank, answer in enumerate(matched, start=1):
        if answer is not None:
            right += 1
            total += right / rank
    return total / len(judged.expected.stretches) if judged.expected.stretches else 0.0


def matches(judged: Judged, least_iou: float) -> list[Stretch | None]:
    """For every video segment the answer it is matched to (the one it overlaps most, still free), or None."""
    free = list(judged.expected.stretches)
    found: list[Stretch | None] = []
    for segment in judged.videos:
        best = max(free, key=lambda one: one.iou(segment), default=None)
        if best is not None and best.iou(segment) >= least_iou:
            free.remove(best)
            found.append(best)
        else:
            found.append(None)
    return found


def boundary_errors(judged: Judged) -> list[float]:
    """Seconds that starts and ends of matched segments (iou >= 0.5) are off."""
    errors: list[float] = []
    for segment, answer in zip(judged.videos, matches(judged, RIGHT_FROM), strict=True):
        if answer is not None:
            errors.append(abs(segment.start_seconds - answer.start_seconds))
            errors.append(abs(segment.end_seconds - answer.end_seconds))
    return errors


def still_recall(judged: Judged, first: int = 5) -> float:
    """Share of the answering stills among the first ``first`` stills."""
    stills = [one.media for one in judged.segments if one.media_type == "image"][:first]
    return sum(name in stills for name in judged.expected.stills) / len(judged.expected.stills)


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """Chance that a positive scores above a negative, ties counted half; None without both.

    >>> auroc([3, 2], [1, 2])
    0.875
    """
    if not positives or not negatives:
        return None
    difference = np.subtract.outer(np.asarray(positives, float), np.asarray(negatives, float))
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


def figures(answers: Sequence[Judged]) -> dict[str, object]:
    """All figures over a set of queries; a figure nothing speaks to is None."""
    with_video = [one for one in answers if one.expected.stretches]
    with_still = [one for one in answers if one.expected.stills]
    answerable = [one for one in answers if one.expected.answerable]
    unanswerable = [one for one in answers if not one.expected.answerable]
    errors = [error for one in with_video for error in boundary_errors(one)]
    return {
        "r1_at_0.5": _mean([first_is_right(one) for one in with_video]),
        "map": {f"{at:g}": _mean([average_precision(one, at) for one in with_video]) for at in MAP_AT},
        "boundary_error_seconds": _mean(errors),
        "still_recall_at_5": _mean([still_recall(one) for one in with_still]),
        "answered": _mean([one.is_answered for one in answerable]),
        "false_alarms": _mean([one.says_yes for one in unanswerable]),
        "auroc": auroc([one.best_score for one in answerable], [one.best_score for one in unanswerable]),
    }


def query_figures(judged: Judged) -> dict[str, object]:
    """The figures of one query; None where its truth has nothing to say."""
    expected, errors = judged.expected, boundary_errors(judged)
    return {
        "first_is_right": first_is_right(judged) if expected.stretches else None,
        "average_precision": {
            f"{at:g}": round(average_precision(judged, at), 4) if expected.stretches else None
            for at in MAP_AT
        },
        "boundary_error_seconds": _mean(errors),
        "still_recall_at_5": round(still_recall(judged), 4) if expected.stills else None,
        "answered": judged.is_answered if expected.answerable else None,
        "false_alarm": None if expected.answerable else judged.says_yes,
    }


def group_figures(answers: Sequence[Judged]) -> dict[str, dict[str, object]]:
    """``figures`` of each group, with the number of its queries and the expected calibration error."""
    names = sorted({name for one in answers for name in one.groups}, key=_group_order)
    found: dict[str, dict[str, object]] = {}
    for name in names:
        own = [one for one in answers if name in one.groups]
        error = calibration(own).segments.expected_calibration_error
        found[name] = {"queries": len(own), **figures(own), "expected_calibration_error": error}
    return found


def _group_order(name: str) -> tuple[str, float, str]:
    """By key, then by number, then by word."""
    key, _, value = name.partition("=")
    try:
        return key, float(value), ""
    except ValueError:
        return key, float("inf"), value


@dataclass(frozen=True, slots=True)
class Share:
    """Some predictions beside what was true: their mean score, 0 to 100, and the share of them that was
    right, 0 to 1; both None where ``count`` is 0."""

    count: int
    mean_score: float | None
    right: float | None

    @classmethod
    def of(cls, predictions: Sequence[tuple[float, bool]]) -> Share:
        scores, right = [score for score, _ in predictions], [is_right for _, is_right in predictions]
        return cls(len(predictions), _mean(scores), _mean(right))


@dataclass(frozen=True, slots=True)
class Bin(Share):
    """The predictions with a score in [from_score, to_score); the last bin holds 100 as well."""

    from_score: int = 0
    to_score: int = 100


@dataclass(frozen=True, slots=True)
class Reliability:
    """``expected_calibration_error`` is the mean over all predictions, bin by bin, of the distance between
    mean score / 100 and the share that was right: 0 is perfect, None is of no prediction."""

    count: int
    expected_calibration_error: float | None
    bins: tuple[Bin, ...]
    by_confidence: dict[Confidence, Share]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Predicted is: score / 100 is the probability that the segment is right (``Expected.verdict``).

    ``segments`` counts every returned segment that is not ignored. ``best_segment`` counts of each query
    its best one alone; a query that returned nothing predicts nothing, with an answer or without.
    """

    segments: Reliability
    best_segment: Reliability

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self.segments), "best_segment": asdict(self.best_segment)}


def calibration(answers: Sequence[Judged]) -> Calibration:
    every = [(one.expected, segment) for one in answers for segment in one.segments]
    best = [(one.expected, one.segments[0]) for one in answers if one.segments]
    return Calibration(_reliability(every), _reliability(best))


def _reliability(returned: Sequence[tuple[Expected, Segment]]) -> Reliability:
    judged = [(one.confidence, one.score, expected.verdict(one) == "right") for expected, one in returned]
    binned: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for _, score, is_right in judged:
        binned[min(int(score * BINS / 100), BINS - 1)].append((score, is_right))
    width = 100 // BINS
    bins = tuple(
        Bin(**asdict(Share.of(one)), from_score=number * width, to_score=(number + 1) * width)
        for number, one in enumerate(binned)
    )
    by_confidence = {
        level: Share.of([(score, right) for confidence, score, right in judged if confidence == level])
        for level in reversed(CONFIDENCES)
    }
    return Reliability(len(judged), _calibration_error(binned), bins, by_confidence)


def _calibration_error(binned: Sequence[Sequence[tuple[float, bool]]]) -> float | None:
    """The sum over bins of |sum of score / 100 - number right|, by the number of predictions.

    >>> _calibration_error([[(40.0, False), (40.0, True)], [(90.0, True)]])
    0.1
    """
    count = sum(len(one) for one in binned)
    if not count:
        return None
    off = sum(abs(sum(score / 100 - is_right for score, is_right in one)) for one in binned)
    return round(off / count, 4)


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if len(values) else None
