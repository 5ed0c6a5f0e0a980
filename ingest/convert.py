"""Decoded video frames -> what people see: right matrix, right range, right way up, square pixels."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, cast

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import ColorTrc, Interpolation, VideoReformatter
from numpy.typing import NDArray

from core.pictures import fit, resize
from core.types import Image

THUMBNAIL_SIDE_PX = 160
MAX_PIXEL_ASPECT = 8

_SPACE_UNSPECIFIED = 2
_SPACE_BT709, _SPACE_BT601, _SPACE_BT2020 = 1, 5, 9
_HD_HEIGHT_PX = 720
_PQ, _HLG = int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)

# Luma and chroma of these can be read in place: bytes per sample, shift to 8 bits, chroma subsampling
# across and down, and whether U and V share a plane.
_LAYOUTS = {
    "yuv420p": (1, 0, 2, 2, False), "yuvj420p": (1, 0, 2, 2, False), "yuv422p": (1, 0, 2, 1, False),
    "yuvj422p": (1, 0, 2, 1, False), "yuv444p": (1, 0, 1, 1, False), "yuvj444p": (1, 0, 1, 1, False),
    "nv12": (1, 0, 2, 2, True), "yuv420p10le": (2, 2, 2, 2, False), "yuv422p10le": (2, 2, 2, 1, False),
    "yuv444p10le": (2, 2, 1, 1, False),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Orientation:
    """How stored pixels become displayed ones: axes swapped first, then mirrored."""

    swap: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @property
    def rotation_degrees(self) -> int:
        """Clockwise turn: 0, 90, 180 or 270 (of a mirrored picture, the turn before its mirroring)."""
        if self.swap:
            return 90 if self.mirror_x else 270
        return 180 if self.mirror_y else 0

    def apply(self, image: Image) -> Image:
        if self.swap:
            image = image.transpose(1, 0, 2)
        if self.mirror_x:
            image = image[:, ::-1]
        if self.mirror_y:
            image = image[::-1]
        return np.ascontiguousarray(image)


def orientation(frame: av.VideoFrame) -> Orientation:
    """From the frame's display matrix, to the nearest quarter turn; mirrored matrices included."""
    data = cast(Any, frame.side_data).get(SideDataType.DISPLAYMATRIX)
    if data is None:
        return Orientation()
    a, b, _, c, d, *_ = np.frombuffer(bytes(data), np.int32)[:9].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


def displayed_size(width: int, height: int, pixel_aspect: Fraction | None, turned: bool) -> tuple[int, int]:
    """Width and height with square pixels, after rotation. Nothing shrinks: the short side of a pixel grows.

    >>> displayed_size(720, 576, Fraction(64, 45), False)
    (1024, 576)
    """
    if pixel_aspect and Fraction(1, MAX_PIXEL_ASPECT) <= pixel_aspect <= MAX_PIXEL_ASPECT:
        if pixel_aspect > 1:
            width = round(width * pixel_aspect)
        else:
            height = round(height / pixel_aspect)
    return (height, width) if turned else (width, height)


class Converter:
    """Turns frames of one stream into RGB; keeps the scaler's tables between frames."""

    def __init__(self, pixel_aspect: Fraction | None = None) -> None:
        self._pixel_aspect = pixel_aspect
        self._scaler = VideoReformatter()
        self._rotation: int | None = None
        self._way = Orientation()

    def picture(self, frame: av.VideoFrame, max_side: int | None = None) -> Image:
        """RGB, displayed orientation, longer side at most ``max_side``; HDR is brought to SDR."""
        way = self._orientation(frame)
        frame.colorspace = _matrix(frame)
        size = fit(*displayed_size(frame.width, frame.height, self._pixel_aspect, False), max_side)
        if frame.color_trc in (_PQ, _HLG):
            image = to_sdr(resize(self._rgb(frame, "rgb48le"), *size), hlg=frame.color_trc == _HLG)
        else:
            image = resize(self._rgb(_shrunk(frame, *size), "rgb24"), *size)
        return way.apply(image)

    def _orientation(self, frame: av.VideoFrame) -> Orientation:
        # A frame whose side data was asked for and that data hold one another: were it asked of every frame,
        # hundreds of megabytes of them would wait for the garbage collector.
        if frame.rotation != self._rotation:
            self._rotation, self._way = frame.rotation, orientation(frame)
        return self._way

    def _rgb(self, frame: av.VideoFrame, pixel_format: str) -> NDArray[Any]:
        # Converting first and averaging after it is twice as fast as one pass that does both: the
        # unscaled conversion has its own fast path.
        converted = self._scaler.reformat(
            frame, format=pixel_format, src_colorspace=frame.colorspace, interpolation=Interpolation.BILINEAR,
            src_color_range=frame.color_range, threads=1,
        )  # fmt: skip
        plane, depth = converted.planes[0], np.uint8 if pixel_format == "rgb24" else np.dtype("<u2")
        size = np.dtype(depth).itemsize
        # A view on the scaler's own memory; what is kept of it is the smaller copy that is made next.
        return np.ndarray(
            (frame.height, frame.width, 3), depth, cast(Any, plane), strides=(plane.line_size, 3 * size, size)
        )

    def thumbnail_bgr(self, frame: av.VideoFrame) -> Image:
        """Small BGR picture for comparing frames with each other: stored orientation, rough colours,
        squeezed to half its height."""
        layout = _LAYOUTS.get(frame.format.name)
        planes = frame.planes
        if layout is not None and all(plane.line_size > 0 for plane in planes):
            return _picked(frame, planes, *layout)
        width, height = _thumbnail_size(frame)
        small = self._scaler.reformat(
            frame, width, height, "bgr24", src_colorspace=_matrix(frame), interpolation=Interpolation.POINT,
            threads=1,
        )  # fmt: skip
        return np.asarray(small.to_ndarray())


