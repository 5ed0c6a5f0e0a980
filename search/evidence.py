"""What in the store resembles a query, and how far each hit stands out of chance."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.record import Points, VectorName
from core.types import Kind, Vectors
from embed.pooling import without_blas_threads
from index.store import VectorStore, Where
from search.chance import Calibration, Chance

_FIRST_LOOK = 1000
"""Hits of the first look: enough to name every media file worth a second one."""

_SECOND_LOOK = (3_000, 8_000, 20_000)
"""Hits of the second look, all from the candidates: their curves. As few as are expected to be enough, and
where they are not, more: a thousand that are asked for and not found cost the store some 2 ms, to ask again
costs it as much as the first time."""

_CURVE_PER_HIT = 10
"""Hits that make up the curves, for each hit that reaches the line: 5 to 14 in libraries of 100 000 and of a
million points."""

_SMALL_LIBRARY = 10_000
"""Points. Of so many no more reach the floor than the first look may return."""

_MOST_OF_ONE = 500_000
"""Points of one media file that a curve is drawn from: some ten hours."""

_KINDS: dict[VectorName, tuple[Kind, ...]] = {"visual": ("frame", "region", "tile"), "face": ("face",)}

_SAMPLE_SECONDS = 10.0
"""How long a sample of the library stands for it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query as the store sees it: unit vectors ``like`` and ``unlike`` (n, d), and what they may hit.

    ``from_words``: what pictures resemble says nothing about how near words come to them.
    """

    name: VectorName
    kinds: tuple[Kind, ...]
    like: Vectors
    unlike: Vectors
    calibration: Calibration
    from_words: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Hits, best cosine first, each with its z; ``chance`` is what they were held against."""

    hits: Points
    z: NDArray[np.float32]
    chance: Mapping[Kind, Chance] = field(default_factory=dict)


def cut_to(evidence: Evidence, stretch_seconds: tuple[float, float]) -> Evidence:
    """The hits that stand for a part of the half-open stretch, and of what they stand for only that part."""
    start, end = stretch_seconds
    spans = evidence.hits.span_seconds
    rows = np.flatnonzero((spans[:, 0] < end) & (spans[:, 1] > start))
    hits = evidence.hits[rows]
    return Evidence(
        replace(hits, span_seconds=np.clip(hits.span_seconds, start, end)), evidence.z[rows], evidence.chance
    )


class Finder:
    """Thread-safe; all it keeps between queries is the sample that chance is learned from."""

    def __init__(self, store: VectorStore, null_sample: int):
        self._store, self._samples = store, _Samples(store, null_sample)

    def find(self, wanted: Wanted, where: Where, least_z: float, share: float) -> Evidence:
        """Every hit that may be part of a moment: of the media with a hit of at least ``least_z``, whatever
        reaches ``share`` of that. Of a small library all that reaches it: a second round may lift some."""
        where = _within(wanted, where)
        chance = self.chance(wanted)
        line, floor = (min(one.cosine(z) for one in chance.values()) for z in (least_z, least_z * share))
        # One point in fifty or more reaches the floor, hardly any the line. Where there are many points, the
        # first look only says which media it is about.
        few = where.media_ids is not None or not self._has_many(wanted)
        first = floor if few else max(line, floor)
        if few and floor <= line:
            hits = self._together(wanted, where, _FIRST_LOOK, floor)
        else:
            hits = self._one_by_one(wanted, where, _FIRST_LOOK, first)
        z = _z(hits, chance)
        candidates = sorted({hits.media_id[row] for row in np.flatnonzero(z >= least_z)})
        if candidates and (first > floor or len(hits) >= _FIRST_LOOK):
            expected = len(hits) * (_CURVE_PER_HIT if first > floor else 1)
            hits = self._of_media(wanted, where, candidates, floor, expected)
            z = _z(hits, chance)
        return Evidence(hits, z, chance)

    def again(
        self, wider: Wanted, added: int, first: Evidence, where: Where, least_z: float, share: float
    ) -> Evidence:
        """The hits of ``first`` and what the last ``added`` vectors of ``wider`` find beside them in the same
        media, held against chance as it is for all of ``wider``."""
        chance = self.chance(wider)
        floor = min(one.cosine(least_z * share) for one in chance.values())
        new = replace(wider, like=wider.like[len(wider.like) - added :])
        media_ids, expected = sorted(set(first.hits.media_id)), len(first.hits) * 3 // 2
        found = self._of_media(new, _within(wider, where), media_ids, floor, expected)
        hits = Points.each_once([first.hits, found])
        return Evidence(hits, _z(hits, chance), chance)

    def everything_in(self, wanted: Wanted, where: Where) -> Evidence:
        """Every hit ``where`` allows, however low: for one media file. At most _MOST_OF_ONE, the best."""
        where = replace(where, kinds=wanted.kinds)
        chance = self.chance(wanted)
        most = min(self._store.count(where), _MOST_OF_ONE)
        hits = self._together(wanted, where, max(most, 1), None)
        return Evidence(hits, _z(hits, chance), chance)

    def chance(self, wanted: Wanted) -> dict[Kind, Chance]:
        """Where the query's cosines to unrelated things lie, per kind of vector."""
        calibration = wanted.calibration
        if not calibration.learns:
            return dict.fromkeys(wanted.kinds, calibration.prior)
        sample = self._samples.get(wanted.name)
        # How near pictures come to each other says nothing about how near words come to them.
        known = calibration.measured or wanted.from_words
        usual = calibration.prior if known else sample.chance(calibration.prior)
        with without_blas_threads():
            cosines = (wanted.like @ sample.vectors.T).max(axis=0)
        learned = usual.of_query(cosines, sample.several)
        return dict.fromkeys(wanted.kinds, learned.among(sample.points))

    def _has_many(self, wanted: Wanted) -> bool:
        # What does not learn from the library is not lifted by a second round, either.
        return not wanted.calibration.learns or self._samples.get(wanted.name).points > _SMALL_LIBRARY

    def _one_by_one(self, wanted: Wanted, where: Where, limit: int, floor: float) -> Points:
        """At most ``limit`` hits of each query vector, best first. In a large library they are found by a
        small copy of the points' vectors, and where anything goes none of them crowds out the others."""
        if len(wanted.unlike):
            return self._together(wanted, where, limit, floor)
        return Points.each_once(self._store.query(wanted.name, wanted.like, where, limit, floor))

    def _together(self, wanted: Wanted, where: Where, limit: int, floor: float | None) -> Points:
        """The best hits of all query vectors, best first. Of few points, or of some media, this is quicker
        than one by one: to find them takes longer than to compare each with some more vectors."""
        # Nothing unlike may have been said in numbers of another model.
        unlike = wanted.unlike if len(wanted.unlike) else wanted.like[:0]
        return self._store.recommend(wanted.name, wanted.like, unlike, where, limit, floor)

    def _of_media(
        self, wanted: Wanted, where: Where, media_ids: Sequence[str], floor: float, expected: int
    ) -> Points:
        """The hits from these media, best first."""
        if not media_ids:
            return Points.empty(wanted.name)
        where = replace(where, media_ids=tuple(media_ids))
        for most in [most for most in _SECOND_LOOK if most >= expected] or _SECOND_LOOK[-1:]:
            hits = self._together(wanted, where, most, floor)
            if len(hits) < most:
                break
        return hits


