"""One point for as long as a thing does not change, instead of one for every sample.

What is compared is always the run's first sample: its vector, box and time are what is stored, so a slow
change cannot carry a run away from what its vector says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.boxes import iou
from core.record import LONGEST_RUN_SECONDS, Points, VectorName
from ingest.tracks import Tracks, joined

_FOLLOWED = ("region", "face")
"""Kinds that move: they are the same thing when their track says so. Frames and tiles stay where they are
and have no track."""

_SAME_PLACE = 0.8
"""The least IoU of a box with the one that stands for it."""

_Key: TypeAlias = tuple[str, int, tuple[float, ...]]


class Runs:
    """Points of one named vector, sample by sample, to points that stand for runs of samples.

    A run goes on into the next sample while the thing is found there with a cosine of at least ``likeness``
    (1: never) to its first sight, in the same place, in the same shot and under the same label, for at most
    LONGEST_RUN_SECONDS. Holds one row per thing of the last sample. ``numbers`` gives the next track's
    number; the Runs of one media file share it.
    """

    def __init__(self, vector_name: VectorName, likeness: float, numbers: Iterator[int]) -> None:
        self._name, self._likeness = vector_name, likeness
        self._tracks = Tracks(vector_name, numbers)
        self._open = Points.empty(vector_name)

    def add(self, sample: Points) -> Points:
        """Take the points of the next sample (none is an ordinary value); returns the runs that ended."""
        sample = self._tracked(sample)
        run, row = self._pairs(sample)
        goes_on = self._goes_on(self._open[run], sample[row])
        run, row = run[goes_on], row[goes_on]
        self._open.span_seconds[run, 1] = sample.span_seconds[row, 1]
        begins, ends = np.ones(len(sample), bool), np.ones(len(self._open), bool)
        begins[row] = ends[run] = False
        ended = self._open[ends]
        self._open = joined(self._open[~ends], sample[begins])
        return ended

    def finish(self) -> Points:
        """The runs that the end of the file ends."""
        ended, self._open = self._open, Points.empty(self._name)
        return ended

    def _tracked(self, sample: Points) -> Points:
        followed = np.array([kind in _FOLLOWED for kind in sample.kind], bool)
        return joined(sample[~followed], self._tracks.link(sample[followed]))

    def _pairs(self, sample: Points) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows of open runs and rows of the sample that show the same thing."""
        runs = {key: run for run, key in enumerate(_keys(self._open))}
        pairs = [(runs[key], row) for row, key in enumerate(_keys(sample)) if key in runs]
        paired = np.array(pairs, np.intp).reshape(-1, 2)
        return paired[:, 0], paired[:, 1]

    def _goes_on(self, run: Points, now: Points) -> NDArray[np.bool_]:
        """Which runs (n) go on into the sights (n) beside them."""
        if self._likeness >= 1 or not len(run):
            return np.zeros(len(run), bool)
        same_label = [one == other or other is None for one, other in zip(run.label, now.label, strict=True)]
        seconds = now.span_seconds[:, 1] - run.span_seconds[:, 0]
        goes_on: NDArray[np.bool_] = (
            ((run.vectors * now.vectors).sum(axis=1) >= self._likeness)
            & (iou(run.box_xyxy, now.box_xyxy).diagonal() >= _SAME_PLACE)
            & np.array(same_label)
            & (run.shot == now.shot)
            & (seconds <= LONGEST_RUN_SECONDS)
        )
        return goes_on


def _keys(points: Points) -> list[_Key]:
    """What makes a point the same thing as one of another sample: its track, or its fixed place."""
    return [
        (kind, int(track), () if track >= 0 else tuple(box))
        for kind, track, box in zip(points.kind, points.track, points.box_xyxy.tolist(), strict=True)
    ]
