"""Indexes: named sets of media."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep
from api.twelvelabs.common import need_index, new_router
from api.twelvelabs.lists import ListingDep
from api.twelvelabs.shapes import CreatedOut, IndexOut, IndexPage, ModelIn, show_index
from index.sets import SetRow

router = new_router()


class IndexIn(BaseModel):
    """The models are noted and shown again; what searches is what the library was made with."""

    index_name: str = Field(min_length=1, max_length=255, examples=["holidays"])
    models: list[ModelIn] = Field(min_length=1, max_length=10)
    addons: list[Annotated[str, Field(max_length=100)]] | None = Field(None, max_length=20)


class IndexNameIn(BaseModel):
    model_config = ConfigDict(extra="ignore")

    index_name: str = Field(min_length=1, max_length=255, examples=["holidays"])


@router.post("/indexes", status_code=201, response_model=CreatedOut, summary="Make an index")
async def create(library: LibraryDep, body: IndexIn) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        models = [model.model_dump() for model in body.models]
        made = library.sets.add_set(body.index_name, {"models": models, "addons": body.addons or []})
        return {"_id": made.id}

    return await run_in_threadpool(run)


@router.get("/indexes", response_model=IndexPage, summary="Indexes")
async def list_indexes(
    library: LibraryDep,
    listing: ListingDep,
    index_name: Annotated[str | None, Query(description="all of it")] = None,
    index_id: Annotated[str | None, Query(alias="_id")] = None,
    model_options: Annotated[list[str] | None, Query(description="all of these")] = None,
    model_family: Annotated[str | None, Query(examples=["marengo"])] = None,
) -> IndexPage:
    def fits(row: SetRow) -> bool:
        models = row.notes.get("models", [])
        options = {option for model in models for option in model["model_options"]}
        named = any(str(model["model_name"]).startswith(model_family or "") for model in models)
        return (
            (not index_name or row.name == index_name) and (not index_id or row.id == index_id)
            and options >= set(model_options or ()) and (not model_family or named)
        )  # fmt: skip

    def run() -> IndexPage:
        rows = [row for row in library.sets.list_sets() if fits(row)]
        shown, page_info = listing.of(rows, lambda row: row.created_at, lambda row: row.updated_at)
        return IndexPage(data=[show_index(row) for row in shown], page_info=page_info)

    return await run_in_threadpool(run)


@router.get("/indexes/{index_id}", response_model=IndexOut, summary="One index")
async def show(library: LibraryDep, index_id: str) -> IndexOut:
    return await run_in_threadpool(lambda: show_index(need_index(library, index_id)))


@router.put("/indexes/{index_id}", status_code=204, summary="Give an index another name")
async def rename(library: LibraryDep, index_id: str, body: IndexNameIn) -> None:
    def run() -> None:
        need_index(library, index_id)
        library.sets.rename_set(index_id, body.index_name)

    await run_in_threadpool(run)


@router.delete("/indexes/{index_id}", status_code=204, summary="Remove an index and its videos")
async def remove(library: LibraryDep, index_id: str) -> None:
    """Videos that were uploaded into it leave the library, unless another index has them, too. Whatever was
    in the library before, and assets, stay."""

    def run() -> None:
        need_index(library, index_id)
        for media_id in library.sets.found_nowhere_else(index_id):
            library.remove_media(media_id, True)
        library.sets.remove_set(index_id)

    await run_in_threadpool(run)
