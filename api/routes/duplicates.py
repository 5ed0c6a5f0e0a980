"""What in the library is alike: media that resemble one, and what is there more than once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep, PlacesDep
from api.rooms import room
from core.errors import InvalidRequest
from core.types import MediaType
from search.duplicates import LEAST_SECONDS, DuplicateKind

router = room("alike")


class SimilarOut(BaseModel):
    """Another media file, and where the two are most alike."""

    media_id: str
    media: str = Field(description="file name", examples=["reel_b.mp4"])
    media_type: MediaType
    score: float = Field(
        ge=0, le=100, description="how well the moments of the one are found here, on average",
        examples=[63.0],
    )
    best_score: float = Field(ge=0, le=100, description="of the moment that is most alike", examples=[97.2])
    confidence: Literal["high", "medium", "low"] = Field(description="of that moment")
    best_seconds: float = Field(description="that moment here; 0 in a still", examples=[9.5])
    at_seconds: float = Field(description="that moment in the one that was asked about", examples=[2.0])


class SimilarPage(BaseModel):
    media_id: str
    data: list[SimilarOut] = Field(description="the most alike first; none is an answer, too")


class StretchOut(BaseModel):
    """Half-open `[start_seconds, end_seconds)`, right to about half a second; both times 0 for a still."""

    media_id: str
    media: str = Field(description="file name", examples=["reel_a.mp4"])
    media_type: MediaType
    start_seconds: float = Field(examples=[12.0])
    end_seconds: float = Field(examples=[17.0])
    whole: bool = Field(description="all of the media file")


class DuplicateGroupOut(BaseModel):
    id: str = Field(description="the same as long as the group is", examples=["9c1185a5c5e9fc54"])
    kind: DuplicateKind = Field(description="`video`: whole videos; `stretch`: at least one is a part")
    seconds: float = Field(description="length of the longest", examples=[5.0])
    members: list[StretchOut]


class DuplicatesPage(BaseModel):
    data: list[DuplicateGroupOut] = Field(description="the longest first, stills last")
    next_page_token: str | None
    complete: bool = Field(description="false while media are still being looked at: ask again")
    progress: float = Field(ge=0, le=1)
    message: str | None = Field(description="what went wrong in the last look")


@router.get(
    "/media/{media_id}/similar", response_model=SimilarPage, summary="Which other media resemble this one"
)
async def similar(
    library: LibraryDep,
    places: PlacesDep,
    media_id: str,
    only: Annotated[MediaType | None, Query(description="stills (`image`) or videos (`video`) alone")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> dict[str, Any]:
    """A still, or a video as a whole: up to a dozen moments of it that are unlike each other are looked for.
    To find what resembles one moment or a box in it, search with `media_id` and `at_seconds`."""

    def run() -> dict[str, Any]:
        row = library.get_media(media_id)
        found = library.similar.similar_to(row.id, only, limit)
        names = library.media_names([one.media_id for one in found])
        return {
            "media_id": row.id,
            "data": [
                {**{name: getattr(one, name) for name in one.__slots__},
                 "media": names.get(one.media_id, one.media_id)}
                for one in found
            ],
        }  # fmt: skip

    return await places.run(run)


@router.get("/duplicates", response_model=DuplicatesPage, summary="What is there more than once")
async def duplicates(
    library: LibraryDep,
    kind: Annotated[list[DuplicateKind] | None, Query(description="default: all")] = None,
    min_seconds: Annotated[
        float, Query(ge=LEAST_SECONDS, allow_inf_nan=False, description="of stretches and videos")
    ] = LEAST_SECONDS,
    media_id: Annotated[str | None, Query(description="only groups with this media file")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    page_token: Annotated[str | None, Query(max_length=20)] = None,
) -> dict[str, Any]:
    """Copies and re-encodings of one another, in groups: stills, videos and stretches of video of at least
    two seconds. Looked for in the background from the first question on, and again when the library has
    changed; what is known so far is there at once."""
    offset = _offset(page_token)

    def run() -> dict[str, Any]:
        # Asked before the groups: what ends meanwhile is in them.
        complete = library.duplicates.look()
        doing = library.duplicates.doing
        groups = [
            group for group in library.duplicates.groups()
            if (not kind or group.kind in kind)
            and (group.kind == "still" or group.seconds >= min_seconds)
            and (media_id is None or any(one.media_id == media_id for one in group.members))
        ]  # fmt: skip
        page, end = groups[offset : offset + limit], offset + limit
        names = library.media_names(sorted({one.media_id for group in page for one in group.members}))
        return {
            "data": [
                {
                    "id": group.id, "kind": group.kind, "seconds": round(group.seconds, 3),
                    "members": [
                        {
                            "media_id": one.media_id, "media": names.get(one.media_id, one.media_id),
                            "media_type": one.media_type, "whole": one.whole,
                            "start_seconds": round(one.start_seconds, 3),
                            "end_seconds": round(one.end_seconds, 3),
                        }
                        for one in group.members
                    ],
                }
                for group in page
            ],
            "next_page_token": str(end) if end < len(groups) else None,
            "complete": complete,
            "progress": 1.0 if complete else round(doing.progress, 4),
            "message": doing.message,
        }  # fmt: skip

    return await run_in_threadpool(run)


def _offset(page_token: str | None) -> int:
    if page_token is None:
        return 0
    if not page_token.isascii() or not page_token.isdigit() or len(page_token) > 9:
        raise InvalidRequest(
            "This page_token is none of this server's; take next_page_token of a page."
        )
    return int(page_token)
