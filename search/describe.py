"""From a query to query vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from core.boxes import WHOLE, Boxes, area, expand, iou, to_pixels
from core.errors import InvalidRequest
from core.record import LONGEST_RUN_SECONDS, VectorName
from core.types import Faces, Image, Kind, Vectors
from embed.embedder import Embedder, FaceEmbedder
from index.store import VectorStore, Where
from search.chance import Calibration
from search.evidence import Wanted
from search.known_pictures import KnownPictures
from search.query import Box, Example, Mode, Query, Reference

KINDS: dict[Mode, tuple[Kind, ...]] = {
    "scene": ("frame", "region", "tile"),
    "object": ("frame", "region", "tile"),
    "face": ("face",),
}

_SAME_BOX = 0.9
"""IoU from which a box is one that the index has."""

MARGINS = (0.0, 0.25, 0.6)
"""Shares by which a box is grown on every side: a thing is found with more or less of what is around it."""

_CLOSE_UP = 1.0
"""A second look at a small box: its neighbourhood, this share of the box added on each side, enlarged."""


class FindsFaces(Protocol):
    def detect(self, image: Image) -> Faces: ...


class ReadsWords(Protocol):
    def describe_words(self, texts: Sequence[str]) -> Vectors: ...


def compose(pictures: Vectors, words: Vectors, words_weight: float) -> Vectors:
    """Pictures (n, d) bent towards words (1, d): unit vectors, shape (n, d)."""
    mixed = (1 - words_weight) * pictures + words_weight * words
    lengths = np.linalg.norm(mixed, axis=1, keepdims=True)
    composed: Vectors = (mixed / np.maximum(lengths, 1e-12)).astype(np.float32)
    return composed


def describe_scene(embedder: Embedder, image: Image) -> Vectors:
    """One vector of the whole picture, shape (1, d)."""
    return embedder.describe(embedder.encode([image]), [np.array([WHOLE], np.float32)])[0]


def describe_object(embedder: Embedder, image: Image, box_xyxy: tuple[float, float, float, float]) -> Vectors:
    """Vectors of the box with several margins, in the picture and in a close-up, shape (n, d).

    The best of several crops is what training-free localisation rests on (RELOCATE, arXiv 2412.01826).
    """
    box = np.array([box_xyxy], np.float32)
    # Near the edge, larger margins change nothing: every vector less is a question less to the store.
    margins = np.unique(np.concatenate([expand(box, margin) for margin in MARGINS]), axis=0)
    window = to_pixels(expand(box, _CLOSE_UP)[0].tolist(), image.shape[1], image.shape[0])
    left, top, right, bottom = window
    if (bottom - top, right - left) == image.shape[:2]:
        # The close-up is the picture.
        return embedder.describe(embedder.encode([image]), [margins])[0]
    near = np.ascontiguousarray(image[top:bottom, left:right])
    encodings = embedder.encode([image, near])
    return np.concatenate(embedder.describe(encodings, [margins, _within(margins, window, image)]))


def crop(image: Image, box_xyxy: tuple[float, float, float, float] | None) -> Image:
    """The pixels of the box; all of them without one."""
    if box_xyxy is None:
        return image
    left, top, right, bottom = to_pixels(box_xyxy, image.shape[1], image.shape[0])
    return np.ascontiguousarray(image[top:bottom, left:right])


def _within(boxes: Boxes, window: tuple[int, int, int, int], image: Image) -> Boxes:
    """The same boxes in the coordinates of a pixel window of the picture, clipped to it."""
    height, width = image.shape[:2]
    left, top, right, bottom = window
    pixels = boxes * np.array([width, height, width, height], np.float32)
    shifted = pixels - np.array([left, top, left, top], np.float32)
    size = np.array([right - left, bottom - top] * 2, np.float32)
    inside: Boxes = np.clip(shifted / size, 0, 1).astype(np.float32)
    return inside


def describe_face(
    detector: FindsFaces,
    embedder: FaceEmbedder,
    image: Image,
    box_xyxy: tuple[float, float, float, float] | None,
) -> Vectors:
    """The vector of the foremost face (large and surely one), of the picture or of the box, shape (1, d).

    Raises InvalidRequest when there is no face.
    """
    if box_xyxy is not None:
        x1, y1, x2, y2 = expand(np.array([box_xyxy], np.float32), 0.3)[0].tolist()
        image = crop(image, (x1, y1, x2, y2))
    faces = detector.detect(image)
    if not len(faces):
        where = "in the box" if box_xyxy is not None else "in the picture"
        raise InvalidRequest(f"No face was found {where}; search for the whole of it instead of a face.")
    foremost = (np.sqrt(area(faces.box_xyxy)) * faces.score).argmax()
    return embedder.describe(image, faces[np.array([foremost])])


@dataclass(frozen=True, slots=True)
class FaceSearch:
    detector: FindsFaces
    embedder: FaceEmbedder
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class WordSearch:
    embedder: ReadsWords
    calibration: Calibration


class Describer:
    """Queries to vectors. A box or a frame that the index has is not opened again: its vector is there.

    ``open_frame(reference)`` gives the picture at that moment in full resolution.
    """

    def __init__(
        self,
        store: VectorStore,
        embedder: Embedder,
        calibration: Calibration,
        faces: FaceSearch | None,
        words: WordSearch | None,
        open_frame: Callable[[Reference], Image],
    ):
        self._store, self._embedder, self._calibration = store, embedder, calibration
        self._faces, self._words, self._open_frame = faces, words, open_frame
        self._known = KnownPictures()

    def wanted(self, query: Query) -> Wanted:
        """Raises InvalidRequest (and its kin), NotFound and StoreError."""
        mode = query.kind
        return Wanted(
            name="face" if mode == "face" else "visual",
            kinds=KINDS[mode],
            like=self._like(query),
            unlike=self.examples(mode, query.unlike),
            calibration=self._calibration_of(query),
            from_words=bool(query.words),
        )

    def examples(self, mode: Mode, examples: Sequence[Example]) -> Vectors:
        """Vectors of examples, shape (n, d) with at least one of each."""
        if not examples:
            return np.zeros((0, self._embedder.dimension), np.float32)
        return np.concatenate([self._example(mode, one) for one in examples])

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

    def _like(self, query: Query) -> Vectors:
        pictures = self.examples(query.kind, query.examples)
        if not query.words:
            return pictures
        words = self._need_words().embedder.describe_words([query.words])
        return words if not len(pictures) else compose(pictures, words, query.words_weight)

    def _example(self, mode: Mode, example: Example) -> Vectors:
        if mode == "face":
            self._need_faces()
        if example.vectors is not None:
            return example.vectors
        image = example.image
        if image is None:
            assert example.reference is not None  # Example has either a picture or a reference
            stored = self._stored(mode, example.reference, example.box_xyxy)
            if len(stored):
                return stored
            image = self._open_frame(example.reference)
        return self._known.vectors(
            mode, image, example.box_xyxy, lambda: self._picture(mode, image, example.box_xyxy)
        )

    def _picture(self, mode: Mode, image: Image, box_xyxy: Box | None) -> Vectors:
        if mode == "face":
            faces = self._need_faces()
            return describe_face(faces.detector, faces.embedder, image, box_xyxy)
        if mode == "object":
            return describe_object(self._embedder, image, box_xyxy or WHOLE)
        return describe_scene(self._embedder, crop(image, box_xyxy))

    def _stored(self, mode: Mode, reference: Reference, box_xyxy: Box | None) -> Vectors:
        """The vector that the index has of this box at this moment, shape (1, d), or (0, d)."""
        name: VectorName = "face" if mode == "face" else "visual"
        kinds = tuple(kind for kind in KINDS[mode] if (kind == "frame") == (box_xyxy is None))
        if not kinds:
            return np.zeros((0, 0), np.float32)
        at = reference.at_seconds
        where = Where((reference.media_id,), kinds=kinds, time_seconds=(at - LONGEST_RUN_SECONDS, at + 1e-3))
        points = self._store.scroll(name, where)
        starts, ends = points.span_seconds[:, 0], points.span_seconds[:, 1]
        # A still stands for [0, 0).
        alike = ((starts <= at + 1e-3) & (at < ends)) | (starts == ends)
        overlap = iou(points.box_xyxy, np.array([box_xyxy or WHOLE], np.float32))[:, 0]
        rows = np.flatnonzero(alike & (overlap >= _SAME_BOX))
        if not len(rows):
            return np.zeros((0, 0), np.float32)
        best = rows[overlap[rows].argmax()]
        return self._store.get([points.id[best]], name).vectors
