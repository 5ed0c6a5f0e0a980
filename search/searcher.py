"""A query to an answer: describe, find candidates, score them against chance, grow segments."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.answer import Answer, Segment, say_how_many
from core.boxes import WHOLE
from core.errors import InvalidRequest
from core.record import Points, VectorName
from core.types import Image, Kind, Vectors
from embed.embedder import Embedder, FaceEmbedder
from index.store import VectorStore, Where
from search.chance import Chance, Scale, learn_by_kind, z_of_each
from search.describe import (
    FindsFaces,
    ReadsWords,
    compose,
    crop,
    describe_face,
    describe_object,
    describe_scene,
)
from search.query import Box, Example, Mode, Query, Reference
from search.segments import Growth, best_per_time, grow

_KINDS: dict[Mode, tuple[Kind, ...]] = {
    "scene": ("frame", "region", "tile"),
    "object": ("frame", "region", "tile"),
    "face": ("face",),
}
_FIRST_LOOK = 1000
"""Hits of the first round: enough to name every media file worth a second look."""

_SECOND_LOOK = 20_000
"""Hits of the second round, all from the candidates: their curves."""

_DOUBTED, _DOUBT_NEEDS = 1000, 500
"""Hits whose own resemblances are looked at, and sampled points without which that says too little."""

_NONE = np.zeros((0, 0), np.float32)

_SAMPLE_SECONDS = 10.0
"""How long a sample of the library stands for it."""

_NEIGHBOUR_SECONDS = 1.5
"""Samples this close to a clicked moment show the same picture: they prove nothing."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Per kind of vector: the model's prior of chance, and where the words begin.

    ``learns`` is False where the prior is all there is: who is the same person does not depend on who
    else is in the library.
    """

    prior: Chance
    scale: Scale
    learns: bool = True


@dataclass(frozen=True, slots=True)
class FaceSearch:
    detector: FindsFaces
    embedder: FaceEmbedder
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class WordSearch:
    embedder: ReadsWords
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class _Shown:
    """An example with its picture opened."""

    image: Image
    box_xyxy: Box | None


class Searcher:
    """Thread-safe; all it keeps between queries is the sample that chance is learned from.

    ``media_name(media_id)`` is what people call the file, NotFound when it is not there;
    ``open_frame(reference)`` gives the picture at that moment in full resolution.
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
    ):
        self._store, self._embedder, self._calibration, self._faces = store, embedder, calibration, faces
        self._media_name, self._open_frame = media_name, open_frame
        self._growth, self._words = growth or Growth(), words
        self._samples = _Samples(store, null_sample)

    def search(self, query: Query) -> Answer:
        """Raises InvalidRequest (and its kin), NotFound and StoreError."""
        watch = _Stopwatch()
        like = [self._open(example) for example in query.examples]
        unlike = [self._open(example) for example in query.unlike]
        watch.lap("open")
        vectors = self._like(query, like)
        against = self._describe_all(query.kind, unlike)
        watch.lap("embed")
        calibration = self._calibration_of(query)
        hits, z = self._hits(query, vectors, against, calibration)
        watch.lap("store")
        segments = self._segments(query, hits, z, calibration.scale)
        watch.lap("segments")
        return Answer(uuid.uuid4().hex, say_how_many(segments), segments, timings_ms=watch.laps)

    def _open(self, example: Example) -> _Shown:
        image = example.image
        if image is None:
            assert example.reference is not None  # Example has either a picture or a reference
            image = self._open_frame(example.reference)
        return _Shown(image, example.box_xyxy)

    def _calibration_of(self, query: Query) -> Calibration:
        if query.kind == "face":
            return self._need_faces().calibration
        if not query.examples:
            return self._need_words().calibration
        return self._calibration

    def _need_faces(self) -> FaceSearch:
        if self._faces is None:
            raise InvalidRequest("This library was made without faces (faces.model is 'none').")
        return self._faces

    def _need_words(self) -> WordSearch:
        if self._words is None:
            raise InvalidRequest(
                "This library's models know pictures alone; words need an open_clip model (profile default)."
            )
        return self._words

    def _like(self, query: Query, shown: Sequence[_Shown]) -> Vectors:
        pictures = self._describe_all(query.kind, shown)
        if not query.words:
            return pictures
        words = self._need_words().embedder.describe_words([query.words])
        return words if not len(pictures) else compose(pictures, words, query.words_weight)

    def _describe_all(self, mode: Mode, shown: Sequence[_Shown]) -> Vectors:
        if not shown:
            return np.zeros((0, self._embedder.dimension), np.float32)
        return np.concatenate([self._describe(mode, one) for one in shown])

    def _describe(self, mode: Mode, shown: _Shown) -> Vectors:
        if mode == "face":
            faces = self._need_faces()
            return describe_face(faces.detector, faces.embedder, shown.image, shown.box_xyxy)
        if mode == "object":
            return describe_object(self._embedder, shown.image, shown.box_xyxy or WHOLE)
        return describe_scene(self._embedder, crop(shown.image, shown.box_xyxy))

    def _hits(
        self, query: Query, like: Vectors, unlike: Vectors, calibration: Calibration
    ) -> tuple[Points, NDArray[np.float32]]:
        """Every hit that may be part of a segment, and its z."""
        kinds = _KINDS[query.kind]
        name: VectorName = "face" if query.kind == "face" else "visual"
        chance = self._chance(name, like, kinds, calibration)
        where = _where(query, kinds)
        least = calibration.scale.threshold(query.filters.min_confidence)
        floor = min(one.cosine(least * self._growth.share) for one in chance.values())
        first = self._best(name, like, unlike, where, _FIRST_LOOK, floor)
        z = _z(first, chance)
        candidates = sorted({first.media_id[row] for row in np.flatnonzero(z >= least)})
        hits = first
        if len(first) >= _FIRST_LOOK and candidates:
            within = replace(where, media_ids=tuple(candidates))
            hits = self._best(name, like, unlike, within, _SECOND_LOOK, floor)
            z = _z(hits, chance)
        # What pictures resemble says nothing about how near words come to them.
        doubtful = calibration.learns and not query.words
        return hits, self._doubted(name, hits, z, calibration.prior) if doubtful else z

    def _doubted(
        self, name: VectorName, hits: Points, z: NDArray[np.float32], prior: Chance
    ) -> NDArray[np.float32]:
        """Scores after the other side was asked as well: some things in a library resemble anything (a
        plain wall, a crowd), so a hit must also stand out of what *it* resembles by chance."""
        sample = np.concatenate([self._samples.get(name, kind) for kind in sorted(set(hits.kind))] or [_NONE])
        if len(sample) < _DOUBT_NEEDS:
            return z
        rows = np.argsort(-z, kind="stable")[:_DOUBTED]
        stored = self._store.get([hits.id[row] for row in rows], name)
        at = {point: row for row, point in enumerate(hits.id)}
        mine = np.array([at[point] for point in stored.id], np.intp)
        checked = z.copy()
        checked[mine] = np.minimum(z[mine], z_of_each(stored.vectors @ sample.T, hits.score[mine], prior))
        return checked

    def _best(
        self, name: VectorName, like: Vectors, unlike: Vectors, where: Where, limit: int, floor: float
    ) -> Points:
        """Hits of all query vectors together, each point once with its best cosine, best first."""
        if len(unlike):
            return self._store.recommend(name, like, unlike, where, limit, floor)
        found = Points.concatenate(self._store.query(name, like, where, limit, floor))
        order = np.argsort(-found.score, kind="stable")
        seen: dict[str, int] = {}
        for row in order:
            seen.setdefault(found.id[row], int(row))
        return found[np.array(list(seen.values()), np.intp)]

    def _chance(
        self, name: VectorName, vectors: Vectors, kinds: Sequence[Kind], calibration: Calibration
    ) -> dict[Kind, Chance]:
        if not calibration.learns:
            return dict.fromkeys(kinds, calibration.prior)
        samples = {kind: self._samples.get(name, kind) for kind in kinds}
        cosines = {kind: (own @ vectors.T).max(axis=1) for kind, own in samples.items() if len(own)}
        learned = learn_by_kind(cosines, calibration.prior)
        return {kind: learned.get(kind, calibration.prior) for kind in kinds}

    def _segments(
        self, query: Query, hits: Points, z: NDArray[np.float32], scale: Scale
    ) -> tuple[Segment, ...]:
        least = scale.threshold(query.filters.min_confidence)
        media = np.array(hits.media_id)
        segments: list[Segment] = []
        for media_id in sorted({hits.media_id[row] for row in np.flatnonzero(z >= least)}):
            rows = np.flatnonzero(media == media_id)
            own = _without_neighbours(query.references, media_id, hits, rows, z[rows])
            curve = best_per_time(hits.time_seconds[rows], hits.span_seconds[rows], own)
            for span in grow(curve, least, self._growth):
                segments.append(
                    self._segment(
                        hits, int(rows[span.hit]), span.start_seconds, span.end_seconds, span.z, scale
                    )
                )
        segments.sort(key=lambda segment: (-segment.score, segment.media, segment.start_seconds))
        return tuple(segments[: query.filters.limit])

    def _segment(
        self, hits: Points, row: int, start_seconds: float, end_seconds: float, z: float, scale: Scale
    ) -> Segment:
        kind = hits.kind[row]
        x1, y1, x2, y2 = (round(float(value), 4) for value in hits.box_xyxy[row])
        confidence = scale.confidence(z)
        assert confidence is not None  # grow() keeps peaks at or above the least confidence
        return Segment(
            media_id=hits.media_id[row],
            media=self._media_name(hits.media_id[row]),
            media_type=hits.media_type[row],
            start_seconds=round(start_seconds, 3),
            end_seconds=round(end_seconds, 3),
            score=scale.score(z),
            confidence=confidence,
            best_seconds=round(float(hits.time_seconds[row]), 3),
            box_xyxy=None if kind == "frame" else (x1, y1, x2, y2),
            evidence=kind,
            label=hits.label[row],
        )


