"""Who is seen when and where in a library: counted frame by frame from the plan, before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from bench.camera import Stretch
from bench.labelled.film import Film, Take, cover, item_box, share_of, visible_share
from bench.labelled.places import stage_picture
from bench.labelled.plan import Plan
from bench.labelled.things import THINGS
from bench.photographs import Box

LEAST_SHARE_SEEN = 0.5
"""A thing counts as shown while at least this share of it is seen."""
_FAINT = 0.15
"""Below this share nobody could say it is there; between the two, an answer counts neither way."""
_SHORTEST_SECONDS = 0.5
"""A sight of less counts neither way."""
_KEYS = 3


@dataclass(frozen=True, slots=True)
class Sight:
    """Something is seen in ``media`` during [start_seconds, end_seconds), frame borders of that film.

    ``boxes``: (seconds, box_xyxy) at the middle of some frames inside; empty where it fills the frame.
    """

    media: str
    start_seconds: float
    end_seconds: float
    boxes: tuple[tuple[float, Box], ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One stage or thing in a library; ``unsure`` sights count neither way. ``size`` is the mean share of
    the frame that its boxes have, 1 for a stage."""

    sights: tuple[Sight, ...] = ()
    stills: tuple[str, ...] = ()
    unsure: tuple[Sight, ...] = ()
    size: float = 1.0


@dataclass(slots=True)
class _Frames:
    """One name in one film: the frames it is shown in, those it is half hidden in, boxes by frame."""

    shown: list[int] = field(default_factory=list)
    faint: list[int] = field(default_factory=list)
    box_of: dict[int, Box] = field(default_factory=dict)


def truth(plan: Plan) -> dict[str, Seen]:
    """Everything that is seen, by the name of its stage or thing."""
    sights: dict[str, list[Sight]] = {}
    unsure: dict[str, list[Sight]] = {}
    stills: dict[str, list[str]] = {}
    areas: dict[str, list[float]] = {}
    for film in plan.films:
        for name, frames in _film_frames(film).items():
            certain, short = _sights(film, frames)
            sights.setdefault(name, []).extend(certain)
            unsure.setdefault(name, []).extend(short)
            areas.setdefault(name, []).extend(area(box) for one in certain for _, box in one.boxes)
    for still in plan.stills:
        for name, share, box in seen_in(still.take, 0.5, still.size_wh):
            if share >= LEAST_SHARE_SEEN:
                stills.setdefault(name, []).append(still.name)
                areas.setdefault(name, []).extend([area(box)] if box else [])
    names = sorted({*sights, *stills, *unsure})
    return {
        name: Seen(
            tuple(sights.get(name, ())), tuple(stills.get(name, ())), tuple(unsure.get(name, ())),
            float(np.mean(areas[name])) if areas.get(name) else 1.0,
        )
        for name in names
    }  # fmt: skip


def area(box_xyxy: Box) -> float:
    return (box_xyxy[2] - box_xyxy[0]) * (box_xyxy[3] - box_xyxy[1])


def seen_in(
    take: Take, share: float, size_wh: tuple[int, int]
) -> Iterator[tuple[str, float, Box | None]]:
    """(name, share of it that is seen, box in the frame) after ``share`` of a shot; a stage has no box."""
    yield take.camera.photograph, 1.0, None
    for name, thing in THINGS.items():
        if thing.photograph == take.camera.photograph:
            seen, box = _on_stage(take, thing.box_xyxy, share, size_wh)
            yield name, seen, box
    for index, item in enumerate(take.items):
        if item.name in THINGS and THINGS[item.name].kind != "clutter":
            yield item.name, visible_share(take, index, share, size_wh), item_box(item, share, size_wh)


def _on_stage(take: Take, box_xyxy: Box, share: float, size_wh: tuple[int, int]) -> tuple[float, Box]:
    """How much of a box on the stage's photograph is seen through the camera, and where."""
    height, width = stage_picture(take.camera.photograph).shape[:2]
    left, top, right, bottom = take.camera.view(share).window((width, height), size_wh)
    x1, x2 = ((value - left) / (right - left) for value in box_xyxy[::2])
    y1, y2 = ((value - top) / (bottom - top) for value in box_xyxy[1::2])
    box = tuple(min(max(value, 0.0), 1.0) for value in (x1, y1, x2, y2))
    pixels = [round(value * side) for value, side in zip(box, (*size_wh, *size_wh), strict=True)]
    inside = np.ones((max(0, pixels[3] - pixels[1]), max(0, pixels[2] - pixels[0])), np.float32)
    for item in take.items:
        cover(inside, (pixels[0], pixels[1], pixels[2], pixels[3]), item, share, size_wh)
    whole = (x2 - x1) * (y2 - y1) * size_wh[0] * size_wh[1]
    return float(inside.sum()) / whole, (box[0], box[1], box[2], box[3])


def _film_frames(film: Film) -> dict[str, _Frames]:
    found: dict[str, _Frames] = {}
    for take, stretch in film.placed():
        for frame in range(stretch.first, stretch.stop):
            for name, seen, box in _seen(film, take, stretch, frame):
                frames = found.setdefault(name, _Frames())
                if seen >= LEAST_SHARE_SEEN:
                    frames.shown.append(frame)
                    if box is not None:
                        frames.box_of[frame] = box
                elif seen >= _FAINT:
                    frames.faint.append(frame)
    return found


def _seen(film: Film, take: Take, stretch: Stretch, frame: int) -> Iterable[tuple[str, float, Box | None]]:
    return seen_in(take, share_of(stretch, frame), film.size_wh)


def _sights(film: Film, frames: _Frames) -> tuple[list[Sight], list[Sight]]:
    """The runs of frames that answer, and those that count neither way."""
    certain: list[Sight] = []
    unsure: list[Sight] = []
    for first, stop in _runs(frames.shown):
        sight = _sight(film, frames, first, stop)
        (certain if (stop - first) / film.fps >= _SHORTEST_SECONDS else unsure).append(sight)
    for first, stop in _runs(frames.faint):
        if (stop - first) / film.fps >= _SHORTEST_SECONDS:
            unsure.append(_sight(film, frames, first, stop))
    return certain, unsure


def _sight(film: Film, frames: _Frames, first: int, stop: int) -> Sight:
    keys = sorted({round(value) for value in np.linspace(first, stop - 1, 2 * _KEYS + 1)[1::2]})
    boxes = tuple(
        (round(float((key + 0.5) / film.fps), 6), _rounded(frames.box_of[key]))
        for key in keys
        if key in frames.box_of
    )
    return Sight(film.name, float(first / film.fps), float(stop / film.fps), boxes)


def _rounded(box_xyxy: Box) -> Box:
    x1, y1, x2, y2 = (round(value, 5) for value in box_xyxy)
    return x1, y1, x2, y2


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Runs of consecutive numbers, half-open.

    >>> _runs([2, 3, 4, 7])
    [(2, 5), (7, 8)]
    """
    runs = []
    for _, group in groupby(enumerate(sorted(set(numbers))), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        runs.append((run[0], run[-1] + 1))
    return runs
