"""The exact cut: every frame shown in [start, end), encoded again as H.264, with its sound as AAC, in MP4.

Time runs in ticks of 1 / 120000 s, in which a frame of 23.976, 24, 25, 29.97, 30, 50, 59.94, 60 or 120 frames
a second lasts a whole number: such a clip is as regular as its source, a variable rate is kept as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from av.video.frame import PictureType

from core.errors import InvalidRequest, MediaRefused, TimeOutOfRange
from core.pictures import resize
from core.settings import DecodeSettings
from core.time import clock
from core.types import Image
from ingest.clip_sound import Format, Sound, common_format
from ingest.clips import ROUNDING_SECONDS, STILL_SECONDS, Cut, Part, Piece
from ingest.convert import Orientation, orientation
from ingest.frames import Frame, Source, StillSource, open_source
from ingest.media import MediaFacts

TICKS = 120_000
_BASE = Fraction(1, TICKS)
# Visually close to the source. No B-frames: MP4 stores how long frames last in the order of decoding, so with
# B-frames and a variable rate the whole would get a wrong length.
_VIDEO_OPTIONS = {"preset": "veryfast", "crf": "18", "bf": "0"}
_SOUND_BITS_PER_SECOND = 160_000
_USUAL_RATE = Fraction(25)
_KEYFRAME_SECONDS = 2
_LOOK_AT_SIZE_EVERY = 30
_READY_FORMATS = {"yuv420p": 1, "yuvj420p": 2}
"""Pixel formats that go to the encoder as they are, and their range (1 limited, 2 full)."""
_BT709, _LIMITED, _PQ, _HLG = 1, 1, 16, 18

Tags = tuple[int, int, int, int]
"""Matrix, primaries, transfer and range, as the numbers of ITU-T H.273 (the range as FFmpeg's)."""
OnProgress = Callable[[float | None], None]


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame and the half-open stretch of the file's time that it fills in the clip."""

    frame: Frame
    begin_seconds: float
    end_seconds: float


def encode(
    parts: Sequence[Part], target: Path, decode: DecodeSettings, most_bytes: int, progress: OnProgress
) -> Cut:
    """Raises MediaError, TimeOutOfRange and InvalidRequest."""
    pieces: list[Piece] = []
    sound_format = common_format([one.path for one in parts], decode)
    film = _Film(target, sound_format, most_bytes, reel=len(parts) > 1)
    try:
        for number, part in enumerate(parts):
            source = open_source(part.path, decode)
            try:
                _check(part, source, alone=len(parts) == 1)
                for share, piece in _add(film, source, part, decode):
                    progress((number + share) / len(parts))
                    if piece is not None:
                        pieces.append(piece)
            finally:
                source.close()
        film.finish()
    except BaseException:
        film.abandon()
        raise
    return Cut(tuple(pieces), ".mp4", *film.size_wh, has_sound=sound_format is not None)


def look(part: Part, decode: DecodeSettings, progress: OnProgress) -> tuple[Cut, float]:
    """What ``encode`` would make of one part, and where 0 s of the video is on the container's clock."""
    source = open_source(part.path, decode)
    try:
        _check(part, source, alone=True)
        begin, end, count, zero = 0.0, 0.0, 0, 0.0
        for one in shown_between(source, part.start_seconds, part.end_seconds):
            decoded = getattr(one.frame, "decoded", None)
            if not count:
                begin = one.begin_seconds
                zero = 0.0 if decoded is None else _zero_seconds(decoded, one.frame)
            count, end = count + 1, one.end_seconds
            progress(None)
    finally:
        source.close()
    piece = Piece(round(begin, 6), round(end, 6), count)
    has_sound = common_format([part.path], decode) is not None
    return Cut((piece,), ".mp4", source.facts.width, source.facts.height, has_sound), zero


def shown_between(source: Source, start_seconds: float, end_seconds: float) -> Iterator[Shown]:
    """Every frame shown within the half-open [start_seconds, end_seconds): first the one on screen at the
    start, last the one whose time is the last before the end.

    Frames are whole, so the clip may begin and end up to one frame outside; only one that stays on screen
    longer than that (a variable rate) is cut where it was asked for. Raises TimeOutOfRange.
    """
    usual = (1 / source.facts.fps if source.facts.fps else 0.04) + 0.001
    held: Frame | None = None
    begun = False
    for frame in chain(source.frames(start_seconds + ROUNDING_SECONDS), [None]):
        if frame is not None and frame.time_seconds <= start_seconds + ROUNDING_SECONDS:
            held = frame
            continue
        if held is not None:
            if frame is not None:
                until = frame.time_seconds
            else:
                until = _last_end(source, held, start_seconds, end_seconds)
            over = frame is None or frame.time_seconds >= end_seconds - ROUNDING_SECONDS
            begin = held.time_seconds
            if not begun and start_seconds - begin > usual:
                begin = start_seconds
            if over and until - end_seconds > usual:
                until = end_seconds
            yield Shown(held, begin, until)
            begun = True
            if over:
                return
        held = frame


def _last_end(source: Source, last: Frame, start_seconds: float, end_seconds: float) -> float:
    """Where the last frame of the file ends: it stays while the sound goes on."""
    end, played = last.time_seconds + last.shown_seconds, source.played_seconds()
    if start_seconds >= max(end, played):
        asked, length = clock(start_seconds), clock(max(end, played))
        raise TimeOutOfRange(f"{asked} is past the end of the media, which is {length} long.")
    return max(end, min(end_seconds, played))


def _check(part: Part, source: Source, alone: bool) -> None:
    if isinstance(source, StillSource):
        if alone:
            raise InvalidRequest(f"{part.path.name} is a still: it is exported as it is, not cut.")
    elif part.end_seconds <= part.start_seconds:
        raise InvalidRequest(
            f"A clip of no length was asked for, at {part.start_seconds:g} s of {part.path.name}."
        )


def _add(
    film: _Film, source: Source, part: Part, decode: DecodeSettings
) -> Iterator[tuple[float, Piece | None]]:
    """Encode one part; yields the share [0, 1] of it that is done, and at the end what it became."""
    if isinstance(source, StillSource):
        still = next(source.frames()).picture()
        film.begin_part(source.facts, None, None)
        for step in range(round(STILL_SECONDS * 25)):
            film.add_picture(still, step / 25, (step + 1) / 25)
        film.end_part(STILL_SECONDS)
        yield 1.0, Piece(0.0, 0.0, round(STILL_SECONDS * 25))
        return
    sound: Sound | None = None
    origin, end, count = 0.0, 0.0, 0
    try:
        for shown in shown_between(source, part.start_seconds, part.end_seconds):
            if not count:
                origin = shown.begin_seconds
                sound = film.sound_of(part.path, shown.frame, origin, decode)
                film.begin_part(source.facts, shown.frame, sound)
            count, end = count + 1, shown.end_seconds
            film.add_frame(shown.frame, shown.begin_seconds - origin, end - origin)
            yield min(1.0, (end - origin) / (part.end_seconds - part.start_seconds)), None
        film.end_part(end - origin)
    finally:
        if sound is not None:
            sound.close()
    yield 1.0, Piece(round(origin, 6), round(end, 6), count)


def _zero_seconds(decoded: Any, frame: Frame) -> float:
    """Where 0 s of the video is on the container's clock, which the sound shares."""
    return float(decoded.pts * decoded.time_base) - frame.time_seconds


class _Film:
    """The file that is written. Pictures and sound go in turn, so that players need not jump in it."""

    def __init__(self, target: Path, sound: Format | None, most_bytes: int, reel: bool) -> None:
        self._target, self._most_bytes, self._reel = target, most_bytes, reel
        self._sound_format: Format | None = sound
        self._sound: Sound | None = None
        self._tags: Tags | None = None
        self._written = self._part_ticks = self._next_sample = 0
        self._is_first = True
        self._container: Any = None
        self._video: Any = None
        self._audio: Any = None
        self.size_wh = 0, 0

    def _open(self, facts: MediaFacts, first: Frame | None) -> None:
        # H.264 halves its colour planes: sizes must be even.
        self.size_wh = max(2, facts.width // 2 * 2), max(2, facts.height // 2 * 2)
        if not self._reel and first is not None:
            self._tags = _ready_tags(getattr(first, "decoded", None), self.size_wh)
        options = {"movflags": "+faststart"}
        self._container = av.open(str(self._target), "w", format="mp4", container_options=options)
        rate = Fraction(facts.fps).limit_denominator(1001) if facts.fps else _USUAL_RATE
        self._video = self._add_video(min(max(rate, Fraction(1)), Fraction(240)))
        self._audio = self._add_audio(self._sound_format) if self._sound_format else None

    def _add_video(self, rate: Fraction) -> Any:
        gop = str(round(rate * _KEYFRAME_SECONDS))
        stream: Any = self._container.add_stream("libx264", rate=rate, options={**_VIDEO_OPTIONS, "g": gop})
        stream.width, stream.height = self.size_wh
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = _BASE
        tags = self._tags or (_BT709, _BT709, _BT709, _LIMITED)
        context = stream.codec_context
        context.flags |= Flags.frame_duration  # the last frame too lasts as long as we say
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = tags
        return stream

    def _add_audio(self, sound: Format) -> Any:
        stream: Any = self._container.add_stream("aac", rate=sound.rate, layout=sound.layout)
        stream.bit_rate = _SOUND_BITS_PER_SECOND
        return stream

    def sound_of(
        self, path: Path, first: Frame, origin_seconds: float, decode: DecodeSettings
    ) -> Sound | None:
        """The sound of a part, from ``origin_seconds`` of the file's time on."""
        decoded = getattr(first, "decoded", None)
        if self._sound_format is None or decoded is None:
            return None
        zero = _zero_seconds(decoded, first)
        return Sound(path, self._sound_format, zero + origin_seconds, decode)

    def begin_part(self, facts: MediaFacts, first: Frame | None, sound: Sound | None) -> None:
        """The first part decides size, frame rate and colours of the whole."""
        if self._container is None:
            self._open(facts, first)
        self._sound, self._is_first = sound, True

    def add_frame(self, frame: Frame, begin_seconds: float, end_seconds: float) -> None:
        """A frame at a time of its part."""
        decoded = getattr(frame, "decoded", None)
        if self._tags is not None and decoded is not None and self._is_ready(decoded):
            self._encode(decoded, begin_seconds, end_seconds)
        else:
            self.add_picture(frame.picture(), begin_seconds, end_seconds)

    def add_picture(self, picture: Image, begin_seconds: float, end_seconds: float) -> None:
        """RGB, displayed orientation, of any size."""
        frame = av.VideoFrame.from_ndarray(_on_canvas(picture, self.size_wh, self._reel), "rgb24")
        _, _, _, span = self._tags or (0, 0, 0, _LIMITED)
        space = self._tags[0] if self._tags else _BT709
        frame = frame.reformat(format="yuv420p", dst_colorspace=space, dst_color_range=span)
        self._encode(frame, begin_seconds, end_seconds)

    def _is_ready(self, frame: Any) -> bool:
        return (frame.width, frame.height) == self.size_wh and frame.format.name in _READY_FORMATS

    def _encode(self, frame: Any, begin_seconds: float, end_seconds: float) -> None:
        begin, end = round(begin_seconds * TICKS), round(end_seconds * TICKS)
        frame.pts, frame.time_base, frame.duration = self._part_ticks + begin, _BASE, max(1, end - begin)
        # What it was in its source must not decide what it becomes; a part of a reel begins anew.
        frame.pict_type = PictureType.I if self._is_first else PictureType.NONE
        self._is_first = False
        self._container.mux(self._video.encode(frame))
        self._add_sound_until(self._part_ticks + end)
        self._written += 1
        if self._written % _LOOK_AT_SIZE_EVERY == 0:
            self._check_size()

    def _add_sound_until(self, ticks: int) -> None:
        if self._audio is None or self._sound_format is None:
            return
        count = round(ticks * self._sound_format.rate / TICKS) - self._next_sample
        if count <= 0:
            return
        empty = np.zeros((self._sound_format.channels, count), np.float32)
        samples = empty if self._sound is None else self._sound.read(count)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", self._sound_format.layout)
        frame.sample_rate, frame.pts = self._sound_format.rate, self._next_sample
        frame.time_base = Fraction(1, self._sound_format.rate)
        self._next_sample += count
        self._container.mux(self._audio.encode(frame))

    def end_part(self, length_seconds: float) -> None:
        self._part_ticks += round(length_seconds * TICKS)

    def finish(self) -> None:
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))
        self._check_size()
        self._container.close()

    def abandon(self) -> None:
        # It is not whole, and is about to be removed.
        with contextlib.suppress(Exception):
            if self._container is not None:
                self._container.close()

    def _check_size(self) -> None:
        check_size(self._target, self._most_bytes)


