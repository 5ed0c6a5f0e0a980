"""Films, copies of them, and other films of the same places.

What a file shows when is known by construction: ``Part`` says which seconds of which source it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np

from bench.camera import Reel, Shot, View
from bench.photographs import photograph
from core.types import Image

SIZE_WH = (320, 180)
Frames = Iterator[tuple[float, Image]]
Change = Callable[[Image], Image]


@dataclass(frozen=True, slots=True)
class Source:
    """A film of ``seconds``; ``frames()`` gives its frames in order, RGB. Two of the same ``place`` show the
    same place at different times."""

    name: str
    place: str
    seconds: float
    fps: float
    frames: Callable[[], Frames]


@dataclass(frozen=True, slots=True)
class Part:
    """A file's half-open [start, end) shows ``source`` from ``source_start`` on, all in seconds."""

    start: float
    end: float
    source: str
    source_start: float


@dataclass(frozen=True, slots=True)
class File:
    """``how`` says what was done to it: the row of the table that it counts in."""

    path: Path
    how: str
    parts: tuple[Part, ...]


def sources(videos: list[Path]) -> list[Source]:
    """Two cameras that move over photographs, one and the same on other paths, a camera that does not move on
    two days; and two halves of each video, which are of the same place."""
    moves = {
        "sights": (
            ("coffee", 0.5, 0.5, 0.4, 0.45), ("china", 0.4, 0.5, 0.6, 0.5), ("rocket", 0.5, 0.7, 0.5, 0.5),
        ),
        "animals": (
            ("chelsea", 0.4, 0.5, 0.6, 0.5), ("flower", 0.5, 0.5, 0.4, 0.4), ("horse", 0.5, 0.5, 0.6, 0.6),
        ),
    }  # fmt: skip
    made = []
    for place, shots in moves.items():
        for day, zooms in (("a", (1.0, 1.4)), ("b", (1.5, 1.15)))[: 2 if place == "sights" else 1]:
            film = tuple(
                Shot(name, 10 / 3, View(x, y, zooms[0]), View(x2, y2, zooms[1]), shake=0.01)
                for name, x, y, x2, y2 in (shots if day == "a" else shots[::-1])
            )
            made.append(_of_reel(Reel(f"{place}-{day}", Fraction(24), SIZE_WH, film), place))
    made += [Source(f"porch-{day}", "porch", 20.0, 12, partial(_porch, day, 20.0, 12)) for day in (1, 2)]
    for path in videos:
        half = _length(path) / 2
        for number, start in enumerate((0.0, half)):
            made.append(_of_video(path, f"{path.stem}-{number}", start, half))
    return made


