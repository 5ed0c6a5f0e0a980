"""What the image tower learns from: whole scenes, their tiles, single objects and plain background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.tiny.scenes import TRAIN_PHOTOS, Scene, background, crop, make_scene
from core.types import Image

SIZES_WH = ((320, 320), (320, 240), (320, 180))
Objects = tuple[tuple[str, str], ...]


def object_crops(
    rng: np.random.Generator, scene: Scene, margins: tuple[float, float] = (0.0, 0.5)
) -> Iterator[Scene]:
    """One crop per object with a random margin, as a detector's box would give it."""
    for box in scene.boxes_xyxy:
        wobble = (box[2:] - box[:2]) * 0.05
        moved = np.clip(box + rng.uniform(-1, 1, 4) * np.tile(wobble, 2), 0, 1).astype(np.float32)
        yield crop(scene, moved, float(rng.uniform(*margins)))


def pictures(
    rng: np.random.Generator, photos: Sequence[str] = TRAIN_PHOTOS
) -> Iterator[tuple[Image, Objects]]:
    """Endless pictures with their (colour, shape) objects: of each scene its objects, the whole, a tile and,
    every other time, a piece of photograph with nothing on it."""
    while True:
        scene = make_scene(rng, SIZES_WH[int(rng.integers(len(SIZES_WH)))], photos=photos)
        for part in (*object_crops(rng, scene), scene, _tile(rng, scene)):
            yield part.image, part.objects
        if rng.random() < 0.5:
            yield background(rng, (96, 96), photos), ()


def as_square(rng: np.random.Generator, image: Image, side: int) -> Image:
    """The picture as side x side: squashed or, half of the time, cut to its middle, for callers do both."""
    height, width = image.shape[:2]
    if rng.random() < 0.5:
        short = min(height, width)
        top, left = (height - short) // 2, (width - short) // 2
        image = image[top : top + short, left : left + short]
    shrinking = min(image.shape[:2]) > side
    filter_ = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(image), (side, side), interpolation=filter_), np.uint8)


def batch(
    rng: np.random.Generator, source: Iterator[tuple[Image, Objects]], count: int, side: int
) -> tuple[NDArray[np.uint8], list[Objects]]:
    """The next ``count`` pictures of the source, shape (count, side, side, 3), and their objects."""
    images, objects = [], []
    for _ in range(count):
        image, seen = next(source)
        images.append(as_square(rng, image, side))
        objects.append(seen)
    return np.stack(images), objects


def _tile(rng: np.random.Generator, scene: Scene) -> Scene:
    size = rng.uniform(0.4, 0.7, 2)
    low = rng.uniform(0, 1 - size)
    return crop(scene, np.concatenate([low, low + size]))
