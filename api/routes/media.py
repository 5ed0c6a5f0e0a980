"""The library's media: what is there, the files themselves, single frames."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep
from api.library import Library
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
        return {"data": [_show(library, row) for row in rows[:limit]], "next_offset": more}

    return await run_in_threadpool(run)


@router.get("/{media_id}", response_model=MediaOut, summary="One media file")
async def show(library: LibraryDep, media_id: str) -> dict[str, Any]:
    return await run_in_threadpool(lambda: _show(library, library.get_media(media_id)))


@router.get("/{media_id}/file", response_class=FileResponse, summary="The original file, with Range")
async def file(library: LibraryDep, media_id: str) -> FileResponse:
    path: Path = await run_in_threadpool(library.media_path, media_id)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    # An SVG or HTML file that got in must not run as a page of ours.
    safe = kind if kind.startswith(("video/", "image/", "audio/")) and "svg" not in kind else "application/octet-stream"
    return FileResponse(path, media_type=safe, filename=path.name, content_disposition_type="inline")


@router.get(
    "/{media_id}/frame", response_class=Response, summary="The frame shown at a time, as JPEG",
    responses={200: {"content": {"image/jpeg": {}}}},
)
async def frame(
    library: LibraryDep,
    media_id: str,
    at_seconds: Annotated[float, Query(ge=0)] = 0.0,
    max_side_px: Annotated[int | None, Query(ge=16, le=8192)] = None,
) -> Response:
    def run() -> bytes:
        return encode_jpeg(library.frame(media_id, at_seconds, max_side_px), 90)

    return Response(await run_in_threadpool(run), media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


def _show(library: Library, row: MediaRow) -> dict[str, Any]:
    return {
        "id": row.id, "name": library.media_name(row.id), "media_type": row.media_type, "status": row.status,
        "reason": row.reason, "duration_seconds": row.duration_seconds, "width": row.width, "height": row.height,
        "fps": row.fps, "size_bytes": row.size_bytes, "points": dict(row.point_counts or {}),
    }
