"""A stretch of media that answers a query, before it gets its words."""

from __future__ import annotations

from dataclasses import dataclass

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
