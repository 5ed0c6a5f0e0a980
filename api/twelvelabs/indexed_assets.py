"""Indexed assets: media of the library put into an index."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep
from api.twelvelabs.common import (
    MetadataIn,
    merge_metadata,
    need_asset,
    need_index,
    need_member,
    new_router,
)
from api.twelvelabs.lists import AskedDep, ListingDep
from api.twelvelabs.shapes import CreatedOut, IndexedAssetOut, IndexedAssetPage, show_indexed_asset
from index.sets import MEMBER_STATUSES

router = new_router()

_ONE = "/indexes/{index_id}/indexed-assets/{video_id}"


class IndexedAssetIn(BaseModel):
    asset_id: str = Field(min_length=1, max_length=100)
    enable_video_stream: bool | None = Field(None, description="is as it is: the original can be watched")
    user_metadata: dict[str, Any] | None = None


@router.post(
    "/indexes/{index_id}/indexed-assets", status_code=202, response_model=CreatedOut,
    summary="Put an asset into an index",
)  # fmt: skip
async def create(library: LibraryDep, index_id: str, body: IndexedAssetIn) -> dict[str, Any]:
    """Any media of the library will do. The id of the indexed asset is that of the asset."""

    def run() -> dict[str, Any]:
        need_index(library, index_id)
        media = need_asset(library, body.asset_id)
        merge_metadata(library, media.id, body.user_metadata)
        library.sets.add_member(index_id, media.id)
        return {"_id": media.id}

    return await run_in_threadpool(run)


@router.get(
    "/indexes/{index_id}/indexed-assets", response_model=IndexedAssetPage, summary="The assets of an index"
)
async def list_indexed_assets(
    request: Request,
    library: LibraryDep,
    listing: ListingDep,
    asked: AskedDep,
    index_id: str,
    status: Annotated[list[str] | None, Query(description=f"any of {', '.join(MEMBER_STATUSES)}")] = None,
) -> IndexedAssetPage:
    """Ready or not. Filters as for videos."""

    def run() -> IndexedAssetPage:
        need_index(library, index_id)
        rows = [
            row for row in library.sets.members(index_id, asked.media)
            if (not status or row.status in status) and asked.has_fps(row.fps)
        ]  # fmt: skip
        shown, page_info = listing.of(rows, lambda row: row.added_at, lambda row: row.updated_at)
        data = [show_indexed_asset(request, row, library.get_media(row.media_id)) for row in shown]
        return IndexedAssetPage(data=data, page_info=page_info)

    return await run_in_threadpool(run)


@router.get(_ONE, response_model=IndexedAssetOut, summary="One asset of an index")
async def show(request: Request, library: LibraryDep, index_id: str, video_id: str) -> IndexedAssetOut:
    def run() -> IndexedAssetOut:
        member = need_member(library, index_id, video_id, "indexed asset")
        return show_indexed_asset(request, member, library.get_media(video_id))

    return await run_in_threadpool(run)


@router.patch(_ONE, status_code=204, summary="Change user metadata")
async def update(library: LibraryDep, index_id: str, video_id: str, body: MetadataIn) -> None:
    """Keys that are given replace what was there, null takes one away."""

    def run() -> None:
        need_member(library, index_id, video_id, "indexed asset")
        merge_metadata(library, video_id, body.user_metadata)

    await run_in_threadpool(run)


@router.delete(_ONE, status_code=204, summary="Take an asset out of an index")
async def remove(library: LibraryDep, index_id: str, video_id: str) -> None:
    """The asset stays in the library."""

    def run() -> None:
        need_member(library, index_id, video_id, "indexed asset")
        library.sets.remove_member(index_id, video_id)

    await run_in_threadpool(run)
