"""People: whose faces there are, where each is seen, and what a person says about it."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep
from api.library import Library
from api.rooms import room
from core.errors import InvalidRequest
from core.pictures import encode_jpeg, resize_to_fit
from core.types import MediaType
from index.people import PersonRow

router = room("people", "/people")

MOST_MERGED = 100


class PersonOut(BaseModel):
    """Somebody whose faces were grouped, named or not."""

    id: str = Field(examples=["5f0c6b1d2e3a4f7a8b9c0d1e2f3a4b5c"])
    name: str | None = Field(examples=["Grace"])
    faces: int = Field(ge=0, description="sights of this person", examples=[42])
    media: int = Field(ge=0, description="media files with this person", examples=[3])
    cover_face_id: str | None = Field(description="the face of `/v1/people/{id}/face.jpg`")
    created_at: datetime
    updated_at: datetime


class GroupingOut(BaseModel):
    """Faces are grouped in the background."""

    state: Literal["running", "idle"]
    progress: float = Field(ge=0, le=1, description="of the run under way, or of the last one")
    message: str | None = Field(description="what went wrong in the last run")
    ended_at: datetime | None = Field(description="when the last run ended")


class PeoplePage(BaseModel):
    data: list[PersonOut] = Field(description="who has most faces first")
    next_page_token: str | None
    grouping: GroupingOut


class AppearanceOut(BaseModel):
    """One half-open `[start_seconds, end_seconds)`; both times 0 in a still."""

    media_id: str
    media: str = Field(description="file name", examples=["reel_a.mp4"])
    media_type: MediaType
    start_seconds: float = Field(examples=[8.0])
    end_seconds: float = Field(examples=[12.0])
    best_seconds: float = Field(description="where the face is best to see", examples=[9.5])
    box_xyxy: tuple[float, float, float, float] = Field(
        description="that face, in shares of the frame", examples=[(0.31, 0.2, 0.62, 0.71)]
    )
    face_id: str = Field(description="that face, for taking it away from this person")
    faces: int = Field(ge=1, examples=[8])


class AppearancesPage(BaseModel):
    person_id: str
    data: list[AppearanceOut] = Field(description="by media file, and in order of time")
    next_page_token: str | None
    remaining: int = Field(ge=0, description="appearances on later pages")


class Naming(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(
        description="at most 100 letters, nobody else's; null takes the name away", examples=["Grace"]
    )


class Merging(BaseModel):
    model_config = ConfigDict(extra="forbid")

    others: list[str] = Field(
        min_length=1, max_length=MOST_MERGED, description="ids of who is the same person"
    )


class GroupingIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    again: bool = Field(
        False, strict=True,
        description="everything anew, but for what people decided; else only faces that are new",
    )


@router.get("", response_model=PeoplePage, summary="Who is in the library")
async def list_people(
    library: LibraryDep,
    named: Annotated[bool | None, Query(description="only those with a name, or only those without")] = None,
    name_contains: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    page_token: Annotated[str | None, Query(max_length=200)] = None,
) -> dict[str, Any]:
    """Faces that came into the library since the last time begin to be grouped when this is asked; `grouping`
    says how far that is."""
    after = None if page_token is None else _read_token(page_token)

    def run() -> dict[str, Any]:
        rows = library.people.list_people(limit + 1, after, named, name_contains)
        more = len(rows) > limit
        return {
            "data": rows[:limit], "next_page_token": _token(rows[limit - 1]) if more else None,
            "grouping": _grouping(library),
        }  # fmt: skip

    return await run_in_threadpool(run)


@router.get("/group", response_model=GroupingOut, summary="How far the grouping is")
async def grouping(library: LibraryDep) -> dict[str, Any]:
    return await run_in_threadpool(_grouping, library)


@router.post("/group", response_model=GroupingOut, status_code=202, summary="Group the faces")
async def group(library: LibraryDep, given: GroupingIn) -> dict[str, Any]:
    """Begins and returns at once. Who was named or merged, and faces that were taken away from somebody, stay
    as they are."""

    def run() -> dict[str, Any]:
        people = library.people
        if given.again:
            people.group_again()
        else:
            people.group_new()
        return _grouping(library)

    return await run_in_threadpool(run)


@router.get("/{person_id}", response_model=PersonOut, summary="One person")
async def show(library: LibraryDep, person_id: str) -> PersonRow:
    return await run_in_threadpool(lambda: library.people.get_person(person_id))


@router.patch("/{person_id}", response_model=PersonOut, summary="Give a name")
async def name(library: LibraryDep, person_id: str, given: Naming) -> PersonRow:
    """Whose faces are this person's at this time is decided with it: no grouping takes them away. Search by
    the name with `person` at `/v1/search`."""
    return await run_in_threadpool(lambda: library.people.name_person(person_id, given.name))


@router.get(
    "/{person_id}/appearances", response_model=AppearancesPage, summary="Everywhere a person is seen"
)
async def appearances(
    library: LibraryDep,
    person_id: str,
    media_id: Annotated[str | None, Query(description="only in this media file")] = None,
    bridge_seconds: Annotated[
        float, Query(ge=0, le=3600, allow_inf_nan=False, description="gaps up to this are closed")
    ] = 1.0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    page_token: Annotated[str | None, Query(max_length=200)] = None,
) -> dict[str, Any]:
    offset = 0 if page_token is None else _read_token(page_token)[0]

    def run() -> dict[str, Any]:
        found = library.people.appearances(person_id, media_id, bridge_seconds)
        page, end = found[offset : offset + limit], offset + limit
        rows = {one: library.get_media(one) for one in {appearance.media_id for appearance in page}}
        return {
            "person_id": person_id,
            "data": [
                {
                    **{field: getattr(one, field) for field in one.__slots__},
                    "media": rows[one.media_id].name, "media_type": rows[one.media_id].media_type,
                }
                for one in page
            ],
            "next_page_token": _encoded(end, "") if end < len(found) else None,
            "remaining": max(len(found) - end, 0),
        }  # fmt: skip

    return await run_in_threadpool(run)


@router.get(
    "/{person_id}/face.jpg", response_class=Response, summary="A picture of the person",
    responses={200: {"content": {"image/jpeg": {}}}},
)  # fmt: skip
async def picture(
    library: LibraryDep, person_id: str, max_side_px: Annotated[int, Query(ge=16, le=2048)] = 256
) -> Response:
    """The best face, cut from the original."""
    cut = await run_in_threadpool(
        lambda: encode_jpeg(resize_to_fit(library.people.picture(person_id), max_side_px), 90)
    )
    return Response(cut, media_type="image/jpeg", headers={"Cache-Control": "private, no-cache"})


@router.post("/{person_id}/merge", response_model=PersonOut, summary="These are one person")
async def merge(library: LibraryDep, person_id: str, given: Merging) -> PersonRow:
    """The others are gone afterwards. The name is this person's, or else the first there is."""
    return await run_in_threadpool(lambda: library.people.merge_people(person_id, given.others))


@router.delete(
    "/{person_id}/faces/{face_id}", response_model=PersonOut, summary="This is somebody else's face"
)
async def refuse(library: LibraryDep, person_id: str, face_id: str) -> PersonRow:
    """The face goes to a new person, which is returned, and with it the others of its track. No grouping
    gives it back; merging does."""
    return await run_in_threadpool(lambda: library.people.refuse_face(person_id, face_id))


def _grouping(library: Library) -> dict[str, Any]:
    doing = library.people.doing
    return {
        "state": "running" if doing.running else "idle", "progress": round(doing.progress, 4),
        "message": doing.message, "ended_at": doing.ended_at,
    }  # fmt: skip


def _token(row: PersonRow) -> str:
    return _encoded(row.faces, row.id)


def _encoded(number: int, text: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([number, text]).encode()).decode()


def _read_token(token: str) -> tuple[int, str]:
    try:
        number, text = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**62:
            raise ValueError
        if not isinstance(text, str):
            raise ValueError
        return number, text
    except (ValueError, TypeError, RecursionError):
        raise InvalidRequest(
            "This page_token is none of this server's; take next_page_token of a page."
        ) from None
