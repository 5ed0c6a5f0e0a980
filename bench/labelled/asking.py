"""From a seed to what is asked: pictures that are in no library, and the answers they have in this one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.camera import Shot, View
from bench.labelled.film import Item, Take, item_box, shown, sprite, through
from bench.labelled.folds import Material, material, whitening_saw
from bench.labelled.light import Light, lit
from bench.labelled.places import is_place, photographs_of, place_name
from bench.labelled.plan import SIZES, Plan
from bench.labelled.things import PORTRAITS, THINGS, source_picture
from bench.labelled.truth import Seen
from bench.photographs import Box
from core.types import Image

SHARE_UNANSWERABLE = 1 / 3
_MOST_OF_A_TENTH = 0.18
"""A thing on its own photograph with more of the frame than this belongs to the whole frames."""
_OTHER_STEREO_VIEW = ("motorcycle_right", -0.045)
"""The motorcycle from a step to the right, and how far it moves on the picture."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is asked with: RGB (height, width, 3), the box on it, and the quality it is kept at."""

    image: Image
    box_xyxy: Box | None
    quality: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One query. ``name`` is the stage or thing it shows; ``seen`` is empty where nothing answers it.

    ``size`` is the class its size in the library belongs to, None where it is not shown. ``held_out``: its
    photograph belongs to the other half.
    """

    id: str
    name: str
    kind: Literal["scene", "object", "face"]
    size: float | None
    lookalike: bool
    held_out: bool
    whitening_saw: bool
    seen: Seen
    ignore: tuple[str, ...]
    """Names whose sights count neither way: textures of a place, a place of a texture."""
    seed: tuple[int, ...]


def asked(plan: Plan, seen: dict[str, Seen], count: int) -> list[Asked]:
    """``count`` queries, a third of them without an answer; the same for the same plan."""
    rng = np.random.default_rng([plan.seed, plan.fold, 41])
    without = round(count * SHARE_UNANSWERABLE)
    names = _turns(rng, _answerable(seen), count - without)
    names += _turns(rng, _unanswerable(plan, seen), without)
    queries = []
    for number, name in enumerate(names):
        has = seen.get(name, Seen())
        slug = name.replace("/", "_").replace(" ", "_").replace("'", "")
        queries.append(Asked(
            f"q{number:03d}_{slug}", name, _kind(name), _size(plan, name, has),
            _looks_alike(name, seen), not _in_material(plan.material, name),
            whitening_saw(_photographs(name)), has, _ignored(name, seen), (plan.seed, plan.fold, 42, number),
        ))  # fmt: skip
    return queries


def picture_of(query: Asked, plan: Plan) -> Picture:
    """The picture to ask with; drawn from the query's own seed."""
    rng = np.random.default_rng(query.seed)
    if query.name not in THINGS:
        return _scene_picture(rng, query.name)
    textures = material(plan.seed, 1 - plan.fold).textures
    number = int(rng.integers(8_000_000, 9_000_000))
    place = place_name(number, *(str(one) for one in rng.choice(textures, 2)))
    return _thing_picture(rng, query.name, place)


def negative_pictures(fold: int, n: int, seed: int = 0) -> Iterator[tuple[Image, Box | None]]:
    """``n`` pictures, half of them with a box, of nothing that is in the library of ``plan(seed, fold)``:
    crops, warps and composites of the other half's photographs, things and places."""
    rng = np.random.default_rng([seed, fold, 51])
    other = material(seed, 1 - fold)
    made_of = (*other.scenes, *other.textures)
    for number in range(n):
        place = place_name(9_000_000 + number, *(str(name) for name in rng.choice(other.textures, 2)))
        kind = rng.random()
        if kind < 0.5:
            name = str(rng.choice(other.things))
            picture = _thing_picture(rng, name, place)
            yield picture.image, picture.box_xyxy
        elif kind < 0.7:
            yield _scene_picture(rng, place).image, None
        elif kind < 0.85:
            yield _piece(rng, str(rng.choice(made_of))), None
        else:
            name = str(rng.choice(other.things))
            yield _pasted(rng, name, str(rng.choice(made_of))).image, None


def _turns(rng: np.random.Generator, groups: list[list[str]], count: int) -> list[str]:
    """Names in turn from each group, each group in shuffled rounds, until there are ``count``."""
    groups = [group for group in groups if group]
    rounds: list[list[str]] = [[] for _ in groups]
    names: list[str] = []
    while len(names) < count:
        which = len(names) % len(groups)
        if not rounds[which]:
            rounds[which] = [str(name) for name in rng.permutation(groups[which])]
        names.append(rounds[which].pop())
    return names


