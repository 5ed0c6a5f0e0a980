"""What can be asked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, Self

from core.answer import Confidence
from core.boxes import check_box
from core.errors import InvalidRequest
from core.types import Image, MediaType, Vectors
from index.media_filter import MediaFilter

Mode = Literal["object", "scene", "face"]
Sort = Literal["score", "time"]
Box = tuple[float, float, float, float]

MOST_EXAMPLES = 10
MOST_LETTERS = 500


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be returned. ``labels`` are those of the detector; empty tuples and None filter nothing.

    ``from_seconds`` and ``to_seconds`` are a half-open stretch of every video: what reaches beyond it is cut
    off there. Stills have no times and are then left out. ``min_score`` is in [0, 100]; ``media`` asks for
    what the catalogue knows of the files.
    """

    media_type: MediaType | None = None
    media_ids: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    min_confidence: Confidence = "low"
    limit: int = 50
    min_score: float = 0.0
    from_seconds: float | None = None
    to_seconds: float | None = None
    media: MediaFilter = field(default_factory=MediaFilter)

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 1000:
            raise InvalidRequest(f"limit is {self.limit}; it may be 1 to 1000.")
        if not 0 <= self.min_score <= 100:
            raise InvalidRequest(f"min_score is {self.min_score:g}; scores are 0 to 100.")
        if self.stretch_seconds is None:
            return
        start, end = self.stretch_seconds
        if not 0 <= start < end or start == math.inf:
            raise InvalidRequest(
                f"There is nothing from {start:g} to {end:g} s: times begin at 0, and a stretch ends after "
                "its start."
            )
        if self.media_type == "image":
            raise InvalidRequest("Stills have no times; leave from_seconds and to_seconds out for them.")

    @property
    def stretch_seconds(self) -> tuple[float, float] | None:
        """[from, to) of every video, to infinity where there is no end; None: all of it, and stills."""
        if self.from_seconds is None and self.to_seconds is None:
            return None
        return self.from_seconds or 0.0, math.inf if self.to_seconds is None else self.to_seconds


@dataclass(frozen=True, slots=True)
class Reference:
    """A moment of the library: "this, in that video at 12.4 s". ``at_seconds`` is 0 for a still."""

    media_id: str
    at_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Example:
    """A picture, or a moment of the library, and optionally the box in it that counts; or ``vectors`` (n, d)
    of the index that stand for the thing already.

    Raises InvalidRequest when there is no picture or two, InvalidBox for a box that makes no sense.
    """

    image: Image | None = None
    reference: Reference | None = None
    box_xyxy: Box | None = None
    vectors: Vectors | None = None

    def __post_init__(self) -> None:
        given = [one for one in (self.image, self.reference, self.vectors) if one is not None]
        if len(given) != 1:
            raise InvalidRequest(
                "Give either a picture or a moment of the library (media id and time), not both."
            )
        if self.box_xyxy is not None:
            check_box(self.box_xyxy)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a query says beside its pictures and words: all that later pages, curves and feedback need."""

    mode: Mode
    references: tuple[Reference, ...]
    filters: Filters
    refine: bool
    sort: Sort
    grouped: bool
    rejected: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """Examples of what is looked for, words for it, or both.

    Several ``examples`` are pictures of the same thing: the one that fits best counts. ``unlike`` are
    examples of what is not meant: whatever is nearer to one of them is left out. ``words`` alone search by
    text; beside examples they bend them: ``words_weight`` 0 is the pictures alone, 1 the words alone.
    ``mode`` None means: a box asks for the object in it, no box for the whole scene.

    ``refine`` decodes around the best moments for exact boundaries. ``sort`` by score, or by time within
    each media file; ``grouped`` keeps the moments of a media file together, and then ``filters.limit``
    counts media files.
    """

    examples: tuple[Example, ...] = ()
    words: str | None = None
    words_weight: float = 0.5
    unlike: tuple[Example, ...] = ()
    mode: Mode | None = None
    filters: Filters = field(default_factory=Filters)
    refine: bool = False
    sort: Sort = "score"
    grouped: bool = False

    def __post_init__(self) -> None:
        if not self.examples and not (self.words and self.words.strip()):
            raise InvalidRequest("Give a picture, a moment of the library (media id and time), or words.")
        if len(self.examples) + len(self.unlike) > MOST_EXAMPLES:
            raise InvalidRequest(f"At most {MOST_EXAMPLES} pictures in one query.")
        if self.words is not None and len(self.words) > MOST_LETTERS:
            raise InvalidRequest(
                f"At most {MOST_LETTERS} letters in one query; {len(self.words)} were given."
            )
        if not 0 <= self.words_weight <= 1:
            raise InvalidRequest(f"The weight of the words is {self.words_weight:g}; it may be 0 to 1.")
        if self.mode == "face" and self.words:
            raise InvalidRequest("A face is searched by pictures alone; leave the words out.")

    @classmethod
    def of(
        cls,
        image: Image | None = None,
        reference: Reference | None = None,
        box_xyxy: Box | None = None,
        mode: Mode | None = None,
        filters: Filters | None = None,
    ) -> Self:
        """The most common query: one example."""
        return cls((Example(image, reference, box_xyxy),), mode=mode, filters=filters or Filters())

    @property
    def terms(self) -> Terms:
        return Terms(self.kind, self.references, self.filters, self.refine, self.sort, self.grouped)

    @property
    def references(self) -> tuple[Reference, ...]:
        """The moments of the library that were shown."""
        return tuple(one.reference for one in self.examples if one.reference is not None)

    @property
    def kind(self) -> Mode:
        """Words may be about anything in a frame."""
        if self.mode is not None:
            return self.mode
        boxed = any(example.box_xyxy is not None for example in self.examples)
        return "object" if boxed or not self.examples else "scene"
