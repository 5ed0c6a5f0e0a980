"""A query to an answer: describe, find evidence, score it against chance, grow moments, hand out pages."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.answer import Answer, BoxAt, Group, Segment, say_how_many
from core.types import Image, Kind, Vectors
from embed.embedder import Embedder
from index.store import VectorStore, Where
from search.chance import Calibration, Chance, Scale
from search.describe import Describer, FaceSearch, WordSearch
from search.evidence import Evidence, Finder, Wanted
from search.memory import Memory, Remembered, page_token, read_page_token
from search.moment import Moment
from search.moments import curve_of, find_moments
from search.query import Example, Query, Reference, Terms
from search.second_round import lifted, widened
from search.segments import Growth

_MOST_MOMENTS = 5000
"""Moments of one answer, over all its pages."""

_CURVE_KINDS: dict[str, tuple[Kind, ...]] = {
    "frames": ("frame",), "regions": ("region", "tile"), "faces": ("face",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """Best score in [0, 100] per half-open stretch [start, end) of time, shapes (n,); holes scored 0."""

    start_seconds: NDArray[np.float64]
    end_seconds: NDArray[np.float64]
    score: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MediaCurve:
    """A query's score over one media file: all evidence together, and ``frames``, ``regions``, ``faces``
    apart; ``thresholds`` are the scores where low, medium and high begin. ``segments`` is what the answer
    has of this file."""

    query_id: str
    media_id: str
    best: Line
    parts: dict[str, Line]
    thresholds: dict[str, float]
    segments: tuple[Segment, ...]


class Refines(Protocol):
    def refine(
        self, moments: Sequence[Moment], like: Vectors, chance: Mapping[Kind, Chance], least_z: float
    ) -> list[Moment]:
        """The same moments with exact boundaries, without those that do not hold when looked at closely."""


class Searcher:
    """Thread-safe. Between queries it keeps the sample that chance is learned from, and the last queries.

    ``media_name(media_id)`` is what people call the file; ``open_frame(reference)`` gives the picture at
    that moment in full resolution; ``refiner`` makes boundaries exact.
    """

    def __init__(
        self,
        store: VectorStore,
        embedder: Embedder,
        calibration: Calibration,
        faces: FaceSearch | None,
        media_name: Callable[[str], str],
        open_frame: Callable[[Reference], Image],
        null_sample: int = 2000,
        growth: Growth | None = None,
        words: WordSearch | None = None,
        refiner: Refines | None = None,
    ):
        self._store, self._media_name, self._refiner = store, media_name, refiner
        self._growth = growth or Growth()
        self._describer = Describer(store, embedder, calibration, faces, words, open_frame)
        self._finder = Finder(store, null_sample)
        self._memory = Memory()

    def search(self, query: Query) -> Answer:
        """Raises InvalidRequest (and its kin), NotFound and StoreError."""
        watch = _Stopwatch()
        wanted = self._describer.wanted(query)
        watch.lap("embed")
        return self._answer(query.terms, wanted, watch)

    def search_again(self, query_id: str, more: Sequence[Example], less: Sequence[Example]) -> Answer:
        """The same question after feedback: what was liked is looked for too, what is nearer to something
        disliked is left out. Raises QueryForgotten beside what ``search`` raises."""
        watch = _Stopwatch()
        before = self._memory.get(query_id)
        wanted, mode = before.wanted, before.terms.mode
        like, unlike = self._describer.examples(mode, more), self._describer.examples(mode, less)
        watch.lap("embed")
        wanted = replace(wanted, like=_stack(wanted.like, like), unlike=_stack(wanted.unlike, unlike))
        rejected = *before.terms.rejected, *(one.reference for one in less if one.reference is not None)
        return self._answer(replace(before.terms, rejected=rejected), wanted, watch)

    def page(self, token: str) -> Answer:
        """The page that ``next_page_token`` names, as the library was when the question was asked.
        Raises InvalidRequest and QueryForgotten."""
        query_id, offset = read_page_token(token)
        return self._page(self._memory.get(query_id), offset, {})

    def everything(self, query_id: str) -> tuple[Segment, ...]:
        """All segments of an earlier answer, in its order. Raises QueryForgotten."""
        asked = self._memory.get(query_id)
        return tuple(self._segment(one, asked.wanted.calibration.scale) for one in asked.moments)

    def curve(self, query_id: str, media_id: str) -> MediaCurve:
        """Score over time in one media file, also below the line. Raises QueryForgotten."""
        asked = self._memory.get(query_id)
        scale = asked.wanted.calibration.scale
        where = Where((media_id,), labels=asked.terms.filters.labels or None)
        evidence = self._finder.everything_in(asked.wanted, where)
        if asked.wider is not None:
            evidence = lifted(evidence, self._finder.everything_in(asked.wider, where))

        def line(kinds: Sequence[Kind]) -> Line:
            rows = np.flatnonzero(np.isin(np.array(evidence.hits.kind, "U6"), kinds))
            curve = curve_of(evidence.hits[rows], evidence.z[rows], asked.terms.references)
            score = np.array([scale.score(float(z)) for z in curve.z], np.float32)
            return Line(curve.start_seconds, curve.end_seconds, score)

        own = [one for one in asked.moments if one.media_id == media_id]
        parts = {name: set(kinds) & set(asked.wanted.kinds) for name, kinds in _CURVE_KINDS.items()}
        return MediaCurve(
            query_id, media_id, line(asked.wanted.kinds),
            {name: line(sorted(kinds)) for name, kinds in parts.items() if kinds},
            {name: scale.score(z) for name, z in scale.levels.items()},
            tuple(self._segment(one, scale) for one in own),
        )  # fmt: skip

    def _answer(self, terms: Terms, wanted: Wanted, watch: _Stopwatch) -> Answer:
        filters = terms.filters
        least = wanted.calibration.scale.levels[filters.min_confidence]
        where = Where(filters.media_ids or None, filters.media_type, labels=filters.labels or None)
        evidence = self._finder.find(wanted, where, least, self._growth.share)
        watch.lap("candidates")
        moments = self._moments(terms, evidence, least)
        watch.lap("curves")
        wider = widened(self._store, wanted, evidence, moments[0]) if moments else None
        if wider is not None:
            again = self._finder.find(wider, where, least, self._growth.share)
            evidence = lifted(evidence, again)
            watch.lap("candidates")
            moments = self._moments(terms, evidence, least)
            watch.lap("curves")
        if terms.refine and self._refiner is not None:
            moments = self._refiner.refine(moments, wanted.like, evidence.chance, least)
            watch.lap("refine")
        asked = Remembered(uuid.uuid4().hex, terms, wanted, self._ordered(terms, moments), wider)
        self._memory.keep(asked)
        return self._page(asked, 0, watch.laps)

    def _moments(self, terms: Terms, evidence: Evidence, least_z: float) -> list[Moment]:
        found = find_moments(evidence, least_z, self._growth, terms.references)[:_MOST_MOMENTS]
        return [one for one in found if not any(_holds(one, other) for other in terms.rejected)]

    def _ordered(self, terms: Terms, moments: Sequence[Moment]) -> tuple[Moment, ...]:
        """Best first, or by time within a file; kept together by file where that was asked for."""
        best: dict[str, float] = {}
        for one in moments:
            best[one.media_id] = max(one.z, best.get(one.media_id, one.z))
        names = {media_id: self._media_name(media_id) for media_id in best}

        def place(one: Moment) -> tuple[object, ...]:
            if terms.sort == "time":
                file: tuple[object, ...] = (names[one.media_id], one.media_id)
                return (*file, one.start_seconds)
            file = (-best[one.media_id], one.media_id) if terms.grouped else ()
            return (*file, -one.z, names[one.media_id], one.start_seconds)

        return tuple(sorted(moments, key=place))

    def _page(self, asked: Remembered, offset: int, timings_ms: dict[str, float]) -> Answer:
        terms, scale = asked.terms, asked.wanted.calibration.scale
        files = [list(own) for _, own in groupby(asked.moments, key=lambda one: one.media_id)]
        units = files if terms.grouped else [[one] for one in asked.moments]
        end = offset + terms.filters.limit
        page = units[offset:end]
        return Answer(
            query_id=asked.query_id,
            message=say_how_many([(one.media_id, one.media_type) for one in asked.moments]),
            segments=tuple(self._segment(one, scale) for unit in page for one in unit),
            next_page_token=page_token(asked.query_id, end) if end < len(units) else None,
            remaining=max(len(units) - end, 0),
            groups=tuple(self._group(unit, scale) for unit in page) if terms.grouped else None,
            timings_ms=timings_ms,
        )

    def _segment(self, moment: Moment, scale: Scale) -> Segment:
        confidence = scale.confidence(moment.z)
        assert confidence is not None  # moments below the least confidence are not kept
        return Segment(
            media_id=moment.media_id,
            media=self._media_name(moment.media_id),
            media_type=moment.media_type,
            start_seconds=round(moment.start_seconds, 3),
            end_seconds=round(moment.end_seconds, 3),
            score=scale.score(moment.z),
            confidence=confidence,
            best_seconds=round(moment.best_seconds, 3),
            box_xyxy=None if moment.kind == "frame" else moment.box_xyxy,
            evidence=moment.kind,
            label=moment.label,
            path=tuple(BoxAt(round(seconds, 3), box) for seconds, box in moment.path),
            refined=moment.refined,
        )

    def _group(self, moments: Sequence[Moment], scale: Scale) -> Group:
        best = self._segment(max(moments, key=lambda one: one.z), scale)
        return Group(
            best.media_id, best.media, best.media_type, best.score, best.confidence, len(moments)
        )


def _holds(moment: Moment, reference: Reference) -> bool:
    if moment.media_id != reference.media_id:
        return False
    return moment.media_type == "image" or moment.start_seconds <= reference.at_seconds < moment.end_seconds


def _stack(one: Vectors, other: Vectors) -> Vectors:
    return np.concatenate([one, other]) if len(other) else one


class _Stopwatch:
    """Milliseconds by stage; a stage that comes twice is summed."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = round(self.laps.get(stage, 0.0) + (now - self._since) * 1000, 2)
        self._since = now
