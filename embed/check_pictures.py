"""Real pictures to check a precision on: photographs that come inside packages, whole and in parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.boxes import to_pixels
from core.errors import ModelUnavailable
from core.packaged import packaged_file
from core.pictures import read_picture
from core.types import Image

PHOTOGRAPHS = (
    ("ultralytics", "assets/bus.jpg"), ("ultralytics", "assets/zidane.jpg"),
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ("sklearn", "datasets/images/china.jpg"), ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/astronaut.png"), ("skimage", "data/chelsea.png"), ("skimage", "data/coffee.png"),
    ("skimage", "data/rocket.jpg"),
)
"""The first come with the extra ``models``, the others with ``demo``."""

_PARTS = ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.5, 0.5), (0.5, 0.4, 1.0, 1.0), (0.3, 0.25, 0.55, 0.6))


def check_pictures(prepare: Callable[[Image], Image]) -> NDArray[np.uint8]:
    """All parts of all photographs that are here, as ``prepare`` makes them; (0,) when there are none."""
    rows = [prepare(part) for path in _files() for part in _parts(read_picture(path))]
    return np.stack(rows) if rows else np.zeros((0,), np.uint8)


def _files() -> list[Path]:
    found = []
    for package, relative in PHOTOGRAPHS:
        try:
            found.append(packaged_file(package, relative))
        except ModelUnavailable:
            continue
    return found


def _parts(image: Image) -> list[Image]:
    height, width = image.shape[:2]
    boxes = (to_pixels(part, width, height) for part in _PARTS)
    return [image[top:bottom, left:right] for left, top, right, bottom in boxes]
