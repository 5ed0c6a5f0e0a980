"""What a packet's first bytes say: whether other frames refer to it, and whether decoding can begin with it.

Of H.264 (ITU-T H.264 7.4.1) the unit type and nal_ref_idc say so, of HEVC (H.265 7.4.2.2) the type alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_Says = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Marks:
    """Of the packets of one stream. ``is_disposable``: leaving it out changes no other frame by a bit.
    ``begins_anew``: what comes from it on, in decoding order, refers to nothing before it."""

    is_disposable: _Says
    begins_anew: _Says


def marks_of(codec: str, intra_only: bool, extradata: bytes | None) -> Marks | None:
    """``codec`` by FFmpeg's canonical name; ``intra_only``: in it no frame refers to others. None where
    nobody can tell, so that everything is to be decoded."""
    if intra_only:
        return Marks(_never, _always)
    if codec == "h264":
        length_bytes = (extradata[4] & 3) + 1 if extradata and _has_lengths(extradata, 5) else 0
        return Marks(
            lambda packet: is_disposable_h264(memoryview(packet), length_bytes),
            lambda packet: packet.is_keyframe and begins_anew_h264(memoryview(packet), length_bytes),
        )
    if codec == "hevc":
        said = extradata[21] if extradata and _has_lengths(extradata, 22) else 0
        length_bytes = (said & 3) + 1 if said else 0
        # What the frames of one layer do not refer to may be referred to by those of a higher one.
        one_layer = said >> 3 & 7 == 1
        return Marks(
            (lambda packet: is_disposable_hevc(memoryview(packet), length_bytes)) if one_layer else _never,
            lambda packet: packet.is_keyframe and begins_anew_hevc(memoryview(packet), length_bytes),
        )
    if codec in ("vp9", "av1"):
        return Marks(_never, lambda packet: packet.is_keyframe)
    return None


def is_disposable_h264(data: memoryview, length_bytes: int) -> bool:
    """Of the units of a packet, with lengths of so many bytes before them (0: with start codes)."""
    slices = [unit for unit in _units(data, length_bytes) if 1 <= unit & 31 <= 5]
    return bool(slices) and all(unit >> 5 & 3 == 0 for unit in slices)


def begins_anew_h264(data: memoryview, length_bytes: int) -> bool:
    """Not every keyframe does: frames that are shown before one and come after it may refer to older ones."""
    return any(unit & 31 == 5 for unit in _units(data, length_bytes))


def is_disposable_hevc(data: memoryview, length_bytes: int) -> bool:
    slices = [kind for unit in _units(data, length_bytes) if (kind := unit >> 1 & 63) < 32]
    return bool(slices) and all(kind <= 14 and kind % 2 == 0 for kind in slices)


def begins_anew_hevc(data: memoryview, length_bytes: int) -> bool:
    return any(unit >> 1 & 63 in (19, 20) for unit in _units(data, length_bytes))


def _has_lengths(extradata: bytes, least: int) -> bool:
    """Whether it is the record of a container that writes lengths, not units with start codes."""
    return len(extradata) >= least and extradata[0] == 1


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


def _never(_: Any) -> bool:
    return False


def _always(_: Any) -> bool:
    return True
