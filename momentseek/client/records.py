"""What a server says, as plain values. Fields a newer server adds are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, Self, TypedDict

from core.answer import Answer as Page
from core.answer import BoxAt, Confidence, Group, Segment
from core.types import MediaType

Box = tuple[float, float, float, float]
"""``x1, y1, x2, y2`` as shares (0 to 1) of the displayed frame."""


class Filters(TypedDict, total=False):
    """What may be found. None is as left out.

    ``only`` videos or stills; ``in_media`` ids; ``label`` as detectors call it; ``from_seconds`` and
    ``to_seconds`` cut segments off; ``tag``: all of these; ``metadata``: values that must be there, or bounds
    such as ``{"take": {"gte": 2}}``.
    """

    only: MediaType | None
    in_media: Sequence[str] | None
    label: Sequence[str] | None
    min_confidence: Confidence | None
    min_score: float | None
    from_seconds: float | None
    to_seconds: float | None
    min_duration_seconds: float | None
    max_duration_seconds: float | None
    min_size_bytes: float | None
    max_size_bytes: float | None
    min_width: float | None
    min_height: float | None
    name_contains: str | None
    tag: Sequence[str] | None
    metadata: Mapping[str, Any] | str | None


@dataclass(frozen=True, slots=True)
class Media:
    """One media file. ``status`` says whether it can be found, ``reason`` why not; ``points`` counts what is
    stored of it by kind."""

    id: str
    name: str
    media_type: MediaType | None
    status: str
    reason: str | None
    duration_seconds: float | None
    width: int | None
    height: int | None
    fps: float | None
    size_bytes: int
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    created_at: datetime
    points: Mapping[str, int]

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> Self:
        return cls(**{**known(cls, body), "tags": tuple(body["tags"])})


@dataclass(frozen=True, slots=True)
class Job:
    """Work in the background; ``progress`` in [0, 1]."""

    id: str
    kind: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float
    eta_seconds: float | None
    reason: str | None
    media_id: str | None
    media: str | None
    attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def has_ended(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> Self:
        return cls(**known(cls, body))


@dataclass(frozen=True, slots=True)
class Added:
    """A file that came into the library. ``known``: the same content was there before, maybe under another
    name. ``job`` is None where there was nothing to do for it."""

    media: Media
    job: Job | None
    known: bool

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> Self:
        job = None if body["job"] is None else Job.of_json(body["job"])
        return cls(Media.of_json(body["media"]), job, body["known"])


@dataclass(frozen=True, slots=True)
class Similar:
    """Another media file. ``best_seconds`` is where it is most alike, ``at_seconds`` where the one asked
    about is; scores from 0 to 100."""

    media_id: str
    media: str
    media_type: MediaType
    score: float
    best_score: float
    confidence: Confidence
    best_seconds: float
    at_seconds: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """Half-open; both times 0 for a still. ``whole``: all of the media file."""

    media_id: str
    media: str
    media_type: MediaType
    start_seconds: float
    end_seconds: float
    whole: bool


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Copies and re-encodings of one another; ``seconds`` is the length of the longest."""

    id: str
    kind: Literal["still", "video", "stretch"]
    seconds: float
    members: tuple[Stretch, ...]

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> Self:
        members = tuple(Stretch(**known(Stretch, one)) for one in body["members"])
        return cls(**{**known(cls, body), "members": members})


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the library; ``box_xyxy`` is what counts in it, None for all of the frame."""

    media_id: str
    at_seconds: float = 0.0
    box_xyxy: Box | None = None

    @classmethod
    def of(cls, segment: Segment) -> Self:
        """Where a segment matches best."""
        return cls(segment.media_id, segment.best_seconds, segment.box_xyxy)


@dataclass(frozen=True, slots=True)
class Answer(Page):
    """The first page of an answer. Iterated over, it goes through the segments of all pages, asking for each
    page when it gets there. Raises QueryForgotten when that is more than an hour later."""

    next_page: Callable[[str], Page] | None = field(default=None, repr=False, compare=False)

    def pages(self) -> Iterator[Page]:
        page: Page = self
        yield page
        while page.next_page_token is not None and self.next_page is not None:
            page = self.next_page(page.next_page_token)
            yield page

    def __iter__(self) -> Iterator[Segment]:
        for page in self.pages():
            yield from page.segments

    def to_json(self) -> dict[str, Any]:
        """The first page, as the API returns it."""
        return Page(**{one.name: getattr(self, one.name) for one in fields(Page)}).to_json()


@dataclass(frozen=True, slots=True)
class Line:
    """Stretches [start, end) in order of time, with the score from 0 to 100 in each; 0 between them."""

    start_seconds: tuple[float, ...]
    end_seconds: tuple[float, ...]
    score: tuple[float, ...]

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> Self:
        return cls(*(tuple(body[one.name]) for one in fields(cls)))


@dataclass(frozen=True, slots=True)
class Curve:
    """How well each moment of one media file matches. ``parts`` by kind of evidence; ``thresholds`` are the
    scores where low, medium and high begin; ``segments`` what the answer has of this file."""

    query_id: str
    media_id: str
    best: Line
    parts: Mapping[str, Line]
    thresholds: Mapping[str, float]
    segments: tuple[Segment, ...]

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> Self:
        return cls(
            body["query_id"], body["media_id"], Line.of_json(body["best"]),
            {name: Line.of_json(line) for name, line in body["parts"].items()}, body["thresholds"],
            tuple(map(segment_of, body["segments"])),
        )  # fmt: skip


def page_of(body: Mapping[str, Any]) -> Page:
    return Page(**_page_fields(body))


def answer_of(body: Mapping[str, Any], next_page: Callable[[str], Page]) -> Answer:
    return Answer(**_page_fields(body), next_page=next_page)


def segment_of(body: Mapping[str, Any]) -> Segment:
    path = tuple(BoxAt(one["seconds"], box_of(one["box_xyxy"])) for one in body["path"])
    box = None if body["box_xyxy"] is None else box_of(body["box_xyxy"])
    return Segment(**{**known(Segment, body), "path": path, "box_xyxy": box})


def _page_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    groups = body["groups"]
    return {
        **known(Page, body), "segments": tuple(map(segment_of, body["segments"])),
        "groups": None if groups is None else tuple(Group(**known(Group, one)) for one in groups),
    }  # fmt: skip


def known(kind: type, body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of ``kind`` that are in ``body``, times as such."""
    given = {one.name: body[one.name] for one in fields(kind) if one.name in body}
    return {
        name: datetime.fromisoformat(value) if name.endswith("_at") and value is not None else value
        for name, value in given.items()
    }


def box_of(sides: Any) -> Box:
    x1, y1, x2, y2 = sides
    return x1, y1, x2, y2
