"""Small real media, made on the spot. Frames carry their number, so that times are proved, not assumed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
BITS = 8
SMALL = (128, 72)

# Corners of ``quarters``: top left, top right, bottom left, bottom right.
RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (240, 240, 240)


def numbered(number: int, width: int = SMALL[0], height: int = SMALL[1]) -> Image:
    """A frame that shows ``number`` in [0, 255] as eight upright bars, dark or light, highest bit left."""
    image = np.full((height, width, 3), 20, np.uint8)
    edges = [width * bit // BITS for bit in range(BITS + 1)]
    for bit in range(BITS):
        if number >> (BITS - 1 - bit) & 1:
            image[:, edges[bit] : edges[bit + 1]] = 235
    return image


def number_of(image: Image) -> int:
    """What ``numbered`` painted, at any size and after any codec."""
    width = image.shape[1]
    number = 0
    for bit in range(BITS):
        middle = int(width * (bit + 0.5) / BITS)
        number = number * 2 + int(image[:, middle].mean() > 128)
    return number


def count_up(frames: int, size: tuple[int, int] = SMALL) -> list[Image]:
    return [numbered(number, *size) for number in range(frames)]


def quarters(width: int = SMALL[0], height: int = SMALL[1]) -> Image:
    """Red, green over blue, white: shows which way up a picture is."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = BLUE, WHITE
    return image


def corners_of(image: Image) -> list[str]:
    """Names of the colours in the middle of each quarter, in reading order."""
    names = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
    height, width = image.shape[:2]
    found = []
    for y, x in ((1, 1), (1, 3), (3, 1), (3, 3)):
        pixel = image[height * y // 4, width * x // 4].astype(int)
        found.append(min(names, key=lambda name: int(np.abs(pixel - names[name]).sum())))
    return found


def textured(seed: int, size: tuple[int, int] = SMALL) -> Image:
    """A blocky picture of its own colours: two seeds differ as two scenes do."""
    width, height = size
    blocks = np.random.default_rng(seed).integers(0, 256, (-(-height // 8), -(-width // 8), 3), np.uint8)
    return np.kron(blocks, np.ones((8, 8, 1), np.uint8)).astype(np.uint8)[:height, :width]


def write_video(
    path: Path,
    images: Iterable[Image],
    *,
    fps: int | Fraction = 25,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    gop: int = 12,
    b_frames: int = 0,
    rotation: float = 0,
    pixel_aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    container_format: str | None = None,
    sound_seconds: float = 0,
    tags: dict[str, int] | None = None,
) -> Path:
    """Encode RGB images. ``pts`` counts in ``time_base`` (default: one per frame, 1 / fps);
    ``rotation`` is the display matrix's turn in degrees counterclockwise; ``tags`` are colour properties."""
    with av.open(str(path), "w", format=container_format, options=container_options or {}) as container:
        settings = _encoder_options(codec, options, b_frames)
        stream: Any = container.add_stream(codec, rate=fps, options=settings)
        images = iter(images)
        first = next(images)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = pixel_format
        stream.gop_size = gop
        if time_base:
            stream.time_base = stream.codec_context.time_base = time_base
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if rotation:
            stream.set_display_rotation(rotation)
        sound = _add_sound(container) if sound_seconds else None
        base = time_base or 1 / Fraction(fps)
        for index, image in enumerate(_chain(first, images)):
            frame = to_frame(image, pixel_format, tags)
            frame.pts, frame.time_base = (pts[index] if pts else index), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _write_sound(container, sound, sound_seconds)
    return path


def to_frame(image: NDArray[Any], pixel_format: str, tags: dict[str, int] | None = None) -> av.VideoFrame:
    """RGB pixels (uint8, or uint16 for deep formats) as a frame in ``pixel_format``."""
    source = av.VideoFrame.from_ndarray(image, "rgb48le" if image.dtype == np.uint16 else "rgb24")
    space = (tags or {}).get("colorspace")
    frame = source.reformat(format=pixel_format, dst_colorspace=space)
    for name, value in (tags or {}).items():
        setattr(frame, name, value)
    return frame


def write_sound(path: Path, seconds: float = 1.0, cover: Image | None = None) -> Path:
    """A file with sound only, with ``cover`` as an attached picture if one is given."""
    mp3 = path.suffix == ".mp3"
    with av.open(str(path), "w", format="mp3" if mp3 else "mp4") as container:
        sound = _add_sound(container, "libmp3lame" if mp3 else "aac")
        picture: Any = None
        if cover is not None:
            picture = container.add_stream("mjpeg")
            picture.height, picture.width = cover.shape[:2]
            picture.pix_fmt = "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            for packet in picture.encode(to_frame(cover, "yuvj420p")) + picture.encode(None):
                container.mux(packet)
        _write_sound(container, sound, seconds)
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims this size and holds one compressed line of zeros."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(100))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _encoder_options(codec: str, options: dict[str, str] | None, b_frames: int) -> dict[str, str]:
    own = {"libx264": {"preset": "ultrafast", "crf": "12", "bf": str(b_frames), "sc_threshold": "0"}}
    own["libx265"] = {"preset": "ultrafast", "x265-params": f"log-level=none:bframes={b_frames}"}
    own["mpeg4"] = {"bf": str(b_frames), "b": "2000000"}
    return {**own.get(codec, {}), **(options or {})}


def _chain(first: Image, others: Iterator[Image]) -> Iterator[Image]:
    yield first
    yield from others


def _add_sound(container: Any, codec: str = "aac") -> Any:
    return container.add_stream(codec, rate=44100, layout="mono")


def _write_sound(container: Any, stream: Any, seconds: float) -> None:
    total, size = int(seconds * 44100), 1024
    for start in range(0, total, size):
        wave = np.sin(np.arange(start, start + size) * 0.05)[None].astype(np.float32) * 0.3
        frame = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
