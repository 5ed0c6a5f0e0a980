"""From a query's picture to query vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from core.boxes import WHOLE, Boxes, area, expand, to_pixels
from core.errors import InvalidRequest
from core.types import Faces, Image, Vectors
from embed.embedder import Embedder, FaceEmbedder

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
    margins = np.concatenate([expand(box, margin) for margin in MARGINS])
    window = to_pixels(expand(box, _CLOSE_UP)[0].tolist(), image.shape[1], image.shape[0])
    left, top, right, bottom = window
    near = np.ascontiguousarray(image[top:bottom, left:right])
    inside = _within(margins, window, image)
    encodings = embedder.encode([image, near])
    return np.concatenate(embedder.describe(encodings, [margins, inside]))


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
        raise InvalidRequest(f"No face was found {where}; search without --face to look for the whole of it.")
    foremost = (np.sqrt(area(faces.box_xyxy)) * faces.score).argmax()
    return embedder.describe(image, faces[np.array([foremost])])
