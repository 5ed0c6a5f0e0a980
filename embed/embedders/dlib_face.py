"""dlib's face descriptor: 128-d, from a face chip aligned by five landmarks."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.boxes import to_pixels
from core.fetch import fetch
from core.types import Faces, Image, Vectors
from embed.models import FACE_EMBEDDERS
from embed.pooling import unit


class DlibFaceEmbedder:
    """Unit vectors of dlib's descriptors. They all lie near one another: strangers have a cosine of about
    0.82 and the published threshold, a distance of 0.6, is about 0.91; search knows this from the table."""

    def __init__(self) -> None:
        self.model = FACE_EMBEDDERS["dlib"]
        self._file = fetch(self.model.weights, Path())
        self._hash = str(self.model.weights.sha256)

    @cached_property
    def _network(self) -> Any:
        """Read when the first face comes."""
        import dlib

        return dlib.face_recognition_model_v1(str(self._file))

    @property
    def dimension(self) -> int:
        return self.model.dimension

    @property
    def fingerprint(self) -> dict[str, str]:
        return {"name": self.model.name, "weights": self._hash[:16]}

    def describe(self, image: Image, faces: Faces) -> Vectors:
        import dlib

        height, width = image.shape[:2]
        rows = []
        for index in range(len(faces)):
            left, top, right, bottom = to_pixels(faces.box_xyxy[index].tolist(), width, height)
            points = (faces.landmarks_xy[index] * (width, height)).round().astype(int)
            corners = [dlib.point(int(x), int(y)) for x, y in points]
            shape = dlib.full_object_detection(dlib.rectangle(left, top, right - 1, bottom - 1), corners)
            chip = dlib.get_face_chip(image, shape, size=150, padding=0.25)
            rows.append(np.array(self._network.compute_face_descriptor(chip), np.float32))
        return unit(np.stack(rows)) if rows else np.zeros((0, self.dimension), np.float32)
