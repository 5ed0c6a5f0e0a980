"""A stretch of media that answers a query, before it gets its words."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.types import Kind, MediaType
from search.query import Box


@dataclass(frozen=True, slots=True)
class Moment:
    """Half-open [start_seconds, end_seconds), both 0 for a still. ``z`` is how far the best hit stands out of
    chance; that hit is at ``best_seconds``, of ``kind``, in ``box_xyxy`` (the whole frame for a frame).

    ``path`` is where the thing is over time: (seconds, box), in order; empty where only frames speak.
    ``refined`` says that the frames around start and end were looked at.
    """

    media_id: str
    media_type: MediaType
    start_seconds: float
    end_seconds: float
    best_seconds: float
    kind: Kind
    box_xyxy: Box
    z: float
    label: str | None = None
    path: tuple[tuple[float, Box], ...] = ()
    refined: bool = False

    def cut_to(self, stretch_seconds: tuple[float, float]) -> Moment | None:
        """The part of it within a half-open stretch; None where there is none."""
        start = max(self.start_seconds, stretch_seconds[0])
        end = min(self.end_seconds, stretch_seconds[1])
        if start >= end:
            return None
        inside = start <= self.best_seconds < end
        return replace(
            self, start_seconds=start, end_seconds=end, best_seconds=self.best_seconds if inside else start,
            path=tuple((seconds, box) for seconds, box in self.path if start <= seconds < end),
        )
