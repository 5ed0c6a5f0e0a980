"""Opening media safely: what is looked at, what is refused, and what a container says about itself."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from core.errors import MediaBroken, MediaError, MediaRefused, MediaSkipped
from core.settings import DecodeSettings
from ingest.convert import displayed_size, orientation
from ingest.media import MediaFacts

# Names of demuxers. Nothing here opens a second file: no hls, dash, concat, image patterns or playlists.
CONTAINERS = (
    "mov", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "mxf", "ivf",
    "h264", "hevc", "m4v", "dv", "nut",
)  # fmt: skip
# Opened only to be able to say that there is nothing to see in them.
SOUND_CONTAINERS = ("mp3", "flac", "wav", "aac", "aiff", "ac3", "amr", "caf")
CODECS = frozenset({
    "h264", "hevc", "vvc", "av1", "libdav1d", "libaom-av1", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg4",
    "mpeg1video", "mpeg2video", "mpegvideo", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "wmv1", "wmv2", "wmv3",
    "vc1", "h261", "h263", "h263p", "h263i", "flv", "theora", "mjpeg", "prores", "dnxhd", "dvvideo", "ffv1",
    "huffyuv", "ffvhuff", "utvideo", "cinepak", "svq1", "svq3", "vp3", "vp6", "vp6f", "vp6a", "rawvideo",
    "qtrle", "png",
})  # fmt: skip
STATES_ITS_DURATION = ("mov", "matroska", "avi", "asf", "flv", "ogg", "mxf")
PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<smil", b"<MPD", b"<?xml", b"v=0\r", b"v=0\n")
PICTURES_NOT_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
HEAD_BYTES = 4096


def read_head(path: Path) -> bytes:
    """The first 4096 bytes of a regular file. Raises MediaBroken with a sentence for anything else."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise MediaBroken(f"{path.name} is not a regular file.")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        raise MediaBroken(f"{path.name} does not exist (any more).") from None
    except PermissionError:
        raise MediaBroken(f"{path.name} may not be read by this user; change its permissions.") from None
    except OSError as error:
        raise MediaBroken(f"{path.name} cannot be read: {error.strerror or error}.") from None
    if not head:
        raise MediaBroken(f"{path.name} is empty (0 bytes).")
    return head


@dataclass(slots=True)
class OpenVideo:
    """An open container and the one stream that is looked at. Close it."""

    path: Path
    container: Any
    stream: Any
    start_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.start_seconds = (self.container.start_time or 0) / av.time_base

    def close(self) -> None:
        self.container.close()

    @property
    def container_name(self) -> str:
        return str(self.container.format.name).split(",")[0]

    @property
    def pixel_aspect(self) -> Fraction | None:
        return _fraction(self.stream.sample_aspect_ratio)

    @property
    def fps(self) -> float | None:
        rate = _fraction(self.stream.average_rate or self.stream.guessed_rate)
        return float(rate) if rate else None

    def stream_seconds(self) -> float | None:
        """Length of the video stream, where the container states it for the stream itself."""
        if self.container_name not in STATES_ITS_DURATION:
            return None
        if self.container_name == "avi" and self.stream.frames and self.fps:
            # What is cut off an AVI is also missing from its duration, but not from this number.
            return float(self.stream.frames / self.fps)
        if self.stream.duration and self.stream.duration > 0:
            return float(self.stream.duration * self.stream.time_base)
        tagged = _seconds_from_tag(self.stream.metadata.get("DURATION", ""))
        return None if tagged is None else max(0.0, tagged - self._first_seconds())

    def container_seconds(self) -> float | None:
        """Length of the longest stream, where the container states it."""
        if self.container_name not in STATES_ITS_DURATION or not self.container.duration:
            return None
        seconds = self.container.duration / av.time_base - self._first_seconds()
        return seconds if seconds > 0 else None

    def _first_seconds(self) -> float:
        """Matroska counts its lengths from 0, wherever the first frame is."""
        return self.start_seconds if self.container_name in ("matroska", "webm") else 0.0


