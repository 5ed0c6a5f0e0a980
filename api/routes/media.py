"""The library's media: what is there, the files themselves, single frames."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep
from api.ranges import settle_range
from core.errors import NotFound
from core.pictures import encode_jpeg
from core.types import MediaType
from index.catalogue import MediaRow

router = APIRouter(prefix="/media", tags=["media"])


class MediaOut(BaseModel):
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
    points: dict[str, int]


_SHOWN = tuple(name for name in MediaOut.model_fields if name != "points")


class MediaPage(BaseModel):
    data: list[MediaOut]
    next_offset: int | None


@router.get("", response_model=MediaPage, summary="What is in the library")
async def list_media(
    library: LibraryDep,
    media_type: MediaType | None = None,
    status: Annotated[str | None, Query(description="indexed, partial, failed, skipped, ...")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        rows = library.list_media(media_type, status, limit + 1, offset)
        more = offset + limit if len(rows) > limit else None
        return {"data": [_show(row) for row in rows[:limit]], "next_offset": more}

    return await run_in_threadpool(run)


@router.get("/{media_id}", response_model=MediaOut, summary="One media file")
async def show(library: LibraryDep, media_id: str) -> dict[str, Any]:
    return await run_in_threadpool(lambda: _show(library.get_media(media_id)))


@router.get("/{media_id}/file", response_class=FileResponse, summary="The original file, with Range")
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
    media_id: str,
    at_seconds: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0,
    max_side_px: Annotated[int | None, Query(ge=16, le=8192)] = None,
) -> Response:
    def run() -> bytes:
        return encode_jpeg(library.frame(media_id, at_seconds, max_side_px), 90)

    # A media id names a content: what is at a time in it never changes.
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(await run_in_threadpool(run), media_type="image/jpeg", headers=headers)


def _show(row: MediaRow) -> dict[str, Any]:
    return {**{name: getattr(row, name) for name in _SHOWN}, "points": dict(row.point_counts)}


def _safe_type(path: Path) -> str:
    """An SVG or HTML file that got in must not run as a page of ours."""
    kind = mimetypes.guess_type(path.name)[0] or ""
    safe = kind.startswith(("video/", "image/", "audio/")) and "svg" not in kind
    return kind if safe else "application/octet-stream"
