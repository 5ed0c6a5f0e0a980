"""What is known of a media file, and what its decoder hands on."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.types import Image, MediaType


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What the container and the first frame say. Sizes are of the displayed (rotated) frame, with square
    pixels.

    ``duration_from_header_seconds`` and ``fps`` are None where the container does not say; both are None
    for a still. ``rotation_degrees`` is the clockwise turn that was applied: 0, 90, 180 or 270.
    """

    media_type: MediaType
    container: str
    codec: str
    width: int
    height: int
    duration_from_header_seconds: float | None = None
    fps: float | None = None
    rotation_degrees: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled frame. It stands for the half-open stretch until the next sample: the receiver sets
    that end when the next sample (or the end of the file) comes. ``image`` is at most ``max_side`` pixels
    long, displayed orientation. ``is_cut`` marks the first frame of a shot after the first."""

    time_seconds: float
    shot: int
    image: Image
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class DecodeSummary:
    """What was seen once a file is read to its end.

    ``duration_seconds`` is from content: end of the last frame minus the first frame's time. ``status``
    is ``ok`` or ``partial``; ``reason`` is one sentence when it is partial. ``frames_decoded`` counts those
    that could be left out as well, ``frames_dropped`` frames without a usable time or damaged ones.
    """

    status: str
    reason: str | None
    duration_seconds: float
    frames_decoded: int
    frames_dropped: int
    shot_starts_seconds: tuple[float, ...] = field(default=())
