"""Exports: an answer as a file for other programs, and its stretches as clips."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from api.errors import RESPONSES
from api.exports.clips import As, Made, Order, check_orders, make_clips, new_folder
from api.exports.library import ExportsLibrary
from api.exports.moments import MOST_MOMENTS, Moment
from api.exports.results import MEDIA_TYPES, Format, Paths, export
from api.floods import Places
from api.rooms import room
from api.times import MOST_SECONDS
from core.errors import InvalidRequest
from ingest.clips import ClipStopped, How

router = room("exports")

_AT_A_TIME, _WAITING = 1, 8
"""Cutting uses all cores: two at once would take twice as long each."""
_LOOK_EVERY_SECONDS = 0.5

Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False, strict=True)]
Box = tuple[float, float, float, float]


class SegmentIn(BaseModel):
    """A segment as an answer has it. Only `media_id` and the times are needed; for a still both are 0."""

    model_config = ConfigDict(extra="ignore")

    media_id: str
    start_seconds: Seconds = Field(examples=[8.0])
    end_seconds: Seconds = Field(examples=[12.0])
    score: float | None = Field(None, ge=0, le=100, examples=[91.2])
    confidence: Literal["high", "medium", "low", "none"] | None = None
    best_seconds: Seconds | None = Field(None, examples=[9.5])
    box_xyxy: Box | None = Field(None, examples=[(0.31, 0.2, 0.62, 0.71)])
    evidence: Literal["frame", "region", "tile", "face", "text"] | None = None
    label: str | None = Field(None, max_length=200, examples=["cup"])


class ResultsIn(BaseModel):
    """Either `query_id`, for all segments of that answer on all its pages, or `segments`."""

    model_config = ConfigDict(extra="forbid")

    query_id: str | None = Field(None, examples=["5f0c6b1d2e3a4f7a8b9c0d1e2f3a4b5c"])
    segments: list[SegmentIn] | None = Field(None, min_length=1, max_length=MOST_MOMENTS)
    format: Format = Field(
        description="`json`, `csv`; subtitles `srt`, `vtt` (a zip of one per video, where there are "
        "several); for editing programs `edl` (CMX 3600 with markers for DaVinci Resolve), `fcp7` (Final Cut "
        "Pro 7 XML), `fcpxml`, `otio`"
    )
    paths: Paths = Field(
        "names",
        description="how editing programs are told of the originals: by file `names`, or by the `full` path "
        "that they have on the server",
    )


class ClipIn(BaseModel):
    """A half-open stretch of a video; for a still both times are 0."""

    model_config = ConfigDict(extra="ignore")

    media_id: str
    start_seconds: Seconds = Field(0.0, examples=[12.4])
    end_seconds: Seconds = Field(0.0, examples=[15.2])


class ClipsIn(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    clips: list[ClipIn] = Field(min_length=1)
    how: How = Field(
        "exact",
        description="`exact` is right to the frame and encoded again (H.264, AAC); `copy` is fast, keeps the "
        "quality and begins at the keyframe before",
    )
    form: As = Field(
        "zip", alias="as",
        description="`zip` of all clips, one `reel` of them behind one another, or a `single` clip",
    )  # fmt: skip


def _exports_library(request: Request) -> ExportsLibrary:
    library: ExportsLibrary = request.app.state.library
    return library


async def _clip_places(request: Request) -> Places:
    # On the event loop's thread, so made once.
    state = request.app.state
    if not hasattr(state, "clip_places"):
        state.clip_places = Places(_AT_A_TIME, _WAITING)
    places: Places = state.clip_places
    return places


ExportsDep = Annotated[ExportsLibrary, Depends(_exports_library)]
ClipPlacesDep = Annotated[Places, Depends(_clip_places)]

_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_RESULT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file; the header `Content-Disposition` has a name for it",
        "content": {
            **{one.partition(";")[0]: _BYTES for one in (*MEDIA_TYPES.values(), "application/zip")},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}  # fmt: skip
_CLIP_TYPES = ("video/mp4", "video/x-matroska", "application/zip", "application/octet-stream")
_CLIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The clip, the reel, the zip of clips; or a still, which is its original file",
        "content": dict.fromkeys(_CLIP_TYPES, _BYTES),
    },
    429: RESPONSES[429],
}


@router.post(
    "/exports/results", response_class=Response, responses=_RESULT,
    summary="An answer as a file for other programs",
)  # fmt: skip
async def results(library: ExportsDep, body: ResultsIn) -> Response:
    """Times in timelines are those of the nearest frame, on the frame grid of each file: its own rate where
    it is constant, else the known rate nearest to its average. Timecode is non-drop, from 00:00:00:00 on."""
    if (body.query_id is None) == (body.segments is None):
        raise InvalidRequest("Give either query_id or segments, and not both.")
    made = await run_in_threadpool(
        lambda: export(library, _moments(library, body), body.format, body.query_id, body.paths)
    )
    answer = Response(made.content, media_type=made.media_type)
    # Starlette writes the header so that any name is safe in it.
    named = FileResponse("", filename=made.name)
    answer.headers["content-disposition"] = named.headers["content-disposition"]
    return answer


@router.post(
    "/exports/clips", response_class=FileResponse, responses=_CLIP, summary="Stretches of media as clips"
)
async def clips(request: Request, library: ExportsDep, places: ClipPlacesDep, body: ClipsIn) -> Response:
    """At most 100 clips of one hour together. A still is its original file; in a reel it is shown for three
    seconds. A reel has the size and frame rate of its first clip. A zip also holds `clips.json`, which says
    where each clip really begins and ends."""
    orders = [Order(one.media_id, one.start_seconds, one.end_seconds) for one in body.clips]
    check_orders(orders, body.how, body.form)
    return await _serve(
        request, library, places,
        lambda folder, stop: make_clips(library, orders, body.how, body.form, folder, stop),
    )  # fmt: skip


@router.get(
    "/media/{media_id}/clip", response_class=FileResponse, responses=_CLIP,
    summary="A stretch of one media file as a clip",
)  # fmt: skip
async def clip(
    request: Request,
    library: ExportsDep,
    places: ClipPlacesDep,
    media_id: str,
    start_seconds: Annotated[float, Query(ge=0, le=MOST_SECONDS, allow_inf_nan=False)] = 0.0,
    end_seconds: Annotated[float, Query(ge=0, le=MOST_SECONDS, allow_inf_nan=False)] = 0.0,
    how: Annotated[
        How, Query(description="exact: right to the frame; copy: fast, from a keyframe")
    ] = "exact",
) -> Response:
    """The headers `Momentseek-Clip-Start-Seconds` and `Momentseek-Clip-End-Seconds` say what it holds."""
    orders = [Order(media_id, start_seconds, end_seconds)]
    check_orders(orders, how, "single")
    return await _serve(
        request, library, places,
        lambda folder, stop: make_clips(library, orders, how, "single", folder, stop),
    )  # fmt: skip


def _moments(library: ExportsLibrary, body: ResultsIn) -> list[Moment]:
    if body.segments is None:
        assert body.query_id is not None
        return [Moment.of(segment) for segment in library.everything(body.query_id)]
    return [_moment(library, one) for one in body.segments]


def _moment(library: ExportsLibrary, given: SegmentIn) -> Moment:
    row = library.get_media(given.media_id)
    media_type = row.media_type or "video"
    if media_type == "video" and given.end_seconds <= given.start_seconds:
        raise InvalidRequest(
            f"A segment of {row.name} from {given.start_seconds:g} to {given.end_seconds:g} s was given; "
            "its end must be after its start."
        )
    return Moment(media=row.name, media_type=media_type, **given.model_dump())


async def _serve(
    request: Request, library: ExportsLibrary, places: Places,
    make: Callable[[Path, threading.Event], Made],
) -> Response:  # fmt: skip
    stop = threading.Event()

    def work() -> tuple[Made, Path]:
        if stop.is_set():
            raise ClipStopped("Nobody waits for the clip any more.")
        folder = new_folder(library.export_dir())
        try:
            made = make(folder, stop)
            if stop.is_set():
                raise ClipStopped("Nobody waits for the clip any more.")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return made, folder

    task = asyncio.create_task(places.run(work))
    # Looked at even when this request is cancelled first; asyncio complains otherwise.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_EVERY_SECONDS)
            if not task.done() and await request.is_disconnected():
                stop.set()
        made, folder = task.result()
    finally:
        # Also when the server is stopping: nothing goes on for nobody.
        stop.set()
    return _Once(made, folder)


class _Once(FileResponse):
    """A file that is removed with its folder once it is sent, or once that has failed."""

    def __init__(self, made: Made, folder: Path) -> None:
        headers = {}
        if made.cut is not None and len(made.cut.pieces) == 1:
            [piece] = made.cut.pieces
            headers = {
                "Momentseek-Clip-Start-Seconds": f"{piece.start_seconds:.6f}",
                "Momentseek-Clip-End-Seconds": f"{piece.end_seconds:.6f}",
            }
        super().__init__(made.path, media_type=made.media_type, filename=made.name, headers=headers)
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # Here and not on a thread: a cancelled task could not wait for one.
            shutil.rmtree(self._folder, ignore_errors=True)