def _answerable(seen: dict[str, Seen]) -> list[list[str]]:
    """Names with an answer, in groups that are asked equally often."""
    names = [name for name, one in seen.items() if one.sights]
    things = [name for name in names if name in THINGS]
    alike = [name for name in things if THINGS[name].family in ("coin", "portrait")]
    others = [name for name in things if name not in alike]
    photographs = [name for name in names if name not in THINGS and not is_place(name)]
    return [others, photographs, others, alike, [name for name in names if is_place(name)]]


def _unanswerable(plan: Plan, seen: dict[str, Seen]) -> list[list[str]]:
    """Names without one: the other half's things and photographs, lookalikes, places never shown."""
    other = material(plan.seed, 1 - plan.fold)
    unseen = [name for name in plan.material.things if name not in seen]
    hidden = [
        name
        for name in unseen
        if THINGS[name].rival not in seen and THINGS[name].photograph not in plan.material.scenes
    ]
    rng = np.random.default_rng([plan.seed, plan.fold, 43])
    places = []
    for number in range(40):
        textures = plan.material.textures if number % 2 else other.textures
        places.append(
            place_name(plan.seed * 10_000 + 7_000 + number, *(str(name) for name in rng.choice(textures, 2)))
        )
    objects = [name for name in other.things if THINGS[name].family not in ("coin", "portrait")]
    alike = hidden + [name for name in other.things if THINGS[name].family in ("coin", "portrait")]
    return [objects, [*other.scenes, *other.textures], objects, alike, places]


def _kind(name: str) -> Literal["scene", "object", "face"]:
    if name not in THINGS:
        return "scene"
    return "face" if THINGS[name].kind == "face" else "object"


def _photographs(name: str) -> set[str]:
    return {THINGS[name].photograph} if name in THINGS else photographs_of(name)


def _in_material(made_of: Material, name: str) -> bool:
    if name in THINGS:
        return name in made_of.things or THINGS[name].photograph in made_of.scenes
    return photographs_of(name) <= {*made_of.scenes, *made_of.textures}


def _size(plan: Plan, name: str, seen: Seen) -> float | None:
    if not seen.sights:
        return None
    if name not in THINGS:
        return 1.0
    if name in plan.sizes:
        return plan.sizes[name]
    return 1.0 if seen.size > _MOST_OF_A_TENTH else min(SIZES, key=lambda one: abs(math.log(one / seen.size)))


def _looks_alike(name: str, seen: dict[str, Seen]) -> bool:
    """Whether the library shows something that is easily taken for it."""
    if name in THINGS:
        family = THINGS[name].family
        return family is not None and any(
            other != name and other in THINGS and THINGS[other].family == family for other in seen
        )
    return is_place(name) and any(
        other != name and is_place(other) and photographs_of(other) & photographs_of(name) for other in seen
    )


def _ignored(name: str, seen: dict[str, Seen]) -> tuple[str, ...]:
    if name in THINGS:
        return tuple(other for other in seen if other == THINGS[name].rival)
    if is_place(name):
        return tuple(other for other in photographs_of(name) if other in seen)
    return tuple(other for other in seen if is_place(other) and name in photographs_of(other))


def _light(rng: np.random.Generator) -> Light:
    """As in the library, but never in full: a query is shown by somebody who can choose the picture."""
    return Light.random(rng, 0.75)


def _scene_picture(rng: np.random.Generator, stage: str) -> Picture:
    size_wh = _size_wh(rng)
    view = View(float(rng.uniform(0.4, 0.6)), float(rng.uniform(0.4, 0.6)), float(rng.uniform(1.0, 1.3)))
    image = lit(through(stage, view, size_wh), _light(rng), int(rng.integers(1000)))
    return Picture(image, None, int(rng.integers(55, 90)))


def _piece(rng: np.random.Generator, stage: str) -> Image:
    """Any part of a photograph, bent."""
    view = View(float(rng.uniform(0, 1)), float(rng.uniform(0, 1)), float(rng.uniform(1.0, 3.0)))
    image = through(stage, view, _size_wh(rng))
    bent, _ = _warped(rng, image, (0.0, 0.0, 1.0, 1.0), (image.shape[1], image.shape[0]), 0.06)
    return lit(bent, _light(rng), int(rng.integers(1000)))


def _size_wh(rng: np.random.Generator) -> tuple[int, int]:
    width = int(rng.choice([320, 400, 480, 640]))
    return width, round(width * float(rng.choice([0.5625, 0.6667, 0.75, 1.0])))


