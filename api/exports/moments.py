"""What every export is made from: stretches, and what is known of their media."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from core.answer import BoxAt, Confidence, Evidence, Segment
from core.errors import InvalidRequest
from core.types import MediaType

MOST_MOMENTS = 5000
STILL_SECONDS = 3.0
"""How long a still is shown on a timeline."""

RATES = tuple(
    Fraction(number, 1001) if number > 1000 else Fraction(number)
    for number in (24000, 24, 25, 30000, 30, 48000, 48, 50, 60000, 60)
)
"""Frame rates that editing programs know."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A half-open stretch of one media file; what else is known of it may be None. Names as in Segment."""

    media_id: str
    media: str
    media_type: MediaType
    start_seconds: float
    end_seconds: float
    score: float | None = None
    confidence: Confidence | None = None
    best_seconds: float | None = None
    box_xyxy: tuple[float, float, float, float] | None = None
    evidence: Evidence | None = None
    label: str | None = None
    path: tuple[BoxAt, ...] = ()
    refined: bool = False

    @classmethod
    def of(cls, segment: Segment) -> Moment:
        values: dict[str, Any] = {name: getattr(segment, name) for name in cls.__dataclass_fields__}
        return cls(**values)

    @property
    def title(self) -> str:
        """One line for people.

        >>> Moment("a", "a.mp4", "video", 1, 2, score=91.2, confidence="high", label="cup").title
        'cup, high (91)'
        """
        name = one_line(self.label or "match")
        if self.confidence is None:
            return name
        score = "" if self.score is None else f" ({self.score:.0f})"
        return f"{name}, {self.confidence}{score}"


@dataclass(frozen=True, slots=True)
class MediaFile:
    """Where a media file is said to lie (a file: address), and its facts; None where they are not known."""

    url: str
    fps: float | None
    duration_seconds: float | None
    width: int | None
    height: int | None


def check_count(moments: Sequence[Moment]) -> None:
    """Raises InvalidRequest."""
    if len(moments) > MOST_MOMENTS:
        raise InvalidRequest(
            f"{len(moments)} segments were given; at most {MOST_MOMENTS} are exported at once."
        )


def frame_rate(fps: float | None) -> Fraction:
    """The frame grid of a media file: the known rate that is nearest to its average, 25 where there is none.

    For a file of constant rate that is its own rate, exactly. A variable (or odd) rate has no grid of its
    own; programs that edit lay it on a known one, and so times are rounded to that.

    >>> frame_rate(29.97), frame_rate(23.976), frame_rate(30.0), frame_rate(27.4)
    (Fraction(30000, 1001), Fraction(24000, 1001), Fraction(30, 1), Fraction(25, 1))
    """
    if not fps:
        return Fraction(25)
    return min(RATES, key=lambda rate: abs(float(rate) - fps))


def frame_at(seconds: float, rate: Fraction) -> int:
    """Number of the frame on the grid that is nearest: times of answers are rounded to milliseconds.

    >>> frame_at(10.01, Fraction(30000, 1001))
    300
    """
    return round(Fraction(seconds) * rate)


def one_line(text: str) -> str:
    """Without line breaks and other control characters: they would end a line of EDL, SRT or WebVTT.

    >>> one_line("a\\nb\\x00c")
    'a b c'
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