def check_size(target: Path, most_bytes: int) -> None:
    """Raises MediaRefused. The file is there once the first packet is written."""
    if target.exists() and target.stat().st_size > most_bytes:
        raise MediaRefused(f"The clip is larger than {most_bytes >> 20} MB; ask for a shorter one.")


def _ready_tags(first: Any, size_wh: tuple[int, int]) -> Tags | None:
    """The colour tags of a video whose frames the encoder can take as they are: eight bits, upright, square
    pixels, no HDR. None where they must be converted."""
    if first is None or first.format.name not in _READY_FORMATS or orientation(first) != Orientation():
        return None
    if (first.width, first.height) != size_wh or first.color_trc in (_PQ, _HLG):
        return None
    span = first.color_range or _READY_FORMATS[first.format.name]
    return first.colorspace, first.color_primaries, first.color_trc, span


def _on_canvas(picture: Image, size_wh: tuple[int, int], fitted: bool) -> Image:
    """Fitted in with black round it, or with the odd last line or column cut off."""
    width, height = size_wh
    if not fitted and picture.shape[1] - width in (0, 1) and picture.shape[0] - height in (0, 1):
        return np.ascontiguousarray(picture[:height, :width])
    if picture.shape[:2] == (height, width):
        return picture
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner_w, inner_h = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner_w) // 2, (height - inner_h) // 2
    canvas[top : top + inner_h, left : left + inner_w] = resize(picture, inner_w, inner_h)
    return canvas