def open_video(path: Path, decode: DecodeSettings) -> OpenVideo:
    """Open the container and choose its video stream; nothing is decoded for the caller yet.

    Raises MediaBroken, MediaSkipped (nothing to see in it) or MediaRefused (over a limit, not allowed).
    """
    head = read_head(path)
    try:
        # An absolute file: address is never taken for a network address or another protocol's.
        container = av.open(
            f"file:{path.absolute()}",
            container_options={
                "format_whitelist": ",".join(CONTAINERS + SOUND_CONTAINERS),
                "protocol_whitelist": "file",
            },
            metadata_errors="replace",
        )
    except MemoryError:
        raise
    except (av.FFmpegError, OSError, ValueError):
        raise _why_not_opened(path, head) from None
    try:
        stream = _choose_stream(path, container)
        _check_codec(path, stream)
        _check_limits(path, container, stream, decode)
        _prepare(stream, decode)
    except MediaError:
        container.close()
        raise
    return OpenVideo(path, container, stream)


def facts_of(video: OpenVideo, first_frame: av.VideoFrame, decode: DecodeSettings) -> MediaFacts:
    """Facts with the displayed size; rotation stands in the first frame."""
    way = orientation(first_frame)
    width, height = displayed_size(first_frame.width, first_frame.height, video.pixel_aspect, way.swap)
    check_pixels(video.path, width, height, decode)
    return MediaFacts(
        "video", video.container_name, video.stream.codec_context.name, width, height,
        video.stream_seconds() or video.container_seconds(), video.fps, way.rotation_degrees,
    )  # fmt: skip


def check_pixels(path: Path, width: int, height: int, decode: DecodeSettings) -> None:
    if width * height > decode.max_pixels:
        raise MediaRefused(
            f"{path.name} has {width} x {height} pixels; at most {decode.max_pixels / 1e6:g} megapixels are "
            "read (decode.max_pixels)."
        )


def check_duration(path: Path, seconds: float, decode: DecodeSettings) -> None:
    if seconds > decode.max_duration_hours * 3600:
        raise MediaRefused(
            f"{path.name} is {seconds / 3600:.1f} hours long; at most {decode.max_duration_hours:g} are read "
            "(decode.max_duration_hours)."
        )


def _why_not_opened(path: Path, head: bytes) -> MediaError:
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(PLAYLISTS):
        return MediaRefused(f"{path.name} is a playlist or description; name the media files themselves.")
    return MediaBroken(f"{path.name} is not a media file this build can read, or its header is damaged.")


def _choose_stream(path: Path, container: Any) -> Any:
    videos = [s for s in container.streams.video if not s.disposition & PICTURES_NOT_VIDEO]
    if not videos:
        what = "only sound" if container.streams.audio else "no pictures"
        raise MediaSkipped(f"{path.name} holds {what}: there is nothing to see in it.")
    return max(videos, key=_preference)


def _preference(stream: Any) -> tuple[bool, bool, int]:
    """Decodable before not, the container's default before others, then the larger."""
    context = stream.codec_context
    pixels = (context.width or 0) * (context.height or 0) if context is not None else 0
    return context is not None, bool(stream.disposition & Disposition.default), pixels


def _check_codec(path: Path, stream: Any) -> None:
    if stream.codec_context is None:
        raise MediaRefused(f"{path.name} uses a codec this build cannot decode; convert it to H.264.")
    name = stream.codec_context.name
    if name not in CODECS:
        raise MediaRefused(f"{path.name} uses the codec {name}, which is not allowed; convert it to H.264.")


def _check_limits(path: Path, container: Any, stream: Any, decode: DecodeSettings) -> None:
    check_pixels(path, stream.codec_context.width or 0, stream.codec_context.height or 0, decode)
    if container.duration and container.duration > 0:
        check_duration(path, container.duration / av.time_base, decode)


def _prepare(stream: Any, decode: DecodeSettings) -> None:
    context = stream.codec_context
    # Given to av.open() this option is ignored; here the decoder itself refuses before it allocates.
    context.options = {**context.options, "max_pixels": str(decode.max_pixels)}
    context.thread_type = "AUTO"
    context.thread_count = decode.threads


def _seconds_from_tag(text: str) -> float | None:
    """Matroska writes the length of each stream as a tag.

    >>> _seconds_from_tag("00:01:10.500000000")
    70.5
    """
    try:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None


def _fraction(value: Any) -> Fraction | None:
    if value is None or not value.denominator:
        return None
    return Fraction(int(value.numerator), int(value.denominator)) or None
