"""Which frames are looked at, by presentation time alone."""

from __future__ import annotations

import math
from collections.abc import Sequence


class GridSampler:
    """Takes the frame on screen at each grid time k / rate, and takes no frame twice: what is shown for
    longer than a grid step (and 20 ms) is never missed.

    A frame counts as on screen from half a frame before its time, so that rounding of times (29.97 frames a
    second, milliseconds in Matroska) does not move a sample to the frame before. That half is of the
    shorter gap on its two sides, and at most 20 ms. Frames come in ascending order.
    """

    _EARLY_SECONDS = 0.02
    _ROUNDING_SECONDS = 1e-6

    def __init__(self, samples_per_second: float) -> None:
        self._rate = samples_per_second
        self._next = 0
        self._gap_before = math.inf

    def wants(self, time_seconds: float, until_seconds: float) -> bool:
        """Whether the frame shown in the half-open [time_seconds, until_seconds) is sampled."""
        gap = until_seconds - time_seconds
        next_early = min(gap / 2, self._EARLY_SECONDS) + self._ROUNDING_SECONDS
        early = min(next_early, self._gap_before / 2 + self._ROUNDING_SECONDS)
        self._gap_before = gap
        first_reached = math.floor((time_seconds + early) * self._rate)
        last_held = math.ceil((until_seconds - next_early) * self._rate) - 1
        reached = max(first_reached, last_held)
        if reached < self._next:
            return False
        self._next = reached + 1
        return True


def choose_frames(
    times_seconds: Sequence[float], samples_per_second: float, shot_starts_seconds: Sequence[float] = ()
) -> list[int]:
    """Indices of the frames to sample: the grid's, and the first frame of every shot; no doubles.

    ``times_seconds`` are ascending presentation times; each frame lasts until the next, the last as long as
    the one before it.

    >>> choose_frames([0.0, 0.25, 0.5, 0.75, 1.0], 2, shot_starts_seconds=[0.75])
    [0, 2, 3, 4]
    """
    if not times_seconds:
        return []
    last_gap = times_seconds[-1] - times_seconds[-2] if len(times_seconds) > 1 else 0.0
    until = [*times_seconds[1:], times_seconds[-1] + last_gap]
    grid = GridSampler(samples_per_second)
    starts = set(shot_starts_seconds)
    on_grid = [grid.wants(time, end) for time, end in zip(times_seconds, until, strict=True)]
    return [i for i, time in enumerate(times_seconds) if on_grid[i] or time in starts]
