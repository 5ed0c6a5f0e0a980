"""A picture as an open_clip image tower takes it: resized and cropped here, scaled inside the tower.

Pillow does the resizing, because open_clip's transform does: OpenCV's filters do not widen when they shrink a
picture, so their pixels differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from PIL import Image as Pillow

from core.errors import ModelUnavailable
from core.types import Image

_LONGEST = 8
"""A picture longer than this many times its width is a strip."""

ResizeMode = Literal["shortest", "longest", "squash"]
_FILTERS = {"bicubic": Pillow.Resampling.BICUBIC, "bilinear": Pillow.Resampling.BILINEAR}


@dataclass(frozen=True, slots=True)
class Preprocess:
    """open_clip's ``preprocess_cfg``.

    ``shortest`` brings the shorter side to ``side_px`` and crops the middle, ``longest`` the longer one and
    pads with ``fill``, ``squash`` gives up the proportions.
    """

    side_px: int
    resize_mode: ResizeMode = "shortest"
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)
    fill: int = 0

    @classmethod
    def of(cls, side_px: object, given: dict[str, Any]) -> Preprocess:
        """From a model's ``image_size`` and ``preprocess_cfg``. Raises ModelUnavailable for what we lack."""
        size = given.get("size", side_px)
        sides = {int(side) for side in size} if isinstance(size, (list, tuple)) else {int(cast(int, size))}
        mode = given.get("resize_mode") or "shortest"
        interpolation = given.get("interpolation") or "bicubic"
        if len(sides) != 1 or mode not in ("shortest", "longest", "squash") or interpolation not in _FILTERS:
            raise ModelUnavailable(
                f"Models with input {size}, resize mode {mode!r} and interpolation {interpolation!r} cannot "
                "be used: the input must be square, the mode shortest, longest or squash, the interpolation "
                "bicubic or bilinear."
            )
        plain = cls(sides.pop(), cast(ResizeMode, mode), interpolation)
        return cls(
            plain.side_px, plain.resize_mode, plain.interpolation, _three(given.get("mean"), plain.mean),
            _three(given.get("std"), plain.std), int(given.get("fill_color") or 0),
        )

    def __str__(self) -> str:
        numbers = ",".join(f"{value:g}" for value in (*self.mean, *self.std))
        return f"rgb, {self.resize_mode} {self.side_px} {self.interpolation}, {numbers}"

    def apply(self, image: Image) -> Image:
        """(height, width, 3) -> (side, side, 3), pixel for pixel as open_clip's own transform."""
        picture = Pillow.fromarray(np.ascontiguousarray(image))
        if self.resize_mode == "squash":
            return self._resized(picture, (self.side_px, self.side_px))
        if self.resize_mode == "longest":
            return self._padded(picture)
        return self._cropped(picture)

    def _cropped(self, picture: Pillow.Image) -> Image:
        side, width, height = self.side_px, picture.width, picture.height
        # The longer side is cut to a whole number of pixels, as torchvision does.
        new_width = side if width <= height else int(side * width / height)
        new_height = side if height <= width else int(side * height / width)
        left, top = round((new_width - side) / 2), round((new_height - side) / 2)
        if max(new_width, new_height) <= _LONGEST * side:
            resized = self._resized(picture, (new_width, new_height))
            return np.ascontiguousarray(resized[top : top + side, left : left + side])
        # Of a strip only the middle is computed: blown up as a whole it might not fit into memory.
        scale_x, scale_y = width / new_width, height / new_height
        right, bottom = min(width, (left + side) * scale_x), min(height, (top + side) * scale_y)
        return self._resized(picture, (side, side), (left * scale_x, top * scale_y, right, bottom))

    def _padded(self, picture: Pillow.Image) -> Image:
        side, ratio = self.side_px, max(picture.width, picture.height) / self.side_px
        width, height = max(1, round(picture.width / ratio)), max(1, round(picture.height / ratio))
        canvas = np.full((side, side, 3), self.fill, np.uint8)
        left, top = (side - width) // 2, (side - height) // 2
        canvas[top : top + height, left : left + width] = self._resized(picture, (width, height))
        return canvas

    def _resized(
        self,
        picture: Pillow.Image,
        size_wh: tuple[int, int],
        box: tuple[float, float, float, float] | None = None,
    ) -> Image:
        return np.asarray(picture.resize(size_wh, _FILTERS[self.interpolation], box))


def _three(given: object, otherwise: tuple[float, float, float]) -> tuple[float, float, float]:
    if given is None:
        return otherwise
    if isinstance(given, (int, float)):
        return (float(given),) * 3
    first, second, third = (float(value) for value in cast("list[float]", given))
    return first, second, third
