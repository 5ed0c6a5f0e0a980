"""The score of a query over time in one media file, for a timeline to draw."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from api.deps import LibraryDep, PlacesDep
from api.rooms import room
from api.routes.search import FORGOTTEN, SegmentOut
from search.searcher import Line
from search.thin import thin

router = room("search")


class LineOut(BaseModel):
    """Stretches `[start, end)` in order of time, as three lists of the same length. Between them nothing
    is known: read 0."""

    start_seconds: list[float] = Field(examples=[[0.0, 0.5, 1.0]])
    end_seconds: list[float] = Field(examples=[[0.5, 1.0, 1.5]])
    score: list[float] = Field(description="0 to 100, also below low", examples=[[12.4, 63.0, 91.2]])


class ThresholdsOut(BaseModel):
    """The scores where low, medium and high begin."""

    low: float = Field(examples=[19.4])
    medium: float = Field(examples=[50.0])
    high: float = Field(examples=[84.0])


class CurveOut(BaseModel):
    query_id: str = Field(examples=["5f0c6b1d2e3a4f7a8b9c0d1e2f3a4b5c"])
    media_id: str
    best: LineOut = Field(description="all evidence together")
    parts: dict[str, LineOut] = Field(
        description="by kind of evidence: `frames` and `regions`, or `faces` for a face"
    )
    thresholds: ThresholdsOut
    segments: list[SegmentOut] = Field(description="what the answer has of this media file, on all its pages")


@router.get(
    "/search/{query_id}/media/{media_id}/curve", response_model=CurveOut, responses=FORGOTTEN,
    summary="How well does each moment of one media file match?",
)  # fmt: skip
async def curve(
    library: LibraryDep,
    places: PlacesDep,
    query_id: str,
    media_id: str,
    max_points: Annotated[
        int, Query(ge=2, le=20_000, description="of each line; longer ones keep the best of neighbours")
    ] = 2000,
) -> dict[str, Any]:
    """Times below the line are in it, too: a viewer can draw it and move the threshold without asking again.

    For a media file with no match of its own it says how near it came.
    """

    def run() -> dict[str, Any]:
        found = thin(library.curve(query_id, media_id), max_points)
        return {
            "query_id": found.query_id, "media_id": found.media_id, "best": _show(found.best),
            "parts": {name: _show(line) for name, line in found.parts.items()},
            "thresholds": found.thresholds, "segments": [asdict(segment) for segment in found.segments],
        }  # fmt: skip

    return await places.run(run)


def _show(line: Line) -> dict[str, list[float]]:
    return {
        "start_seconds": _rounded(line.start_seconds, 3), "end_seconds": _rounded(line.end_seconds, 3),
        "score": _rounded(line.score, 2),
    }  # fmt: skip


def _rounded(values: NDArray[Any], digits: int) -> list[float]:
    # As float64: what is short in float32 has a long tail once it is written out.
    rounded: list[float] = values.astype("float64").round(digits).tolist()
    return rounded
