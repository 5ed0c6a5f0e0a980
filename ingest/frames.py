"""The frames of a file in presentation order, whatever the file is: video, animation or still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np

from core.errors import MediaBroken, MediaError
from core.pictures import resize_to_fit
from core.settings import DecodeSettings
from core.time import pts_to_seconds
from core.types import Image
from ingest.convert import THUMBNAIL_SIDE_PX, Converter
from ingest.disposable import Skipper
from ingest.media import MediaFacts
from ingest.packet_marks import marks_of
from ingest.probe import check_duration, facts_of, open_video, read_head
from ingest.stills import StillFile, is_picture

SPAN_TOLERANCE_SECONDS, SPAN_TOLERANCE_SHARE = 0.5, 0.02
DAMAGE_TOLERANCE_SHARE = 0.02
RESTART_SECONDS = 1.0


class Frame(Protocol):
    """One frame on its way past; pixels are converted only when they are asked for, and only where it
    ``has_pixels``: one that nobody needs is not decoded."""

    time_seconds: float
    shown_seconds: float
    has_pixels: bool

    def thumbnail_bgr(self) -> Image: ...

    def picture(self, max_side: int | None = None) -> Image: ...


class Source(Protocol):
    """An open file. ``frames`` may be gone through once; the numbers are right after that."""

    facts: MediaFacts
    frames_decoded: int
    frames_dropped: int
    end_seconds: float

    def frames(self, from_seconds: float = 0.0) -> Iterator[Frame]:
        """Frames in ascending time, from one at or before ``from_seconds`` where there is one."""

    def frames_for(
        self, samples_per_second: float, cuts: bool, from_seconds: float = 0.0
    ) -> Iterator[Frame]:
        """``frames``, some of them without pixels: those that no sample falls on, that no frame with pixels
        refers to and, with ``cuts``, that no cut lies near."""

    def share_read(self) -> float | None:
        """How far into the file reading has come, [0, 1]: by time, or by bytes where no length is known."""

    def played_seconds(self) -> float:
        """How long the file plays once it is read: the last picture stays while its sound goes on."""

    def problem(self) -> str | None:
        """One sentence about what is missing from the content, or None."""

    def close(self) -> None: ...


def open_source(path: Path, decode: DecodeSettings) -> Source:
    """Raises MediaBroken, MediaSkipped or MediaRefused with one sentence."""
    if not is_picture(read_head(path)):
        return VideoSource(path, decode)
    still = StillFile(path, decode)
    return AnimationSource(path, still, decode) if still.animated else StillSource(still)


class _VideoFrame:
    __slots__ = ("_converter", "_frame", "shown_seconds", "time_seconds")
    has_pixels = True
    decoded = property(lambda self: self._frame, doc="As the decoder gave it; clips hand it to an encoder.")

    def __init__(self, time_seconds: float, shown_seconds: float, frame: Any, converter: Converter) -> None:
        self.time_seconds = time_seconds
        self.shown_seconds = shown_seconds
        self._frame = frame
        self._converter = converter

    def thumbnail_bgr(self) -> Image:
        return self._converter.thumbnail_bgr(self._frame)

    def picture(self, max_side: int | None = None) -> Image:
        return self._converter.picture(self._frame, max_side)


class _LeftOut:
    """A frame of which the time is known and nothing else."""

    __slots__ = ("shown_seconds", "time_seconds")
    has_pixels = False

    def __init__(self, time_seconds: float, shown_seconds: float) -> None:
        self.time_seconds = time_seconds
        self.shown_seconds = shown_seconds

    def thumbnail_bgr(self) -> Image:
        raise ValueError(f"the frame at {self.time_seconds:g} s was not decoded")

    def picture(self, max_side: int | None = None) -> Image:
        raise ValueError(f"the frame at {self.time_seconds:g} s was not decoded")


class _Picture:
    __slots__ = ("_pixels", "shown_seconds", "time_seconds")
    has_pixels = True

    def __init__(self, time_seconds: float, shown_seconds: float, pixels: Image) -> None:
        self.time_seconds = time_seconds
        self.shown_seconds = shown_seconds
        self._pixels = pixels

    def thumbnail_bgr(self) -> Image:
        small = resize_to_fit(self._pixels, THUMBNAIL_SIDE_PX)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), np.uint8)

    def picture(self, max_side: int | None = None) -> Image:
        return resize_to_fit(self._pixels, max_side)


class Clock:
    """Presentation time of decoded frames, strictly ascending from 0.

    Frames without a time, or with one that is not after the last, are dropped. A time that falls back by
    more than a second is a recording that was joined or wrapped: its clock goes on behind the last frame.
    """

    def __init__(self, time_base: Fraction, start_pts: int) -> None:
        self._time_base = time_base
        self._start_pts = start_pts
        self._joined_seconds = 0.0
        self.joins = 0
        self.last_seconds = -1.0
        self.last_shown_seconds = 0.0

    def time_of(self, pts: int | None) -> float | None:
        if pts is None:
            return None
        time = pts_to_seconds(pts, self._time_base, self._start_pts) + self._joined_seconds
        if self.last_seconds >= 0 and time < self.last_seconds - RESTART_SECONDS:
            onward = self.last_seconds + self.last_shown_seconds
            self._joined_seconds += onward - time
            self.joins += 1
            time = onward
        return time if time >= 0 and time > self.last_seconds else None

    def passed(self, time_seconds: float, shown_seconds: float) -> None:
        self.last_seconds, self.last_shown_seconds = time_seconds, shown_seconds


class VideoSource:
    def __init__(self, path: Path, decode: DecodeSettings) -> None:
        self._path, self._decode = path, decode
        self._video = open_video(path, decode)
        self._make_skipper: Callable[[], Skipper | None] = lambda: None
        self._reset()
        try:
            self._pending = self._decoded()
            self._first = self._first_frame()
            self.facts = facts_of(self._video, self._first, decode)
        except MediaError:
            self.close()
            raise
        self._converter = Converter(self._video.pixel_aspect)
        self._start_pts = int(self._first.pts)
        self._stream_seconds = self._video.stream_seconds()
        self._container_seconds = self._video.container_seconds()
        self._typical_seconds = 1 / self._video.fps if self._video.fps else 0.0

    def _reset(self) -> None:
        self.frames_decoded = self.frames_dropped = 0
        self.end_seconds = 0.0
        self._bytes_read, self._stopped, self._joins = 0, False, 0
        self._others_end_seconds = 0.0
        self._skipper = self._make_skipper()
        self._left_out: list[tuple[int, int]] = []  # a heap of pts and duration

    def frames(self, from_seconds: float = 0.0) -> Iterator[Frame]:
        if from_seconds > 0 and self._seek(from_seconds):
            timed = self._timed(self._pending)
            frame = next(timed, None)
            if frame is not None and frame.time_seconds <= from_seconds:
                yield frame
                yield from timed
                return
            # The container's index was wrong: the exact way is to read from the start.
            self._reopen()
        yield from self._timed(self._from_first())

    def frames_for(
        self, samples_per_second: float, cuts: bool, from_seconds: float = 0.0
    ) -> Iterator[Frame]:
        context = self._video.stream.codec_context
        marks = marks_of(context.codec.canonical_name, context.codec.intra_only, context.extradata)
        if marks is not None:
            base = _time_base(self._first)
            self._make_skipper = lambda: Skipper(marks, self._start_pts, base, samples_per_second, cuts)
            self._skipper = self._make_skipper()
        return self.frames(from_seconds)

    def _seek(self, seconds: float) -> bool:
        offset = self._start_pts + int(Fraction(seconds) / _time_base(self._first))
        try:
            self._video.container.seek(offset, stream=self._video.stream, backward=True)
        except (av.FFmpegError, OSError, ValueError, OverflowError):
            self._reopen()
            return False
        self._pending = self._decoded()
        return True

    def _reopen(self) -> None:
        self._video.close()
        self._video = open_video(self._path, self._decode)
        self._reset()
        self._pending = self._decoded()
        self._first = self._first_frame()

    def _first_frame(self) -> Any:
        for frame in self._pending:
            if frame.pts is not None and not frame.is_corrupt:
                return frame
            self.frames_dropped += 1
        raise MediaBroken(f"{self._path.name} is damaged: no frame of its video could be decoded.")

    def _from_first(self) -> Iterator[Any]:
        yield self._first
        yield from self._pending

    def _timed(self, decoded: Iterator[Any]) -> Iterator[Frame]:
        clock = Clock(_time_base(self._first), self._start_pts)
        for frame in decoded:
            yield from self._left_out_before(frame.pts, clock)
            time = None if frame.is_corrupt else clock.time_of(frame.pts)
            if time is None:
                self.frames_dropped += 1
                continue
            shown = self._pass(clock, time, frame.duration, _time_base(frame))
            yield _VideoFrame(time, shown, frame, self._converter)
        yield from self._left_out_before(None, clock)

    def _left_out_before(self, pts: int | None, clock: Clock) -> Iterator[Frame]:
        """What was not decoded and is shown before this time, or at all."""
        base = _time_base(self._first)
        while self._left_out and (pts is None or self._left_out[0][0] < pts):
            its_pts, duration = heappop(self._left_out)
            time = clock.time_of(its_pts)
            if time is not None:
                yield _LeftOut(time, self._pass(clock, time, duration, base))

    def _pass(self, clock: Clock, time: float, duration: int | None, base: Fraction) -> float:
        """Count a frame that is shown from ``time`` on; returns for how long it is."""
        check_duration(self._path, time, self._decode)
        since_last = time - clock.last_seconds if self.frames_decoded else 0.0
        shown = float(duration * base) if duration and duration > 0 else self._typical_seconds or since_last
        clock.passed(time, shown)
        self._joins = clock.joins
        self.frames_decoded += 1
        self.end_seconds = time + shown
        return shown

    def _decoded(self) -> Iterator[Any]:
        """Frames as the decoder gives them. Damage is counted, never raised: it ends in the summary."""
        packets = self._packets()
        for packet in packets:
            yield from self._decode_packet(packet)
            if self._skipper is not None:
                break
        # From the first frame on it is known which of them are wanted.
        if self._skipper is not None:
            for packet, goes in self._skipper.take(packets):
                if goes:
                    heappush(self._left_out, (packet.pts, packet.duration or 0))
                else:
                    yield from self._decode_packet(packet)

    def _packets(self) -> Iterator[Any]:
        """Of the stream that is looked at, as far as the file can be read."""
        packets = self._video.container.demux()
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except MemoryError:
                raise
            except (av.FFmpegError, OSError, ValueError):
                self._stopped = True
                return
            self._note(packet)
            if packet.stream is self._video.stream:
                yield packet

    def _decode_packet(self, packet: Any) -> list[Any]:
        try:
            return list(packet.decode())
        except EOFError:
            return []
        except MemoryError:
            raise
        except (av.FFmpegError, OSError, ValueError):
            self.frames_dropped += 1
            return []

    def _note(self, packet: Any) -> None:
        if packet.pos is not None and packet.pos >= 0:
            self._bytes_read = max(self._bytes_read, packet.pos + packet.size)
        if packet.stream is not self._video.stream and packet.pts is not None and packet.time_base:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._others_end_seconds = max(self._others_end_seconds, end - self._video.start_seconds)

    def share_read(self) -> float | None:
        whole = self.facts.duration_from_header_seconds
        if whole:
            return min(1.0, self.end_seconds / whole)
        size = self._video.container.size
        return min(1.0, self._bytes_read / size) if size and size > 0 else None

    def played_seconds(self) -> float:
        return max(self.end_seconds, self._others_end_seconds, self.facts.duration_from_header_seconds or 0.0)

    def problem(self) -> str | None:
        missing = self._missing_seconds()
        if missing:
            return missing
        return self._damage()

    def problem_within(self) -> str | None:
        """As ``problem``, of a part of the file: also what makes times depend on what lies before it."""
        if self._joins:
            return "The file's times begin anew in the middle of it."
        return self._damage()

    def _damage(self) -> str | None:
        if self._stopped:
            return f"The file is damaged behind {self.end_seconds:.1f} s."
        total = self.frames_decoded + self.frames_dropped
        if self.frames_dropped > max(1.0, DAMAGE_TOLERANCE_SHARE * total):
            return f"{self.frames_dropped} of {total} frames are damaged or have no time."
        return None

    def _missing_seconds(self) -> str | None:
        stated, seen = self._stream_seconds, self.end_seconds
        if stated is None:
            # The length of the whole file may be that of its sound.
            stated, seen = self._container_seconds, max(self.end_seconds, self._others_end_seconds)
        if stated is None:
            return None
        if stated - seen <= max(SPAN_TOLERANCE_SECONDS, SPAN_TOLERANCE_SHARE * stated):
            return None
        return f"Only {self.end_seconds:.1f} s of the {stated:.1f} s that its header states could be read."

    def close(self) -> None:
        self._video.close()


class AnimationSource:
    def __init__(self, path: Path, still: StillFile, decode: DecodeSettings) -> None:
        self._path, self._still, self._decode = path, still, decode
        self.facts = still.facts()
        self.frames_decoded = self.frames_dropped = 0
        self.end_seconds = 0.0
        self._problem: str | None = None

    def frames(self, from_seconds: float = 0.0) -> Iterator[Frame]:
        try:
            for shown in self._still.frames():
                frame = _Picture(self.end_seconds, shown, self._still.load())
                self.frames_decoded += 1
                self.end_seconds += shown
                check_duration(self._path, self.end_seconds, self._decode)
                yield frame
        except MediaBroken:
            if not self.frames_decoded:
                raise
            missing = self._still.frame_count - self.frames_decoded
            self._problem = f"The last {missing} of its {self._still.frame_count} frames are damaged."

    def frames_for(
        self, samples_per_second: float, cuts: bool, from_seconds: float = 0.0
    ) -> Iterator[Frame]:
        return self.frames()

    def share_read(self) -> float | None:
        return self.frames_decoded / self._still.frame_count

    def played_seconds(self) -> float:
        return self.end_seconds

    def problem(self) -> str | None:
        return self._problem

    def close(self) -> None:
        self._still.close()


class StillSource:
    def __init__(self, still: StillFile) -> None:
        self._still = still
        self.facts = still.facts()
        self.frames_decoded = self.frames_dropped = 0
        self.end_seconds = 0.0

    def frames(self, from_seconds: float = 0.0) -> Iterator[Frame]:
        frame = _LazyStill(self._still)
        self.frames_decoded = 1
        yield frame

    def frames_for(
        self, samples_per_second: float, cuts: bool, from_seconds: float = 0.0
    ) -> Iterator[Frame]:
        return self.frames()

    def share_read(self) -> float | None:
        return float(self.frames_decoded)

    def played_seconds(self) -> float:
        return 0.0

    def problem(self) -> str | None:
        return None

    def close(self) -> None:
        self._still.close()


class _LazyStill:
    time_seconds = 0.0
    shown_seconds = 0.0
    has_pixels = True

    def __init__(self, still: StillFile) -> None:
        self._still = still

    def thumbnail_bgr(self) -> Image:
        return np.asarray(cv2.cvtColor(self._still.load(THUMBNAIL_SIDE_PX), cv2.COLOR_RGB2BGR), np.uint8)

    def picture(self, max_side: int | None = None) -> Image:
        return self._still.load(max_side)


def _time_base(frame: Any) -> Fraction:
    return Fraction(frame.time_base.numerator, frame.time_base.denominator)
