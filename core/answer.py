"""The answer: what search returns, the API serves and ``--json`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from core.types import MediaType

Confidence = Literal["high", "medium", "low", "none"]
"""``none`` is below the line: what comes nearest without being an answer, only shown to those who ask."""
Evidence = Literal["frame", "region", "tile", "face", "text"]
CONFIDENCES: tuple[Confidence, ...] = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class BoxAt:
    """Where the thing is at one moment."""

    seconds: float
    box_xyxy: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of one media file in which the thing appears; half-open, both times 0 for a still.

    ``score`` in [0, 100]; ``best_seconds`` is the sampled time that matched best and ``box_xyxy`` where
    in that frame, normalised (None for the whole frame). ``path`` is the box over time, in order (empty
    where whole frames matched); ``refined`` says that frames around start and end were looked at.
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
    path: tuple[BoxAt, ...] = ()
    refined: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """All that one media file has to say: its best score and how many moments it has."""

    media_id: str
    media: str
    media_type: MediaType
    score: float
    confidence: Confidence
    segment_count: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of an answer; ``message`` speaks of all of it. ``query_id`` is the handle for more pages,
    curves and feedback. ``groups`` are the media of this page where they were asked for; ``segments`` then
    stand in their order. ``remaining`` is how many segments (groups, where asked for) later pages hold."""

    query_id: str
    message: str
    segments: tuple[Segment, ...] = ()
    next_page_token: str | None = None
    remaining: int = 0
    groups: tuple[Group, ...] | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        answer = asdict(self)
        return {**answer, "segments": list(answer["segments"])}


def say_how_many(places: Sequence[tuple[str, MediaType]]) -> str:
    """One plain sentence about an answer, from media id and type of everything in it.

    >>> say_how_many([])
    'Nothing in the library matches.'
    >>> say_how_many([("a", "video"), ("a", "video"), ("b", "image")])
    '2 moments in 1 video and 1 still'
    """
    if not places:
        return "Nothing in the library matches."
    moments = sum(media_type == "video" for _, media_type in places)
    videos = len({media_id for media_id, media_type in places if media_type == "video"})
    stills = len(places) - moments
    parts = []
    if moments:
        parts.append(f"{_count(moments, 'moment')} in {_count(videos, 'video')}")
    if stills:
        parts.append(_count(stills, "still"))
    return " and ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