def _matrix(frame: av.VideoFrame) -> int:
    """The colour matrix; where the file does not say, what players take for its size."""
    if frame.colorspace not in (0, _SPACE_UNSPECIFIED):
        return frame.colorspace
    if frame.color_trc in (_PQ, _HLG):
        return _SPACE_BT2020
    return _SPACE_BT709 if frame.height >= _HD_HEIGHT_PX else _SPACE_BT601


def _shrunk(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """An 8-bit 4:2:0 frame averaged down to this size, still 4:2:0: a fifth of the time that converting every
    pixel of a large frame takes. Any other frame, and one that does not shrink, is returned as it is."""
    planes = frame.planes
    planar = frame.format.name in ("yuv420p", "yuvj420p") and all(plane.line_size > 0 for plane in planes)
    if not planar or width >= frame.width or height >= frame.height:
        return frame
    small = av.VideoFrame(width, height, frame.format.name)
    small.colorspace, small.color_range = frame.colorspace, frame.color_range
    for old, new in zip(frame.planes, small.planes, strict=True):
        source = _samples(old, 1)[: old.height, : old.width]
        target = _samples(new, 1)[: new.height, : new.width]
        target[:] = cv2.resize(source, (new.width, new.height), interpolation=cv2.INTER_AREA)
    return small


def _picked(
    frame: av.VideoFrame, planes: Any, sample_bytes: int, shift: int, across: int, down: int, shared: bool
) -> Image:
    """Every n-th sample of each plane, without an average: over a whole frame the noise of single samples
    cancels, and a frame costs a few hundredths of a millisecond."""
    y, *chroma = (_samples(plane, sample_bytes) for plane in planes)
    u, v = (chroma[0][:, 0::2], chroma[0][:, 1::2]) if shared else chroma[:2]
    rows, columns = -(-frame.height // down), -(-frame.width // across)
    size = _thumbnail_size(frame)
    whole = (y[: frame.height, : frame.width], v[:rows, :columns], u[:rows, :columns])
    small = cv2.merge([cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST) for plane in whole])
    if shift:
        small = (np.asarray(small) >> shift).astype(np.uint8)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_YCrCb2BGR), np.uint8)


def _thumbnail_size(frame: av.VideoFrame) -> tuple[int, int]:
    # Rows cost memory traffic, columns of one row mostly share it: so half as many rows.
    width, height = fit(frame.width, frame.height, THUMBNAIL_SIDE_PX)
    return width, max(1, height // 2)


def _samples(plane: Any, sample_bytes: int) -> NDArray[Any]:
    values = np.frombuffer(plane, np.uint8 if sample_bytes == 1 else "<u2")
    length = plane.line_size // sample_bytes
    return values[: len(values) // length * length].reshape(-1, length)


def to_sdr(rgb48: NDArray[np.uint16], hlg: bool) -> Image:
    """BT.2020 PQ or HLG pixels, (height, width, 3) uint16 full range, as sRGB.

    Light relative to diffuse white (203 nits, ITU-R BT.2408) is kept up to one half and rolled off above;
    colours are moved to BT.709 primaries by the matrix of ITU-R BT.2087.
    """
    light: NDArray[np.float32] = _light_table(hlg)[rgb48]
    if hlg:
        # The HLG system gamma of 1.2 acts on luminance (ITU-R BT.2100).
        luminance = light @ _BT2020_LUMINANCE
        light *= (np.maximum(luminance, 1e-6) ** 0.2)[..., None] * np.float32(1000 / 203)
    light = np.clip(light @ _BT2020_TO_BT709.T, 0, None)
    brightest = light.max(axis=2, keepdims=True)
    light *= _roll_off(brightest) / np.maximum(brightest, 1e-6)
    return np.asarray(_srgb_table()[(light * 4095 + 0.5).astype(np.uint16)], np.uint8)


_BT2020_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


def _roll_off(light: NDArray[np.float32]) -> NDArray[np.float32]:
    above = np.maximum(light - 0.5, 0) * 2
    return np.asarray(np.minimum(light, 0.5) + 0.5 * above / (1 + above), np.float32)


@cache
def _light_table(hlg: bool) -> NDArray[np.float32]:
    """Signal 0..65535 to linear light; PQ relative to 203 nits, HLG to the scene's peak (ITU-R BT.2100)."""
    signal = np.arange(65536) / 65535
    if hlg:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        return np.asarray(light, np.float32)
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = signal ** (1 / m2)
    light = (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1) * 10000 / 203
    return np.asarray(light, np.float32)


@cache
def _srgb_table() -> NDArray[np.uint8]:
    light = np.arange(4096) / 4095
    signal = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(signal * 255), np.uint8)
