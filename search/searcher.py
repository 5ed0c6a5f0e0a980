"""A query to an answer: describe, find candidates, score them against chance, grow segments."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.answer import Answer, Segment, say_how_many
from core.boxes import to_pixels
from core.errors import InvalidRequest
from core.record import Points, VectorName
from core.types import Image, Kind, Vectors
from embed.embedder import Embedder, FaceEmbedder
from index.store import VectorStore, Where
from search.chance import Chance, Scale
from search.describe import FindsFaces, describe_face, describe_object, describe_scene
from search.query import Mode, Query, Reference
from search.segments import Growth, best_per_time, grow

_KINDS: dict[Mode, tuple[Kind, ...]] = {
    "scene": ("frame", "tile"),
    "object": ("frame", "region", "tile"),
    "face": ("face",),
}
_FIRST_LOOK = 1000
"""Hits of the first round: enough to name every media file worth a second look."""

_SECOND_LOOK = 20_000
"""Hits of the second round, all from the candidates: their curves."""

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


class Searcher:
    """Thread-safe: it holds no state between queries.

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
    ):
        self._store, self._embedder, self._calibration, self._faces = store, embedder, calibration, faces
        self._media_name, self._open_frame = media_name, open_frame
        self._null_sample, self._growth = null_sample, growth or Growth()

    def search(self, query: Query) -> Answer:
        """Raises InvalidRequest (and its kin), NotFound and StoreError."""
        watch = _Stopwatch()
        image = query.image if query.image is not None else self._open(query.reference)
        watch.lap("open")
        vectors = self._describe(query, image)
        watch.lap("embed")
        vector_name: VectorName = "face" if query.kind == "face" else "visual"
        calibration = self._calibration_of(query.kind)
        hits, z = self._hits(query, vector_name, vectors, calibration)
        watch.lap("store")
        segments = self._segments(query, hits, z, calibration.scale)
        watch.lap("segments")
        return Answer(uuid.uuid4().hex, say_how_many(segments), segments, timings_ms=watch.laps)

    def _open(self, reference: Reference | None) -> Image:
        assert reference is not None  # Query has either a picture or a reference
        return self._open_frame(reference)

    def _calibration_of(self, mode: Mode) -> Calibration:
        return self._need_faces().calibration if mode == "face" else self._calibration

    def _need_faces(self) -> FaceSearch:
        if self._faces is None:
            raise InvalidRequest("This library was made without faces (faces.model is 'none').")
        return self._faces

    def _describe(self, query: Query, image: Image) -> Vectors:
        if query.kind == "face":
            faces = self._need_faces()
            return describe_face(faces.detector, faces.embedder, image, query.box_xyxy)
        if query.kind == "object":
            return describe_object(self._embedder, image, query.box_xyxy or (0.0, 0.0, 1.0, 1.0))
        return describe_scene(self._embedder, _crop(image, query.box_xyxy))

    def _hits(
        self, query: Query, vector_name: VectorName, vectors: Vectors, calibration: Calibration
    ) -> tuple[Points, NDArray[np.float32]]:
        """Every hit that may be part of a segment, and its z."""
        kinds = _KINDS[query.kind]
        chance = {kind: self._chance(vector_name, vectors, kind, calibration) for kind in kinds}
        where = _where(query, kinds)
        least = calibration.scale.threshold(query.filters.min_confidence)
        floor = min(one.cosine(least * self._growth.share) for one in chance.values())
        first = self._best(vector_name, vectors, where, _FIRST_LOOK, floor)
        z = _z(first, chance)
        candidates = sorted({first.media_id[row] for row in np.flatnonzero(z >= least)})
        if len(first) < _FIRST_LOOK or not candidates:
            return first, z
        within = replace(where, media_ids=tuple(candidates))
        hits = self._best(vector_name, vectors, within, _SECOND_LOOK, floor)
        return hits, _z(hits, chance)

    def _best(
        self, vector_name: VectorName, vectors: Vectors, where: Where, limit: int, floor: float
    ) -> Points:
        """Hits of all query vectors together, each point once with its best cosine."""
        found = Points.concatenate(self._store.query(vector_name, vectors, where, limit, floor))
        order = np.argsort(-found.score, kind="stable")
        seen: dict[str, int] = {}
        for row in order:
            seen.setdefault(found.id[row], int(row))
        return found[np.array(list(seen.values()), np.intp)]

    def _chance(
        self, vector_name: VectorName, vectors: Vectors, kind: Kind, calibration: Calibration
    ) -> Chance:
        if not calibration.learns:
            return calibration.prior
        sample = self._store.sample(vector_name, Where(kinds=(kind,)), self._null_sample)
        if not len(sample):
            return calibration.prior
        return Chance.learn((sample.vectors @ vectors.T).max(axis=1), calibration.prior)

    def _segments(
        self, query: Query, hits: Points, z: NDArray[np.float32], scale: Scale
    ) -> tuple[Segment, ...]:
        least = scale.threshold(query.filters.min_confidence)
        media = np.array(hits.media_id)
        segments: list[Segment] = []
        for media_id in sorted({hits.media_id[row] for row in np.flatnonzero(z >= least)}):
            rows = np.flatnonzero(media == media_id)
            own = _without_neighbours(query.reference, media_id, hits, rows, z[rows])
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
    reference: Reference | None, media_id: str, hits: Points, rows: NDArray[np.intp], z: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Near the clicked moment the score is at most the best found elsewhere in the same file: neighbours
    may carry a segment on, they may not make one. A still that was clicked drops out of its own answer."""
    if reference is None or reference.media_id != media_id:
        return z
    near = np.abs(hits.time_seconds[rows] - reference.at_seconds) <= _NEIGHBOUR_SECONDS
    elsewhere = float(z[~near].max(initial=0.0))
    return np.where(near, np.minimum(z, elsewhere), z).astype(np.float32)


def _crop(image: Image, box_xyxy: tuple[float, float, float, float] | None) -> Image:
    if box_xyxy is None:
        return image
    height, width = image.shape[:2]
    left, top, right, bottom = to_pixels(box_xyxy, width, height)
    return np.ascontiguousarray(image[top:bottom, left:right])


class _Stopwatch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = round((now - self._since) * 1000, 2)
        self._since = now
