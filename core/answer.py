"""The answer: what search returns, the API serves and ``--json`` prints."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from core.types import MediaType

Confidence = Literal["high", "medium", "low"]
Evidence = Literal["frame", "region", "tile", "face", "text"]
CONFIDENCES: tuple[Confidence, ...] = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of one media file in which the thing appears; half-open, both times 0 for a still.

    ``score`` in [0, 100]; ``best_seconds`` is the sampled time that matched best and ``box_xyxy`` where
    in that frame, normalised (None for the whole frame).
    """

    media_id: str
    media: str
    media_type: MediaType
    start_seconds: float
    end_seconds: float
    score: float
    confidence: Confidence
    best_seconds: float
    box_xyxy: tuple[float, float, float, float] | None
    evidence: Evidence
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    query_id: str
    message: str
    segments: tuple[Segment, ...] = ()
    next_page_token: str | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "segments": [asdict(segment) for segment in self.segments]}


def say_how_many(segments: tuple[Segment, ...]) -> str:
    """One plain sentence about an answer.

    >>> say_how_many(())
    'Nothing in the library matches.'
    """
    if not segments:
        return "Nothing in the library matches."
    moments = sum(segment.media_type == "video" for segment in segments)
    videos = len({segment.media_id for segment in segments if segment.media_type == "video"})
    stills = sum(segment.media_type == "image" for segment in segments)
    parts = []
    if moments:
        parts.append(f"{_count(moments, 'moment')} in {_count(videos, 'video')}")
    if stills:
        parts.append(_count(stills, "still"))
    return " and ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
