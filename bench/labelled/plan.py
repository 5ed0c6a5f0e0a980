"""From a seed to films and stills: what is shown where, how large, in which light, behind what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from bench.camera import Shot, View
from bench.labelled.film import Film, Item, Take, sprite
from bench.labelled.folds import Material, material
from bench.labelled.light import Light
from bench.labelled.places import is_place, place_name
from bench.labelled.things import THINGS
from bench.tiny.scenes import COLOURS, SHAPES

SIZES = (0.10, 0.03, 0.01)
"""Shares of the frame's area that a pasted thing has."""

_FORMATS: tuple[tuple[tuple[int, int], Fraction], ...] = (
    ((640, 360), Fraction(25)), ((640, 360), Fraction(30)), ((854, 480), Fraction(24)),
    ((640, 480), Fraction(15)), ((1280, 720), Fraction(25)), ((480, 854), Fraction(30000, 1001)),
    ((640, 360), Fraction(50)), ((854, 480), Fraction(24000, 1001)), ((1280, 720), Fraction(30)),
)  # fmt: skip
_CRF = (20, 24, 28, 33)
_SECONDS_PER_FILM = 34.0
_SECONDS_PER_SHOT = (2.5, 7.0)
_MOST_ITEMS = 3
_ALIKE_SHOWN = {"coin": 6, "portrait": 4}
"""How many of a family a library shows; those left over look like them and have no answer."""

Slot = tuple[int, int]
"""A film and a shot of it, by number."""


@dataclass(frozen=True, slots=True)
class Still:
    """A picture to be: the take half-way. The file's suffix chooses the format."""

    name: str
    size_wh: tuple[int, int]
    take: Take
    quality: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole library. ``sizes`` is the share of the frame that each thing pasted somewhere has."""

    seed: int
    fold: int
    material: Material
    films: tuple[Film, ...]
    stills: tuple[Still, ...]
    sizes: dict[str, float]


def plan(seed: int, fold: int, seconds: float = 420.0) -> Plan:
    """The library of a seed and half of the photographs: ``seconds`` of video, a still for every 15 s."""
    rng = np.random.default_rng([seed, fold, 31])
    made_of = material(seed, fold)
    shots = _shots(rng, seconds)
    slots = [(film, shot) for film, lengths in enumerate(shots) for shot in range(len(lengths))]
    sizes = _sizes(rng, made_of, max(4, round(seconds / 14)))
    shown = _appearances(rng, shots, slots, list(sizes))
    stages = _stages(rng, made_of, slots, seed)
    films = tuple(
        _film(rng, number, lengths, [stages[number, shot] for shot in range(len(lengths))],
              [shown.get((number, shot), []) for shot in range(len(lengths))], sizes)
        for number, lengths in enumerate(shots)
    )  # fmt: skip
    known = sorted({stage for stage in stages.values() if is_place(stage)})
    stills = tuple(
        _still(rng, number, made_of, sizes, known, seed) for number in range(max(2, round(seconds / 15)))
    )
    return Plan(seed, fold, made_of, films, stills, sizes)


def _shots(rng: np.random.Generator, seconds: float) -> list[list[float]]:
    """The lengths of every film's shots."""
    films = max(2 if seconds < 60 else 3, round(seconds / _SECONDS_PER_FILM))
    weights = rng.uniform(0.65, 1.35, films)
    longest = []
    for length in seconds * weights / weights.sum():
        count = max(2, round(length / float(rng.uniform(4.0, 5.2))))
        parts = rng.uniform(*_SECONDS_PER_SHOT, count)
        longest.append([max(1.5, round(float(part), 2)) for part in parts / parts.sum() * length])
    return longest


def _sizes(rng: np.random.Generator, made_of: Material, count: int) -> dict[str, float]:
    """The things to show and the size of each; every size for about as many."""
    left = dict(_ALIKE_SHOWN)
    shown = []
    for name in rng.permutation(list(made_of.things)):
        family = THINGS[str(name)].family
        if family in left:
            left[family] -= 1
        if left.get(family or "", 0) >= 0:
            shown.append(str(name))
    # Alike ones are many and must not crowd out the others in a short library.
    shown.sort(key=lambda name: THINGS[name].family in _ALIKE_SHOWN)
    others = [name for name in shown if THINGS[name].family not in _ALIKE_SHOWN]
    alike = [name for name in shown if THINGS[name].family in _ALIKE_SHOWN]
    few = count * 2 // 3
    shown = (others[:few] + alike + others[few:])[:count]
    dealt = {}
    for number, name in enumerate(shown):
        slim = sprite(name).aspect < 0.25
        dealt[name] = 0.03 if slim else SIZES[number % len(SIZES)]
    return dealt


