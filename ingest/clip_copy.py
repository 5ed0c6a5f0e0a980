"""The fast cut: packets as they are, from the keyframe before the start. Nothing is decoded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av

from core.errors import InvalidRequest, MediaBroken, TimeOutOfRange
from core.settings import DecodeSettings
from core.time import clock
from ingest.clip_encode import check_size
from ingest.clip_sound import sound_stream
from ingest.clips import ROUNDING_SECONDS, Cut, Part, Piece
from ingest.frames import VideoSource, open_source
from ingest.probe import OpenVideo, open_video

_MP4_VIDEO = {"h264", "hevc", "av1", "mpeg4", "vp9"}
_MP4_SOUND = {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}
_LOOK_AT_SIZE_EVERY = 500


def copy_packets(
    parts: Sequence[Part], target: Path, decode: DecodeSettings, most_bytes: int,
    progress: Callable[[float | None], None],
) -> Cut:  # fmt: skip
    """Raises MediaError, TimeOutOfRange and InvalidRequest."""
    [part] = parts
    source = open_source(part.path, decode)
    try:
        if not isinstance(source, VideoSource):
            raise InvalidRequest(f"{part.path.name} has no packets to copy; ask for an exact cut.")
        facts, first = source.facts, next(source.frames())
        # Where 0 s of the video is on the container's clock.
        zero = float(first.decoded.pts * first.decoded.time_base)  # type: ignore[attr-defined]
    finally:
        source.close()
    video = open_video(part.path, decode)
    try:
        writer = _Writer(video, part, zero, target)
        _go_through(video, part, zero, writer, progress, lambda: check_size(target, most_bytes))
    finally:
        video.close()
    piece = Piece(round(writer.start_seconds, 6), round(writer.end_seconds, 6), writer.frames)
    return Cut((piece,), writer.suffix, facts.width, facts.height, writer.has_sound)


def _go_through(
    video: OpenVideo, part: Part, zero: float, writer: _Writer, progress: Callable[[float | None], None],
    look_at_size: Callable[[], None],
) -> None:  # fmt: skip
    try:
        with contextlib.suppress(av.FFmpegError, OSError, ValueError, OverflowError):
            offset = int((zero + part.start_seconds + ROUNDING_SECONDS) / video.stream.time_base)
            video.container.seek(offset, stream=video.stream, backward=True)
        for number, packet in enumerate(video.container.demux(writer.sources)):
            if packet.dts is None:
                continue
            if writer.take(packet):
                break
            if number % _LOOK_AT_SIZE_EVERY == 0:
                look_at_size()
                progress(writer.share_done())
        writer.finish()
        look_at_size()
    finally:
        writer.close()
    if not writer.frames:
        raise MediaBroken(f"{part.path.name} has no keyframe there to begin with; ask for an exact cut.")
    if writer.end_seconds <= part.start_seconds:
        asked, length = clock(part.start_seconds), clock(max(0.0, writer.end_seconds))
        raise TimeOutOfRange(f"{asked} is past the end of the media, which is {length} long.")


class _Writer:
    """Takes packets in the order of the file. Those since the last keyframe are held back until it is certain
    that no later keyframe comes before the start."""

    def __init__(self, video: OpenVideo, part: Part, zero: float, target: Path) -> None:
        self._part, self._zero = part, zero
        sound = sound_stream(video)
        self.sources = [video.stream] + ([sound] if sound is not None else [])
        fits = video.stream.codec_context.name.removeprefix("lib") in _MP4_VIDEO and (
            sound is None or sound.codec_context.name.removesuffix("float") in _MP4_SOUND
        )
        self.suffix, self.has_sound = ".mp4" if fits else ".mkv", sound is not None
        options = {"movflags": "+faststart"} if fits else {}
        self._out = av.open(str(target), "w", format="mp4" if fits else "matroska", container_options=options)
        self._streams = {one.index: self._out.add_stream_from_template(one) for one in self.sources}
        self._video_index = video.stream.index
        self._held: list[Any] = []
        self._is_certain = False
        self._over: set[int] = set()
        self.frames, self.start_seconds, self.end_seconds = 0, 0.0, 0.0
        self._origin: float | None = None

    def take(self, packet: Any) -> bool:
        """Whether all that is wanted has been seen."""
        is_video = packet.stream.index == self._video_index
        if not self._is_certain:
            self._hold(packet, is_video)
            return False
        if self._time(packet.dts, packet) >= self._part.end_seconds - ROUNDING_SECONDS:
            self._over.add(packet.stream.index)
            return len(self._over) == len(self.sources)
        self._write(packet, is_video)
        return False

    def _hold(self, packet: Any, is_video: bool) -> None:
        start = self._part.start_seconds + ROUNDING_SECONDS
        if is_video and packet.is_keyframe and packet.pts is not None:
            time = self._time(packet.pts, packet)
            if self._origin is None or time <= start:
                # Sound of this moment may stand before it in the file.
                self._held = [one for one in self._held if self._time(one.dts, one) >= time - 1.0]
                self._origin = time
        self._held.append(packet)
        if is_video and self._origin is not None and self._time(packet.dts, packet) > start:
            self.finish()

    def finish(self) -> None:
        """Let go of what is held: from now on packets are written as they come."""
        if self._is_certain:
            return
        self._is_certain = True
        held, self._held = self._held, []
        if self._origin is not None:
            self.start_seconds = self.end_seconds = self._origin
            for packet in held:
                self.take(packet)

    def _write(self, packet: Any, is_video: bool) -> None:
        if packet.pts is None or self._origin is None:
            return
        # What is shown before the first keyframe needs pictures that are not here.
        if self._time(packet.pts, packet) < self._origin - ROUNDING_SECONDS:
            return
        if is_video:
            length = float((packet.duration or 0) * packet.time_base)
            self.end_seconds = max(self.end_seconds, self._time(packet.pts, packet) + length)
            self.frames += 1
        shift = round((self._zero + self._origin) / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = self._streams[packet.stream.index]
        self._out.mux(packet)

    def _time(self, ticks: int, packet: Any) -> float:
        return float(ticks * packet.time_base) - self._zero

    def share_done(self) -> float | None:
        wanted = self._part.end_seconds - self.start_seconds
        return min(1.0, (self.end_seconds - self.start_seconds) / wanted) if wanted > 0 else None

    def close(self) -> None:
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._out.close()
