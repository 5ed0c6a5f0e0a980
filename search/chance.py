"""What chance looks like: how similar a query is to things that have nothing to do with it.

A raw cosine means nothing by itself: its level depends on the model, the query and the library. So a query
is held against a fixed random sample of the index, and a hit counts by how far it stands out of that
sample, in robust standard deviations (median and median absolute deviation, Rousseeuw and Croux 1993).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.answer import Confidence
from core.types import Kind

_MAD_TO_SIGMA = 1.4826
_PRIOR_WEIGHT = 50.0
"""The model's prior counts as this many sampled points: it carries a library of a few pictures and is
forgotten by one of hours."""

_NARROWEST, _WIDEST = 0.5, 1.5
"""Bounds of the deviation, in the prior's. Where everything looks alike a hair's breadth must not look like
proof; and where what is looked for makes up half of the sample, its own likeness must not count as chance."""

_POOL_WEIGHT = 200.0
"""What all kinds of vectors show together counts as this many points of each: in a small library kinds then
compete by likeness, in a large one each by its own chance."""


_Deviation = TypeVar("_Deviation", float, NDArray[np.floating])


@dataclass(frozen=True, slots=True)
class Chance:
    """Centre and deviation of the cosine between a query and things unrelated to it."""

    centre: float
    deviation: float

    def z(self, cosine: NDArray[np.float32]) -> NDArray[np.float32]:
        return ((cosine - self.centre) / self.deviation).astype(np.float32)

    def cosine(self, z: float) -> float:
        return self.centre + z * self.deviation

    @classmethod
    def learn(cls, cosines: NDArray[np.float32], prior: Chance, weight: float = _PRIOR_WEIGHT) -> Chance:
        """From the query's cosines to the sample, shape (n,), and what was known before, which counts as
        ``weight`` points."""
        n = len(cosines)
        if n == 0:
            return prior
        centre = float(np.median(cosines))
        deviation = float(np.median(np.abs(cosines - centre))) * _MAD_TO_SIGMA
        share = n / (n + weight)
        mixed_centre = share * centre + (1 - share) * prior.centre
        mixed_deviation = share * deviation + (1 - share) * prior.deviation
        return cls(mixed_centre, _bounded(mixed_deviation, prior))


def z_of_each(
    cosines: NDArray[np.float32], scores: NDArray[np.float32], prior: Chance
) -> NDArray[np.float32]:
    """How far each score stands out of its own row of cosines: (n, sample) and (n,) -> (n,).

    The query is held against the sample once; this holds every stored thing against it (in speaker
    verification the two are called z-norm and t-norm, Auckenthaler et al. 2000).
    """
    centre = np.median(cosines, axis=1)
    deviation = np.median(np.abs(cosines - centre[:, None]), axis=1) * _MAD_TO_SIGMA
    share = cosines.shape[1] / (cosines.shape[1] + _PRIOR_WEIGHT)
    mixed = _bounded(share * deviation + (1 - share) * prior.deviation, prior)
    z: NDArray[np.float32] = ((scores - share * centre - (1 - share) * prior.centre) / mixed).astype(
        np.float32
    )
    return z


def _bounded(deviation: _Deviation, prior: Chance) -> _Deviation:
    bounded: _Deviation = np.clip(deviation, _NARROWEST * prior.deviation, _WIDEST * prior.deviation)
    return bounded


def learn_by_kind(cosines: Mapping[Kind, NDArray[np.float32]], prior: Chance) -> dict[Kind, Chance]:
    """Chance per kind of vector from the query's cosines to the sample of each, shapes (n_kind,)."""
    together = Chance.learn(np.concatenate([np.zeros(0, np.float32), *cosines.values()]), prior)
    return {kind: Chance.learn(own, together, _POOL_WEIGHT) for kind, own in cosines.items()}


@dataclass(frozen=True, slots=True)
class Scale:
    """From z to what people see: a score in [0, 100] and a word. Below ``low`` nothing is returned."""

    low: float
    medium: float
    high: float

    def score(self, z: float) -> float:
        """50 at medium; 80 at high; strictly rising, so that order is kept.

        >>> Scale(3, 4, 6).score(4.0), Scale(3, 4, 6).score(6.0)
        (50.0, 80.0)
        """
        steepness = np.log(4.0) / (self.high - self.medium)
        return float(round(100 / (1 + np.exp(-steepness * (z - self.medium))), 2))

    def confidence(self, z: float) -> Confidence | None:
        """None below low."""
        if z >= self.high:
            return "high"
        if z >= self.medium:
            return "medium"
        return "low" if z >= self.low else None

    @property
    def levels(self) -> dict[Confidence, float]:
        """The least z of each word."""
        return {"low": self.low, "medium": self.medium, "high": self.high}


@dataclass(frozen=True, slots=True)
class Calibration:
    """Per kind of vector: the model's prior of chance, and where the words begin.

    ``learns`` is False where the prior is all there is: who is the same person does not depend on who
    else is in the library.
    """

    prior: Chance
    scale: Scale
    learns: bool = True

