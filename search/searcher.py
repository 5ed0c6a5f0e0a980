"""A query to an answer: describe, find evidence, score it against chance, grow moments, hand out pages."""

from __future__ import annotations

import copy
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.answer import Answer, BoxAt, Group, Segment, say_how_many
from core.record import LONGEST_RUN_SECONDS
from core.types import Image, Kind, Vectors
from embed.embedder import Embedder
from index.media_filter import MediaFilter
from index.store import VectorStore, Where
from search.chance import Calibration, Chance, Scale
from search.describe import Describer, FaceSearch, WordSearch
from search.evidence import Evidence, Finder, Wanted, cut_to
from search.memory import Memory, Remembered, page_token, read_page_token
from search.moment import Moment
from search.moments import best_moment, curve_of, find_moments
from search.query import Example, Filters, Query, Reference, Terms
from search.second_round import lifted, widened
from search.segments import Growth

_MOST_MOMENTS = 5000
"""Moments of one answer, over all its pages."""

_FEW_MEDIA = 1000
"""The store is quick to look among these. Where there are more and all of them fit, it is quicker when it is
not told so."""

_MOST_BELOW = 60
"""Moments below the line, for those who ask for what comes nearest."""

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

    ``media_names(media_ids)`` is what people call the files, by id; ``open_frame(reference)`` gives the
    picture at that moment in full resolution; ``refiner`` makes boundaries exact; ``media_where(filter)``
    gives the ids of all media that fit; no point stands for more than ``longest_run_seconds``.
    """

    def __init__(
        self,
        store: VectorStore,
        embedder: Embedder,
        calibration: Calibration,
        faces: FaceSearch | None,
        media_names: Callable[[Sequence[str]], Mapping[str, str]],
        open_frame: Callable[[Reference], Image],
        null_sample: int = 2000,
        growth: Growth | None = None,
        words: WordSearch | None = None,
        refiner: Refines | None = None,
        media_where: Callable[[MediaFilter], Collection[str]] | None = None,
        longest_run_seconds: float = LONGEST_RUN_SECONDS,
    ):
        self._store, self._media_names, self._refiner = store, media_names, refiner
        self._media_where, self._longest_run_seconds = media_where, longest_run_seconds
        self._growth = growth or Growth()
        self._describer = Describer(store, embedder, calibration, faces, words, open_frame)
        self._finder = Finder(store, null_sample)
        self._memory = Memory()

    def aside(self) -> Searcher:
        """One that shares all with this one but its memory: for questions that nobody comes back to, which
        would push out those that somebody may."""
        other = copy.copy(self)
        other._memory = Memory()
        return other

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
        scale, names = asked.wanted.calibration.scale, self._names(asked.moments)
        return tuple(_segment(one, scale, names) for one in asked.moments)

    def curve(self, query_id: str, media_id: str) -> MediaCurve:
        """Score over time in one media file, also below the line. Raises QueryForgotten."""
        asked = self._memory.get(query_id)
        scale = asked.wanted.calibration.scale
        stretch = asked.terms.filters.stretch_seconds
        where = replace(self._where(asked.terms.filters, (media_id,)), media_type=None)
        evidence = self._finder.everything_in(asked.wanted, where)
        if asked.wider is not None:
            evidence = lifted(evidence, self._finder.everything_in(asked.wider, where))
        if stretch is not None:
            evidence = cut_to(evidence, stretch)

        def line(kinds: Sequence[Kind]) -> Line:
            rows = np.flatnonzero(np.isin(np.array(evidence.hits.kind, "U6"), kinds))
            spans = evidence.hits.span_seconds[rows]
            curve = curve_of(media_id, spans, evidence.z[rows], asked.terms.references)
            score = np.array([scale.score(float(z)) for z in curve.z], np.float32)
            return Line(curve.start_seconds, curve.end_seconds, score)

        own = [one for one in asked.moments if one.media_id == media_id]
        names = self._names(own)
        parts = {name: set(kinds) & set(asked.wanted.kinds) for name, kinds in _CURVE_KINDS.items()}
        return MediaCurve(
            query_id, media_id, line(asked.wanted.kinds),
            {name: line(sorted(kinds)) for name, kinds in parts.items() if kinds},
            {name: scale.score(z) for name, z in scale.levels.items()},
            tuple(_segment(one, scale, names) for one in own),
        )  # fmt: skip

    def _answer(self, terms: Terms, wanted: Wanted, watch: _Stopwatch) -> Answer:
        filters = terms.filters
        least = wanted.calibration.scale.least(filters.min_confidence)
        media_ids = self._media_ids(filters)
        if media_ids == ():
            return self._remembered(terms, wanted, [], None, watch)
        where = self._where(filters, media_ids)
        evidence = self._find(wanted, where, least, filters)
        watch.lap("candidates")
        wider = self._widened(terms, wanted, evidence, least)
        if wider is not None:
            evidence = lifted(evidence, self._find_again(wanted, wider, evidence, where, least, filters))
            watch.lap("candidates")
        moments = self._moments(terms, evidence, least)
        watch.lap("curves")
        if terms.refine and self._refiner is not None:
            moments = self._refiner.refine(moments, wanted.like, evidence.chance, least)
            watch.lap("refine")
        return self._remembered(terms, wanted, moments, wider, watch)

    def _remembered(
        self, terms: Terms, wanted: Wanted, moments: Sequence[Moment], wider: Wanted | None, watch: _Stopwatch
    ) -> Answer:
        """The first page, with the rest kept for later."""
        filters = terms.filters
        # Only now: what falls short at first may be lifted by the second round.
        scale = wanted.calibration.scale
        least = scale.least_z(filters.min_score)
        moments = _nearest([one for one in moments if one.z >= least], scale.low)
        if filters.stretch_seconds is not None:
            cut = [one.cut_to(filters.stretch_seconds) for one in moments]
            moments = [one for one in cut if one is not None]
        names = self._names(moments)
        asked = Remembered(uuid.uuid4().hex, terms, wanted, _ordered(terms, moments, names), wider)
        self._memory.keep(asked)
        return self._page(asked, 0, watch.laps, names)

    def _media_ids(self, filters: Filters) -> tuple[str, ...] | None:
        """Media that may be in the answer, as far as they are named or the catalogue is asked; None: any."""
        if filters.media.sets_nothing:
            return filters.media_ids or None
        assert self._media_where is not None  # whoever lets people ask for it has a catalogue
        fitting = self._media_where(filters.media)
        if not filters.media_ids:
            many = len(fitting) > _FEW_MEDIA
            return None if many and len(fitting) == len(self._media_where(MediaFilter())) else tuple(fitting)
        chosen = set(fitting)
        return tuple(one for one in filters.media_ids if one in chosen)

    def _where(self, filters: Filters, media_ids: tuple[str, ...] | None) -> Where:
        stretch = filters.stretch_seconds
        if stretch is None:
            return Where(media_ids, filters.media_type, labels=filters.labels or None)
        # What stands for the beginning of the stretch may have been seen before it.
        times = stretch[0] - self._longest_run_seconds, stretch[1]
        return Where(media_ids, "video", labels=filters.labels or None, time_seconds=times)

    def _find(self, wanted: Wanted, where: Where, least_z: float, filters: Filters) -> Evidence:
        evidence = self._finder.find(wanted, where, least_z, self._growth.share)
        stretch = filters.stretch_seconds
        return evidence if stretch is None else cut_to(evidence, stretch)

    def _widened(
        self, terms: Terms, wanted: Wanted, evidence: Evidence, least_z: float
    ) -> Wanted | None:
        """The question of the second round. Only sure moments count for it; the others can wait."""
        least_z = max(least_z, wanted.calibration.scale.high)
        sure = best_moment(
            evidence, least_z, self._growth, terms.references, lambda one: not _is_rejected(one, terms)
        )
        return widened(self._store, wanted, evidence, sure) if sure is not None else None

    def _find_again(
        self, wanted: Wanted, wider: Wanted, first: Evidence, where: Where, least_z: float, filters: Filters
    ) -> Evidence:
        added = len(wider.like) - len(wanted.like)
        evidence = self._finder.again(wider, added, first, where, least_z, self._growth.share)
        stretch = filters.stretch_seconds
        return evidence if stretch is None else cut_to(evidence, stretch)

    def _moments(self, terms: Terms, evidence: Evidence, least_z: float) -> list[Moment]:
        found = find_moments(evidence, least_z, self._growth, terms.references)[:_MOST_MOMENTS]
        return [one for one in found if not _is_rejected(one, terms)]

    def _names(self, moments: Iterable[Moment]) -> dict[str, str]:
        """File names by media id, asked for all at once; the id itself for a file that is gone."""
        media_ids = list(dict.fromkeys(one.media_id for one in moments))
        known = self._media_names(media_ids) if media_ids else {}
        return {media_id: known.get(media_id, media_id) for media_id in media_ids}

    def _page(
        self, asked: Remembered, offset: int, timings_ms: dict[str, float],
        names: Mapping[str, str] | None = None,
    ) -> Answer:
        """``names`` of the media, where they have been asked for already."""
        terms, scale = asked.terms, asked.wanted.calibration.scale
        files = [list(own) for _, own in groupby(asked.moments, key=lambda one: one.media_id)]
        units = files if terms.grouped else [[one] for one in asked.moments]
        end = offset + terms.filters.limit
        page = units[offset:end]
        names = names or self._names(one for unit in page for one in unit)
        return Answer(
            query_id=asked.query_id,
            message=say_how_many(
                [(one.media_id, one.media_type) for one in asked.moments if one.z >= scale.low]
            ),
            segments=tuple(_segment(one, scale, names) for unit in page for one in unit),
            next_page_token=page_token(asked.query_id, end) if end < len(units) else None,
            remaining=max(len(units) - end, 0),
            groups=tuple(_group(unit, scale, names) for unit in page) if terms.grouped else None,
            timings_ms=timings_ms,
        )


def _ordered(terms: Terms, moments: Sequence[Moment], names: Mapping[str, str]) -> tuple[Moment, ...]:
    """Best first, or by time within a file; kept together by file where that was asked for."""
    best: dict[str, float] = {}
    for one in moments:
        best[one.media_id] = max(one.z, best.get(one.media_id, one.z))

    def place(one: Moment) -> tuple[object, ...]:
        if terms.sort == "time":
            file: tuple[object, ...] = (names[one.media_id], one.media_id)
            return (*file, one.start_seconds)
        file = (-best[one.media_id], one.media_id) if terms.grouped else ()
        return (*file, -one.z, names[one.media_id], one.start_seconds)

    return tuple(sorted(moments, key=place))


def _segment(moment: Moment, scale: Scale, names: Mapping[str, str]) -> Segment:
    return Segment(
        media_id=moment.media_id,
        media=names[moment.media_id],
        media_type=moment.media_type,
        start_seconds=round(moment.start_seconds, 3),
        end_seconds=round(moment.end_seconds, 3),
        score=scale.score(moment.z),
        confidence=scale.confidence(moment.z),
        best_seconds=round(moment.best_seconds, 3),
        box_xyxy=None if moment.kind == "frame" else moment.box_xyxy,
        evidence=moment.kind,
        label=moment.label,
        path=tuple(BoxAt(round(seconds, 3), box) for seconds, box in moment.path),
        refined=moment.refined,
    )


def _group(moments: Sequence[Moment], scale: Scale, names: Mapping[str, str]) -> Group:
    best = _segment(max(moments, key=lambda one: one.z), scale, names)
    return Group(best.media_id, best.media, best.media_type, best.score, best.confidence, len(moments))


def _nearest(moments: Sequence[Moment], low: float) -> list[Moment]:
    """All that reach the line, and of the others the nearest."""
    above = [one for one in moments if one.z >= low]
    below = sorted((one for one in moments if one.z < low), key=lambda one: -one.z)
    return above + below[:_MOST_BELOW]


def _is_rejected(moment: Moment, terms: Terms) -> bool:
    return any(_holds(moment, other) for other in terms.rejected)


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
