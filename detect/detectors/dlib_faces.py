"""dlib's frontal face detector (HOG) with its five-point landmarks."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from core.fetch import fetch
from core.types import Faces, Image
from detect.models import LANDMARKS

_LEAST_MARGIN = 0.15
"""dlib reports from a margin of 0; what lies just above it is folds and foliage as often as faces."""


class DlibFaceDetector:
    """Faces of about 80 px and more on a frame of at most ``max_side_px``; each of ``upsample`` steps
    halves that size and costs four times as much.

    The landmarks are the inner and outer corners of both eyes and the base of the nose.
    """

    landmarks = "dlib5"

    def __init__(self, max_side_px: int = 960, upsample: int = 0):
        self._file = fetch(LANDMARKS["dlib5"].weights, Path())
        self._max_side_px, self._upsample = max_side_px, upsample
        self._alone = threading.Lock()

    # Read when the first picture comes: many a process only wants to know what this would find.

    @cached_property
    def _detector(self) -> Any:
        import dlib

        return dlib.get_frontal_face_detector()

    @cached_property
    def _landmarks(self) -> Any:
        import dlib

        return dlib.shape_predictor(str(self._file))

    @property
    def fingerprint(self) -> dict[str, str]:
        return {"name": "dlib-hog", "side": str(self._max_side_px), "upsample": str(self._upsample)}

    def detect(self, image: Image) -> Faces:
        small = self._small(image)
        # It writes into itself and lets go of Python's lock meanwhile: two at once corrupt its memory.
        with self._alone:
            found, scores, _ = self._detector.run(small, self._upsample, _LEAST_MARGIN)
        if not len(found):
            return Faces.empty()
        height, width = image.shape[:2]
        scale = max(1.0, max(width, height) / self._max_side_px)
        boxes, points = [], []
        for rectangle in found:
            full = _scaled(rectangle, scale)
            shape = self._landmarks(image, full)
            points.append([[point.x, point.y] for point in shape.parts()])
            boxes.append([full.left(), full.top(), full.right() + 1, full.bottom() + 1])
        size = np.array([width, height], np.float32)
        box_xyxy = np.asarray(np.clip(np.array(boxes, np.float32) / np.tile(size, 2), 0, 1), np.float32)
        landmarks_xy = np.asarray(np.array(points, np.float32) / size, np.float32)
        faces = Faces(box_xyxy, _squash(scores), landmarks_xy)
        inside = (box_xyxy[:, 0] < box_xyxy[:, 2]) & (box_xyxy[:, 1] < box_xyxy[:, 3])
        return faces[inside]

    def _small(self, image: Image) -> Image:
        height, width = image.shape[:2]
        scale = self._max_side_px / max(width, height)
        if scale >= 1:
            return np.ascontiguousarray(image)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _scaled(rectangle: Any, scale: float) -> Any:
    import dlib

    return dlib.rectangle(
        round(rectangle.left() * scale), round(rectangle.top() * scale),
        round(rectangle.right() * scale), round(rectangle.bottom() * scale),
    )


def _squash(scores: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """dlib's margin (0 at the threshold, 2-3 for a clear face) as a share in [0.5, 1)."""
    margins = np.array(list(scores), np.float32)
    return (1 / (1 + np.exp(-2 * margins))).astype(np.float32)
