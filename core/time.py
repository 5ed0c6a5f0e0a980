"""Time: ``(pts, time_base)`` until the decode border, float seconds after it. Intervals are half-open."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


def pts_to_seconds(pts: int, time_base: Fraction, start_pts: int = 0) -> float:
    """The one conversion: presentation time in seconds since the stream's start.

    >>> pts_to_seconds(3003, Fraction(1, 90000), 0)
    0.03336666666666667
    """
    return float((pts - start_pts) * time_base)


@dataclass(frozen=True, slots=True)
class Interval:
    """Half-open [start_seconds, end_seconds)."""

    start_seconds: float
    end_seconds: float

    @property
    def duration_seconds(self) -> float:
        return max(0.0, self.end_seconds - self.start_seconds)

    def iou(self, other: Interval) -> float:
        """Temporal intersection over union, in [0, 1].

        >>> Interval(0, 4).iou(Interval(2, 6))
        0.3333333333333333
        """
        shared = min(self.end_seconds, other.end_seconds) - max(self.start_seconds, other.start_seconds)
        if shared <= 0:
            return 0.0
        return shared / (self.duration_seconds + other.duration_seconds - shared)


def clock(seconds: float) -> str:
    """Minutes and seconds as people read them.

    >>> clock(75.25), clock(3675.0)
    ('1:15.25', '1:01:15.00')
    """
    hundredths = round(seconds * 100)
    minutes, hundredths = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{hundredths // 100:02d}.{hundredths % 100:02d}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"
