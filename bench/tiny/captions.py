"""Captions from a small grammar, with what each one claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.tiny.scenes import COLOURS, SHAPES

THINGS = tuple((colour, shape) for colour in COLOURS for shape in SHAPES)
"""Every (colour, shape) there is."""

ONE = (
    "{a} {thing}",
    "{thing}",
    "the {thing}",
    "a photo of {a} {thing}",
    "a photo of the {thing}",
    "a picture of {a} {thing}",
    "an image of {a} {thing}",
    "there is {a} {thing}",
    "find the {thing}",
    "{a} {shape} that is {colour}",
    "{a} {thing} in a photo",
)
SEVERAL = (
    "{things}",
    "a photo of {things}",
    "a picture of {things}",
    "there is {things}",
    "{things} in a photo",
)
SHAPE_ONLY = ("{a} {shape}", "{shape}", "a photo of {a} {shape}", "the {shape}", "find the {shape}")
COLOUR_ONLY = ("something {colour}", "a {colour} thing", "a {colour} shape", "a photo of something {colour}")
NOTHING = ("nothing", "a photo of nothing", "an empty photo", "no shapes", "just a background")

Claim = tuple[str | None, str | None]
"""(colour, shape); None where the caption does not say."""


@dataclass(frozen=True, slots=True)
class Caption:
    """Words and the objects they name; no claims at all say that there is nothing to see."""

    text: str
    claims: tuple[Claim, ...]


def caption_of(
    rng: np.random.Generator, objects: Sequence[tuple[str, str]], partial_share: float = 0.15
) -> Caption:
    """A caption of a picture with these (colour, shape) objects.

    ``partial_share`` of the captions of a single object name only its shape or only its colour.
    """
    if not objects:
        return Caption(_pick(rng, NOTHING), ())
    if len(objects) > 1:
        order = [objects[i] for i in rng.permutation(len(objects))]
        return Caption(_pick(rng, SEVERAL).format(things=_listed(order)), tuple(order))
    colour, shape = objects[0]
    if rng.random() >= partial_share:
        return Caption(named(colour, shape, _pick(rng, ONE)), ((colour, shape),))
    if rng.random() < 0.5:
        return Caption(_pick(rng, SHAPE_ONLY).format(a=_article(shape), shape=shape), ((None, shape),))
    return Caption(_pick(rng, COLOUR_ONLY).format(colour=colour), ((colour, None),))


def agreement(
    captions: Sequence[Caption], pictures: Sequence[Sequence[tuple[str, str]]]
) -> NDArray[np.float32]:
    """How much of each picture, given as its (colour, shape) objects, each caption tells.

    Shape (captions, pictures); 0 where the caption claims something that is not there.

    >>> red_ring = Caption("a red ring", (("red", "ring"),))
    >>> agreement([red_ring], [[("red", "ring")], [("red", "ring"), ("blue", "star")], []]).tolist()
    [[1.0, 0.5, 0.0]]
    """
    seen = np.zeros((len(pictures), len(THINGS)), np.float32)
    for row, objects in zip(seen, pictures, strict=True):
        np.add.at(row, [THINGS.index(thing) for thing in objects], 1)
    total = seen.sum(axis=1)
    rows = [_agreement_of(caption, seen, total) for caption in captions]
    return np.asarray(rows, np.float32).reshape(len(captions), len(pictures))


def _agreement_of(
    caption: Caption, seen: NDArray[np.float32], total: NDArray[np.float32]
) -> NDArray[np.float32]:
    if not caption.claims:
        return np.asarray(total == 0, np.float32)
    meant = np.stack([_fits(claim) for claim in caption.claims])
    holds = (meant @ seen.T > 0).all(axis=0)
    told = seen @ meant.max(axis=0)
    return np.asarray(holds * told / np.maximum(total, 1), np.float32)


def named(colour: str, shape: str, template: str = ONE[0]) -> str:
    """
    >>> named("red", "triangle", "a photo of {a} {thing}")
    'a photo of a red triangle'
    """
    thing = f"{colour} {shape}"
    article = _article(shape if "{a} {shape}" in template else thing)
    return template.format(a=article, thing=thing, colour=colour, shape=shape)


def vocabulary() -> list[str]:
    """Captions that together hold every word of the grammar."""
    single = [named(colour, shape, template) for template in ONE for colour, shape in THINGS]
    several = [template.format(things=_listed(THINGS[:3])) for template in SEVERAL]
    shapes = [template.format(a=_article(shape), shape=shape) for template in SHAPE_ONLY for shape in SHAPES]
    colours = [template.format(colour=colour) for template in COLOUR_ONLY for colour in COLOURS]
    return [*single, *several, *shapes, *colours, *NOTHING]


@lru_cache(maxsize=256)
def _fits(claim: Claim) -> NDArray[np.float32]:
    """Which of THINGS the claim can mean, shape (things,)."""
    colour, shape = claim
    return np.array([colour in (None, c) and shape in (None, s) for c, s in THINGS], np.float32)


def _listed(objects: Sequence[tuple[str, str]]) -> str:
    things = [named(colour, shape) for colour, shape in objects]
    return f"{', '.join(things[:-1])} and {things[-1]}"


def _article(words: str) -> str:
    return "an" if words[0] in "aeiou" else "a"


def _pick(rng: np.random.Generator, templates: Sequence[str]) -> str:
    return templates[int(rng.integers(len(templates)))]
