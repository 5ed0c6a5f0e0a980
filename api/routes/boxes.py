"""What is stored about the time of a media file: things, faces, shots, and the storyboard."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep
from api.library import Library
from api.rooms import room
from api.times import MOST_SECONDS
from core.errors import InvalidRequest, NotFound
from core.record import Points
from index.catalogue import MediaRow

router = room("media", "/media")

BoxKind = Literal["region", "face", "tile"]
LONGEST_INTERVAL_SECONDS = 600.0
_TRACK_NAME = "storyboard.vtt"

Time = Annotated[float | None, Query(ge=0, le=MOST_SECONDS, allow_inf_nan=False)]


class BoxOut(BaseModel):
    """A box that stands for all of `[start_seconds, end_seconds)`."""

    kind: BoxKind
    box_xyxy: tuple[float, float, float, float] = Field(examples=[(0.31, 0.2, 0.62, 0.71)])
    label: str | None = Field(examples=["cup"])
    label_score: float | None = Field(description="0 to 1", examples=[0.81])
    track: int | None = Field(description="the same number in one media file: the same thing")
    start_seconds: float = Field(examples=[8.0])
    end_seconds: float = Field(examples=[8.5])


class BoxesOut(BaseModel):
    media_id: str
    data: list[BoxOut] = Field(description="in order of time")
    more: bool = Field(description="there are more than `limit`; ask for a shorter interval")


class ShotOut(BaseModel):
    """Half-open `[start_seconds, end_seconds)`."""

    index: int
    start_seconds: float
    end_seconds: float


class ShotsOut(BaseModel):
    media_id: str
    data: list[ShotOut] = Field(description="none for a still, and for what is not indexed")


@router.get("/{media_id}/boxes", response_model=BoxesOut, summary="Things and faces at a time")
async def boxes(
    library: LibraryDep,
    media_id: str,
    at_seconds: Time = None,
    start_seconds: Time = None,
    end_seconds: Time = None,
    kind: Annotated[
        list[BoxKind] | None, Query(description="default: regions and faces; tiles are a fixed grid")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=20_000)] = 2000,
) -> dict[str, Any]:
    """Give `at_seconds`, or `start_seconds` and `end_seconds` at most ten minutes apart (half-open). They are
    those of the sampled frames, which a viewer can draw and a person can click to search. A still needs no
    time."""

    def run() -> dict[str, Any]:
        row = library.get_media(media_id)
        start, end = _interval(row, at_seconds, start_seconds, end_seconds)
        found = library.points_between(media_id, kind or ("region", "face"), start, end)
        shown = sorted((box for points in found for box in _show(points)), key=_by_time)
        return {"media_id": media_id, "data": shown[:limit], "more": len(shown) > limit}

    return await run_in_threadpool(run)


@router.get("/{media_id}/shots", response_model=ShotsOut, summary="The shots of a video")
async def shots(library: LibraryDep, media_id: str) -> dict[str, Any]:
    row = await run_in_threadpool(library.get_media, media_id)
    return {"media_id": media_id, "data": shots_of(row)}


@router.get(
    "/{media_id}/storyboard.vtt", response_class=FileResponse,
    summary="Small pictures of the whole video: a WebVTT track",
    responses={200: {"description": "The track", "content": {"text/vtt": {"schema": {"type": "string"}}}}},
)  # fmt: skip
async def storyboard(library: LibraryDep, media_id: str) -> FileResponse:
    """Each cue names a sheet beside the track and the place in it: `sprite_000.jpg#xywh=160,0,160,90`."""
    return await run_in_threadpool(_storyboard_file, library, media_id, _TRACK_NAME, "text/vtt")


@router.get(
    "/{media_id}/sprite_{number}.jpg", response_class=FileResponse,
    summary="A sprite sheet of the storyboard",
    responses={200: {"description": "The sheet", "content": {"image/jpeg": {}}}},
)  # fmt: skip
async def sprite(library: LibraryDep, media_id: str, number: int) -> FileResponse:
    """`number` as the track has it, with its zeros."""
    name = f"sprite_{number:03d}.jpg"
    return await run_in_threadpool(_storyboard_file, library, media_id, name, "image/jpeg")


def shots_of(row: MediaRow) -> list[dict[str, Any]]:
    """Without a gap from 0 to the end of the video."""
    if row.media_type != "video" or not row.duration_seconds or row.indexed_at is None:
        return []
    cuts = [start for start in row.shot_starts_seconds if 0 < start < row.duration_seconds]
    spans = pairwise([0.0, *cuts, row.duration_seconds])
    return [
        {"index": index, "start_seconds": start, "end_seconds": end}
        for index, (start, end) in enumerate(spans)
    ]


def _interval(
    row: MediaRow, at_seconds: float | None, start_seconds: float | None, end_seconds: float | None
) -> tuple[float, float]:
    if at_seconds is not None and start_seconds is None and end_seconds is None:
        return at_seconds, math.nextafter(at_seconds, math.inf)
    if at_seconds is None and start_seconds is not None and end_seconds is not None:
        if not start_seconds < end_seconds <= start_seconds + LONGEST_INTERVAL_SECONDS:
            raise InvalidRequest(
                f"From {start_seconds:g} to {end_seconds:g} s was given; the end must be after the start, by "
                f"at most {LONGEST_INTERVAL_SECONDS:g} s."
            )
        return start_seconds, end_seconds
    if (at_seconds, start_seconds, end_seconds) == (None, None, None) and row.media_type == "image":
        return 0.0, math.nextafter(0.0, math.inf)
    raise InvalidRequest("Give either at_seconds, or both start_seconds and end_seconds.")


def _show(points: Points) -> list[dict[str, Any]]:
    return [
        {
            "kind": points.kind[row],
            "box_xyxy": [round(float(side), 5) for side in points.box_xyxy[row]],
            "label": points.label[row],
            "label_score": _score(points, row),
            "track": None if points.track[row] < 0 else int(points.track[row]),
            "start_seconds": round(float(points.span_seconds[row, 0]), 6),
            "end_seconds": round(float(points.span_seconds[row, 1]), 6),
        }
        for row in range(len(points))
    ]


def _score(points: Points, row: int) -> float | None:
    score = float(points.label_score[row])
    return None if points.label[row] is None or math.isnan(score) else round(score, 4)


def _by_time(box: dict[str, Any]) -> tuple[Any, ...]:
    return box["start_seconds"], box["kind"], box["box_xyxy"]


def _storyboard_file(library: Library, media_id: str, name: str, media_type: str) -> FileResponse:
    row = library.get_media(media_id)
    path = library.storyboard_dir(row.id) / name
    try:
        facts = path.stat()
    except OSError:
        raise NotFound(
            f"{row.name} has no {name}: stills have no storyboard, nor have videos that are not indexed yet."
        ) from None
    # Another one is written when the video is indexed anew.
    headers = {"Cache-Control": "private, no-cache"}
    return FileResponse(path, media_type=media_type, headers=headers, stat_result=facts)
