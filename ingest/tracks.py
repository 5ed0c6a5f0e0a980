"""The same thing from sample to sample, within one media file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.boxes import expand, iou
from core.record import Points, VectorName

_MISSED_SAMPLES = 2
"""A track goes on after this many samples in which its thing was not found."""

_OVERLAP, _LIKENESS = 0.3, 0.3
"""The least IoU and cosine between two sights of one thing in one shot: whatever sits in another's place is
not it ..."""

_SURE_LIKENESS = 0.9
"""... but what looks the same need not overlap: it may have moved by up to twice its own size."""

_OVERLAP_ACROSS_CUT, _LIKENESS_ACROSS_CUT = 0.8, 0.95
"""A cut at which a thing stays where it was and as it was is none: a flash of light, a dropped frame."""


class Tracks:
    """Numbers things that are seen in sample after sample. ``numbers`` gives the next number; several Tracks
    of one media file share it. Holds what was seen in the last three samples, nothing else."""

    def __init__(self, vector_name: VectorName, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._seen = Points.empty(vector_name)
        self._missed = np.zeros(0, np.int64)

    def link(self, sample: Points) -> Points:
        """The things of the next sample, none of them twice, with their tracks."""
        before, now = self._pairs(sample)
        sample.track[:] = -1
        sample.track[now] = self._seen.track[before]
        new = np.flatnonzero(sample.track < 0)
        sample.track[new] = [next(self._numbers) for _ in new]
        old = self._missed < _MISSED_SAMPLES
        old[before] = False
        self._seen = joined(self._seen[old], sample)
        self._missed = np.concatenate([self._missed[old] + 1, np.zeros(len(sample), np.int64)])
        return sample

    def _pairs(self, sample: Points) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows of what was seen and rows of the sample that are the same thing: of all ways to pair them,
        the one with the most overlap and likeness together."""
        seen = self._seen
        if not len(seen) or not len(sample):
            return np.zeros(0, np.intp), np.zeros(0, np.intp)
        # Half a second of imports that a film without things to follow does not pay.
        from scipy.optimize import linear_sum_assignment

        overlap, cosine = iou(seen.box_xyxy, sample.box_xyxy), seen.vectors @ sample.vectors.T
        near = iou(expand(seen.box_xyxy, 1.0), expand(sample.box_xyxy, 1.0)) > 0
        within_shot = (overlap >= _OVERLAP) & (cosine >= _LIKENESS) | near & (cosine >= _SURE_LIKENESS)
        across_cut = (overlap >= _OVERLAP_ACROSS_CUT) & (cosine >= _LIKENESS_ACROSS_CUT)
        possible = np.where(seen.shot[:, None] == sample.shot, within_shot, across_cut)
        # Where the cosines of different things lie depends on the model; the least in sight is one of those.
        least = min(float(cosine.min()), 1 - 1e-6)
        gain = overlap + (cosine - least) / (1 - least)
        before, now = linear_sum_assignment(np.where(possible, gain, 0.0), maximize=True)
        paired = possible[before, now]
        return before[paired], now[paired]


def joined(some: Points, others: Points) -> Points:
    """All rows of both. Where there are none, the width of the vectors does not matter."""
    parts = [part for part in (some, others) if len(part)]
    return Points.concatenate(parts) if parts else some
