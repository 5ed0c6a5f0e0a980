"""Generated scenes: coloured shapes on crops of photographs, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.photographs import photograph
from core.boxes import Boxes, expand, no_boxes, to_pixels
from core.types import Image

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
COLOURS = {
    "red": (215, 30, 35),
    "green": (35, 165, 50),
    "blue": (35, 65, 215),
    "yellow": (240, 215, 35),
    "purple": (150, 45, 185),
    "white": (245, 245, 245),
}

TRAIN_PHOTOS = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "flower",
    "hubble",
    "moon",
    "motorcycle",
    "rocket",
)
HELD_OUT_PHOTOS = ("coffee", "china")
"""Never trained on: what the weights are measured against."""

MAX_NOISE = 6.0
"""Standard deviation of the sensor noise, in levels of 255."""

Outline = list[NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture with what is on it; object i is a ``colours[i]`` ``shapes[i]`` in ``boxes_xyxy[i]``."""

    image: Image
    boxes_xyxy: Boxes
    shapes: tuple[str, ...]
    colours: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.boxes_xyxy) == len(self.shapes) == len(self.colours):
            raise ValueError(
                f"{len(self.boxes_xyxy)} boxes, but {len(self.shapes)} shapes and {len(self.colours)} colours"
            )

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    @property
    def objects(self) -> tuple[tuple[str, str], ...]:
        """(colour, shape) of each object."""
        return tuple(zip(self.colours, self.shapes, strict=True))


def make_scene(
    rng: np.random.Generator,
    size_wh: tuple[int, int] = (320, 320),
    count: int | None = None,
    photos: Sequence[str] = TRAIN_PHOTOS,
    object_share: tuple[float, float] = (0.1, 0.45),
) -> Scene:
    """A crop of a photograph with ``count`` objects (2 to 4 unless told) that hardly overlap.

    ``object_share`` is the range of an object's size as a share of the picture's shorter side. Where there
    is no room left the scene has fewer objects than asked for.
    """
    image = background(rng, size_wh, photos)
    wanted = int(rng.integers(2, 5)) if count is None else count
    boxes = _place(rng, size_wh, wanted, object_share)
    shapes = tuple(str(rng.choice(SHAPES)) for _ in boxes)
    colours = tuple(str(rng.choice(tuple(COLOURS))) for _ in boxes)
    for shape, colour, box in zip(shapes, colours, boxes, strict=True):
        image = draw(image, shape, colour, box, rng.uniform(0, 2 * math.pi), rng)
    return Scene(like_a_camera(rng, image), boxes, shapes, colours)


def background(
    rng: np.random.Generator, size_wh: tuple[int, int], photos: Sequence[str] = TRAIN_PHOTOS
) -> Image:
    """A random crop of a random photograph, mirrored half of the time, shape (height, width, 3)."""
    width, height = size_wh
    photo = _pixels(str(rng.choice(photos)))
    largest = min(photo.shape[1] / width, photo.shape[0] / height)
    scale = largest * rng.uniform(0.4, 1.0)
    window_w, window_h = max(int(width * scale), 1), max(int(height * scale), 1)
    left = int(rng.integers(0, photo.shape[1] - window_w + 1))
    top = int(rng.integers(0, photo.shape[0] - window_h + 1))
    window = photo[top : top + window_h, left : left + window_w]
    filter_ = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    resized = cv2.resize(window, (width, height), interpolation=filter_)
    return np.asarray(resized[:, ::-1] if rng.random() < 0.5 else resized, np.uint8)


