"""Sampled frames to vectors: regions, tiles, faces and the frame itself."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.boxes import WHOLE, Boxes
from core.record import Points, VectorName, point_id
from core.settings import FaceSettings
from core.types import Faces, Image, Kind, MediaType, Regions, Vectors
from detect.detector import FaceDetector, RegionDetector
from detect.face_quality import good_faces
from detect.tiles import tile_boxes
from embed.embedder import Embedder, Encoding, FaceEmbedder
from embed.joined import Joined, JoinedEmbedder
from ingest.media import Sample
from ingest.progress import Stopwatch
from ingest.unchanged import Glance, Look, Looks, vectors_of

_MOST_FRAMES = 8
"""Described by one call of a model: two files' batches. What a call takes of memory grows with them."""


@dataclass(frozen=True, slots=True)
class FrameVectors:
    """What one sampled frame becomes: rows of boxes, kinds, labels and vectors; faces apart."""

    sample: Sample
    box_xyxy: Boxes
    kind: tuple[Kind, ...]
    label: tuple[str | None, ...]
    label_score: NDArray[np.float32]
    vectors: Vectors
    faces: Faces
    face_vectors: Vectors


@dataclass(frozen=True, slots=True)
class FaceParts:
    """The pair that finds and describes faces, and the gate that keeps hopeless ones out."""

    detector: FaceDetector
    embedder: FaceEmbedder
    settings: FaceSettings

    @property
    def gate(self) -> dict[str, str]:
        """What decides which faces are indexed, for the fingerprint."""
        names = ("min_side_px", "min_score", "min_sharpness", "max_turn")
        return {name: f"{getattr(self.settings, name):g}" for name in names}

    def find(self, image: Image) -> tuple[Faces, Vectors]:
        faces = self.detector.detect(image)
        faces = faces[good_faces(image, faces, self.settings, self.detector.landmarks)]
        return faces, self.embedder.describe(image, faces)


class Seen:
    """What an Analyzer remembers of a video: the last sample that it looked at, and what it found there."""

    def __init__(self) -> None:
        self.glance: Glance | None = None
        self.frame: FrameVectors | None = None
        self.looks = Looks()


class Analyzer:
    """Describes frames with the models that the engine chose, for any number of threads: frames of several
    files that come while a model is at work go through it together, _MOST_FRAMES at a time at most.

    Faces are looked for in one thread beside them all: dlib's detector does not bear two.
    """

    def __init__(self, embedder: Embedder, detector: RegionDetector, tiles: bool, faces: FaceParts | None):
        self._embedder = JoinedEmbedder(embedder, _MOST_FRAMES)
        self._detect = Joined(partial(_detect, detector), _MOST_FRAMES)
        self._tiles, self._faces = tiles, faces
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="faces")

    def analyze(
        self, samples: Sequence[Sample], watch: Stopwatch | None = None, seen: Seen | None = None
    ) -> list[FrameVectors]:
        """One for every sample. With ``seen``, the samples of a video in order, nothing is described twice
        that has not changed."""
        watch, seen = watch or Stopwatch(), seen or Seen()
        fresh: list[Sample] = []
        glances: list[Glance] = []
        # Which of [the last one looked at, *fresh] each sample looks like.
        stands_for: list[int] = []
        for sample in samples:
            glance = Glance.at(sample.image)
            if seen.glance is None or not glance.is_like(seen.glance):
                seen.glance = glance
                fresh.append(sample)
                glances.append(glance)
            stands_for.append(len(fresh))
        found = [seen.frame, *(self._look_at(fresh, glances, seen.looks, watch) if fresh else [])]
        seen.frame = found[-1]
        return [
            replace(frame, sample=sample)
            for sample, frame in zip(samples, (found[index] for index in stands_for), strict=True)
            if frame is not None
        ]

    def _look_at(
        self, samples: Sequence[Sample], glances: Sequence[Glance], looks: Looks, watch: Stopwatch
    ) -> list[FrameVectors]:
        images = [sample.image for sample in samples]
        faces = self._beside.submit(self._find_faces, images, watch)
        with watch.lap("embed"):
            encodings = self._embedder.encode(images)
        with watch.lap("detect"):
            saliency = [encoding.saliency for encoding in encodings]
            regions = self._detect(list(zip(images, saliency, strict=True)))
        tiles = [self._tile_boxes(image) for image in images]
        boxes = [
            np.concatenate([np.array([WHOLE], np.float32), own.box_xyxy, grid])
            for own, grid in zip(regions, tiles, strict=True)
        ]
        with watch.lap("embed"):
            vectors = self._describe(encodings, boxes, glances, looks)
        return [
            self._frame(*parts)
            for parts in zip(samples, regions, tiles, boxes, vectors, faces.result(), strict=True)
        ]

    def _describe(
        self, encodings: Sequence[Encoding], boxes: Sequence[Boxes], glances: Sequence[Glance], looks: Looks
    ) -> list[Vectors]:
        if any(encoding.feature_map is not None for encoding in encodings):
            return self._embedder.describe(encodings, boxes)
        # Every box costs a pass of its own: those that show what they showed are spared it.
        taken = [looks.take(glance, own) for glance, own in zip(glances, boxes, strict=True)]
        new: list[list[Look]] = []
        known: set[int] = set()
        for one in taken:
            new.append([look for look in one if look.vector is None and id(look) not in known])
            known |= {id(look) for look in new[-1]}
        wanted = [np.array([look.box_xyxy for look in one], np.float32).reshape(-1, 4) for one in new]
        for one, vectors in zip(new, self._embedder.describe(encodings, wanted), strict=True):
            for look, vector in zip(one, vectors, strict=True):
                look.vector = vector
        return [vectors_of(one, self._embedder.dimension) for one in taken]

    def _tile_boxes(self, image: Image) -> Boxes:
        return tile_boxes(image.shape[1], image.shape[0]) if self._tiles else np.zeros((0, 4), np.float32)

    def _frame(
        self,
        sample: Sample,
        regions: Regions,
        tiles: Boxes,
        boxes: Boxes,
        vectors: Vectors,
        found: tuple[Faces, Vectors],
    ) -> FrameVectors:
        regions_kind: list[Kind] = ["region"] * len(regions)
        tiles_kind: list[Kind] = ["tile"] * len(tiles)
        kinds: list[Kind] = ["frame", *regions_kind, *tiles_kind]
        label_score = np.concatenate([[0.0], regions.score, np.zeros(len(tiles))]).astype(np.float32)
        labels = (None, *regions.label, *[None] * len(tiles))
        # A blank frame has nothing to describe: its vectors have no direction, so they are not kept.
        seen = np.linalg.norm(vectors, axis=1) > 0.5
        rows = np.flatnonzero(seen)
        faces, face_vectors = found
        return FrameVectors(
            sample,
            boxes[rows],
            tuple(kinds[row] for row in rows),
            tuple(labels[row] for row in rows),
            label_score[rows],
            vectors[rows],
            faces,
            face_vectors,
        )

    def _find_faces(self, images: Sequence[Image], watch: Stopwatch) -> list[tuple[Faces, Vectors]]:
        if self._faces is None:
            return [(Faces.empty(), np.zeros((0, 0), np.float32)) for _ in images]
        with watch.lap("faces"):
            return [self._faces.find(image) for image in images]


