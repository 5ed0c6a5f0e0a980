"""What may be returned, as fields of a form: one for every route that asks."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Form

from api.times import MOST_SECONDS
from core.types import MediaType
from index.media_filter import MediaFilter, Range
from search.query import Filters

_LARGEST = 10**15
"""Every database holds such a number."""


async def _filters(
    only: Annotated[MediaType | None, Form(description="stills (`image`) or videos (`video`) alone")] = None,
    in_media: Annotated[list[str] | None, Form(description="search only in these media ids")] = None,
    label: Annotated[list[str] | None, Form(description="only regions with these detector labels")] = None,
    min_confidence: Annotated[
        Literal["none", "low", "medium", "high"],
        Form(description="`none` also gives what comes nearest without being an answer: its `confidence` is "
             "`none`, and `message` does not count it"),
    ] = "low",
    min_score: Annotated[
        float, Form(ge=0, le=100, allow_inf_nan=False, description="nothing below", examples=[75])
    ] = 0.0,
    from_seconds: Annotated[
        float | None,
        Form(ge=0, le=MOST_SECONDS, allow_inf_nan=False, examples=[60.0],
             description="only this stretch of every video, `[from_seconds, to_seconds)`: segments are cut "
             "off there. Stills, which have no times, are left out"),
    ] = None,
    to_seconds: Annotated[
        float | None, Form(
            gt=0, le=MOST_SECONDS, allow_inf_nan=False, description="where it ends", examples=[120.0]
        )
    ] = None,
    min_duration_seconds: Annotated[
        float | None,
        Form(ge=0, le=_LARGEST, description="only videos at least this long; no stills", examples=[30.0]),
    ] = None,
    max_duration_seconds: Annotated[
        float | None,
        Form(ge=0, le=_LARGEST, description="only videos at most this long; no stills", examples=[3600.0]),
    ] = None,
    min_size_bytes: Annotated[
        int | None, Form(ge=0, le=_LARGEST, description="only files at least this large", examples=[100_000])
    ] = None,
    max_size_bytes: Annotated[
        int | None,
        Form(ge=0, le=_LARGEST, description="only files at most this large", examples=[2_000_000_000]),
    ] = None,
    min_width: Annotated[
        int | None, Form(ge=0, le=_LARGEST, description="pixels of the displayed frame", examples=[1280])
    ] = None,
    min_height: Annotated[
        int | None, Form(ge=0, le=_LARGEST, description="pixels of the displayed frame", examples=[720])
    ] = None,
    name_contains: Annotated[
        str | None,
        Form(max_length=255, description="only files with this in their name, in large or small letters",
             examples=["kitchen"]),
    ] = None,
    tag: Annotated[
        list[Annotated[str, Form(max_length=100)]] | None,
        Form(description="only media with this tag (A to Z as a to z); repeated: with all of them",
             examples=[["holiday"]]),
    ] = None,
    metadata: Annotated[
        str | None,
        Form(max_length=16 << 10, examples=['{"camera": "left", "take": {"gte": 2, "lte": 5}}'],
             description="only media whose own metadata says this: a JSON object of values that must be "
             "there exactly, or of bounds `gte` and `lte` for numbers and texts"),
    ] = None,
    limit: Annotated[
        int, Form(ge=1, le=1000, description="segments a page; media files a page with `group_by=media`")
    ] = 50,
) -> Filters:  # fmt: skip
    return Filters(
        only, tuple(in_media or ()), tuple(label or ()), min_confidence, limit, min_score, from_seconds,
        to_seconds,
        MediaFilter(
            name_contains=name_contains or None, tags=tuple(tag or ()),
            duration_seconds=Range(min_duration_seconds, max_duration_seconds),
            size_bytes=Range(min_size_bytes, max_size_bytes), width=Range(min_width),
            height=Range(min_height), metadata={} if not metadata else MediaFilter.parse_metadata(metadata),
        ),
    )  # fmt: skip


FiltersDep = Annotated[Filters, Depends(_filters)]
