"""What a frame holds: pictures, regions, faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.boxes import Boxes, no_boxes

Image = NDArray[np.uint8]
"""RGB picture, shape (height, width, 3), displayed orientation."""

Vectors = NDArray[np.float32]
"""Unit vectors, shape (n, dimension)."""

MediaType = Literal["video", "image"]
Kind = Literal["frame", "region", "tile", "face"]
KINDS: tuple[Kind, ...] = ("frame", "region", "tile", "face")


@dataclass(frozen=True, slots=True)
class Regions:
    """Regions of one frame as parallel arrays; none at all is an ordinary value.

    ``box_xyxy`` (n, 4) normalised; ``score`` (n,) in [0, 1]; ``label`` n names, or None where the
    detector does not name what it found.
    """

    box_xyxy: Boxes = field(default_factory=no_boxes)
    score: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    label: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        if self.box_xyxy.shape != (len(self), 4):
            raise ValueError(f"box_xyxy has shape {self.box_xyxy.shape}, (n, 4) is needed")
        if self.score.shape != (len(self),) or len(self.label) != len(self):
            raise ValueError(
                f"{len(self)} boxes, but {self.score.shape} scores and {len(self.label)} labels"
            )
        if len(self) and (self.box_xyxy[:, :2] >= self.box_xyxy[:, 2:]).any():
            raise ValueError("a box has no area: x1 must be below x2 and y1 below y2")

    def __len__(self) -> int:
        return len(self.box_xyxy)

    def __getitem__(self, keep: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Regions:
        rows = np.arange(len(self))[keep]
        return Regions(self.box_xyxy[rows], self.score[rows], tuple(self.label[i] for i in rows))

    @staticmethod
    def empty() -> Regions:
        return Regions()


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces of one frame: ``box_xyxy`` (n, 4), ``score`` (n,) and ``landmarks_xy`` (n, points, 2), all
    normalised. The scheme of the landmarks is the detector's; its partner embedder aligns by them."""

    box_xyxy: Boxes = field(default_factory=no_boxes)
    score: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    landmarks_xy: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 5, 2), np.float32))

    def __post_init__(self) -> None:
        n = len(self.box_xyxy)
        if self.box_xyxy.shape != (n, 4) or self.score.shape != (n,) or self.landmarks_xy.shape[0] != n:
            raise ValueError(
                f"faces do not match: boxes {self.box_xyxy.shape}, scores {self.score.shape}, "
                f"landmarks {self.landmarks_xy.shape}"
            )

    def __len__(self) -> int:
        return len(self.box_xyxy)

    def __getitem__(self, keep: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Faces:
        return Faces(self.box_xyxy[keep], self.score[keep], self.landmarks_xy[keep])

    @staticmethod
    def empty() -> Faces:
        return Faces()
