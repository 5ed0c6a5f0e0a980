"""Large pictures for the camera to move over: whole photographs, and places made of their textures.

A place is a wall (or a sky) over a floor, both covered with a texture that was tinted and, for the floor,
laid down in perspective; doors, windows and pillars stand before the wall, and light falls on it from
somewhere. Its name says everything: ``place/7/brick/grass`` is the place of seed 7.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.photographs import photograph
from core.packaged import packaged_file
from core.types import Image

SIZE_WH = (1280, 800)
_PREFIX = "place/"
Plane = NDArray[np.float32]


def place_name(seed: int, wall: str, floor: str) -> str:
    return f"{_PREFIX}{seed}/{wall}/{floor}"


def is_place(stage: str) -> bool:
    return stage.startswith(_PREFIX)


def photographs_of(stage: str) -> set[str]:
    """What a stage is made of.

    >>> sorted(photographs_of("place/7/brick/grass")), photographs_of("coffee")
    (['brick', 'grass'], {'coffee'})
    """
    return set(stage.split("/")[2:]) if is_place(stage) else {stage}


# Twice the bytes of a film's shots in a dissolve, with room for the neighbours: 3 MB a picture.
@lru_cache(maxsize=16)
def stage_picture(stage: str) -> Image:
    """The whole picture, RGB (height, width, 3): a photograph, "relief", or a place."""
    if is_place(stage):
        _, seed, wall, floor = stage.split("/")
        return _place(np.random.default_rng([int(seed), 21]), wall, floor)
    if stage == "relief":
        return _relief()
    return np.ascontiguousarray(np.asarray(photograph(stage), np.uint8))


def _relief() -> Image:
    """A shaded relief of the hills in matplotlib's sample data, coloured by height like a map."""
    height = np.load(packaged_file("matplotlib", "mpl-data/sample_data/jacksboro_fault_dem.npz"))["elevation"]
    height = cv2.resize(height.astype(np.float32), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    down, across = np.gradient(height)
    shade = np.clip(0.62 + (across + down) / 28, 0.15, 1.1)
    rank = np.clip((height - height.min()) / (height.max() - height.min()), 0, 1)[:, :, None]
    colour = np.array([86, 118, 72]) * (1 - rank) + np.array([196, 170, 132]) * rank
    return np.asarray(np.clip(colour * shade[:, :, None], 0, 255), np.uint8)


def _place(rng: np.random.Generator, wall: str, floor: str) -> Image:
    width, height = SIZE_WH
    horizon = int(height * rng.uniform(0.5, 0.75))
    picture = np.empty((height, width, 3), np.float32)
    if rng.random() < 0.3:
        picture[:horizon] = _sky(rng, width, horizon)
    else:
        picture[:horizon] = _covered(rng, wall, width, horizon)
    picture[horizon:] = _floor(rng, floor, width, height - horizon)
    for _ in range(int(rng.integers(2, 6))):
        _stand(rng, picture, horizon)
    skirting = slice(horizon - int(rng.integers(3, 10)), horizon + 2)
    picture[skirting] = picture[skirting] * 0.25 + _tint(rng) * 0.5
    return np.asarray(np.clip(picture * _light(rng)[:, :, None], 0, 255), np.uint8)


def _tint(rng: np.random.Generator) -> Plane:
    """A paint: any hue, rarely loud, rarely dark."""
    hsv = np.array([[[rng.uniform(0, 180), rng.uniform(20, 150), rng.uniform(110, 235)]]], np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0], np.float32)


