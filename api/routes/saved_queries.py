"""Saved queries: questions that are asked of every new media file, and what they have found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import File, Form, Response, UploadFile
from fastapi import Query as Asked
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep, PlacesDep, SettingsDep
from api.filters import FiltersDep
from api.rooms import room
from api.routes.search import SegmentOut
from api.sent import sent_picture
from api.times import MOST_SECONDS
from core.boxes import parse_box
from core.errors import InvalidRequest
from core.settings import ServerSettings
from core.types import Image
from index.saved_queries import SavedQueryRow
from search.query import MOST_EXAMPLES, Example, Mode, Query, Reference

router = room("saved queries", "/saved-queries")


class SavedQueryOut(BaseModel):
    id: str = Field(examples=["0d4c3b2a19087f6e"])
    name: str = Field(examples=["our logo"])
    words: str | None = Field(examples=["a red bicycle"])
    pictures: int = Field(description="how many it asks with", examples=[1])
    mode: Mode | None
    min_confidence: str = Field(examples=["medium"])
    webhook_id: str | None = Field(description="who is told of matches; null: nobody")
    paused: bool = Field(description="it is asked of nothing that becomes ready meanwhile")
    matches: int = Field(description="segments found and kept", examples=[12])
    created_at: datetime
    last_run_at: datetime | None
    last_error: str | None = Field(description="why the last run found nothing out")


class SavedQueryList(BaseModel):
    data: list[SavedQueryOut]


class SavedQueryChange(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", examples=["our old logo"])
    paused: bool = False
    webhook_id: str | None = Field(None, description="null: nobody is told")


class MatchOut(BaseModel):
    found_at: datetime
    segment: SegmentOut


class MatchPage(BaseModel):
    data: list[MatchOut]
    next_page_token: str | None = Field(description="for `page_token`; null on the last page")


@router.post("", status_code=201, response_model=SavedQueryOut, summary="Save a question")
async def add(
    library: LibraryDep,
    settings: SettingsDep,
    places: PlacesDep,
    filters: FiltersDep,
    name: Annotated[str, Form(min_length=1, max_length=100, examples=["our logo"])],
    webhook_id: Annotated[
        str | None, Form(description="who is told of matches, a webhook of /v1/webhooks")
    ] = None,
    image: Annotated[list[UploadFile] | None, File(description="as of POST /v1/search")] = None,
    picture_id: Annotated[
        list[str] | None, Form(description="a picture that POST /v1/pictures has kept")
    ] = None,
    words: Annotated[str | None, Form(description="alone, or beside pictures")] = None,
    words_weight: Annotated[
        float, Form(ge=0, le=1, description="words beside pictures: 0 the pictures alone, 1 the words")
    ] = 0.5,
    unlike: Annotated[list[UploadFile] | None, File(description="pictures of what is not meant")] = None,
    media_id: Annotated[
        str | None, Form(description="a moment of the library; its picture is kept with the question")
    ] = None,
    at_seconds: Annotated[float, Form(ge=0, le=MOST_SECONDS, allow_inf_nan=False)] = 0.0,
    box: Annotated[
        str | None, Form(description="x1,y1,x2,y2 in shares of the picture", examples=["0.1,0.2,0.4,0.9"])
    ] = None,
    mode: Annotated[Mode | None, Form(description="default: object with a box, scene without")] = None,
) -> dict[str, Any]:
    """The fields are those of POST /v1/search. The question is kept with its pictures, so that it outlives
    restarts and other models. It is asked once of every media file that becomes ready after this, right then;
    `in_media` and `limit` mean nothing here."""
    box_xyxy = None if box is None else parse_box(box)
    shown = len(image or ()) + len(picture_id or ())
    if box_xyxy is not None and shown + (media_id is not None) != 1:
        raise InvalidRequest("box goes with one picture: one image, picture_id or media_id.")
    if shown and media_id is not None:
        raise InvalidRequest("Give either image or media_id, not both.")
    if shown + len(unlike or ()) > MOST_EXAMPLES:
        raise InvalidRequest(f"At most {MOST_EXAMPLES} pictures in one query.")

    def run() -> SavedQueryRow:
        examples = [Example(one, None, box_xyxy) for one in _read(image or (), settings)]
        examples += [Example(library.pictures.read(one), None, box_xyxy) for one in picture_id or ()]
        if media_id is not None:
            examples.append(Example(None, Reference(media_id, at_seconds), box_xyxy))
        negatives = tuple(Example(one) for one in _read(unlike or (), settings))
        query = Query(tuple(examples), words, words_weight, negatives, mode, filters)
        return library.saved_queries.add(name, query, webhook_id)

    return _shown(await places.run(run))


@router.get("", response_model=SavedQueryList, summary="Saved queries, the oldest first")
async def list_all(library: LibraryDep) -> dict[str, Any]:
    rows = await run_in_threadpool(lambda: library.saved_queries.rows.list_all())
    return {"data": [_shown(row) for row in rows]}


@router.get("/{saved_query_id}", response_model=SavedQueryOut, summary="One saved query")
async def show(library: LibraryDep, saved_query_id: str) -> dict[str, Any]:
    return _shown(await run_in_threadpool(lambda: library.saved_queries.rows.get(saved_query_id)))


@router.patch("/{saved_query_id}", response_model=SavedQueryOut, summary="Rename it, pause it, tell others")
async def change(library: LibraryDep, saved_query_id: str, given: SavedQueryChange) -> dict[str, Any]:
    """Media that become ready while it is paused are not caught up with."""
    changes = given.model_dump(exclude_unset=True)
    return _shown(
        await run_in_threadpool(lambda: library.saved_queries.rows.change(saved_query_id, changes))
    )


@router.delete("/{saved_query_id}", status_code=204, response_class=Response, summary="Forget it")
async def remove(library: LibraryDep, saved_query_id: str) -> Response:
    """With everything it has found."""
    await run_in_threadpool(lambda: library.saved_queries.rows.remove(saved_query_id))
    return Response(status_code=204)


@router.get("/{saved_query_id}/matches", response_model=MatchPage, summary="What it has found")
async def matches(
    library: LibraryDep,
    saved_query_id: str,
    limit: Annotated[int, Asked(ge=1, le=500)] = 50,
    page_token: Annotated[str | None, Asked(description="`next_page_token` of the page before")] = None,
) -> dict[str, Any]:
    """The newest first: segments, of each media file the best hundred, of all the last ten thousand. Their
    `path` is not kept."""
    before = _row_of(page_token)
    rows = await run_in_threadpool(
        lambda: library.saved_queries.rows.matches(saved_query_id, limit + 1, before)
    )
    return {
        "data": [{"found_at": row.found_at, "segment": row.segment} for row in rows[:limit]],
        "next_page_token": str(rows[limit - 1].id) if len(rows) > limit else None,
    }


def _row_of(page_token: str | None) -> int | None:
    if page_token is None:
        return None
    if not page_token.isdecimal() or len(page_token) > 18:
        raise InvalidRequest(f"{page_token[:40]!r} is no page token; give next_page_token as it is.")
    return int(page_token)


def _shown(row: SavedQueryRow) -> dict[str, Any]:
    return {
        "id": row.id, "name": row.name, "words": row.question["words"], "pictures": row.pictures,
        "mode": row.question["mode"], "min_confidence": row.question["filters"]["min_confidence"],
        "webhook_id": row.webhook_id, "paused": row.paused, "matches": row.matches,
        "created_at": row.created_at, "last_run_at": row.last_run_at, "last_error": row.last_error,
    }  # fmt: skip


def _read(files: Sequence[UploadFile], settings: ServerSettings) -> list[Image]:
    return [sent_picture(one.file, settings) for one in files]