def draw(
    image: Image,
    shape: str,
    colour: str,
    box_xyxy: Sequence[float] | NDArray[np.float32],
    angle_radians: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Image:
    """A copy of the picture with one shape that fills ``box_xyxy`` (normalised) from edge to edge.

    With ``rng`` the colour is varied a little, lit from a random side and grained; without it the shape is
    flat, so that frames of a video differ only by what moves.
    """
    result = image.copy()
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (float(value) for value in box_xyxy)
    corner, size = np.array([x1 * width, y1 * height]), np.array([(x2 - x1) * width, (y2 - y1) * height])
    left, top, right, bottom = to_pixels((x1, y1, x2, y2), width, height)
    contours = [points * size + corner - (left, top) for points in outline(shape, angle_radians)]
    mask = _filled(contours, (right - left, bottom - top))[..., None]
    paint = _paint(COLOURS[colour], (right - left, bottom - top), rng)
    patch = result[top:bottom, left:right]
    patch[:] = np.round(patch * (1 - mask) + paint * mask).astype(np.uint8)
    return result


def outline(shape: str, angle_radians: float = 0.0) -> Outline:
    """Contours of a shape, turned and then stretched to fill the unit box; a second contour is a hole."""
    contours = [points @ _rotation(angle_radians) for points in _contours(shape)]
    low, high = contours[0].min(axis=0), contours[0].max(axis=0)
    return [(points - low) / (high - low) for points in contours]


def crop(scene: Scene, box_xyxy: Sequence[float] | NDArray[np.float32], margin: float = 0.0) -> Scene:
    """What the box shows, grown by ``margin``: a scene of its own with the objects at least half inside."""
    grown = expand(np.asarray([box_xyxy], np.float32), margin)[0]
    height, width = scene.image.shape[:2]
    left, top, right, bottom = to_pixels(grown.tolist(), width, height)
    window = np.array([left / width, top / height, right / width, bottom / height], np.float32)
    keep = [i for i, box in enumerate(scene.boxes_xyxy) if _share_inside(box, window) >= 0.5]
    size = window[2:] - window[:2]
    moved = (scene.boxes_xyxy[keep] - np.tile(window[:2], 2)) / np.tile(size, 2)
    return Scene(
        scene.image[top:bottom, left:right],
        np.clip(moved, 0, 1).astype(np.float32),
        tuple(scene.shapes[i] for i in keep),
        tuple(scene.colours[i] for i in keep),
    )


def like_a_camera(rng: np.random.Generator, image: Image) -> Image:
    """The picture slightly blurred (a third of the time), grained and brighter or darker."""
    if rng.random() < 0.33:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.2))), np.uint8)
    height, width = image.shape[:2]
    gain, sigma = float(rng.uniform(0.85, 1.1)), float(rng.uniform(0, MAX_NOISE))
    shift_y, shift_x = (int(value) for value in rng.integers(0, 64, 2))
    tiles = (-(-(height + 64) // 256), -(-(width + 64) // 256))
    grain = np.tile(_grain(), tiles)[shift_y : shift_y + height, shift_x : shift_x + width]
    result = image * np.float32(gain)
    result += (grain * np.float32(sigma))[..., None]
    return np.clip(result, 0, 255, out=result).astype(np.uint8)


def _place(
    rng: np.random.Generator, size_wh: tuple[int, int], count: int, object_share: tuple[float, float]
) -> Boxes:
    boxes = no_boxes()
    short = min(size_wh)
    for _ in range(20 * count):
        if len(boxes) == count:
            break
        side = short * math.exp(rng.uniform(math.log(object_share[0]), math.log(object_share[1])))
        stretch = math.sqrt(rng.uniform(0.8, 1.25))
        extent = np.array([side * stretch / size_wh[0], side / stretch / size_wh[1]])
        if (extent >= 1).any():
            continue
        low = rng.uniform(0, 1 - extent)
        box = np.concatenate([low, low + extent]).astype(np.float32)
        if all(max(_share_inside(box, other), _share_inside(other, box)) < 0.05 for other in boxes):
            boxes = np.concatenate([boxes, box[None]])
    return boxes


def _share_inside(box: NDArray[np.float32], window: NDArray[np.float32]) -> float:
    """How much of the box lies in the window, 0 to 1."""
    shared = np.minimum(box[2:], window[2:]) - np.maximum(box[:2], window[:2])
    return float(np.clip(shared, 0, None).prod() / (box[2:] - box[:2]).prod())


def _contours(shape: str) -> Outline:
    if shape not in SHAPES:
        raise ValueError(f"There is no shape {shape!r}; the shapes are {', '.join(SHAPES)}.")
    if shape == "ring":
        return [_polygon(48), _polygon(48) * 0.55]
    if shape == "star":
        return [_polygon(10) * np.where(np.arange(10) % 2, 0.42, 1.0)[:, None]]
    if shape == "cross":
        return [_plus(0.3)]
    return [_polygon({"circle": 48, "square": 4, "triangle": 3}[shape])]


def _polygon(corners: int) -> NDArray[np.float64]:
    angles = np.arange(corners) * 2 * math.pi / corners - math.pi / 2
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _plus(arm: float) -> NDArray[np.float64]:
    quarter = np.array([[arm, -1.0], [arm, -arm], [1.0, -arm]])
    return np.concatenate([quarter @ _rotation(-turn * math.pi / 2) for turn in range(4)])


def _rotation(angle_radians: float) -> NDArray[np.float64]:
    cosine, sine = math.cos(angle_radians), math.sin(angle_radians)
    return np.array([[cosine, -sine], [sine, cosine]])


def _filled(contours: Outline, size_wh: tuple[int, int]) -> NDArray[np.float32]:
    """Coverage of each pixel, 0 to 1, shape (height, width): drawn four times as large, then averaged."""
    width, height = size_wh
    canvas = np.zeros((height * 4, width * 4), np.uint8)
    fixed = [np.round(points * 4 * 16).astype(np.int32) for points in contours]
    cv2.fillPoly(canvas, fixed, (255,), lineType=cv2.LINE_8, shift=4)
    coverage = cv2.resize(canvas, size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(coverage, np.float32) / np.float32(255)


def _paint(
    rgb: tuple[int, int, int], size_wh: tuple[int, int], rng: np.random.Generator | None
) -> NDArray[np.float32]:
    width, height = size_wh
    plain = np.broadcast_to(np.array(rgb, np.float32), (height, width, 3))
    if rng is None:
        return plain
    direction, depth = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.3)
    across = np.linspace(-0.5, 0.5, width) * math.cos(direction)
    down = np.linspace(-0.5, 0.5, height) * math.sin(direction)
    light = (1 - depth / 2 + depth * (across[None] + down[:, None])).astype(np.float32)
    coarse = rng.normal(0, 8, (max(height // 6, 1), max(width // 6, 1))).astype(np.float32)
    texture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    varied = (plain + rng.uniform(-18, 18, 3).astype(np.float32)) * light[..., None] + texture[..., None]
    return np.asarray(np.clip(varied, 0, 255), np.float32)


@lru_cache(maxsize=16)
def _pixels(name: str) -> Image:
    return np.asarray(photograph(name))


@lru_cache(maxsize=1)
def _grain() -> NDArray[np.float32]:
    """Noise of unit deviation made once: drawing it anew for each picture takes longer than the rest."""
    return np.random.default_rng(0).normal(0, 1, (256, 256)).astype(np.float32)
