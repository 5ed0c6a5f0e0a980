"""Which packets need not be decoded: no frame refers to them, no sample falls on them, no cut lies near.

Of usual H.264 half of the frames are B-frames that nothing refers to. Whether a packet is one stands in the
first byte of its slices (nal_ref_idc 0, ITU-T H.264 7.4.1); leaving it out changes no other frame by a bit.
Files without them (baseline profile, most telephones, other codecs) are decoded as a whole.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

PACKETS_AHEAD = 40
"""Packets held to know who comes next in time: H.264 reorders at most 16 frames."""

_NEAR_SECONDS = 0.03
"""A frame this near to a sample time is decoded: GridSampler rounds by up to 20 ms."""

_NEAR_CUT_FRAMES = 8
"""Round a packet that a cut may have made, all of so many frames are decoded: the cut lies between it and the
frame that is referred to before it, and the search for cuts looks at the neighbours, too."""

_NEAR_KEY_FRAMES = 3
"""Encoders like to begin anew at a cut, and then it is exactly there."""

_LOUD = 2.0
"""New content takes at least this many times the bytes of three quarters of the packets before it."""
_REMEMBERED = 24


def finder_of(codec: str, extradata: bytes | None) -> Callable[[Any], bool] | None:
    """What tells whether a packet of this stream is one that no other refers to; None where nobody can."""
    if codec != "h264":
        return None
    length_bytes = (extradata[4] & 3) + 1 if extradata and len(extradata) > 4 and extradata[0] == 1 else 0
    return lambda packet: is_disposable_h264(memoryview(packet), length_bytes)


def is_disposable_h264(data: memoryview, length_bytes: int) -> bool:
    """Of the units of a packet, with lengths of so many bytes before them (0: with start codes)."""
    slices = [unit for unit in _units(data, length_bytes) if 1 <= unit & 31 <= 5]
    return bool(slices) and all(unit >> 5 & 3 == 0 for unit in slices)


def _units(data: memoryview, length_bytes: int) -> Iterator[int]:
    """The first byte of each."""
    if length_bytes:
        at = 0
        while at + length_bytes < len(data):
            length = int.from_bytes(data[at : at + length_bytes], "big")
            yield data[at + length_bytes]
            at += length_bytes + length
        return
    # Only what stands before the first slice is looked at, which is short.
    head = bytes(data[:4096])
    at = head.find(b"\x00\x00\x01")
    while 0 <= at < len(head) - 3:
        yield head[at + 3]
        at = head.find(b"\x00\x00\x01", at + 3)


class Skipper:
    """Takes the packets of a stream in decoding order and says of each whether it can be left out.

    Holds PACKETS_AHEAD packets. ``start_pts`` is the time of the first frame. With ``cuts`` everything near a
    likely cut is decoded.
    """

    def __init__(
        self,
        is_disposable: Callable[[Any], bool],
        start_pts: int,
        time_base: Fraction,
        samples_per_second: float,
        cuts: bool,
    ) -> None:
        self._is_disposable, self._cuts = is_disposable, cuts
        self._start, self._base, self._rate = start_pts, time_base, samples_per_second
        self._has_times = True
        self._held: deque[Any] = deque()
        self._known: deque[_Known] = deque(maxlen=2 * PACKETS_AHEAD)
        self._sizes: deque[int] = deque(maxlen=_REMEMBERED)

    def take(self, packets: Iterable[Any]) -> Iterator[tuple[Any, bool]]:
        """Every packet in its order, and whether it can be left out."""
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
            return _Known(None, False, False, False)
        if pts is None:
            # Fields of one frame may come one by one, and the second has no time: both are needed.
            self._has_times = False
            return _Known(None, False, False, False)
        disposable, key = self._is_disposable(packet), bool(packet.is_keyframe)
        loud = False
        if not disposable and not key:
            usual = statistics.quantiles(self._sizes, n=4)[2] if len(self._sizes) > 3 else 0.0
            loud = packet.size > _LOUD * usual
            self._sizes.append(packet.size)
        return _Known(pts, disposable, key, loud)

    def _decide(self) -> tuple[Any, bool]:
        position = len(self._known) - len(self._held)
        return self._held.popleft(), self._can_go(self._known[position])

    def _can_go(self, known: _Known) -> bool:
        if not known.disposable or known.pts is None or not self._has_times:
            return False
        shown = sorted((one for one in self._known if one.pts is not None), key=lambda one: one.pts or 0)
        at = shown.index(known)
        if at == 0 or at + 1 >= len(shown):
            return False
        return not self._is_wanted(known.pts, shown[at + 1].pts or 0) and not self._near_cut(shown, at)

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


class _Known:
    """What is remembered of a packet."""

    __slots__ = ("disposable", "key", "loud", "pts")

    def __init__(self, pts: int | None, disposable: bool, key: bool, loud: bool) -> None:
        self.pts, self.disposable, self.key, self.loud = pts, disposable, key, loud