def _appearances(
    rng: np.random.Generator, shots: list[list[float]], slots: list[Slot], names: list[str]
) -> dict[Slot, list[str]]:
    """Who is in which shot: each thing in one to four, shots with company first, some across a cut."""
    lively = [slots[int(i)] for i in rng.permutation(len(slots))[: max(2, round(len(slots) * 0.4))]]
    shown: dict[Slot, list[str]] = {}
    for name in names:
        wanted = int(rng.integers(1, 5))
        for index in rng.permutation(len(lively)):
            if wanted <= 0:
                break
            chain = [lively[int(index)]]
            after = (chain[0][0], chain[0][1] + 1)
            if wanted > 1 and after[1] < len(shots[after[0]]) and rng.random() < 0.3:
                chain.append(after)
            for slot in chain:
                here = shown.setdefault(slot, [])
                if len(here) < _MOST_ITEMS and name not in here:
                    here.append(name)
                    wanted -= 1
    return shown


def _stages(rng: np.random.Generator, made_of: Material, slots: list[Slot], seed: int) -> dict[Slot, str]:
    """The stage of every shot: photographs in up to three, places in up to four, no neighbours alike."""
    whole = list(made_of.scenes + made_of.textures)
    deck: list[str] = []
    for name in whole if len(slots) > 20 else whole[:2]:
        deck += [name] * int(rng.integers(1, 4))
    number = 0
    while len(deck) < len(slots):
        place = _some_place(rng, made_of, seed * 10_000 + number)
        deck += [place] * int(rng.integers(1, 5))
        number += 1
    deck = [str(name) for name in rng.permutation(deck[: len(slots)])]
    for index in range(1, len(deck)):
        if deck[index] == deck[index - 1]:
            other = next((i for i in range(len(deck)) if _may_swap(deck, index, i)), index)
            deck[index], deck[other] = deck[other], deck[index]
    return dict(zip(slots, deck, strict=True))


def _may_swap(deck: list[str], one: int, other: int) -> bool:
    """Whether both would stand between neighbours unlike themselves."""
    swapped = list(deck)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    return all(
        swapped[i] != swapped[i + 1]
        for i in (one - 1, one, other - 1, other)
        if 0 <= i < len(swapped) - 1
    )


def _some_place(rng: np.random.Generator, made_of: Material, number: int) -> str:
    return place_name(number, *(str(name) for name in rng.choice(made_of.textures, 2)))


def _film(
    rng: np.random.Generator, number: int, lengths: list[float], stages: list[str], shown: list[list[str]],
    sizes: dict[str, float],
) -> Film:  # fmt: skip
    size_wh, fps = _FORMATS[number % len(_FORMATS)]
    takes = []
    for index, (seconds, stage, names) in enumerate(zip(lengths, stages, shown, strict=True)):
        dissolve = round(float(rng.uniform(0.3, 1.0)), 2) if index and rng.random() < 0.25 else 0.0
        takes.append(_take(rng, stage, seconds, names, sizes, dissolve))
    return Film(f"film_{number:02d}.mp4", fps, size_wh, tuple(takes), int(rng.choice(_CRF)))


def _still(
    rng: np.random.Generator, number: int, made_of: Material, sizes: dict[str, float], known: list[str],
    seed: int,
) -> Still:  # fmt: skip
    """Over a photograph, a place that the films show too, or one that they do not."""
    stage = _some_place(rng, made_of, seed * 10_000 + 5_000 + number)
    if (kind := rng.random()) < 0.7:
        stage = str(rng.choice([*made_of.scenes, *made_of.textures] if kind < 0.4 else known))
    names = [str(name) for name in rng.permutation(list(sizes))[: int(rng.integers(1, 3))]]
    take = _take(rng, stage, 1.0, names, sizes, 0.0, still=True)
    width = int(rng.choice([640, 800, 1024, 1280]))
    suffix = ("jpg", "png", "webp", "jpg")[number % 4]
    height = round(width * float(rng.choice([0.5625, 0.75, 0.6667])))
    return Still(f"still_{number:02d}.{suffix}", (width, height), take, int(rng.integers(55, 93)))


def _take(
    rng: np.random.Generator, stage: str, seconds: float, names: Sequence[str], sizes: dict[str, float],
    dissolve_seconds: float, still: bool = False,
) -> Take:  # fmt: skip
    """One shot with those things, clutter and what passes in front of them."""
    near, far = rng.uniform(0.35, 0.65, 2), rng.uniform(0.35, 0.65, 2)
    zooms = np.exp(rng.uniform(0, math.log(1.4), 2))
    camera = Shot(
        stage, seconds, View(float(near[0]), float(near[1]), float(zooms[0])),
        View(float(far[0]), float(far[1]), float(zooms[1])),
        shake=float(rng.uniform(0.002, 0.008)) if rng.random() < 0.4 else 0.0,
        dissolve_seconds=dissolve_seconds,
    )  # fmt: skip
    taken: list[tuple[float, float, float]] = []
    clutter = [
        _item(rng, _clutter_name(rng), float(rng.uniform(0.006, 0.04)), taken, calm=still)
        for _ in range(int(rng.integers(0, 3)))
    ]
    things = [_item(rng, name, sizes[name], taken, calm=still) for name in names]
    cover = [] if still else [_passer(rng, item) for item in things if rng.random() < 0.3]
    return Take(
        camera, (*clutter, *things, *cover), Light.random(rng), float(np.exp(rng.uniform(-0.3, 0.3)))
    )


