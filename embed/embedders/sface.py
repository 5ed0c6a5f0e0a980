"""SFace (Zhong et al. 2021, arXiv 2205.12010) through OpenCV: 128-d, aligned by YuNet's five points."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from core.checksums import file_sha256
from core.errors import ModelUnavailable
from core.fetch import OnProgress, fetch, no_progress
from core.settings import ModelsSettings
from core.types import Faces, Image, Vectors
from embed.models import FACE_EMBEDDERS
from embed.pooling import unit

LANDMARKS = 5


class SFaceEmbedder:
    """``weights`` is the ONNX file of the OpenCV Zoo, or one with the same input and output.

    The faces' landmarks are right eye, left eye, tip of the nose, right and left corner of the mouth, right
    and left being the person's. Raises ModelUnavailable for a file that OpenCV cannot read.
    """

    landmarks = "yunet5"

    def __init__(self, weights: Path):
        self.model = FACE_EMBEDDERS["sface"]
        self._hash = file_sha256(weights)
        try:
            self._network: Any = cv2.FaceRecognizerSF.create(str(weights), "")
        except cv2.error as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelUnavailable(f"{weights} cannot be read as SFace: {reason}.") from None
        # OpenCV keeps a network's layers between two calls.
        self._alone = threading.Lock()

    @classmethod
    def from_settings(
        cls, model_dir: Path, models: ModelsSettings | None = None, on_progress: OnProgress = no_progress
    ) -> Self:
        """The table's weights, fetched when they are not there."""
        where = models or ModelsSettings()
        weights = FACE_EMBEDDERS["sface"].weights
        return cls(fetch(weights, model_dir, where.mirror, where.offline, on_progress))

    @property
    def dimension(self) -> int:
        return self.model.dimension

    @property
    def fingerprint(self) -> dict[str, str]:
        return {"name": self.model.name, "weights": self._hash[:16]}

    def describe(self, image: Image, faces: Faces) -> Vectors:
        """One unit vector per face, shape (n, 128). Raises ValueError for faces without five landmarks."""
        if not len(faces):
            return np.zeros((0, self.dimension), np.float32)
        if faces.landmarks_xy.shape[1:] != (LANDMARKS, 2):
            raise ValueError(f"SFace aligns by {LANDMARKS} points; {faces.landmarks_xy.shape[1]} were given")
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        rows = as_yunet_rows(faces, image.shape[1], image.shape[0])
        return unit(np.stack([self._describe_one(bgr, row) for row in rows]))

    def _describe_one(self, bgr: NDArray[np.uint8], row: NDArray[np.float32]) -> NDArray[np.float32]:
        with self._alone:
            vector = self._network.feature(self._network.alignCrop(bgr, row))
        return np.asarray(vector, np.float32).reshape(-1)

    def aligned(self, image: Image, faces: Faces) -> list[Image]:
        """The upright 112 x 112 pictures that the network sees."""
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        rows = as_yunet_rows(faces, image.shape[1], image.shape[0])
        with self._alone:
            chips = [self._network.alignCrop(bgr, row) for row in rows]
        return [np.ascontiguousarray(chip[:, :, ::-1]) for chip in chips]


def as_yunet_rows(faces: Faces, width: int, height: int) -> NDArray[np.float32]:
    """As OpenCV's detector gives them, in pixels: x, y, width, height, five points, score; shape (n, 15).

    >>> faces = Faces(np.float32([[0, 0, .5, 1]]), np.float32([1]), np.full((1, 5, 2), .5, np.float32))
    >>> as_yunet_rows(faces, 200, 100)[0, :6].tolist()
    [0.0, 0.0, 100.0, 100.0, 100.0, 50.0]
    """
    size = np.array([width, height], np.float32)
    corners = faces.box_xyxy.reshape(-1, 2, 2) * size
    points = (faces.landmarks_xy * size).reshape(len(faces), -1)
    columns = [corners[:, 0], corners[:, 1] - corners[:, 0], points, faces.score[:, None]]
    return np.concatenate(columns, axis=1).astype(np.float32)