def write_all(made: list[Source], folder: Path) -> list[File]:
    """Every source as it is, in five copies, and with five seconds of it put between other things."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for source in made:
        whole = (Part(0, source.seconds, source.name, 0),)
        for how, (change, fps, crf) in _copies(source.fps).items():
            path = folder / f"{source.name}-{how.replace(' ', '_')}.mp4"
            write(path, ((at, change(image)) for at, image in source.frames()), source.seconds, fps, crf)
            files.append(File(path, how, whole))
    first_of_place = {source.place: source for source in reversed(made)}
    for number, source in enumerate(first_of_place.values()):
        path, start = folder / f"{source.name}-stretch.mp4", round(source.seconds * 0.23, 2)
        # Leaders that no other file has: static of its own.
        lead, tail = 3.3 + number % 3 * 0.37, 3.0
        write(path, _cut(source, start, 5.0, lead, tail, number), lead + 5 + tail, 25, 26)
        files.append(File(path, "5 s in another file", (Part(lead, lead + 5, source.name, start),)))
    return files


def write(path: Path, frames: Frames, seconds: float, fps: float, crf: int) -> None:
    """H.264 at a constant rate: at each tick the frame that is shown then."""
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast", "crf": str(crf)}
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.pix_fmt, shown, ticks = "yuv420p", None, 0
        for at, image in frames:
            while shown is not None and ticks / fps < at - 1e-6:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
                ticks += 1
            if shown is None:
                stream.height, stream.width = (side // 2 * 2 for side in image.shape[:2])
            shown = np.ascontiguousarray(image[: stream.height, : stream.width])
        while shown is not None and ticks / fps < seconds - 1e-6:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
            ticks += 1
        container.mux(stream.encode(None))


def _copies(fps: float) -> dict[str, tuple[Change, float, int]]:
    return {
        "original": (lambda image: image, fps, 20),
        "bitrate": (lambda image: image, fps, 36),
        "half size": (lambda image: cv2.resize(image, None, fx=0.5, fy=0.5), fps, 28),
        "frame rate": (lambda image: image, 15 if fps > 20 else 25, 25),
        "crop 5 %": (_cropped, fps, 23),
        "brightness": (lambda image: np.clip(image * 1.2 + 8.0, 0, 255).astype(np.uint8), fps, 23),
    }


def _cropped(image: Image) -> Image:
    down, across = round(image.shape[0] * 0.025), round(image.shape[1] * 0.025)
    return image[down:-down, across:-across]


def _cut(source: Source, start: float, seconds: float, lead: float, tail: float, seed: int) -> Frames:
    size = SIZE_WH
    yield from _noise(seed, 0.0, lead, size)
    for at, image in source.frames():
        if start <= at < start + seconds:
            yield lead + at - start, np.asarray(cv2.resize(_cropped(image), size), np.uint8)
    yield from _noise(seed + 500, lead + seconds, tail, size)


def _noise(seed: int, start: float, seconds: float, size: tuple[int, int]) -> Frames:
    """A place of its own: blurred colours that drift."""
    rng = np.random.default_rng(seed)
    place = cv2.resize(rng.integers(0, 255, (9, 16, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC)
    for number in range(int(seconds * 12)):
        yield start + number / 12, np.roll(place, number, axis=1)


def _porch(day: int, seconds: float, fps: float) -> Frames:
    """A camera that does not move; things that pass, noise and drifting light are those of the day."""
    rng = np.random.default_rng(day)
    things = [
        (rng.uniform(0, 1), rng.uniform(0.4, 0.9), rng.uniform(-0.25, 0.25), rng.integers(0, 255, 3),
         rng.uniform(0.03, 0.08))
        for _ in range(3)
    ]  # fmt: skip
    width, height = SIZE_WH
    place = np.asarray(photograph("china").resize(SIZE_WH), np.float32)
    for number in range(int(seconds * fps)):
        at = number / fps
        light = 1 + 0.03 * np.sin(at / 3 + day)
        image = np.clip(place * light + rng.normal(0, 2, place.shape), 0, 255).astype(np.uint8)
        for x, y, speed, colour, size in things:
            centre = int(((x + speed * at) % 1.2 - 0.1) * width), int(y * height)
            axes = int(size * width), int(size * width * 1.5)
            cv2.ellipse(image, centre, axes, 0, 0, 360, [int(value) for value in colour], -1)
        yield at, image


def _of_reel(reel: Reel, place: str) -> Source:
    def frames() -> Frames:
        for number, frame in enumerate(reel.frames()):
            yield reel.seconds(number), np.asarray(frame, np.uint8)

    return Source(reel.name, place, reel.duration_seconds, float(reel.fps), frames)


def _of_video(path: Path, name: str, start: float, seconds: float) -> Source:
    def frames() -> Frames:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            for frame in container.decode(stream):
                at = float(((frame.pts or 0) - (stream.start_time or 0)) * (stream.time_base or 1))
                if start <= at < start + seconds:
                    height = round(SIZE_WH[0] * frame.height / frame.width / 2) * 2
                    image = frame.to_ndarray(format="rgb24", width=SIZE_WH[0], height=height)
                    yield at - start, np.asarray(image, np.uint8)

    return Source(name, path.stem, seconds, _rate(path), frames)


def _rate(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(container.streams.video[0].average_rate or 25)


def _length(path: Path) -> float:
    with av.open(str(path)) as container:
        return (container.duration or 0) / 1_000_000
