"""Detectors as their users see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.types import Faces, Image, Regions


class RegionDetector(Protocol):
    """Pictures to regions worth a vector of their own."""

    @property
    def fingerprint(self) -> dict[str, str]: ...

    def detect(
        self, images: Sequence[Image], saliency: Sequence[NDArray[np.float32] | None]
    ) -> list[Regions]:
        """One Regions per picture. ``saliency`` is the embedder's summed activation, shape (rows,
        columns), or None; a detector that looks at pixels ignores it."""


class FaceDetector(Protocol):
    """Pictures to faces with landmarks, whose scheme ``landmarks`` names (detect.models.LANDMARK_SCHEMES)."""

    landmarks: str

    @property
    def fingerprint(self) -> dict[str, str]: ...

    def detect(self, image: Image) -> Faces: ...
