"""The library's media: what is there, the files themselves, single frames."""

from __future__ import annotations

import base64
import json
import mimetypes
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from starlette.concurrency import run_in_threadpool

from api.deps import FramePlacesDep, LibraryDep
from api.errors import Problem
from api.ranges import settle_range
from api.rooms import room
from api.times import MOST_SECONDS
from core.errors import InvalidRequest, NotFound
from core.pictures import encode_jpeg
from core.types import MediaType
from index.catalogue import MediaRow

router = room("media", "/media")

MOST_TAGS = 50
MOST_METADATA_BYTES = 16 << 10
DEEPEST_METADATA = 8
FRAMES_AT_A_TIME, FRAMES_WAITING = 2, 200
"""One is decoded while the other is made a JPEG; a page of results asks for a hundred at once."""

Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class MediaOut(BaseModel):
    id: str = Field(description="of the content", examples=["c5b86969193af6862082b85ed679cb60"])
    name: str = Field(description="file name", examples=["holiday.mp4"])
    media_type: MediaType | None = Field(description="null: not known yet")
    status: str = Field(
        description="`indexed` and `partial` can be found; `pending`, `indexing`, `failed`, `skipped`, "
        "`refused`, `quarantined`", examples=["indexed"],
    )
    reason: str | None = Field(description="why it cannot be found, or only in part")
    duration_seconds: float | None = Field(description="null: a still", examples=[75.25])
    width: int | None = Field(description="pixels, as displayed", examples=[1920])
    height: int | None = Field(examples=[1080])
    fps: float | None = Field(description="frames a second, on average", examples=[29.97])
    size_bytes: int = Field(examples=[48_211_904])
    tags: list[str] = Field(examples=[["holiday"]])
    metadata: dict[str, Any] = Field(description="whatever people have noted down about it")
    created_at: datetime = Field(description="when it came into the library")
    points: dict[str, int] = Field(
        description="what is stored of it, by kind", examples=[{"frame": 61, "region": 402, "tile": 549}]
    )


_SHOWN = tuple(name for name in MediaOut.model_fields if name != "points")


class MediaPage(BaseModel):
    data: list[MediaOut]
    next_offset: int | None
    next_page_token: str | None = Field(
        description="for `page_token`: unlike with `offset`, nothing comes twice or is left out when media "
        "are added or removed meanwhile"
    )


class MediaNotes(BaseModel):
    """What is left out stays as it is; what is given replaces what was there."""

    model_config = ConfigDict(extra="forbid")

    tags: list[Tag] | None = Field(None, max_length=MOST_TAGS, examples=[["holiday", "2024"]])
    metadata: dict[str, Any] | None = Field(
        None, description="a JSON object of at most 16 KiB, at most 8 levels deep",
        examples=[{"camera": "left", "take": 3}],
    )  # fmt: skip

    @field_validator("metadata")
    @classmethod
    def _is_small(cls, metadata: dict[str, Any] | None) -> dict[str, Any] | None:
        if metadata is not None:
            if not _is_shallow(metadata, DEEPEST_METADATA):
                raise ValueError(f"it is deeper than {DEEPEST_METADATA} levels")
            # NaN is no JSON, and half a letter no text.
            size = len(json.dumps(metadata, allow_nan=False, ensure_ascii=False).encode())
            if size > MOST_METADATA_BYTES:
                raise ValueError(f"it has {size} bytes as JSON; at most {MOST_METADATA_BYTES} may be kept")
        return metadata


