"""Which other media resemble one, as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.answer import Confidence
from core.record import Points
from core.types import MediaType, Vectors
from index.store import VectorStore, Where
from search.chance import Calibration
from search.evidence import Finder, Wanted

_MOMENTS = 12
"""Moments of a video that it is compared by."""
_FRAMES = 2000
"""Frames that these are chosen from."""
_HITS = 300
_ROUNDS = 8
"""One long video that resembles it may fill a round by itself; the next round leaves out what was found."""


@dataclass(frozen=True, slots=True)
class Similar:
    """A media file that resembles another. ``score`` in [0, 100]: of the moments of the one, how well each is
    found in this on average; ``best_score`` and ``confidence`` are of the pair that is most alike, at
    ``at_seconds`` of the one and ``best_seconds`` of this."""

    media_id: str
    media_type: MediaType
    score: float
    best_score: float
    confidence: Confidence
    best_seconds: float
    at_seconds: float


class SimilarMedia:
    """Thread-safe."""

    def __init__(self, store: VectorStore, calibration: Calibration, null_sample: int) -> None:
        self._store, self._calibration = store, calibration
        self._finder = Finder(store, null_sample)

    def similar_to(self, media_id: str, media_type: MediaType | None, limit: int) -> list[Similar]:
        """The most alike first; ``media_type`` keeps to stills or videos. Nothing for media without frames in
        the index. Raises StoreError."""
        moments = self._moments(media_id)
        if not len(moments):
            return []
        wanted = Wanted(
            "visual", ("frame",), moments.vectors, np.zeros((0, moments.vectors.shape[1]), np.float32),
            self._calibration,
        )  # fmt: skip
        chance = self._finder.chance(wanted)["frame"]
        scale = self._calibration.scale
        least = chance.cosine(scale.low)
        found: list[Similar] = []
        seen = [media_id]
        for _ in range(_ROUNDS):
            where = Where(media_type=media_type, kinds=("frame",), not_media_ids=tuple(seen))
            hits = self._store.query("visual", moments.vectors, where, _HITS, least)
            cosines, seconds, types = _best_by_media(hits)
            for other, own in cosines.items():
                z = chance.z(own)
                best = int(z.argmax())
                confidence = scale.confidence(float(z[best]))
                if confidence is not None:
                    scores = [scale.score(float(one)) for one in z]
                    found.append(Similar(
                        other, types[other], round(float(np.mean(scores)), 2), scores[best], confidence,
                        round(float(seconds[other][best]), 3), round(float(moments.time_seconds[best]), 3),
                    ))  # fmt: skip
            seen += cosines
            if len(found) >= limit or all(len(own) < _HITS for own in hits):
                break
        found.sort(key=lambda one: (-one.score, -one.best_score, one.media_id))
        return found[:limit]

    def _moments(self, media_id: str) -> Points:
        """Frames of a media file that are as unlike each other as can be."""
        frames = self._store.scroll("visual", Where(media_ids=(media_id,), kinds=("frame",)))
        evenly = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _FRAMES)).astype(int))
        points = self._store.get([frames.id[row] for row in evenly], "visual") if len(frames) else frames
        return points[np.array(sorted(_spread(points.vectors, _MOMENTS)), np.intp)] if len(points) else points


def _spread(vectors: Vectors, most: int) -> list[int]:
    """Rows of vectors (n, d), each the farthest from those before it (Gonzalez 1985), the first the one
    nearest to the mean; fewer than ``most`` where what is left is all but the same."""
    chosen = [int((vectors @ vectors.mean(axis=0)).argmax())]
    nearest = vectors @ vectors[chosen[0]]
    while len(chosen) < most and nearest.min() < 0.9:
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
    return chosen


def _best_by_media(
    hits: Sequence[Points],
) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.float64]], dict[str, MediaType]]:
    """By media id: the best cosine for each query vector (n,), where that is, and the type."""
    cosines: dict[str, NDArray[np.float32]] = {}
    seconds: dict[str, NDArray[np.float64]] = {}
    types: dict[str, MediaType] = {}
    for moment, near in enumerate(hits):
        for row, media_id in enumerate(near.media_id):
            own = cosines.setdefault(media_id, np.zeros(len(hits), np.float32))
            when = seconds.setdefault(media_id, np.zeros(len(hits)))
            types[media_id] = near.media_type[row]
            if near.score[row] > own[moment]:
                own[moment], when[moment] = near.score[row], near.time_seconds[row]
    return cosines, seconds, types
