"""Stretches of two videos whose frames resemble each other in the same order, from single frames that do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BIN_SECONDS = 0.5
_BRIDGE_SECONDS = 3.0
"""A stretch goes on over frames without a partner for so long."""
_MOST_OFFSETS = 6
"""Offsets between two videos that are looked at; a thing that is repeated over and over has more."""
_MOST_SLACK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Frames of one video with frames of another that resemble them, n rows: half-open spans (n, 2) of the
    one and of the other, and ``rank`` (n,), 0 for the frame that resembles it most."""

    spans: NDArray[np.float64]
    others: NDArray[np.float64]
    rank: NDArray[np.int64]

    def __getitem__(self, keep: NDArray[np.bool_]) -> Pairs:
        return Pairs(self.spans[keep], self.others[keep], self.rank[keep])

    def __len__(self) -> int:
        return len(self.rank)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Half-open [start_seconds, end_seconds) of the one video; the other shows the same ``offset_seconds``
    later, give or take ``slack_seconds``."""

    start_seconds: float
    end_seconds: float
    offset_seconds: float
    slack_seconds: float


def align(pairs: Pairs, least_seconds: float) -> list[Candidate]:
    """Stretches of at least ``least_seconds``, those with most votes first.

    Each pair votes for the offsets at which its two spans meet (Hough voting, as in audio fingerprints: Wang
    2003); what votes for the same offset and follows each other is one stretch.
    """
    found: list[Candidate] = []
    for _ in range(_MOST_OFFSETS):
        if not len(pairs):
            break
        offset, slack = _peak(pairs)
        low, high = _offsets(pairs)
        agree = (low <= offset + _BIN_SECONDS) & (high >= offset - _BIN_SECONDS)
        found += _runs(pairs[agree], offset, slack, least_seconds)
        pairs = pairs[~agree]
    return found


def _offsets(pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the greatest offset at which the spans of each pair begin alike. A run of samples is as
    likely to have begun with the same picture as anywhere in it."""
    begun = pairs.others[:, 0] - pairs.spans[:, 0]
    longer = np.diff(pairs.others, axis=1)[:, 0] - np.diff(pairs.spans, axis=1)[:, 0]
    return begun + np.minimum(longer, 0), begun + np.maximum(longer, 0)


def _peak(pairs: Pairs) -> tuple[float, float]:
    """The offset with most votes, and how wide the plateau is that it stands on."""
    low, high = _offsets(pairs)
    origin = float(low.min()) - _BIN_SECONDS  # an empty bin on either side, for the neighbours below
    first = ((low - origin) / _BIN_SECONDS).astype(np.int64)
    last = ((high - origin) / _BIN_SECONDS).astype(np.int64)
    changes = np.zeros(int(last.max()) + 3)
    weight = 1 / (1 + pairs.rank)
    np.add.at(changes, first, weight)
    np.add.at(changes, last + 1, -weight)
    votes = np.cumsum(changes)[:-1]
    # Neighbours count: samples of two files rarely fall on the same times.
    votes = np.convolve(votes, (0.5, 1, 0.5), "same")
    top = int(votes.argmax())
    good = votes >= 0.9 * votes[top]
    left = right = top
    while left > 0 and good[left - 1]:
        left -= 1
    while right < len(votes) - 1 and good[right + 1]:
        right += 1
    middle = origin + ((left + right) / 2 + 0.5) * _BIN_SECONDS
    return middle, min((right - left + 1) / 2 * _BIN_SECONDS + 0.75, _MOST_SLACK_SECONDS)


def _runs(pairs: Pairs, offset: float, slack: float, least_seconds: float) -> list[Candidate]:
    starts = np.maximum(pairs.spans[:, 0], pairs.others[:, 0] - offset)
    ends = np.minimum(pairs.spans[:, 1], pairs.others[:, 1] - offset)
    order = np.argsort(starts, kind="stable")
    runs: list[list[float]] = []
    for start, end in zip(starts[order].tolist(), ends[order].tolist(), strict=True):
        if runs and start <= runs[-1][1] + _BRIDGE_SECONDS:
            runs[-1][1] = max(runs[-1][1], end)
        else:
            runs.append([start, end])
    return [
        Candidate(start, end, offset, slack)
        for start, end in runs if end - start >= least_seconds - _BIN_SECONDS
    ]  # fmt: skip