def _within(wanted: Wanted, where: Where) -> Where:
    """The kinds that are wanted. Where these are all that have such a vector nothing is said of them: the
    store would look at every point to see that it fits."""
    return replace(where, kinds=None if set(wanted.kinds) == set(_KINDS[wanted.name]) else wanted.kinds)


def _z(hits: Points, chance: Mapping[Kind, Chance]) -> NDArray[np.float32]:
    """Scores of hits, each against the chance of its own kind."""
    if len(set(chance.values())) == 1:
        return next(iter(chance.values())).z(hits.score)
    z = np.zeros(len(hits), np.float32)
    kinds = np.array(hits.kind)
    for kind, one in chance.items():
        rows = kinds == kind
        z[rows] = one.z(hits.score[rows])
    return z


@dataclass(frozen=True, slots=True)
class _Sample:
    """Vectors (n, d) of points drawn from a library of ``points``, and the shot that each is from, of
    ``several`` shots in all. ``written`` is how many points of any kind the store had."""

    vectors: Vectors
    shots: list[tuple[str, int]]
    several: int
    points: int
    written: int
    _learned: dict[Chance, Chance] = field(default_factory=dict)

    def chance(self, prior: Chance) -> Chance:
        if prior not in self._learned:
            self._learned[prior] = prior.of_library(self.vectors, self.shots)
        return self._learned[prior]


class _Samples:
    """The fixed random sample of every kind of vector, read again when the library has grown or shrunk: to
    read it takes longer than most questions, to see that nothing has changed next to nothing."""

    def __init__(self, store: VectorStore, size: int):
        self._store, self._size = store, size
        self._kept: dict[VectorName, tuple[float, _Sample]] = {}

    def get(self, name: VectorName) -> _Sample:
        now = time.monotonic()
        since, sample = self._kept.get(name, (-math.inf, None))
        if sample is not None and now - since <= _SAMPLE_SECONDS:
            return sample
        written = self._store.count(Where())
        if sample is None or sample.written != written:
            sample = self._draw(name, written)
        self._kept[name] = now, sample
        return sample

    def _draw(self, name: VectorName, written: int) -> _Sample:
        drawn = [self._store.sample(name, Where(kinds=(kind,)), self._size) for kind in _KINDS[name]]
        points = Points.concatenate(drawn)
        shots = list(zip(points.media_id, points.shot.tolist(), strict=True))
        return _Sample(points.vectors, shots, len(set(shots)), self._count(name, written), written)

    def _count(self, name: VectorName, written: int) -> int:
        """Points with that vector. Faces are few, so it is they that are counted: for a million others the
        store takes half a second."""
        faces = self._store.count(Where(kinds=_KINDS["face"]))
        return faces if name == "face" else max(written - faces, 0)
