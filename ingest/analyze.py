"""Sampled frames to vectors: regions, tiles, faces and the frame itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from ingest.media import Sample
from ingest.progress import Stopwatch


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


class Analyzer:
    """Describes frames with the models that the engine chose."""

    def __init__(self, embedder: Embedder, detector: RegionDetector, tiles: bool, faces: FaceParts | None):
        self._embedder, self._detector, self._tiles, self._faces = embedder, detector, tiles, faces

    def analyze(self, samples: Sequence[Sample], watch: Stopwatch | None = None) -> list[FrameVectors]:
        watch = watch or Stopwatch()
        images = [sample.image for sample in samples]
        with watch.lap("embed"):
            encodings = self._embedder.encode(images)
        with watch.lap("detect"):
            regions = self._detector.detect(images, [encoding.saliency for encoding in encodings])
        tiles = [self._tile_boxes(image) for image in images]
        boxes = [
            np.concatenate([np.array([WHOLE], np.float32), own.box_xyxy, grid])
            for own, grid in zip(regions, tiles, strict=True)
        ]
        with watch.lap("embed"):
            vectors = self._embedder.describe(encodings, boxes)
        return [
            self._frame(sample, encoding, own, grid, box, vector, watch)
            for sample, encoding, own, grid, box, vector in zip(
                samples, encodings, regions, tiles, boxes, vectors, strict=True
            )
        ]

    def _tile_boxes(self, image: Image) -> Boxes:
        return tile_boxes(image.shape[1], image.shape[0]) if self._tiles else np.zeros((0, 4), np.float32)

    def _frame(
        self,
        sample: Sample,
        encoding: Encoding,
        regions: Regions,
        tiles: Boxes,
        boxes: Boxes,
        vectors: Vectors,
        watch: Stopwatch,
    ) -> FrameVectors:
        regions_kind: list[Kind] = ["region"] * len(regions)
        tiles_kind: list[Kind] = ["tile"] * len(tiles)
        kinds: list[Kind] = ["frame", *regions_kind, *tiles_kind]
        label_score = np.concatenate([[0.0], regions.score, np.zeros(len(tiles))]).astype(np.float32)
        labels = (None, *regions.label, *[None] * len(tiles))
        # A blank frame has nothing to describe: its vectors have no direction, so they are not kept.
        seen = np.linalg.norm(vectors, axis=1) > 0.5
        rows = np.flatnonzero(seen)
        with watch.lap("faces"):
            faces, face_vectors = self._find_faces(sample.image)
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

    def _find_faces(self, image: Image) -> tuple[Faces, Vectors]:
        if self._faces is None:
            return Faces.empty(), np.zeros((0, 0), np.float32)
        return self._faces.find(image)


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