@router.get("", response_model=MediaPage, summary="What is in the library")
async def list_media(
    library: LibraryDep,
    media_type: MediaType | None = None,
    status: Annotated[str | None, Query(description="indexed, partial, failed, skipped, ...")] = None,
    tag: Annotated[str | None, Query(max_length=100, description="A to Z as a to z")] = None,
    name_contains: Annotated[str | None, Query(max_length=255, description="large or small letters")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    page_token: Annotated[str | None, Query(max_length=500)] = None,
) -> dict[str, Any]:
    """The newest first. Turn pages with `page_token`, or with `offset`."""
    if page_token is not None and offset:
        raise InvalidRequest("Give either page_token or offset, not both.")
    before = None if page_token is None else _read_token(page_token)

    def run() -> dict[str, Any]:
        rows = library.list_media(media_type, status, limit + 1, offset, tag, name_contains, before)
        more = len(rows) > limit
        return {
            "data": [show_media(row) for row in rows[:limit]],
            "next_offset": offset + limit if more and page_token is None else None,
            "next_page_token": _token(rows[limit - 1]) if more else None,
        }

    return await run_in_threadpool(run)


@router.get("/{media_id}", response_model=MediaOut, summary="One media file")
async def show(library: LibraryDep, media_id: str) -> dict[str, Any]:
    return await run_in_threadpool(lambda: show_media(library.get_media(media_id)))


@router.patch("/{media_id}", response_model=MediaOut, summary="Tags and metadata of your own")
async def note(library: LibraryDep, media_id: str, notes: MediaNotes) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        return show_media(library.describe_media(media_id, notes.tags, notes.metadata))

    return await run_in_threadpool(run)


@router.delete("/{media_id}", status_code=204, summary="Take it out of the library")
async def remove(library: LibraryDep, media_id: str) -> None:
    """Nothing of it is found any more. A file that was uploaded is deleted; one that lay on the server before
    stays where it is. If it is being indexed, that ends first."""
    await run_in_threadpool(library.remove_media, media_id, True)


@router.get(
    "/{media_id}/file", response_class=FileResponse, summary="The original file, with Range",
    responses={
        200: {"description": "All of it"},
        206: {"description": "The part that the header `Range` asks for; several parts as multipart"},
        416: {"model": Problem, "description": "No byte of the file is in the range"},
    },
)  # fmt: skip
@router.head("/{media_id}/file", include_in_schema=False)
async def file(request: Request, library: LibraryDep, media_id: str) -> FileResponse:
    def find() -> tuple[Path, os.stat_result]:
        path = library.media_path(media_id)
        try:
            return path, path.stat()
        except OSError as error:
            raise NotFound(f"The original of {media_id} cannot be read: {error.strerror}.") from None

    path, facts = await run_in_threadpool(find)
    settle_range(request, facts.st_size)
    return FileResponse(
        path, media_type=_safe_type(path), filename=path.name, stat_result=facts,
        content_disposition_type="inline",
    )  # fmt: skip


@router.get(
    "/{media_id}/frame", response_class=Response, summary="The frame shown at a time, as JPEG",
    responses={200: {"content": {"image/jpeg": {}}}},
)
async def frame(
    library: LibraryDep,
    places: FramePlacesDep,
    media_id: str,
    at_seconds: Annotated[
        float, Query(ge=0, le=MOST_SECONDS, allow_inf_nan=False, description="0 for a still", examples=[12.5])
    ] = 0.0,
    max_side_px: Annotated[int | None, Query(ge=16, le=8192)] = None,
) -> Response:
    def run() -> bytes:
        return encode_jpeg(library.frame(media_id, at_seconds, max_side_px), 90)

    # A media id names a content: what is at a time in it never changes.
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(await places.run(run), media_type="image/jpeg", headers=headers)


def show_media(row: MediaRow) -> dict[str, Any]:
    return {**{name: getattr(row, name) for name in _SHOWN}, "points": dict(row.point_counts)}


def _token(row: MediaRow) -> str:
    return base64.urlsafe_b64encode(json.dumps([row.created_at.isoformat(), row.id]).encode()).decode()


def _read_token(token: str) -> tuple[datetime, str]:
    try:
        created_at, media_id = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
        when = datetime.fromisoformat(created_at)
        if when.tzinfo is None or not isinstance(media_id, str):
            raise ValueError
        return when, media_id
    except (ValueError, TypeError):
        raise InvalidRequest(
            "This page_token is none of this server's; take next_page_token of a page."
        ) from None


def _is_shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(one, levels - 1) for one in inner)


def _safe_type(path: Path) -> str:
    """An SVG or HTML file that got in must not run as a page of ours."""
    kind = mimetypes.guess_type(path.name)[0] or ""
    safe = kind.startswith(("video/", "image/", "audio/")) and "svg" not in kind
    return kind if safe else "application/octet-stream"
