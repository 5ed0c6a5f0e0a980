"""Search by a picture, or by a moment of the library."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, HTTPException, UploadFile
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep, SettingsDep
from core.boxes import parse_box
from core.errors import InvalidRequest
from core.pictures import read_picture
from core.settings import ServerSettings
from core.types import MediaType
from search.query import Example, Filters, Mode, Query, Reference

router = APIRouter(tags=["search"])


class SegmentOut(BaseModel):
    """One stretch in which the thing appears; half-open, both times 0 for a still."""

    media_id: str
    media: str = Field(description="file name", examples=["reel_a.mp4"])
    media_type: MediaType
    start_seconds: float = Field(examples=[8.0])
    end_seconds: float = Field(examples=[12.0])
    score: float = Field(ge=0, le=100, examples=[91.2])
    confidence: Literal["high", "medium", "low"]
    best_seconds: float = Field(description="the sampled time that matched best", examples=[9.5])
    box_xyxy: tuple[float, float, float, float] | None = Field(
        description="what matched; null: the whole frame"
    )
    evidence: Literal["frame", "region", "tile", "face", "text"]
    label: str | None = None


class AnswerOut(BaseModel):
    query_id: str
    message: str = Field(examples=["2 moments in 1 video", "Nothing in the library matches."])
    segments: list[SegmentOut]
    next_page_token: str | None = None
    timings_ms: dict[str, float] = Field(description="milliseconds by stage")


@router.post("/search", response_model=AnswerOut, summary="Where does this appear?")
async def search(
    library: LibraryDep,
    settings: SettingsDep,
    image: Annotated[
        list[UploadFile] | None,
        File(description="JPEG, PNG, WebP, AVIF, HEIC or GIF (first frame); repeat it for more of the same"),
    ] = None,
    words: Annotated[
        str | None, Form(description="alone, or beside pictures; needs models that know words")
    ] = None,
    words_weight: Annotated[
        float, Form(ge=0, le=1, description="words beside pictures: 0 the pictures alone, 1 the words")
    ] = 0.5,
    unlike: Annotated[
        list[UploadFile] | None, File(description="pictures of what is not meant")
    ] = None,
    media_id: Annotated[str | None, Form(description="search by a moment of the library instead")] = None,
    at_seconds: Annotated[
        float, Form(ge=0, allow_inf_nan=False, description="that moment; 0 for a still")
    ] = 0.0,
    box: Annotated[
        str | None, Form(description="x1,y1,x2,y2 in shares of the picture", examples=["0.1,0.2,0.4,0.9"])
    ] = None,
    mode: Annotated[Mode | None, Form(description="default: object with a box, scene without")] = None,
    only: Annotated[MediaType | None, Form(description="stills (`image`) or videos (`video`) alone")] = None,
    in_media: Annotated[list[str] | None, Form(description="search only in these media ids")] = None,
    label: Annotated[list[str] | None, Form(description="only regions with these detector labels")] = None,
    min_confidence: Annotated[Literal["low", "medium", "high"], Form()] = "low",
    limit: Annotated[int, Form(ge=1, le=1000)] = 50,
) -> dict[str, Any]:
    """Give `image`, or `media_id` with `at_seconds`, or `words`.

    No segments is an answer, too: nothing matches. `box` goes with one picture. With `unlike`, whatever is
    nearer to one of those pictures is left out.
    """
    like = [await _read_upload(one, settings) for one in image or ()]
    against = [await _read_upload(one, settings) for one in unlike or ()]
    filters = Filters(only, tuple(in_media or ()), tuple(label or ()), min_confidence, limit)
    box_xyxy = None if box is None else parse_box(box)
    if box_xyxy is not None and len(like) + (media_id is not None) != 1:
        raise InvalidRequest("box goes with one picture: one image, or one media_id.")
    if like and media_id is not None:
        raise InvalidRequest("Give either image or media_id, not both.")

    def run() -> dict[str, Any]:
        examples = [Example(read_picture(data), None, box_xyxy) for data in like]
        if media_id is not None:
            examples.append(Example(None, Reference(media_id, at_seconds), box_xyxy))
        negatives = tuple(Example(read_picture(data)) for data in against)
        query = Query(tuple(examples), words, words_weight, negatives, mode, filters)
        return library.search(query).to_json()

    return await run_in_threadpool(run)


async def _read_upload(image: UploadFile, settings: ServerSettings) -> bytes:
    limit = settings.max_upload_mb * 2**20
    data = await image.read(limit + 1)
    if len(data) > limit:
        raise HTTPException(
            413,
            f"The picture is above {settings.max_upload_mb} MB (server.max_upload_mb); make it smaller.",
        )
    return data
