"""How long a query takes, stage by stage, in libraries of several sizes."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.quality.library import Library
from bench.sets import Asked
from core.pictures import read_picture
from core.record import Points, point_id
from index.store import Where
from index.stores.edge import EdgeStore
from search.query import Example, Filters, Query
from search.searcher import Searcher

NEAREST, FARTHEST = 0.9, 0.3
"""Cosines between an invented point and the real one it is drawn round."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Median milliseconds of so many queries: by stage, and from question to answer."""

    points: int
    asked_with: str
    queries: int
    segments: float
    stages_ms: dict[str, float]
    total_ms: float


def grown(real: Points, count: int, seed: int = 0) -> Iterator[Points]:
    """``count`` points: the real ones, then copies of them as other media, every vector moved away from its
    own to a cosine of ``FARTHEST`` to ``NEAREST``, in a direction drawn at random."""
    rng = np.random.default_rng([seed, 71])
    copy = 0
    while count > 0:
        yield (real if copy == 0 else _copy(real, rng, copy))[:count]
        count, copy = count - len(real), copy + 1


def _copy(real: Points, rng: np.random.Generator, number: int) -> Points:
    media = [f"copy{number}-{media_id}" for media_id in real.media_id]
    away = rng.standard_normal(real.vectors.shape).astype(np.float32)
    away -= (away * real.vectors).sum(axis=1, keepdims=True) * real.vectors
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    cosine = rng.uniform(FARTHEST, NEAREST, (len(real), 1)).astype(np.float32)
    ids = [
        point_id(*row) for row in zip(media, real.kind, real.time_seconds, real.box_xyxy, strict=True)
    ]
    vectors = cosine * real.vectors + np.sqrt(1 - cosine**2) * away
    return replace(real, id=ids, media_id=media, vectors=vectors.astype(np.float32))


def time_sizes(library: Library, asked: Sequence[Asked], sizes: Sequence[int], queries: int) -> list[Taken]:
    real = library.store().sample("visual", Where(), 10_000_000)
    # In order of media and time: where the last copy is cut off, its media stay whole but for one.
    real = real[np.lexsort((real.time_seconds, np.array(real.media_id)))]
    taken = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="momentseek-times-") as folder, EdgeStore(
            Path(folder), "invented", {"visual": library.embedder.dimension}
        ) as store:
            for points in grown(real, size):
                store.upsert(points)
            store.flush()
            searcher = library.searcher_of(store)
            taken += time_queries(searcher, asked, size, queries)
    return taken


def time_queries(
    searcher: Searcher, asked: Sequence[Asked], points: int, queries: int, refine: bool = False
) -> list[Taken]:
    pictures = [one for one in asked if one.box_xyxy is None and one.expected.answerable][:queries]
    boxed = [one for one in asked if one.box_xyxy is not None and one.expected.answerable][:queries]
    return [
        _time(searcher, own, points, name, refine)
        for name, own in (("picture", pictures), ("picture and box", boxed))
        if own
    ]


def _time(searcher: Searcher, asked: Sequence[Asked], points: int, name: str, refine: bool) -> Taken:
    _query(searcher, asked[0], refine)  # models are compiled and the sample is drawn at the first
    runs = [_query(searcher, one, refine) for one in asked]
    stages = sorted({stage for laps, *_ in runs for stage in laps})
    return Taken(
        points, name, len(asked), statistics.median(segments for *_, segments in runs),
        {stage: round(statistics.median(laps.get(stage, 0.0) for laps, *_ in runs), 1) for stage in stages},
        round(statistics.median(total for _, total, _ in runs), 1),
    )  # fmt: skip


def _query(searcher: Searcher, asked: Asked, refine: bool) -> tuple[dict[str, float], float, int]:
    """Stages and total in milliseconds, reading the picture file not counted; and the number of moments."""
    example = Example(read_picture(asked.image), box_xyxy=asked.box_xyxy)
    query = Query((example,), filters=Filters(limit=50), refine=refine)
    started = time.perf_counter()
    answer = searcher.search(query)
    total = (time.perf_counter() - started) * 1000
    return answer.timings_ms, total, len(answer.segments) + answer.remaining
