"""What can be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from core.answer import Confidence
from core.boxes import check_box
from core.errors import InvalidRequest
from core.types import Image, MediaType

Mode = Literal["object", "scene", "face"]


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be returned. ``labels`` are those of the detector; empty tuples and None filter nothing."""

    media_type: MediaType | None = None
    media_ids: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    min_confidence: Confidence = "low"
    limit: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 1000:
            raise InvalidRequest(f"limit is {self.limit}; it may be 1 to 1000.")


@dataclass(frozen=True, slots=True)
class Reference:
    """A moment of the library: "this, in that video at 12.4 s". ``at_seconds`` is 0 for a still."""

    media_id: str
    at_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Query:
    """A picture, or a moment of the library, and optionally the box in it that counts.

    ``mode`` None means: a box asks for the object in it, no box for the whole scene. Raises
    InvalidRequest when there is no picture or two, InvalidBox for a box that makes no sense.
    """

    image: Image | None = None
    reference: Reference | None = None
    box_xyxy: tuple[float, float, float, float] | None = None
    mode: Mode | None = None
    filters: Filters = field(default_factory=Filters)

    def __post_init__(self) -> None:
        if (self.image is None) == (self.reference is None):
            raise InvalidRequest(
                "Give either a picture or a moment of the library (media id and time), not both."
            )
        if self.box_xyxy is not None:
            check_box(self.box_xyxy)

    @property
    def kind(self) -> Mode:
        if self.mode is not None:
            return self.mode
        return "object" if self.box_xyxy is not None else "scene"