def _where(query: Query, kinds: tuple[Kind, ...]) -> Where:
    filters = query.filters
    return Where(
        media_ids=filters.media_ids or None,
        media_type=filters.media_type,
        kinds=kinds,
        labels=filters.labels or None,
    )


def _z(hits: Points, chance: dict[Kind, Chance]) -> NDArray[np.float32]:
    """Scores of hits, each against the chance of its own kind."""
    z = np.zeros(len(hits), np.float32)
    kinds = np.array(hits.kind)
    for kind, one in chance.items():
        rows = kinds == kind
        z[rows] = one.z(hits.score[rows])
    return z


def _without_neighbours(
    references: Sequence[Reference],
    media_id: str,
    hits: Points,
    rows: NDArray[np.intp],
    z: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Near a clicked moment the score is at most the best found elsewhere in the same file: neighbours may
    carry a segment on, they may not make one. A still that was clicked drops out of its own answer."""
    near = np.zeros(len(rows), bool)
    for reference in references:
        if reference.media_id == media_id:
            near |= np.abs(hits.time_seconds[rows] - reference.at_seconds) <= _NEIGHBOUR_SECONDS
    if not near.any():
        return z
    elsewhere = float(z[~near].max(initial=0.0))
    return np.where(near, np.minimum(z, elsewhere), z).astype(np.float32)


class _Samples:
    """The fixed random sample per kind of vector, read again after a while: the library may have grown."""

    def __init__(self, store: VectorStore, size: int):
        self._store, self._size = store, size
        self._kept: dict[tuple[VectorName, Kind], tuple[float, Vectors]] = {}

    def get(self, name: VectorName, kind: Kind) -> Vectors:
        now = time.monotonic()
        kept = self._kept.get((name, kind))
        if kept is None or now - kept[0] > _SAMPLE_SECONDS:
            kept = now, self._store.sample(name, Where(kinds=(kind,)), self._size).vectors
            self._kept[name, kind] = kept
        return kept[1]


class _Stopwatch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = round((now - self._since) * 1000, 2)
        self._since = now
