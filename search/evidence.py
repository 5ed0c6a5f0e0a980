"""What in the store resembles a query, and how far each hit stands out of chance."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.record import Points, VectorName
from core.types import Kind, Vectors
from index.store import VectorStore, Where
from search.chance import Calibration, Chance, learn_by_kind, z_of_each

_FIRST_LOOK = 1000
"""Hits of the first round: enough to name every media file worth a second look."""

_SECOND_LOOK = 20_000
"""Hits of the second round, all from the candidates: their curves."""

_DOUBTED, _DOUBT_NEEDS = 1000, 500
"""Hits whose own resemblances are looked at, and sampled points without which that says too little."""

_SAMPLE_SECONDS = 10.0
"""How long a sample of the library stands for it."""

_NONE = np.zeros((0, 0), np.float32)


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


class Finder:
    """Thread-safe; all it keeps between queries is the sample that chance is learned from."""

    def __init__(self, store: VectorStore, null_sample: int):
        self._store, self._samples = store, _Samples(store, null_sample)

    def find(self, wanted: Wanted, where: Where, least_z: float, share: float) -> Evidence:
        """Every hit that may be part of a moment: of the media with a hit of at least ``least_z``, whatever
        reaches ``share`` of that."""
        where = replace(where, kinds=wanted.kinds)
        chance = self.chance(wanted)
        floor = min(one.cosine(least_z * share) for one in chance.values())
        hits = self._best(wanted, where, _FIRST_LOOK, floor)
        z = _z(hits, chance)
        candidates = sorted({hits.media_id[row] for row in np.flatnonzero(z >= least_z)})
        if len(hits) >= _FIRST_LOOK and candidates:
            hits = self._best(wanted, replace(where, media_ids=tuple(candidates)), _SECOND_LOOK, floor)
            z = _z(hits, chance)
        return Evidence(hits, self._doubted(wanted, hits, z), chance)

    def everything_in(self, wanted: Wanted, media_id: str) -> Evidence:
        """Every hit in one media file, however low."""
        chance = self.chance(wanted)
        hits = self._best(wanted, Where((media_id,), kinds=wanted.kinds), _SECOND_LOOK, None)
        return Evidence(hits, self._doubted(wanted, hits, _z(hits, chance)), chance)

    def chance(self, wanted: Wanted) -> dict[Kind, Chance]:
        """Where the query's cosines to unrelated things lie, per kind of vector."""
        calibration = wanted.calibration
        if not calibration.learns:
            return dict.fromkeys(wanted.kinds, calibration.prior)
        samples = {kind: self._samples.get(wanted.name, kind) for kind in wanted.kinds}
        cosines = {kind: (own @ wanted.like.T).max(axis=1) for kind, own in samples.items() if len(own)}
        learned = learn_by_kind(cosines, calibration.prior)
        return {kind: learned.get(kind, calibration.prior) for kind in wanted.kinds}

    def _doubted(self, wanted: Wanted, hits: Points, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores after the other side was asked as well: some things in a library resemble anything (a
        plain wall, a crowd), so a hit must also stand out of what *it* resembles by chance."""
        if not wanted.calibration.learns or wanted.from_words:
            return z
        kinds = sorted(set(hits.kind))
        sample = np.concatenate([self._samples.get(wanted.name, kind) for kind in kinds] or [_NONE])
        if len(sample) < _DOUBT_NEEDS:
            return z
        rows = np.argsort(-z, kind="stable")[:_DOUBTED]
        stored = self._store.get([hits.id[row] for row in rows], wanted.name)
        at = {point: row for row, point in enumerate(hits.id)}
        mine = np.array([at[point] for point in stored.id], np.intp)
        prior = wanted.calibration.prior
        checked = z.copy()
        checked[mine] = np.minimum(z[mine], z_of_each(stored.vectors @ sample.T, hits.score[mine], prior))
        return checked

    def _best(self, wanted: Wanted, where: Where, limit: int, floor: float | None) -> Points:
        """Hits of all query vectors together, each point once with its best cosine, best first."""
        if len(wanted.unlike):
            return self._store.recommend(wanted.name, wanted.like, wanted.unlike, where, limit, floor)
        found = Points.concatenate(self._store.query(wanted.name, wanted.like, where, limit, floor))
        order = np.argsort(-found.score, kind="stable")
        seen: dict[str, int] = {}
        for row in order:
            seen.setdefault(found.id[row], int(row))
        return found[np.array(list(seen.values()), np.intp)]


def _z(hits: Points, chance: Mapping[Kind, Chance]) -> NDArray[np.float32]:
    """Scores of hits, each against the chance of its own kind."""
    z = np.zeros(len(hits), np.float32)
    kinds = np.array(hits.kind)
    for kind, one in chance.items():
        rows = kinds == kind
        z[rows] = one.z(hits.score[rows])
    return z


class _Samples:
    """The fixed random sample per kind of vector, read again after a while: the library may have grown."""

    def __init__(self, store: VectorStore, size: int):
        self._store, self._size = store, size
        self._kept: dict[tuple[VectorName, Kind], tuple[float, Vectors]] = {}

    def get(self, name: VectorName, kind: Kind) -> Vectors:
        now = time.monotonic()
        kept = self._kept.get((name, kind))
        if kept is None or now - kept[0] > _SAMPLE_SECONDS:
            kept = now, self._store.sample(name, Where(kinds=(kind,)), self._size).vectors
            self._kept[name, kind] = kept
        return kept[1]
