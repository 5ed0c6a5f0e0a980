"""Search by a picture, by a moment of the library or by words; more pages; and again after feedback."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import IO, Annotated, Any, Literal

from fastapi import File, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from api.deps import FetchingDep, LibraryDep, PlacesDep, SettingsDep
from api.errors import Problem
from api.filters import FiltersDep
from api.rooms import room
from api.sent import sent_picture
from api.times import MOST_SECONDS
from core.answer import Answer
from core.boxes import parse_box
from core.errors import InvalidRequest
from core.types import MediaType
from search.query import MOST_EXAMPLES, Example, Mode, Query, Reference, Sort

router = room("search")

Box = tuple[float, float, float, float]

FORGOTTEN: dict[int | str, dict[str, Any]] = {
    404: {
        "model": Problem,
        "description": "`query_forgotten`: the query was asked too long ago, or of a server that has been "
        "restarted since; ask it again. `resource_not_exist`: there is no such media file.",
    }
}
"""What a route that goes back to an earlier query answers when there is nothing to go back to."""


class BoxAtOut(BaseModel):
    """Where the thing is at one moment."""

    seconds: float = Field(examples=[9.5])
    box_xyxy: Box = Field(examples=[(0.31, 0.2, 0.62, 0.71)])


class SegmentOut(BaseModel):
    """One stretch in which the thing appears; half-open, both times 0 for a still."""

    media_id: str
    media: str = Field(description="file name", examples=["reel_a.mp4"])
    media_type: MediaType
    start_seconds: float = Field(examples=[8.0])
    end_seconds: float = Field(examples=[12.0])
    score: float = Field(ge=0, le=100, examples=[91.2])
    confidence: Literal["high", "medium", "low", "none"]
    best_seconds: float = Field(description="the sampled time that matched best", examples=[9.5])
    box_xyxy: Box | None = Field(
        description="what matched, in shares of the frame; null: the whole frame",
        examples=[(0.31, 0.2, 0.62, 0.71)],
    )
    evidence: Literal["frame", "region", "tile", "face", "text"]
    label: str | None = Field(None, examples=["cup"])
    path: list[BoxAtOut] = Field([], description="the box over time, in order; empty where frames matched")
    refined: bool = Field(False, description="start and end are exact: the frames around them were looked at")


class GroupOut(BaseModel):
    """All that one media file has to say."""

    media_id: str
    media: str = Field(description="file name", examples=["reel_a.mp4"])
    media_type: MediaType
    score: float = Field(ge=0, le=100, description="of its best segment", examples=[91.2])
    confidence: Literal["high", "medium", "low", "none"]
    segment_count: int = Field(ge=1, examples=[3])


class AnswerOut(BaseModel):
    query_id: str = Field(
        description="for curves and feedback, as long as the server remembers it (an hour at most)",
        examples=["5f0c6b1d2e3a4f7a8b9c0d1e2f3a4b5c"],
    )
    message: str = Field(
        description="about all pages together",
        examples=["2 moments in 1 video", "Nothing in the library matches."],
    )
    segments: list[SegmentOut] = Field(description="of this page")
    next_page_token: str | None = Field(
        None, description="for /v1/search/pages/{token}; null on the last page", examples=["NWYwYzZiMWQ6NTA"]
    )
    remaining: int = Field(
        0, ge=0, description="segments (media files with `group_by=media`) on later pages", examples=[7]
    )
    groups: list[GroupOut] | None = Field(
        None, description="with `group_by=media`: the media files of this page; segments stand in their order"
    )
    timings_ms: dict[str, float] = Field(
        description="milliseconds by stage; empty on later pages",
        examples=[{"embed": 21.5, "candidates": 8.1, "curves": 0.9}],
    )


class MomentIn(BaseModel):
    """A moment of the library, and optionally the box in it that counts."""

    model_config = ConfigDict(extra="forbid")

    media_id: str
    at_seconds: float = Field(
        0.0, ge=0, le=MOST_SECONDS, allow_inf_nan=False,
        description="`best_seconds` of a segment; 0 for a still",
        examples=[9.5],
    )
    box_xyxy: Box | None = Field(
        None, description="`box_xyxy` of a segment, in shares of the frame; null: the whole frame",
        examples=[(0.31, 0.2, 0.62, 0.71)],
    )  # fmt: skip


class FeedbackIn(BaseModel):
    """Results that were right and results that were wrong; one at least, ten at most."""

    model_config = ConfigDict(extra="forbid")

    more: list[MomentIn] = Field([], description="like these")
    less: list[MomentIn] = Field([], description="not like these")


@router.post("/search", response_model=AnswerOut, summary="Where does this appear?")
async def search(
    library: LibraryDep,
    settings: SettingsDep,
    places: PlacesDep,
    fetching: FetchingDep,
    filters: FiltersDep,
    image: Annotated[
        list[UploadFile] | None,
        File(description="JPEG, PNG, WebP, AVIF, HEIC or GIF (first frame); repeat it for more of the same"),
    ] = None,
    image_url: Annotated[
        list[str] | None,
        Form(
            description="where a picture lies on the Internet, http or https; repeat it for more of the "
            "same. Off unless the server's owner has set `server.fetch_pictures`",
            examples=[["https://pictures.example/cup.jpg"]],
        ),
    ] = None,
    picture_id: Annotated[
        list[str] | None,
        Form(description="a picture that POST /v1/pictures has kept; repeat it for more of the same"),
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
        float, Form(ge=0, le=MOST_SECONDS, allow_inf_nan=False, description="that moment; 0 for a still")
    ] = 0.0,
    box: Annotated[
        str | None, Form(description="x1,y1,x2,y2 in shares of the picture", examples=["0.1,0.2,0.4,0.9"])
    ] = None,
    person: Annotated[
        str | None,
        Form(max_length=200, description="name or id of somebody of `/v1/people`; searches faces"),
    ] = None,
    mode: Annotated[Mode | None, Form(description="default: object with a box, scene without")] = None,
    refine: Annotated[
        bool, Form(description="exact starts and ends: decodes around the best moments, which takes longer")
    ] = False,
    sort: Annotated[
        Sort, Form(description="`score`: the best first; `time`: by file name, and in order within a file")
    ] = "score",
    group_by: Annotated[
        Literal["media"] | None, Form(description="keep the segments of a media file together")
    ] = None,
) -> Response:
    """Give `image`, `image_url` or `picture_id`, or `media_id` with `at_seconds`, or `words`, or
    `person`.

    No segments is an answer, too: nothing matches. `box` goes with one picture. With `unlike`, whatever is
    nearer to one of those pictures is left out. What does not fit on one page is at `next_page_token`.
    """
    box_xyxy = None if box is None else parse_box(box)
    shown = len(image or ()) + len(image_url or ()) + len(picture_id or ())
    if box_xyxy is not None and shown + (media_id is not None) != 1:
        raise InvalidRequest("box goes with one picture: one image, image_url, picture_id or media_id.")
    if shown and media_id is not None:
        raise InvalidRequest("Give either image or media_id, not both.")
    if person is not None and (shown or media_id is not None or words or mode not in (None, "face")):
        raise InvalidRequest("person goes without image, media_id and words; its mode is face.")
    if shown + len(unlike or ()) > MOST_EXAMPLES:
        raise InvalidRequest(f"At most {MOST_EXAMPLES} pictures in one query.")

    def run(files: Sequence[IO[bytes]]) -> Response:
        examples = [Example(sent_picture(one, settings), None, box_xyxy) for one in files]
        examples += [Example(library.pictures.read(one), None, box_xyxy) for one in picture_id or ()]
        if media_id is not None:
            examples.append(Example(None, Reference(media_id, at_seconds), box_xyxy))
        if person is not None:
            examples += library.people.examples(person)
        negatives = tuple(Example(sent_picture(one.file, settings)) for one in unlike or ())
        query = Query(
            tuple(examples), words, words_weight, negatives, mode if person is None else "face", filters,
            refine, sort, group_by == "media",
        )  # fmt: skip
        return _written(library.search(query))

    async with fetching.files(image_url or ()) as fetched:
        files = *(one.file for one in image or ()), *fetched
        return await places.run(lambda: run(files))


@router.get(
    "/search/pages/{token}", response_model=AnswerOut, responses=FORGOTTEN,
    summary="The next page of an answer",
)  # fmt: skip
async def page(library: LibraryDep, places: PlacesDep, token: str) -> Response:
    """`token` is `next_page_token` of the page before. Pages are those of the library as it was when the
    question was asked: nothing comes twice or is left out because media have been added since."""
    return await places.run(lambda: _written(library.page(token)))


@router.post(
    "/search/{query_id}/feedback", response_model=AnswerOut, responses=FORGOTTEN,
    summary="The same question, with thumbs up and down",
)  # fmt: skip
async def feedback(
    library: LibraryDep, places: PlacesDep, query_id: str, given: FeedbackIn
) -> Response:
    """A new answer, with a `query_id` of its own: to give more feedback, give it to that one.

    What is like `more` is looked for, too; whatever is nearer to one of `less` is left out. Filters, order
    and page length stay those of the query.
    """
    total = len(given.more) + len(given.less)
    if not 1 <= total <= MOST_EXAMPLES:
        raise InvalidRequest(
            f"more and less hold {total} moments together; they may hold 1 to {MOST_EXAMPLES}."
        )
    more, less = ([_example(one) for one in moments] for moments in (given.more, given.less))
    return await places.run(lambda: _written(library.search_again(query_id, more, less)))


def _written(answer: Answer) -> Response:
    """Made here, on the thread of the search: FastAPI would do it on the event loop, where a long answer
    holds up everybody, and in ten times the time. As it is: AnswerOut says the same, field by field."""
    return Response(_answers().dump_json(answer), media_type="application/json")


@cache
def _answers() -> TypeAdapter[Answer]:
    # Made by the first answer: it takes some milliseconds that a start does not have.
    return TypeAdapter(Answer)


def _example(moment: MomentIn) -> Example:
    return Example(None, Reference(moment.media_id, moment.at_seconds), moment.box_xyxy)
