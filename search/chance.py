"""What chance looks like: how similar a query is to things that have nothing to do with it.

A raw cosine means nothing by itself: its level depends on the model, the library and the query. What
matters is the upper tail of the cosines to unrelated things: where it begins, and how fast it thins out
(peaks over a threshold, Pickands 1975). It is learned in three steps, each held to the one before by how many
independent shots speak for it, so that it holds for half a minute of video as for a hundred hours:

1. the **model**: measured once, in embed/models.py;
2. the **library**: sampled points as queries, against sampled points of *other* shots. What is looked for
   does not enter here, however much of the library it fills;
3. the **query**: its own cosines to the sample move the beginning of the tail, within bounds.

docs/confidence.md says how the constants were found and how well the result holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from core.answer import Confidence
from core.types import Vectors

_TAIL_SHARE = 0.95
"""The tail is what lies above this quantile ..."""

_TAIL_Z = NormalDist().inv_cdf(_TAIL_SHARE)
"""... which is where a normal law has it in deviations: 1.645."""

_TRUSTED_SHOTS = 40.0
"""What was known before counts as this many shots."""

_MOST_SHIFT = 1.0
"""A query's own tail begins at most this many deviations above where it usually does, and never below: what
fills a tenth of the library must not pass for chance, and a narrow library is no reason to be bold."""

_NARROWEST, _WIDEST = 0.7, 1.5
"""Bounds of a library's deviation, in the model's. Where everything looks alike, a hair's breadth must not
look like proof."""

_PSEUDO_QUERIES = 256

_REFERENCE_POINTS = 3000
"""The size of library that the thresholds are stated for: 45 s of busy video."""


@dataclass(frozen=True, slots=True)
class Chance:
    """The normal law whose upper tail is that of the cosines between a query and unrelated things."""

    centre: float
    deviation: float

    def z(self, cosine: NDArray[np.float32]) -> NDArray[np.float32]:
        return ((cosine - self.centre) / self.deviation).astype(np.float32)

    def cosine(self, z: float) -> float:
        return self.centre + z * self.deviation

    @property
    def _tail(self) -> float:
        """The cosine that one unrelated thing in twenty exceeds."""
        return self.cosine(_TAIL_Z)

    def of_library(self, vectors: Vectors, shots: Sequence[object]) -> Chance:
        """This model's chance in a library, from sampled points (n, d) and the shot that each is from."""
        numbers = _numbered(shots)
        several = int(numbers.max(initial=-1)) + 1
        if several < 2:
            return self
        # As many shots as possible get a say, each with as many points as any other.
        share = max(1, _PSEUDO_QUERIES // several)
        asked = np.concatenate([np.flatnonzero(numbers == one)[:share] for one in range(several)])
        asked = asked[:_PSEUDO_QUERIES]
        cosines = vectors[asked] @ vectors.T
        cosines[numbers[asked][:, None] == numbers[None, :]] = np.nan
        middle, tail = np.nanquantile(cosines, (0.5, _TAIL_SHARE), axis=1)
        weight = several / (several + _TRUSTED_SHOTS)
        spread = float(np.median(tail - middle)) / _TAIL_Z
        deviation = weight * spread + (1 - weight) * self.deviation
        deviation = float(np.clip(deviation, _NARROWEST * self.deviation, _WIDEST * self.deviation))
        begins = max(weight * float(np.median(tail)) + (1 - weight) * self._tail, self._tail)
        return Chance(begins - _TAIL_Z * deviation, deviation)

    def of_query(self, cosines: NDArray[np.float32], shots: int) -> Chance:
        """This library's chance for one query, from its cosines (n,) to points that were sampled from
        ``shots`` shots."""
        if not len(cosines):
            return self
        weight = shots / (shots + _TRUSTED_SHOTS)
        shift = weight * (float(np.quantile(cosines, _TAIL_SHARE)) - self._tail)
        return Chance(self.centre + min(max(shift, 0.0), _MOST_SHIFT * self.deviation), self.deviation)

    def among(self, points: int) -> Chance:
        """The same for a library of that many points: the best of many chances is higher than that of few."""
        more = _best_of(max(points, _REFERENCE_POINTS)) - _best_of(_REFERENCE_POINTS)
        return Chance(self.cosine(more), self.deviation)


def _best_of(points: int) -> float:
    """The z that one in so many exceeds."""
    return NormalDist().inv_cdf(1 - 1 / points)


def _numbered(shots: Sequence[object]) -> NDArray[np.intp]:
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(shot, len(numbers)) for shot in shots], np.intp)


_RIGHT_AT_MEDIUM, _RIGHT_AT_HIGH = 0.50, 0.84
"""Share of right segments where medium and high begin, on the generated sets."""


_NO_LINE = -10.0
"""A z that nothing falls short of, not by chance."""

_ROUNDED_BY = 0.005
"""Scores are shown with two decimals."""


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


@dataclass(frozen=True, slots=True)
class Scale:
    """From z to what people see: a score in [0, 100] and a word. Below ``low`` nothing is returned.

    The score is the chance in percent that a segment is right, a logistic curve through what was measured at
    medium and at high; docs/confidence.md has the reliability diagram.
    """

    low: float
    medium: float
    high: float

    def score(self, z: float) -> float:
        """
        >>> Scale(3, 4, 5).score(4.0), Scale(3, 4, 5).score(5.0)
        (50.0, 84.0)
        """
        at_medium, at_high = _log_odds(_RIGHT_AT_MEDIUM), _log_odds(_RIGHT_AT_HIGH)
        steepness = (at_high - at_medium) / (self.high - self.medium)
        odds = math.exp(min(at_medium + steepness * (z - self.medium), 50.0))
        return round(100 * odds / (1 + odds), 2)

    def least_z(self, score: float) -> float:
        """The z from which things are shown with that score or a higher one; 0 leaves nothing out.

        >>> round(Scale(3, 4, 5).least_z(50.0), 2), round(Scale(3, 4, 5).least_z(84.0), 2)
        (4.0, 5.0)
        """
        share = (score - _ROUNDED_BY) / 100
        if share <= 0:
            return -math.inf
        at_medium, at_high = _log_odds(_RIGHT_AT_MEDIUM), _log_odds(_RIGHT_AT_HIGH)
        flatness = (self.high - self.medium) / (at_high - at_medium)
        return self.medium + (_log_odds(share) - at_medium) * flatness

    def confidence(self, z: float) -> Confidence:
        """``none`` below low."""
        if z >= self.high:
            return "high"
        if z >= self.medium:
            return "medium"
        return "low" if z >= self.low else "none"

    def least(self, confidence: Confidence) -> float:
        """The z from which things get that word or a better one."""
        return _NO_LINE if confidence == "none" else self.levels[confidence]

    @property
    def levels(self) -> dict[Confidence, float]:
        """The least z of each word above the line."""
        return {"low": self.low, "medium": self.medium, "high": self.high}


@dataclass(frozen=True, slots=True)
class Calibration:
    """Per kind of vector: the model's chance, and where the words begin.

    ``measured``: the model's chance is known; where it is a guess, the library corrects it first.
    ``learns`` is False where the prior is all there is: who is the same person does not depend on who
    else is in the library.
    """

    prior: Chance
    scale: Scale
    measured: bool = False
    learns: bool = True