def _thing_picture(rng: np.random.Generator, name: str, place: str) -> Picture:
    """The thing on that place or, as often, where it was photographed."""
    # A portrait's picture ends at the chin: there is no surrounding to crop.
    if THINGS[name].photograph == PORTRAITS or rng.random() < 0.5:
        return _pasted(rng, name, place)
    return _on_its_own(rng, name)


def _pasted(rng: np.random.Generator, name: str, stage: str) -> Picture:
    """The thing on another background, with a box round it."""
    size_wh = _size_wh(rng)
    largest = 0.8 * min(sprite(name).aspect, 1 / sprite(name).aspect)
    x, y = (float(value) for value in rng.uniform(0.38, 0.62, 2))
    turn = float(rng.uniform(-10, 10))
    item = Item(name, ((0.0, x, y), (1.0, x, y)), float(rng.uniform(0.1, 0.4)) * largest, 1.0, (turn, turn))
    view = View(float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.3, 0.7)), float(rng.uniform(1.0, 1.5)))
    take = Take(Shot(stage, 1.0, view, view), (item,), _light(rng))
    image = shown(take, 0.5, size_wh, int(rng.integers(1000)))
    return Picture(image, item_box(item, 0.5, size_wh), int(rng.integers(55, 90)))


def _on_its_own(rng: np.random.Generator, name: str) -> Picture:
    """The thing where it was photographed: another crop, bent a little, in another light."""
    thing = THINGS[name]
    whole, box = source_picture(name), thing.box_xyxy
    if thing.photograph == "motorcycle" and rng.random() < 0.5:
        other, step = _OTHER_STEREO_VIEW
        whole = through(other, View(), (whole.shape[1], whole.shape[0]))
        box = (box[0] + step, box[1], box[2] + step, box[3])
    height, width = whole.shape[:2]
    longest = max((box[2] - box[0]) * width, (box[3] - box[1]) * height)
    pixels = rng.uniform(0.04, 0.12 if thing.family == "coin" else 0.4, 4) * longest
    around = pixels / [width, height, width, height]
    left, top = max(0.0, box[0] - around[0]), max(0.0, box[1] - around[1])
    right, bottom = min(1.0, box[2] + around[2]), min(1.0, box[3] + around[3])
    crop = whole[int(top * height) : round(bottom * height), int(left * width) : round(right * width)]
    inside = (
        (box[0] - left) / (right - left), (box[1] - top) / (bottom - top),
        (box[2] - left) / (right - left), (box[3] - top) / (bottom - top),
    )  # fmt: skip
    scale = float(rng.uniform(200, 480)) / max(crop.shape[:2])
    size_wh = max(48, round(crop.shape[1] * scale)), max(48, round(crop.shape[0] * scale))
    image, placed = _warped(rng, np.ascontiguousarray(crop), inside, size_wh, 0.045)
    return Picture(lit(image, _light(rng), int(rng.integers(1000))), placed, int(rng.integers(55, 90)))


def _warped(
    rng: np.random.Generator, image: Image, box_xyxy: Box, size_wh: tuple[int, int], reach: float
) -> tuple[Image, Box]:
    """The picture in another size, its corners moved by up to ``reach`` of its sides, turned a little; and
    the upright box round where the box went."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    angle = np.radians(rng.uniform(-6, 6))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (corners + rng.uniform(-reach, reach, (4, 2)) - 0.5) @ turn.T + 0.5
    matrix = cv2.getPerspectiveTransform(
        (corners * [width, height]).astype(np.float32), (moved * size_wh).astype(np.float32)
    )
    if (blur := width / size_wh[0] / 2.5) > 0.5:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur), np.uint8)
    out = cv2.warpPerspective(image, matrix, size_wh, borderMode=cv2.BORDER_REFLECT_101)
    x1, y1, x2, y2 = box_xyxy
    # The thing hardly fills its box's corners: the box round the middles of its sides is tighter.
    sides = np.array([[(x1 + x2) / 2, y1], [x2, (y1 + y2) / 2], [(x1 + x2) / 2, y2], [x1, (y1 + y2) / 2]])
    points: NDArray[np.float32] = (sides * [width, height]).astype(np.float32)
    where = cv2.perspectiveTransform(points[None], matrix)[0] / np.array(size_wh)
    low, high = np.clip(where.min(axis=0), 0, 1), np.clip(where.max(axis=0), 0, 1)
    return np.asarray(out, np.uint8), (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
