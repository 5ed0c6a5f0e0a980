"""How good answers are: the figures of retrieval evaluation sets, as plain functions on plain values.

Temporal intersection over union and average precision as in ActivityNet (Caba Heilbron et al. 2015) and
THUMOS: ranked segments are matched greedily to answers that are still free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.answer import Segment
from core.time import Interval

MAP_AT = (0.25, 0.5, 0.75)


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


@dataclass(frozen=True, slots=True)
class Judged:
    """One query's answer beside its truth; segments best first, ignored ones already left out."""

    query: str
    expected: Expected
    segments: tuple[Segment, ...]
    videos: tuple[Segment, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "segments", tuple(one for one in self.segments if not self._is_ignored(one)))
        object.__setattr__(self, "videos", tuple(one for one in self.segments if one.media_type == "video"))

    def _is_ignored(self, segment: Segment) -> bool:
        """Mostly inside a stretch that counts neither way, and no answer."""
        if any(answer.iou(segment) >= 0.5 for answer in self.expected.stretches):
            return False
        length = max(segment.end_seconds - segment.start_seconds, 1e-9)
        return any(
            one.media == segment.media
            and min(one.end_seconds, segment.end_seconds) - max(one.start_seconds, segment.start_seconds)
            > 0.5 * length
            for one in self.expected.ignore
        )

    def _is_right(self, segment: Segment) -> bool:
        expected = self.expected
        return segment.media in expected.stills or any(one.iou(segment) >= 0.5 for one in expected.stretches)

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
            segment.confidence != "low" and self._is_right(segment) for segment in self.segments
        )


def first_is_right(judged: Judged, least_iou: float = 0.5) -> bool:
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
    for segment, answer in zip(judged.videos, matches(judged, 0.5), strict=True):
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


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if len(values) else None
