"""Cutting stretches out of media files: what can be asked for, and the process that does it.

``exact`` encodes again (H.264 and AAC in MP4) and is right to the frame; ``copy`` takes the packets as they
are, from the keyframe before the start, and is as fast as the disk.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from core.errors import DiskFull, InvalidRequest, MediaRefused, MomentseekError
from core.settings import DecodeSettings
from ingest.decode import Decoder

How = Literal["exact", "copy"]

ROUNDING_SECONDS = 0.00051
"""Times in answers are rounded to milliseconds: a frame this little after a time counts as being at it."""
STILL_SECONDS = 3.0
"""How long a still is shown in a reel."""


@dataclass(frozen=True, slots=True)
class Part:
    """The half-open stretch [start_seconds, end_seconds) of one file. For a still both are 0."""

    path: Path
    start_seconds: float
    end_seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.start_seconds <= self.end_seconds < float("inf"):
            raise InvalidRequest(
                f"A clip from {self.start_seconds:g} to {self.end_seconds:g} s was asked for; "
                "its times start at 0 and its end is after its start."
            )


@dataclass(frozen=True, slots=True)
class Piece:
    """What became of one part: where it really begins and ends in its file, and how many frames it has.

    With ``exact`` these are the times of whole frames (a frame that is on screen longer than usual is cut
    where it was asked for); with ``copy`` the start is that of a keyframe, so it may be seconds earlier.
    """

    start_seconds: float
    end_seconds: float
    frames: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A finished file. ``suffix`` is the name ending that fits its container, ``.mp4`` or ``.mkv``."""

    pieces: tuple[Piece, ...]
    suffix: str
    width: int
    height: int
    has_sound: bool


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """Of one file that is cut. ``free_disk_mb`` is what must stay free beside it."""

    megabytes: int = 4096
    wall_seconds: float = 1800.0
    free_disk_mb: int = 500


class ClipStopped(MomentseekError):
    """Whoever wanted the clip has gone; nothing is left of it."""

    code = "stopped"


@dataclass(frozen=True, slots=True)
class Progress:
    share: float


@dataclass(frozen=True, slots=True)
class Looked:
    cut: Cut
    zero_seconds: float


class Cuts(Protocol):
    """What makes a clip; ``Cutter`` here, ``FfmpegCutter`` in ingest/clip_ffmpeg.py."""

    def cut(
        self, parts: Sequence[Part], target: Path, how: How = "exact", stop: threading.Event | None = None
    ) -> Cut:
        """Write ``target``: one part, or several behind one another as a reel (``exact`` only).

        A reel has the size and frame rate of its first part; others are fitted in with black round them.
        Raises MediaError, TimeOutOfRange, InvalidRequest, DiskFull; ClipStopped once ``stop`` is set.
        Nothing is left at ``target`` then.
        """


class Cutter(Decoder):
    """Cuts in a spawned child with the limits of decoding, by the libraries that decode (PyAV): the child is
    ended when ``stop`` is set (within half a second), on a stall, and over a limit. Not for several threads
    at once."""

    def __init__(self, decode: DecodeSettings | None = None, limits: ClipLimits | None = None) -> None:
        super().__init__(decode)
        self._limits = limits or ClipLimits()

    def cut(
        self, parts: Sequence[Part], target: Path, how: How = "exact", stop: threading.Event | None = None
    ) -> Cut:
        """See ``Cuts.cut``."""
        if not parts or (how == "copy" and len(parts) > 1):
            raise InvalidRequest(
                f"{len(parts)} parts were given; a copy is made of one, an exact cut of one or more."
            )
        check_disk(target.parent, self._limits)
        request = {
            "what": how, "target": _hex(target), "most_bytes": self._limits.megabytes << 20,
            "parts": [[_hex(one.path), one.start_seconds, one.end_seconds] for one in parts],
        }  # fmt: skip
        until = time.monotonic() + self._limits.wall_seconds
        items: Any = self._converse(parts[0].path, request)
        found: Cut | None = None
        # Leaving a reading before its end kills the child.
        with removed_on_failure(target), contextlib.closing(items):
            for item in items:
                if isinstance(item, Cut):
                    found = item
                check_going_on(stop, until, self._limits)
            if found is None:
                raise RuntimeError("the child that cuts ended without a word")
        return found

    def look(self, part: Part) -> tuple[Cut, float]:
        """What an exact cut of this part would be, without making it, and where 0 s of the video is on its
        container's clock, in seconds. Raises MediaError, TimeOutOfRange and InvalidRequest."""
        request = {
            "what": "look", "target": "", "most_bytes": 0,
            "parts": [[_hex(part.path), part.start_seconds, part.end_seconds]],
        }  # fmt: skip
        items: Any = self._converse(part.path, request)
        [found] = [item for item in items if isinstance(item, Looked)]
        return found.cut, found.zero_seconds

    def _child(self, context: Any, pipe: Any) -> Any:
        return context.Process(target=_serve, args=(pipe, self._decode), name="momentseek-clip", daemon=True)

    def _understand(self, header: dict[str, Any], image: Any) -> Any:
        kind = header.get("kind")
        if kind == "cut":
            pieces = tuple(Piece(**piece) for piece in header["pieces"])
            cut = Cut(pieces, header["suffix"], header["width"], header["height"], header["has_sound"])
            return Looked(cut, header["zero_seconds"]) if "zero_seconds" in header else cut
        if kind == "error" and header["error"] in _ERRORS:
            return _ERRORS[header["error"]](header["message"])
        if kind == "progress":
            return Progress(header["share"] or 0.0)
        return super()._understand(header, image)


_ERRORS: dict[str, type[MomentseekError]] = {"DiskFull": DiskFull, "InvalidRequest": InvalidRequest}


def check_disk(folder: Path, limits: ClipLimits) -> None:
    """Raises DiskFull."""
    free_mb = shutil.disk_usage(folder).free >> 20
    if free_mb < limits.free_disk_mb:
        raise DiskFull(
            f"Only {free_mb} MB are free where clips are made, and {limits.free_disk_mb} must stay free; "
            "make room and ask again."
        )


def check_going_on(stop: threading.Event | None, until: float, limits: ClipLimits) -> None:
    """Raises ClipStopped or MediaRefused. ``until`` is a time of the monotonic clock."""
    if stop is not None and stop.is_set():
        raise ClipStopped("The clip was given up: nobody waits for it any more.")
    if time.monotonic() > until:
        raise MediaRefused(
            f"The clip took longer than {limits.wall_seconds:g} s to make; ask for a shorter one or a copy."
        )


@contextlib.contextmanager
def removed_on_failure(target: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _hex(path: Path) -> str:
    # Of the file system's own bytes: names that are not UTF-8 survive.
    return os.fsencode(path.absolute()).hex()


def _serve(pipe: Any, decode: DecodeSettings) -> None:
    # Imported in the child only: the parent needs none of the libraries that read media.
    from ingest.clip_child import serve

    serve(pipe, decode)
