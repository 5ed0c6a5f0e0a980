"""Assets: the library's media, in an index or in none."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from fastapi import Query, Request
from starlette.concurrency import run_in_threadpool

from api.deps import FetchingMediaDep, LibraryDep
from api.library import Library
from api.twelvelabs.common import (
    MetadataIn,
    find_asset,
    merge_metadata,
    need_asset,
    new_router,
    read_metadata,
    replace_metadata,
    take,
)
from api.twelvelabs.errors import Refusal
from api.twelvelabs.forms import received
from api.twelvelabs.lists import ListingDep
from api.twelvelabs.shapes import (
    AssetOut,
    AssetPage,
    IndexedAssetNameOut,
    IndexedAssetNamePage,
    IndexNameOut,
    show_asset,
)
from core.types import MediaType
from index.catalogue import MediaRow
from ingest.incoming import Upload

router = new_router()

MEDIA_TYPES: tuple[MediaType, ...] = get_args(MediaType)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": {
            "type": "object", "required": ["method"],
            "properties": {
                "method": {"type": "string", "enum": ["direct", "url"]},
                "file": {"type": "string", "format": "binary", "description": "with `direct`"},
                "url": {"type": "string", "description": "with `url`; needs server.fetch_media"},
                "filename": {"type": "string"},
                "user_metadata": {"type": "string", "description": "a JSON object"},
            },
        }}},
    }
}  # fmt: skip


@router.post(
    "/assets", status_code=201, response_model=AssetOut, openapi_extra=_BODY, summary="Upload an asset"
)
async def create(request: Request, library: LibraryDep, fetching: FetchingMediaDep) -> AssetOut:
    """It stays in the library until it is removed here. It is indexed at once, so that it can be searched as
    soon as an index has it."""
    async with received(request, library.incoming, "file") as form:
        method, name = form.need("method"), form.get("filename")
        if method not in ("direct", "url"):
            raise Refusal(400, "parameter_invalid", f"method is {method[:100]!r}; it may be direct or url.")
        metadata = read_metadata(form.get("user_metadata"))

        def run(upload: Upload) -> AssetOut:
            added = take(library, upload, "file", kept=True, from_url=method == "url", name=name)
            merge_metadata(library, added.media.id, metadata)
            return _show(request, library, library.get_media(added.media.id))

        if method == "url":
            async with fetching.file(form.need("url"), library.incoming) as fetched:
                return await run_in_threadpool(run, fetched)
        if form.upload is None:
            raise Refusal(400, "parameter_not_provided", "Give file with something in it.")
        return await run_in_threadpool(run, form.upload)


@router.get("/assets", response_model=AssetPage, summary="Assets")
async def list_assets(
    request: Request,
    library: LibraryDep,
    listing: ListingDep,
    asset_ids: Annotated[list[str] | None, Query(max_length=500, description="any of these")] = None,
    asset_types: Annotated[list[str] | None, Query(max_length=10, description="video, image")] = None,
    filename: Annotated[str | None, Query(max_length=255, description="a part of it")] = None,
) -> AssetPage:
    """All media of the library, whatever way they came; the newest first, whatever `sort_by` says."""
    types = [one for one in MEDIA_TYPES if not asset_types or one in asset_types]
    media_type = types[0] if len(types) == 1 else None

    def fits(row: MediaRow) -> bool:
        named = not filename or filename.casefold() in row.name.casefold()
        return named and (not asset_types or row.media_type in types)

    def run() -> AssetPage:
        first = (listing.page - 1) * listing.limit
        if not types:
            # Sounds and documents: there are none.
            rows, total = [], 0
        elif asset_ids:
            known = (find_asset(library, one) for one in dict.fromkeys(asset_ids))
            fitting = [row for row in known if row is not None and fits(row)]
            rows, total = fitting[first : first + listing.limit], len(fitting)
        else:
            rows = list(library.list_media(media_type, None, listing.limit, first, name_contains=filename))
            total = library.count_media(media_type, filename)
        return AssetPage(data=[_show(request, library, row) for row in rows], page_info=listing.info(total))

    return await run_in_threadpool(run)


@router.get("/assets/{asset_id}", response_model=AssetOut, summary="One asset")
async def show(request: Request, library: LibraryDep, asset_id: str) -> AssetOut:
    return await run_in_threadpool(lambda: _show(request, library, need_asset(library, asset_id)))


@router.delete("/assets/{asset_id}", status_code=204, summary="Remove an asset")
async def remove(library: LibraryDep, asset_id: str, force: bool = False) -> None:
    """Out of the library, and with `force` out of all indexes. Only what was uploaded through this dialect
    can be removed through it."""

    def run() -> None:
        need_asset(library, asset_id)
        if library.sets.find_upload(asset_id) is None:
            raise Refusal(
                403, "unauthorized",
                "This came into the library another way; an admin can remove it: DELETE /v1/media/{id}.",
            )  # fmt: skip
        names = [row.name for row in library.sets.sets_of(asset_id)]
        if names and not force:
            where = f"{', '.join(names[:3])}{' and others' if len(names) > 3 else ''}"
            raise Refusal(409, "conflict", f"It is in {where}: remove it there first, or send force=true.")
        library.remove_media(asset_id, True)

    await run_in_threadpool(run)


@router.patch("/assets/{asset_id}/user-metadata", status_code=204, summary="Change user metadata")
async def change_metadata(library: LibraryDep, asset_id: str, body: MetadataIn) -> None:
    """Keys that are given replace what was there; null, "" or [] takes one away."""

    def run() -> None:
        need_asset(library, asset_id)
        merge_metadata(library, asset_id, body.user_metadata)

    await run_in_threadpool(run)


@router.put("/assets/{asset_id}/user-metadata", status_code=204, summary="Replace user metadata")
async def set_metadata(library: LibraryDep, asset_id: str, body: MetadataIn) -> None:
    """All of it: keys that are left out are gone."""

    def run() -> None:
        need_asset(library, asset_id)
        replace_metadata(library, asset_id, body.user_metadata or {})

    await run_in_threadpool(run)


@router.delete("/assets/{asset_id}/user-metadata", status_code=204, summary="Remove user metadata")
async def drop_metadata(library: LibraryDep, asset_id: str) -> None:
    def run() -> None:
        need_asset(library, asset_id)
        replace_metadata(library, asset_id, {})

    await run_in_threadpool(run)


@router.get(
    "/assets/{asset_id}/indexed-assets", response_model=IndexedAssetNamePage, summary="Where an asset is"
)
async def list_indexes(library: LibraryDep, asset_id: str, listing: ListingDep) -> IndexedAssetNamePage:
    def run() -> IndexedAssetNamePage:
        need_asset(library, asset_id)
        rows = library.sets.sets_of(asset_id)
        shown, page_info = listing.of(rows, lambda row: row.created_at, lambda row: row.updated_at)
        data = [
            IndexedAssetNameOut(id=asset_id, index=IndexNameOut(id=row.id, name=row.name)) for row in shown
        ]
        return IndexedAssetNamePage(data=data, page_info=page_info)

    return await run_in_threadpool(run)


def _show(request: Request, library: Library, media: MediaRow) -> AssetOut:
    return show_asset(request, media, library.sets.find_upload(media.id))
