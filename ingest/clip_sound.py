"""The sound of a stretch, sample by sample on the picture's clock; silence where there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from core.settings import DecodeSettings
from ingest.probe import OpenVideo, open_video, read_head
from ingest.stills import is_picture

SOUND_CODECS = frozenset({
    "aac", "aac_fixed", "aac_latm", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "ac3", "eac3",
    "opus", "libopus", "vorbis", "libvorbis", "flac", "alac", "wmav1", "wmav2", "amrnb", "amrwb",
    "libopencore_amrnb", "libopencore_amrwb", "dca", "truehd",
})  # fmt: skip
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_USUAL_RATE = 48_000
_STEADY_SECONDS = 0.03
"""Times of sound packets may be rounded (to milliseconds in Matroska): only a larger step is a gap."""
_LEAD_SECONDS = 0.5
"""Decoding begins this much before the cut: what comes first out of a decoder is not whole yet."""


@dataclass(frozen=True, slots=True)
class Format:
    """``layout`` is ``mono`` or ``stereo``."""

    rate: int
    layout: str

    @property
    def channels(self) -> int:
        return 1 if self.layout == "mono" else 2


def common_format(paths: Sequence[Path], decode: DecodeSettings) -> Format | None:
    """What the files' sound is brought to: their own rate and channels (two at most) where they agree, else
    48 kHz stereo; None when none of them has sound. Raises MediaError."""
    found = set()
    for path in dict.fromkeys(paths):
        if is_picture(read_head(path)):
            continue
        video = open_video(path, decode)
        try:
            stream = sound_stream(video)
            if stream is not None:
                found.add(_format_of(stream))
        finally:
            video.close()
    if len(found) > 1:
        return Format(_USUAL_RATE, "stereo")
    return next(iter(found), None)


def sound_stream(video: OpenVideo) -> Any:
    """The sound that belongs to the picture, or None where there is none that may be decoded."""
    stream: Any = video.container.streams.best("audio", related=video.stream)
    if stream is None or stream.codec_context is None or not stream.codec_context.sample_rate:
        return None
    name = stream.codec_context.name
    return stream if name in SOUND_CODECS or name.startswith(("pcm_", "adpcm_")) else None


def _format_of(stream: Any) -> Format:
    rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
    return Format(rate if rate in _RATES else _USUAL_RATE, "mono" if channels == 1 else "stereo")


class Sound:
    """Reads on from ``from_seconds`` of the container's clock, decoding only as far as is asked for. Damage
    and gaps are silence. Close it."""

    def __init__(self, path: Path, wanted: Format, from_seconds: float, decode: DecodeSettings) -> None:
        self._video = open_video(path, decode)
        self._format, self._from_seconds = wanted, from_seconds
        self._resampler = av.AudioResampler(format="fltp", layout=wanted.layout, rate=wanted.rate)
        self._stream = sound_stream(self._video)
        self._pieces = self._placed() if self._stream is not None else iter(())
        self._next: tuple[int, NDArray[np.float32]] | None = None
        self._at = 0

    def read(self, count: int) -> NDArray[np.float32]:
        """The next ``count`` samples, shape (channels, count)."""
        out = np.zeros((self._format.channels, count), np.float32)
        end = self._at + count
        while (piece := self._next or next(self._pieces, None)) is not None:
            first, samples = piece
            self._next = piece
            if first >= end:
                break
            begin, until = max(first, self._at), min(first + samples.shape[1], end)
            if until > begin:
                out[:, begin - self._at : until - self._at] = samples[:, begin - first : until - first]
            if first + samples.shape[1] > end:
                break
            self._next = None
        self._at = end
        return out

    def close(self) -> None:
        self._video.close()

    def _placed(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Samples with the number of the first, counted from ``from_seconds`` (negative before it)."""
        expected: int | None = None
        for seconds, samples in self._resampled():
            first = round((seconds - self._from_seconds) * self._format.rate)
            if expected is not None and abs(first - expected) <= _STEADY_SECONDS * self._format.rate:
                first = expected
            expected = first + samples.shape[1]
            yield first, samples

    def _resampled(self) -> Iterator[tuple[float, NDArray[np.float32]]]:
        ready: Any
        for frame in self._decoded():
            if frame.pts is None:
                continue
            seconds = float(frame.pts * frame.time_base)
            for ready in self._resampler.resample(frame):
                samples = np.asarray(ready.to_ndarray(), np.float32)
                # What the resampler holds back comes with the next frame.
                has_time = ready.pts is not None and ready.time_base is not None
                yield float(ready.pts * ready.time_base) if has_time else seconds, samples

    def _decoded(self) -> Iterator[Any]:
        container, base = self._video.container, self._stream.time_base
        # Where there is no way to go there, decoding begins at the start.
        with contextlib.suppress(av.FFmpegError, OSError, ValueError, OverflowError):
            offset = int((self._from_seconds - _LEAD_SECONDS) / base)
            container.seek(offset, stream=self._stream, backward=True)
        packets = container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError, OSError, ValueError):
                return
            try:
                yield from packet.decode()
            except (EOFError, av.FFmpegError, ValueError):
                continue
