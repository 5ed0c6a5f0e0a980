"""What can be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Self

from core.answer import Confidence
from core.boxes import check_box
from core.errors import InvalidRequest
from core.types import Image, MediaType

Mode = Literal["object", "scene", "face"]
Sort = Literal["score", "time"]
Box = tuple[float, float, float, float]

MOST_EXAMPLES = 10
MOST_LETTERS = 500


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
class Example:
    """A picture, or a moment of the library, and optionally the box in it that counts.

    Raises InvalidRequest when there is no picture or two, InvalidBox for a box that makes no sense.
    """

    image: Image | None = None
    reference: Reference | None = None
    box_xyxy: Box | None = None

    def __post_init__(self) -> None:
        if (self.image is None) == (self.reference is None):
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
