"""Which half of the photographs a library may show, and what each photograph is there for.

The two halves of a seed share no photograph, no coin and no face, so what belongs to the other half is a
real thing that has no answer here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.labelled.things import PORTRAITS, THINGS, things_available
from bench.photographs import PHOTOGRAPHS, available
from bench.whitening import PHOTOGRAPHS as WHITENING

TEXTURES = ("brick", "gravel", "grass", "hubble", "moon", "page", "text", "tissue", "relief")
"""Walls and floors are made of these; they are also shown as they are."""

SCENES = (
    "coffee", "china", "flower", "rocket", "chelsea", "motorcycle", "bus", "zidane", "camera", "astronaut",
    "grace_hopper", "retina",
)  # fmt: skip
"""Photographs that fill a frame; all carry things too."""

SMALL = ("cell", "gift", "clock", "logo")
"""Photographs that are there for one thing on them."""

ONE_BY_ONE = ("coins", PORTRAITS)
"""Photographs of many alike: each half has some of them."""

WITH_FACES = ("zidane", "astronaut", "grace_hopper")
_SCENES_OF_A_FOLD = 2


@dataclass(frozen=True, slots=True)
class Material:
    """What one library is made of. ``scenes`` fill the frame, ``things`` are pasted; no photograph of
    ``scenes`` lends a thing, so a thing has one size in a library. ``textures`` do both."""

    scenes: tuple[str, ...]
    textures: tuple[str, ...]
    things: tuple[str, ...]

    @property
    def photographs(self) -> set[str]:
        """Every photograph of which anything may be seen; coins and portraits are in no such set."""
        lent = {THINGS[name].photograph for name in self.things}
        return {*self.scenes, *self.textures, *lent} - set(ONE_BY_ONE)


def material(seed: int, fold: int) -> Material:
    """The half ``fold`` (0 or 1) of everything that is installed, the same for the same seed."""
    if fold not in (0, 1):
        raise ValueError(f"there are the folds 0 and 1, not {fold}")
    rng = np.random.default_rng([seed, 11])
    photographs = _dealt(rng, [name for name in SCENES if name in WITH_FACES and available(name)], fold)
    photographs += _dealt(rng, [name for name in SCENES if name not in WITH_FACES and available(name)], fold)
    textures = _dealt(rng, list(TEXTURES), fold)
    small = _dealt(rng, [name for name in SMALL if available(name)], fold)
    others = np.random.default_rng([seed, fold, 12])
    # Faces are too few for any of them to be spent on a scene.
    for_scenes = [name for name in photographs if name not in WITH_FACES]
    scenes = [str(name) for name in others.permutation(for_scenes)[:_SCENES_OF_A_FOLD]]
    lent = {name for name in photographs if name not in scenes} | set(small)
    here = things_available()
    things = [name for name, thing in here.items() if thing.photograph in lent and thing.kind != "clutter"]
    for alike in ONE_BY_ONE:
        things += _dealt(rng, [name for name, thing in here.items() if thing.photograph == alike], fold)
    return Material(tuple(scenes), tuple(textures), tuple(_without_rivals(others, things)))


def whitening_saw(photographs: set[str]) -> bool:
    """Whether the offline embedder's whitening was learned on any of them."""
    seen = set(WHITENING) | {("skimage", "data/motorcycle_right.png")}  # the same garage, a step aside
    known = [PHOTOGRAPHS[name] for name in photographs if name in PHOTOGRAPHS]
    return any((one.package, one.path) in seen for one in known)


def _dealt(rng: np.random.Generator, names: list[str], fold: int) -> list[str]:
    """Every other one of a shuffled list; who gets the odd one is shuffled too."""
    first = int(rng.integers(2))
    return [str(name) for name in rng.permutation(sorted(names))[(fold + first) % 2 :: 2]]


def _without_rivals(rng: np.random.Generator, names: list[str]) -> list[str]:
    """One of each pair that shows the same person: of the first pair the face, then faces more often."""
    dropped: set[str] = set()
    for name in names:
        rival = THINGS[name].rival
        if rival in names and name not in dropped and rival not in dropped and rival is not None:
            is_face = THINGS[name].kind == "face"
            keeps_face = not dropped or rng.random() < 0.6
            dropped.add(rival if is_face == keeps_face else name)
    return [name for name in names if name not in dropped]
