"""Lists of the dialect: pages by number, sorted by time, filtered by what stands in the address.

SDK 1.x asks for one page after the other until one is empty, so past the end is an empty page and no error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Query, Request

from api.twelvelabs.errors import Refusal
from api.twelvelabs.filters import SIZES, media_filter
from api.twelvelabs.shapes import PageInfo
from core.errors import InvalidRequest
from index.media_filter import MediaFilter, Range

T = TypeVar("T")

_BOUNDS = ("gte", "lte")
_TIMES = ("created_at", "updated_at")
_NOT_METADATA = frozenset((
    "page", "page_limit", "sort_by", "sort_option", "filename", "fps", "status", "index_id",
    "embedding_option", "transcription", *_TIMES, *SIZES,
))  # fmt: skip
_NAME = re.compile(r"([^\[\]]+)(?:\[([^\[\]]+)\])?(?:\[([^\[\]]+)\])?")


@dataclass(frozen=True, slots=True)
class Listing:
    """``times`` are the bounds of ``created_at`` and ``updated_at``, as name, bound and time."""

    page: int
    limit: int
    sort_by: Literal["created_at", "updated_at"]
    descending: bool
    times: tuple[tuple[str, str, datetime], ...]

    def of(
        self, rows: Sequence[T], created_at: Callable[[T], datetime], updated_at: Callable[[T], datetime]
    ) -> tuple[Sequence[T], PageInfo]:
        """The rows of this page, and what stands beside them."""
        when = {"created_at": created_at, "updated_at": updated_at}
        fitting = [
            row for row in rows
            if all(_holds(when[name](row), bound, limit) for name, bound, limit in self.times)
        ]  # fmt: skip
        fitting.sort(key=when[self.sort_by], reverse=self.descending)
        first = (self.page - 1) * self.limit
        return fitting[first : first + self.limit], self.info(len(fitting))

    def info(self, total: int) -> PageInfo:
        """``total`` is of all pages."""
        return PageInfo(
            limit_per_page=self.limit, page=self.page, total_page=math.ceil(total / self.limit),
            total_results=total,
        )  # fmt: skip


async def _listing(
    request: Request,
    page: Annotated[int, Query(ge=1, le=10**6)] = 1,
    page_limit: Annotated[int, Query(ge=1, le=50)] = 10,
    sort_by: Literal["created_at", "updated_at"] = "created_at",
    sort_option: Literal["asc", "desc"] = "desc",
) -> Listing:
    times = []
    for name, value in request.query_params.multi_items():
        field, bound, _ = _split(name)
        if field in _TIMES:
            times.append((field, bound or "gte", _time(name, value)))
    return Listing(page, page_limit, sort_by, sort_option == "desc", tuple(times))


ListingDep = Annotated[Listing, Depends(_listing)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address says about media. ``fps`` stands apart: the catalogue's filter does not know it."""

    media: MediaFilter
    fps: Range

    def has_fps(self, fps: float | None) -> bool:
        least, most = self.fps.least, self.fps.most
        if least is None and most is None:
            return True
        return fps is not None and (least or 0.0) <= fps <= (math.inf if most is None else most)


async def _asked(
    request: Request, filename: Annotated[str | None, Query(max_length=255, description="all of it")] = None
) -> Asked:
    """Besides: ``duration``, ``size``, ``width``, ``height`` and ``fps``, each also with ``[gte]`` and
    ``[lte]``; whatever else is there is user metadata, by its name or as ``user_metadata[name]``."""
    ends: dict[str, dict[str, float]] = {}
    metadata: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        field, inner, bound = _split(name)
        if field in SIZES or field == "fps":
            bounds = (inner,) if inner else _BOUNDS
            ends.setdefault(field, {}).update(dict.fromkeys(bounds, _number(name, value)))
        elif field == "user_metadata" and inner:
            _note(metadata, inner, bound, value)
        elif field not in _NOT_METADATA:
            _note(metadata, field, inner, value)
    ranges = {name: Range(found.get("gte"), found.get("lte")) for name, found in ends.items()}
    return Asked(media_filter(filename, ranges, metadata), ranges.get("fps", Range()))


AskedDep = Annotated[Asked, Depends(_asked)]


def _split(name: str) -> tuple[str, str | None, str | None]:
    """
    >>> _split("duration[gte]"), _split("user_metadata[take][lte]")
    (('duration', 'gte', None), ('user_metadata', 'take', 'lte'))
    """
    found = _NAME.fullmatch(name)
    field, inner, last = found.groups() if found else (name, None, None)
    # The last brackets hold a bound, or there is none.
    ends = last if last is not None else inner if field != "user_metadata" else None
    if ends is not None and ends not in _BOUNDS:
        raise Refusal(400, "parameter_invalid", f"{name[:100]!r}: only [gte] and [lte] are known.")
    return field or name, inner, last


def _note(metadata: dict[str, Any], key: str, bound: str | None, text: str) -> None:
    value = _typed(text)
    if bound is None:
        metadata[key] = value
    elif isinstance(metadata.setdefault(key, {}), dict):
        metadata[key][bound] = value


def _typed(text: str) -> Any:
    """Addresses hold texts alone: what looks like a number or a truth is taken for one.

    >>> _typed("9.3"), _typed("true"), _typed("recentlyAdded")
    (9.3, True, 'recentlyAdded')
    """
    if text in ("true", "false"):
        return text == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidRequest(f"{name[:100]} is {text[:100]!r}; give a number.") from None


def _time(name: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"{name[:100]} is {text[:100]!r}; give a time like 2024-08-16T16:53:59Z."
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _holds(time: datetime, bound: str, limit: datetime) -> bool:
    return time >= limit if bound == "gte" else time <= limit