def _detect(
    detector: RegionDetector, seen: Sequence[tuple[Image, NDArray[np.float32] | None]]
) -> list[Regions]:
    return detector.detect([image for image, _ in seen], [saliency for _, saliency in seen])


def to_points(frame: FrameVectors, media_id: str, media_type: MediaType, end_seconds: float) -> list[Points]:
    """The records of one frame, which stands for [its time, ``end_seconds``): visual ones, then faces."""
    points = []
    if len(frame.kind):
        points.append(
            _points(
                frame.sample,
                "visual",
                media_id,
                media_type,
                end_seconds,
                frame.kind,
                frame.box_xyxy,
                frame.label,
                frame.label_score,
                frame.vectors,
            )
        )
    if len(frame.faces):
        kinds: list[Kind] = ["face"] * len(frame.faces)
        points.append(
            _points(
                frame.sample,
                "face",
                media_id,
                media_type,
                end_seconds,
                kinds,
                frame.faces.box_xyxy,
                (None,) * len(frame.faces),
                frame.faces.score,
                frame.face_vectors,
            )
        )
    return [_without_doubles(one) for one in points]


def _points(
    sample: Sample,
    vector_name: VectorName,
    media_id: str,
    media_type: MediaType,
    end_seconds: float,
    kinds: Sequence[Kind],
    boxes: Boxes,
    labels: Sequence[str | None],
    scores: NDArray[np.float32],
    vectors: Vectors,
) -> Points:
    n = len(kinds)
    time_seconds = sample.time_seconds
    return Points(
        vector_name=vector_name,
        id=[
            point_id(media_id, kind, time_seconds, box)
            for kind, box in zip(kinds, boxes.tolist(), strict=True)
        ],
        media_id=[media_id] * n,
        media_type=[media_type] * n,
        kind=list(kinds),
        time_seconds=np.full(n, time_seconds),
        span_seconds=np.tile([time_seconds, end_seconds], (n, 1)),
        box_xyxy=boxes,
        label=list(labels),
        label_score=scores,
        track=np.full(n, -1, np.int64),
        shot=np.full(n, sample.shot, np.int64),
        vectors=vectors,
    )


def _without_doubles(points: Points) -> Points:
    """Two boxes that round to the same place are the same point: the first stays, so counts are exact."""
    first = {identity: row for row, identity in reversed(list(enumerate(points.id)))}
    return points if len(first) == len(points) else points[np.array(sorted(first.values()), np.intp)]
