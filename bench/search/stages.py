"""The same questions without a server: what the store takes, what is left for scores and segments, and what
the answering method finds of what exact search finds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.load.__main__ import processor_seconds
from bench.load.asking import Question
from bench.quality.library import Library, PartialStore, answer, describe
from core.answer import Answer
from core.boxes import parse_box
from core.pictures import read_picture
from core.record import Points, VectorName
from core.types import Vectors
from index.store import Where
from search.query import Example, Filters, Query
from search.searcher import Searcher

AT = 50
"""Recall is that of the best so many points."""
_ALIKE = 1e-4
"""Cosines that differ by less are the same; vectors are kept as float16."""


class TimedStore(PartialStore):
    """A store that counts what was asked of it, and how long that took."""

    calls = 0
    seconds = 0.0

    def _call(self, operation: str, *arguments: object) -> Any:
        started = time.perf_counter()
        try:
            return super()._call(operation, *arguments)
        finally:
            self.calls += 1
            self.seconds += time.perf_counter() - started


class ExactStore(PartialStore):
    """A store that looks at every vector, however long that takes."""

    def query(
        self, vector_name: VectorName, vectors: Vectors, where: Where, limit: int,
        score_threshold: float | None = None,
    ) -> list[Points]:
        return self.query_exactly(vector_name, vectors, where, limit, score_threshold)


@dataclass(slots=True)
class Stages:
    """Milliseconds of one way of asking, an entry for each question; ``processor`` are those of processor
    time by part, one figure for all questions: a busy machine changes it least."""

    total: list[float] = field(default_factory=list)
    describe: list[float] = field(default_factory=list)
    store: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    segments: list[float] = field(default_factory=list)
    store_calls: list[float] = field(default_factory=list)
    processor: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What the answering method finds of the ``AT`` best points, on average and at worst; how many answers
    have the very segments and scores of the exact one, how many segments only one of the two has, and the
    largest difference of a score that both have."""

    recall: float
    worst_recall: float
    same_answers: int
    answers: int
    missing_segments: int
    segments: int
    largest_score_difference: float


def query_of(question: Question) -> Query:
    box = None if question.box is None else parse_box(question.box)
    return Query((Example(read_picture(question.picture), box_xyxy=box),), filters=Filters(limit=1000))


def time_stages(library: Library, asked: Sequence[Question]) -> dict[str, Stages]:
    """By form: ``picture``, ``picture and box``."""
    taken: dict[str, Stages] = {}
    with closing(_open(TimedStore, library)) as store:
        assert isinstance(store, TimedStore)
        searcher = library.searcher_of(store)
        searcher.search(query_of(asked[0]))  # the sample is drawn at the first
        for form, boxed in (("picture and box", True), ("picture", False)):
            own = [query_of(one) for one in asked if (one.box is not None) == boxed]
            taken[form] = _time(searcher, store, own)
    return taken


def _time(searcher: Searcher, store: TimedStore, queries: Sequence[Query]) -> Stages:
    owner = store.owner(store._data_dir) or 0
    stages, describing, answering = Stages(), [], []
    store_before = processor_seconds(owner)
    for query in queries:
        store.seconds, store.calls = 0.0, 0
        started, processor = time.perf_counter(), time.process_time()
        wanted = describe(searcher, query)
        described, processor_described = time.perf_counter(), time.process_time()
        laps = answer(searcher, query.terms, wanted).timings_ms
        ended, processor_ended = time.perf_counter(), time.process_time()
        stages.total.append((ended - started) * 1000)
        stages.describe.append((described - started) * 1000)
        stages.store.append(store.seconds * 1000)
        stages.scores.append((ended - described - store.seconds) * 1000)
        stages.segments.append(laps.get("curves", 0.0))
        stages.store_calls.append(store.calls)
        describing.append((processor_described - processor) * 1000)
        answering.append((processor_ended - processor_described) * 1000)
    stages.processor = {
        "describe": round(statistics.median(describing), 1),
        "store": round((processor_seconds(owner) - store_before) * 1000 / max(len(queries), 1), 1),
        "scores": round(statistics.median(answering), 1),
    }  # fmt: skip
    return stages


def compare_with_exact(library: Library, asked: Sequence[Question]) -> Found:
    with closing(_open(PartialStore, library)) as usual, closing(_open(ExactStore, library)) as exact:
        searchers = library.searcher_of(usual), library.searcher_of(exact)
        recalls, answers = [], []
        for question in asked:
            query = query_of(question)
            wanted = describe(searchers[0], query)
            found, truth = (_best(store, wanted.like) for store in (usual, exact))
            # By their cosines: of several copies of one frame it is chance which are among the best.
            recalls.append(float((found >= truth[-1] - _ALIKE).mean()) if len(truth) else 1.0)
            answers.append([answer(one, query.terms, wanted) for one in searchers])
    return _found(recalls, answers)


def _best(store: PartialStore, vectors: Vectors) -> NDArray[np.float32]:
    """Cosines of the AT points that are nearest to any of the vectors, the best first."""
    hits = Points.concatenate(store.query("visual", vectors, Where(), 4 * AT, score_threshold=-1.0))
    best: dict[str, float] = {}
    for row in np.argsort(-hits.score, kind="stable"):
        best.setdefault(hits.id[row], float(hits.score[row]))
    return np.array(list(best.values())[:AT], np.float32)


def _found(recalls: Sequence[float], answers: Sequence[Sequence[Answer]]) -> Found:
    pairs = [(_scores(usual), _scores(exact)) for usual, exact in answers]
    both = [abs(ours[key] - theirs[key]) for ours, theirs in pairs for key in ours.keys() & theirs.keys()]
    return Found(
        float(np.mean(recalls)), min(recalls), sum(ours == theirs for ours, theirs in pairs), len(pairs),
        sum(len(ours.keys() ^ theirs.keys()) for ours, theirs in pairs),
        sum(len(theirs) for _, theirs in pairs), round(max(both, default=0.0), 3),
    )  # fmt: skip


def _scores(given: Answer) -> Mapping[tuple[str, float, float], float]:
    return {(one.media_id, one.start_seconds, one.end_seconds): one.score for one in given.segments}


def _open(kind: type[PartialStore], library: Library) -> PartialStore:
    dimensions: dict[VectorName, int] = {
        "visual": library.embedder.dimension, "face": library.face_embedder.dimension,
    }  # fmt: skip
    return kind(library.settings.data_dir, library.generation, dimensions, create=False)
