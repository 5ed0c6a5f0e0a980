"""The videos of an index: what can be searched in it."""

from __future__ import annotations

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep
from api.twelvelabs.common import (
    MetadataIn,
    leave,
    merge_metadata,
    need_index,
    need_member,
    new_router,
)
from api.twelvelabs.lists import AskedDep, ListingDep
from api.twelvelabs.shapes import VideoOut, VideoPage, show_video

router = new_router()


@router.get("/indexes/{index_id}/videos", response_model=VideoPage, summary="The videos of an index")
async def list_videos(
    request: Request, library: LibraryDep, listing: ListingDep, asked: AskedDep, index_id: str
) -> VideoPage:
    """Those that are ready, stills among them. Filters beside `filename`: `duration`, `size`, `width`,
    `height`, `fps`, each also with `[gte]` and `[lte]`, and user metadata by its name."""

    def run() -> VideoPage:
        need_index(library, index_id)
        rows = [
            row for row in library.sets.members(index_id, asked.media)
            if row.status == "ready" and asked.has_fps(row.fps)
        ]  # fmt: skip
        shown, page_info = listing.of(rows, lambda row: row.added_at, lambda row: row.updated_at)
        data = [show_video(request, row, library.get_media(row.media_id)) for row in shown]
        return VideoPage(data=data, page_info=page_info)

    return await run_in_threadpool(run)


@router.get("/indexes/{index_id}/videos/{video_id}", response_model=VideoOut, summary="One video")
async def show(request: Request, library: LibraryDep, index_id: str, video_id: str) -> VideoOut:
    def run() -> VideoOut:
        member = need_member(library, index_id, video_id, "video")
        return show_video(request, member, library.get_media(video_id))

    return await run_in_threadpool(run)


@router.patch("/indexes/{index_id}/videos/{video_id}", status_code=204, summary="Change user metadata")
@router.put("/indexes/{index_id}/videos/{video_id}", status_code=204, summary="The same, for SDK 0.4")
async def update(library: LibraryDep, index_id: str, video_id: str, body: MetadataIn) -> None:
    """Keys that are given replace what was there, null takes one away. The video has one set of metadata,
    whatever indexes it is in."""

    def run() -> None:
        need_member(library, index_id, video_id, "video")
        merge_metadata(library, video_id, body.user_metadata)

    await run_in_threadpool(run)


@router.delete("/indexes/{index_id}/videos/{video_id}", status_code=204, summary="Remove a video")
async def remove(library: LibraryDep, index_id: str, video_id: str) -> None:
    """Out of the index; out of the library, too, if it was uploaded by a task and no other index has it."""

    def run() -> None:
        need_member(library, index_id, video_id, "video")
        leave(library, index_id, video_id)

    await run_in_threadpool(run)
