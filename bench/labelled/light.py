"""What a camera does to a picture: exposure, tone, colour, focus, movement, noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np

from core.types import Image


@dataclass(frozen=True, slots=True)
class Light:
    """``exposure`` multiplies the light, ``gamma`` bends it, ``cast`` is what each of R, G, B is multiplied
    with. ``defocus`` is the blur's standard deviation and ``smear`` the length of the movement's blur, both
    in thousandths of the picture's width; ``noise`` is a standard deviation in levels of 255."""

    exposure: float = 1.0
    gamma: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    defocus: float = 0.0
    smear: float = 0.0
    smear_degrees: float = 0.0
    noise: float = 0.0

    @staticmethod
    def random(rng: np.random.Generator, strength: float = 1.0) -> Light:
        """Any plausible light; 0 changes nothing, 1 is what a badly lit phone film has."""
        defocus = rng.uniform(0, 1.6) if rng.random() < 0.35 else 0.0
        smear = rng.uniform(3, 11) if rng.random() < 0.2 else 0.0
        return Light(
            exposure=1 + strength * rng.uniform(-0.35, 0.3),
            gamma=math.exp(strength * rng.uniform(-0.28, 0.28)),
            cast=(1 + strength * rng.uniform(-0.12, 0.12), 1.0, 1 + strength * rng.uniform(-0.14, 0.14)),
            defocus=defocus * strength,
            smear=smear * strength,
            smear_degrees=rng.uniform(0, 180),
            noise=strength * max(0.0, rng.uniform(-2, 3)),
        )


PLAIN_LIGHT = Light()


def lit(image: Image, light: Light, grain: int = 0) -> Image:
    """The picture in that light, RGB (height, width, 3); ``grain`` chooses the noise, frame by frame."""
    out: Image = image
    width = image.shape[1]
    if light.defocus * width / 1000 > 0.25:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), light.defocus * width / 1000), np.uint8)
    length = light.smear * width / 1000
    if length > 1.5:
        out = np.asarray(cv2.filter2D(out, -1, _smear_kernel(length, light.smear_degrees)), np.uint8)
    out = np.asarray(cv2.LUT(out, _curve(light.exposure, light.gamma, light.cast)), np.uint8)
    return noisy(out, light.noise, grain) if light.noise >= 0.5 else out


def noisy(image: Image, deviation: float, grain: int) -> Image:
    """Gaussian noise of that standard deviation, alike in the three channels."""
    pattern, (height, width) = _pattern(), image.shape[:2]
    top = (grain * 379) % 257
    left = (grain * 631) % 263
    piece = pattern[top : top + height, left : left + width]
    noise = np.round(piece * deviation).astype(np.int16)[:, :, None]
    return np.asarray(np.clip(image.astype(np.int16) + noise, 0, 255), np.uint8)


@cache
def _pattern() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Noise for frames of up to 1600 pixels a side, cut out at another place for every frame."""
    return np.random.default_rng(5).standard_normal((1600 + 257, 1600 + 263)).astype(np.float32)


@lru_cache(maxsize=512)
def _curve(exposure: float, gamma: float, cast: tuple[float, float, float]) -> Image:
    """The table of cv2.LUT, shape (1, 256, 3)."""
    levels = np.linspace(0, 1, 256)[:, None] ** gamma * exposure * np.array(cast)
    return np.asarray(np.clip(np.round(levels * 255), 0, 255), np.uint8)[None]


@lru_cache(maxsize=64)
def _smear_kernel(length: float, degrees: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    side = int(length) // 2 * 2 + 3
    kernel = np.zeros((side, side), np.float32)
    middle = side / 2 - 0.5
    reach = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]) * length / 2
    ends = [tuple(round((middle + sign * value) * 16) for value in reach) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(kernel / kernel.sum(), np.float32)