def _clutter_name(rng: np.random.Generator) -> str:
    drawn = [name for name, thing in THINGS.items() if thing.kind == "clutter"]
    if rng.random() < 0.35:
        return str(rng.choice(drawn))
    return f"shape/{rng.choice(SHAPES)}/{rng.choice(tuple(COLOURS))}"


def _item(
    rng: np.random.Generator, name: str, size: float, taken: list[tuple[float, float, float]], calm: bool
) -> Item:
    """A thing on a path that keeps clear of the places taken, (x, y, radius) each, where that can be."""
    aspect = sprite(name).aspect
    # In a 16:9 frame; films of another shape are near enough for keeping clear.
    reach_x = min(0.45, math.sqrt(size * aspect * 9 / 16) / 2)
    reach_y = min(0.48, math.sqrt(size / aspect * 16 / 9) / 2)
    radius = (reach_x + reach_y) / 2
    x, y = 0.5, 0.5
    for _ in range(40):
        x, y = float(rng.uniform(reach_x, 1 - reach_x)), float(rng.uniform(reach_y, 1 - reach_y))
        if all(math.hypot(x - other[0], y - other[1]) > radius + other[2] + 0.03 for other in taken):
            break
    taken.append((x, y, radius))
    step = 0.0 if calm else 0.12
    drift = rng.uniform(-step, step, 2)
    end_x = min(max(x + float(drift[0]), reach_x), 1 - reach_x)
    end_y = min(max(y + float(drift[1]), reach_y), 1 - reach_y)
    path: tuple[tuple[float, float, float], ...] = ((0.0, x, y), (1.0, end_x, end_y))
    kind = rng.random()
    outside = -0.7 * 2 * reach_x if x < 0.5 else 1 + 0.7 * 2 * reach_x
    if not calm and kind < 0.22:
        start = float(rng.uniform(0.05, 0.3))
        path = ((0.0, outside, y), (start, outside, y), (start + 0.25, x, y), (1.0, end_x, end_y))
    elif not calm and kind < 0.36:
        leave = float(rng.uniform(0.45, 0.7))
        path = ((0.0, x, y), (leave, end_x, end_y), (leave + 0.25, outside, end_y), (1.0, outside, end_y))
    most = 9 if 0.3 < aspect < 3 else 2  # the box of a slim thing grows quickly as it turns
    turn = rng.uniform(-most, most, 2)
    return Item(name, path, size, float(np.exp(rng.uniform(-0.16, 0.16))), (float(turn[0]), float(turn[1])))


def _passer(rng: np.random.Generator, item: Item) -> Item:
    """A board that comes in front of the item: most of the time over less than half of it, else over all."""
    sure = [point for point in item.path if 0 <= point[1] <= 1]
    x, y = sure[0][1], sure[0][2]
    board = sprite("bar/0").aspect
    across = math.sqrt(item.size * sprite(item.name).aspect * 9 / 16)
    tall = math.sqrt(item.size / sprite(item.name).aspect * 16 / 9)
    hides = rng.random() < 0.35
    share = 1.25 if hides else float(rng.uniform(0.3, 0.42))
    height = max(tall * 1.5, 0.3)
    width = min(across * share, 0.4)
    # A board has one shape; it is made wide enough first, then it is tall enough by itself.
    size = max(width * width / board * 16 / 9, height * height * board * 9 / 16 * 0.2)
    away = -0.3 if rng.random() < 0.5 else 1.3
    come, stay = float(rng.uniform(0.2, 0.4)), float(rng.uniform(0.15, 0.3))
    aim = x if hides else x + across * float(rng.choice([-1, 1])) * 0.25
    path = ((0.0, away, y), (come, aim, y), (come + stay, aim, y), (min(come + stay + 0.2, 1.0), 1 - away, y),
            (1.0, 1 - away, y))  # fmt: skip
    return Item(f"bar/{round(float(rng.random()), 2)}", path, size)


def whole_stages(plan_: Plan) -> set[str]:
    """Every stage that any film or still shows."""
    takes = [take for film in plan_.films for take in film.takes] + [still.take for still in plan_.stills]
    return {take.camera.photograph for take in takes}

