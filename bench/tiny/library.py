"""A small library for the tiny models: videos and stills with coloured shapes, and what is in them.

Every thing (colour and shape) appears in exactly one still or one stretch of a video, so that the first
answer to a question is right or wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image as Pillow

from bench.tiny.captions import THINGS
from bench.tiny.scenes import COLOURS, SHAPES, background, draw, like_a_camera
from core.types import Image

Thing = tuple[str, str]
"""Colour and shape."""

BACKGROUNDS = ("china",)
"""Of the photographs that no training saw, the one on which no colour disappears."""

ELSEWHERE = ("flower", "chelsea")
"""What the things of a question lie on: the thing has to be found, not the place."""

LEAN = 0.3
"""Things stand upright, more or less (radians): a square on its corner is a diamond to the tiny models."""

SIZE_WH = (320, 320)
THINGS_SHOWN = tuple(
    (colour, SHAPES[(row + step) % len(SHAPES)])
    for row, colour in enumerate(COLOURS) for step in (0, 1) if colour != "white"
)
"""Two shapes of every colour, but of white: saucers and skies on the photographs are white things as well.
No colour has a square and a cross: the arm of a cross is a square."""
FPS = 10
SECONDS_PER_THING = 2.0
THINGS_PER_VIDEO = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a thing is: half-open [start_seconds, end_seconds) of ``media``, both 0 for a still."""

    thing: Thing
    media: str
    start_seconds: float
    end_seconds: float


def write_library(folder: Path, things: Sequence[Thing] = THINGS_SHOWN, seed: int = 0) -> list[Place]:
    """Half of the things go into videos, one after the other with hard cuts, the rest into stills."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    order = [things[row] for row in rng.permutation(len(things))]
    half = len(order) // 2
    places = []
    for number, first in enumerate(range(0, half, THINGS_PER_VIDEO)):
        shown = order[first : min(first + THINGS_PER_VIDEO, half)]
        places += _write_video(folder / f"shapes_{number}.mp4", shown, rng)
    for number, thing in enumerate(order[half:]):
        path = folder / f"shape_{number:02}.png"
        Pillow.fromarray(_picture(thing, rng)).save(path)
        places.append(Place(thing, path.name, 0.0, 0.0))
    return places


def question(thing: Thing, rng: np.random.Generator) -> tuple[Image, tuple[float, float, float, float]]:
    """A picture of the thing that is in no library, with something else beside it, and the thing's box."""
    colour, shape = thing
    others = [other for other in THINGS if other[0] != colour and other[1] != shape]
    other_colour, other_shape = others[int(rng.integers(len(others)))]
    side = rng.uniform(0.3, 0.42)
    x, y = rng.uniform(0.03, 0.08), rng.uniform(0.1, 0.5)
    box = (x, y, x + side, y + side)
    image = draw(background(rng, SIZE_WH, ELSEWHERE), shape, colour, box, rng.uniform(-LEAN, LEAN), rng)
    beside = (0.6, 0.55, 0.92, 0.87)
    image = draw(image, other_shape, other_colour, beside, rng.uniform(-LEAN, LEAN), rng)
    return like_a_camera(rng, image), box


def _picture(thing: Thing, rng: np.random.Generator) -> Image:
    colour, shape = thing
    side = rng.uniform(0.35, 0.5)
    x, y = rng.uniform(0.05, 0.9 - side, 2)
    photo = background(rng, SIZE_WH, BACKGROUNDS)
    image = draw(photo, shape, colour, (x, y, x + side, y + side), rng.uniform(-LEAN, LEAN), rng)
    return like_a_camera(rng, image)


def _write_video(path: Path, shown: Sequence[Thing], rng: np.random.Generator) -> list[Place]:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", FPS)
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, FPS)
        for thing in shown:
            for image in _moving(thing, rng):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    starts = [number * SECONDS_PER_THING for number in range(len(shown))]
    spans = [(start, start + SECONDS_PER_THING) for start in starts]
    return [Place(thing, path.name, *span) for thing, span in zip(shown, spans, strict=True)]


def _moving(thing: Thing, rng: np.random.Generator) -> Iterator[Image]:
    """The thing on its way across a photograph."""
    colour, shape = thing
    photo = background(rng, SIZE_WH, BACKGROUNDS)
    side, angle = rng.uniform(0.35, 0.45), rng.uniform(-LEAN, LEAN)
    start, end = rng.uniform(0.05, 0.9 - side, (2, 2))
    paint = int(rng.integers(2**32))
    for step in np.linspace(0, 1, int(SECONDS_PER_THING * FPS)):
        x, y = start + (end - start) * step
        # The same paint in every frame: only the place changes.
        painted = np.random.default_rng(paint)
        yield draw(photo, shape, colour, (x, y, x + side, y + side), angle, painted)
