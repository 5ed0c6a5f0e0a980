"""YuNet, OpenCV's own face detector (Wu and others 2023, doi 10.1007/s11633-023-1423-y)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from core.checksums import file_sha256
from core.errors import ModelUnavailable
from core.fetch import fetch
from core.pictures import resize_to_fit
from core.settings import FaceSettings
from core.types import Faces, Image
from detect.models import FACE_DETECTORS

_OVERLAP = 0.3
"""IoU above which the weaker of two faces goes; OpenCV's default."""

_CANDIDATES = 1000
"""Boxes looked at before that: a crowd, and a bound for a picture made to have millions."""


def load_yunet(settings: FaceSettings, model_dir: Path, mirror: Path | None = None) -> YuNetFaceDetector:
    """YuNet of the model table, fetched if need be. Raises ModelUnavailable."""
    path = fetch(FACE_DETECTORS["yunet"].weights, model_dir, mirror)
    return YuNetFaceDetector(path, settings.detect_side_px, settings.min_score)


class YuNetFaceDetector:
    """Faces of about 10 to 300 px on a frame of at most ``max_side_px``, from every side.

    The landmarks are right eye, left eye, tip of the nose, right and left corner of the mouth, where right
    and left are the person's: the order that SFace aligns by. They may lie outside the picture.
    """

    landmarks = "yunet5"

    def __init__(self, weights: Path, max_side_px: int = 640, min_score: float = 0.6):
        self._sha256 = file_sha256(weights)
        self._max_side_px, self._min_score = max_side_px, min_score
        try:
            with _without_warnings():
                self._detector: Any = cv2.FaceDetectorYN.create(
                    str(weights), "", (320, 320), min_score, _OVERLAP, _CANDIDATES
                )
        except cv2.error as error:
            reason = " ".join(str(error).split())
            raise ModelUnavailable(f"{weights} cannot be read as YuNet: {reason[:300]}.") from None
        # The detector keeps the size of the frame between two calls of OpenCV.
        self._alone = threading.Lock()

    @property
    def fingerprint(self) -> dict[str, str]:
        return {
            "name": "yunet", "detector_weights": self._sha256[:16], "side": str(self._max_side_px),
            "min_score": f"{self._min_score:g}",
        }

    def detect(self, image: Image) -> Faces:
        """The faces of a picture, surest first."""
        small = resize_to_fit(image, self._max_side_px)
        height, width = small.shape[:2]
        with self._alone:
            self._detector.setInputSize((width, height))
            _, found = self._detector.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        if found is None or not len(found):
            return Faces.empty()
        found = found[np.argsort(-found[:, 14], kind="stable")].astype(np.float32)
        size = np.array([width, height], np.float32)
        corners = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], axis=1)
        box_xyxy = np.clip(corners / np.tile(size, 2), 0, 1).astype(np.float32)
        landmarks_xy = (found[:, 4:14].reshape(-1, 5, 2) / size).astype(np.float32)
        faces = Faces(box_xyxy, np.clip(found[:, 14], 0, 1), landmarks_xy)
        return faces[(box_xyxy[:, 0] < box_xyxy[:, 2]) & (box_xyxy[:, 1] < box_xyxy[:, 3])]


@contextmanager
def _without_warnings() -> Iterator[None]:
    """OpenCV 5 warns on stderr, for every model, that its new engine has no targets to choose from."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