def _texture(rng: np.random.Generator, name: str, width: int, height: int) -> Plane:
    """A piece of a texture in one paint, or now and then in its own colours, (height, width, 3)."""
    whole = stage_picture(name)
    share = rng.uniform(0.45, 1.0)
    piece_w = int(whole.shape[1] * share)
    piece_h = min(whole.shape[0], int(piece_w * height / width))
    piece_w = min(piece_w, int(piece_h * width / height))
    left = int(rng.integers(0, whole.shape[1] - piece_w + 1))
    top = int(rng.integers(0, whole.shape[0] - piece_h + 1))
    piece = whole[top : top + piece_h, left : left + piece_w]
    piece = cv2.resize(piece, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    if rng.random() < 0.3:
        return np.asarray(piece, np.float32)
    grey = piece.mean(axis=2, keepdims=True)
    contrast = rng.uniform(0.35, 0.9)
    return np.asarray(_tint(rng) * (1 + contrast * (grey - grey.mean()) / 110), np.float32)


def _covered(rng: np.random.Generator, name: str, width: int, height: int) -> Plane:
    wall: Plane = _texture(rng, name, width, height)
    if rng.random() < 0.4:
        wainscot = int(height * rng.uniform(0.55, 0.8))
        wall[wainscot:] = wall[wainscot:] * 0.3 + _tint(rng) * 0.7
        wall[wainscot - 4 : wainscot] = _tint(rng)
    return wall


def _sky(rng: np.random.Generator, width: int, height: int) -> Plane:
    low, high = _tint(rng) * 0.4 + 150, _tint(rng) * 0.5 + 60
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    clouds = cv2.resize(rng.uniform(-1, 1, (5, 12)).astype(np.float32), (width, height),
                        interpolation=cv2.INTER_CUBIC)  # fmt: skip
    clouds += 0.5 * cv2.resize(rng.uniform(-1, 1, (14, 40)).astype(np.float32), (width, height),
                               interpolation=cv2.INTER_CUBIC)  # fmt: skip
    white = np.clip(clouds, 0, 1)[:, :, None] * 0.5
    return np.asarray((high * (1 - share) + low * share) * (1 - white) + 240 * white, np.float32)


def _floor(rng: np.random.Generator, name: str, width: int, height: int) -> Plane:
    """The texture laid down: near things large, far things small."""
    flat = _texture(rng, name, width, height * 3)
    flat = np.concatenate([flat[:, ::-1], flat, flat[:, ::-1]], axis=1)
    near = rng.uniform(0.5, 0.8)
    corners = np.array([[0, 0], [3 * width, 0], [3 * width, 3 * height], [0, 3 * height]], np.float32)
    reach = width * near
    onto = np.array([[-0.2 * width, 0], [1.2 * width, 0], [width + 2 * reach, height], [-2 * reach, height]],
                    np.float32)  # fmt: skip
    matrix = cv2.getPerspectiveTransform(corners, onto)
    return np.asarray(cv2.warpPerspective(flat, matrix, (width, height), flags=cv2.INTER_AREA), np.float32)


def _stand(rng: np.random.Generator, picture: Plane, horizon: int) -> None:
    """One door, window, picture or pillar before the wall, in place."""
    width = picture.shape[1]
    wide, tall = int(rng.uniform(0.06, 0.2) * width), int(rng.uniform(0.3, 0.85) * horizon)
    left = int(rng.integers(0, width - wide))
    on_floor = rng.random() < 0.5
    bottom = horizon if on_floor else int(rng.uniform(tall, horizon * 0.92))
    top = bottom - tall
    paint, frame = _tint(rng), max(3, wide // 18)
    shade = np.linspace(rng.uniform(0.6, 1.0), rng.uniform(0.7, 1.15), wide, dtype=np.float32)[None, :, None]
    picture[max(0, top + 8) : bottom, min(left + wide, width - 1) : left + wide + 12] *= 0.7
    picture[top:bottom, left : left + wide] = paint * shade * 0.9
    inside = slice(top + frame, bottom - frame), slice(left + frame, left + wide - frame)
    fill = rng.random()
    if fill < 0.35:
        picture[inside] = _sky(rng, wide - 2 * frame, tall - 2 * frame) * 1.05
        picture[inside[0], left + wide // 2 - 2 : left + wide // 2 + 2] = paint
        picture[(top + bottom) // 2 - 2 : (top + bottom) // 2 + 2, inside[1]] = paint
    elif fill < 0.7:
        rows = int(rng.integers(2, 7))
        edges = np.linspace(top + frame, bottom - frame, rows + 1).astype(int)
        for upper, lower in pairwise(edges.tolist()):
            picture[upper : lower - frame, inside[1]] = _tint(rng) * rng.uniform(0.35, 0.9)


def _light(rng: np.random.Generator) -> Plane:
    """Light from one or two sides, as a factor (height, width)."""
    width, height = SIZE_WH
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    factor = np.full((height, width), rng.uniform(0.55, 0.8), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        centre_x, centre_y = rng.uniform(0, 1), rng.uniform(-0.1, 0.7)
        distance = ((x - centre_x) ** 2 + (y - centre_y) ** 2) / rng.uniform(0.1, 0.5)
        factor += (rng.uniform(0.2, 0.5) * np.exp(-distance)).astype(np.float32)
    return factor
