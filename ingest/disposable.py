"""Which packets need not be decoded, without changing a sample by a bit.

Of usual H.264 half of the frames are B-frames that nothing refers to: where no sample falls on one and no
cut lies near, it is left out. Where nobody looks for cuts, a group of pictures is decoded only up to its last
sample, and one without a sample not at all; of codecs that have nothing but keyframes, only the samples.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction
from typing import Any

from ingest.packet_marks import Marks

PACKETS_AHEAD = 40
"""Packets held to know who comes next in time: H.264 reorders at most 16 frames."""

GROUP_PACKETS, _GROUP_BYTES = 1000, 32 << 20
"""Held to know whether a sample comes before the next group; of longer ones the beginning is decoded."""

_NEAR_SECONDS = 0.03
"""A frame this near to a sample time is decoded: GridSampler rounds by up to 20 ms."""

_NEAR_CUT_FRAMES = 8
"""Round a packet that a cut may have made, all of so many frames are decoded: the cut lies between it and the
frame that is referred to before it, and the search for cuts looks at the neighbours, too."""

_NEAR_KEY_FRAMES = 3
"""Encoders like to begin anew at a cut, and then it is exactly there."""

_RESTART_SECONDS = 1.0
"""Times that fall back by less are frames that are shown in another order than they are decoded in."""

_LOUD = 2.0
"""New content takes at least this many times the bytes of three quarters of the packets before it."""
_REMEMBERED = 24


class _What(Enum):
    """What a packet is needed for."""

    WANTED = auto()
    REFERRED_TO = auto()
    DISPOSABLE = auto()


_Decided = tuple[Any, _What, bool]
"""A packet, what it is needed for, and whether it begins anew."""


class Skipper:
    """Takes the packets of a stream in decoding order and says of each whether it can be left out.

    Holds PACKETS_AHEAD packets, and GROUP_PACKETS more without ``cuts``. ``start_pts`` is the time of the
    first frame. With ``cuts`` everything near a likely cut is decoded, and whatever others refer to.
    """

    def __init__(
        self, marks: Marks, start_pts: int, time_base: Fraction, samples_per_second: float, cuts: bool
    ) -> None:
        self._marks, self._cuts = marks, cuts
        self._start, self._base, self._rate = start_pts, time_base, samples_per_second
        self._has_times = True
        self._latest = start_pts
        self._held: deque[Any] = deque()
        self._known: deque[_Known] = deque(maxlen=2 * PACKETS_AHEAD)
        self._sizes: deque[int] = deque(maxlen=_REMEMBERED)

    def take(self, packets: Iterable[Any]) -> Iterator[tuple[Any, bool]]:
        """Every packet in its order, and whether it can be left out."""
        decided = self._one_by_one(packets)
        if self._cuts:
            return ((packet, what is _What.DISPOSABLE) for packet, what, _ in decided)
        return _groups(decided)

    def _one_by_one(self, packets: Iterable[Any]) -> Iterator[_Decided]:
        for packet in packets:
            self._held.append(packet)
            self._known.append(self._look(packet))
            if len(self._held) > PACKETS_AHEAD:
                yield self._decide()
        while self._held:
            yield self._decide()

    def _look(self, packet: Any) -> _Known:
        pts = packet.pts
        if not packet.size:  # what ends the stream
            return _Known(None)
        if pts is None:
            # Fields of one frame may come one by one, and the second has no time: both are needed.
            self._has_times = False
            return _Known(None)
        if pts < self._latest - _RESTART_SECONDS / self._base:
            self._has_times = False  # joined recordings: the clock goes on where these times begin anew
        self._latest = max(self._latest, pts)
        disposable, key = self._marks.is_disposable(packet), bool(packet.is_keyframe)
        loud = False
        if not disposable and not key:
            usual = statistics.quantiles(self._sizes, n=4)[2] if len(self._sizes) > 3 else 0.0
            loud = packet.size > _LOUD * usual
            self._sizes.append(packet.size)
        return _Known(pts, disposable, key, loud, self._marks.begins_anew(packet))

    def _decide(self) -> _Decided:
        known = self._known[len(self._known) - len(self._held)]
        return self._held.popleft(), self._what(known), known.begins_anew

    def _what(self, known: _Known) -> _What:
        if known.pts is None or not self._has_times:
            return _What.WANTED
        shown = sorted((one for one in self._known if one.pts is not None), key=lambda one: one.pts or 0)
        at = shown.index(known)
        if at == 0 or at + 1 >= len(shown) or self._is_wanted(known.pts, shown[at + 1].pts or 0):
            return _What.WANTED
        if known.disposable and not self._near_cut(shown, at):
            return _What.DISPOSABLE
        return _What.REFERRED_TO

    def _is_wanted(self, pts: int, next_pts: int) -> bool:
        begin, end = (float((one - self._start) * self._base) for one in (pts, next_pts))
        first = math.ceil((begin - _NEAR_SECONDS) * self._rate)
        return first <= (end + _NEAR_SECONDS) * self._rate

    def _near_cut(self, shown: list[_Known], at: int) -> bool:
        if not self._cuts:
            return False
        near = shown[max(0, at - _NEAR_CUT_FRAMES) : at + _NEAR_CUT_FRAMES + 1]
        key = shown[max(0, at - _NEAR_KEY_FRAMES) : at + _NEAR_KEY_FRAMES + 1]
        return any(one.loud for one in near) or any(one.key for one in key)


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is remembered of a packet."""

    pts: int | None
    disposable: bool = False
    key: bool = False
    loud: bool = False
    begins_anew: bool = False


def _groups(decided: Iterable[_Decided]) -> Iterator[tuple[Any, bool]]:
    """What comes after the last wanted packet of a group is left out, too."""
    held: list[tuple[Any, bool]] = []
    held_bytes = 0
    for packet, what, begins_anew in decided:
        if begins_anew:
            yield from ((one, True) for one, _ in held)
            held, held_bytes = [], 0
        held.append((packet, what is _What.DISPOSABLE))
        held_bytes += packet.size
        if what is _What.WANTED or len(held) > GROUP_PACKETS or held_bytes > _GROUP_BYTES:
            yield from held
            held, held_bytes = [], 0
    yield from ((one, True) for one, _ in held)
