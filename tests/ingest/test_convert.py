"""Colours of decoded frames: matrix, range, depth, HDR."""

from __future__ import annotations

import gc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.settings import DecodeSettings
from core.types import Image
from ingest.convert import Orientation, displayed_size, to_sdr
from ingest.frames import open_source
from tests.support.media_factory import corners_of, quarters, write_video

BT601, BT709, BT2020 = 5, 1, 9
PQ, HLG, PRIMARIES_2020 = 16, 18, 9


def first_picture(path: Path, max_side: int | None = None) -> tuple[Image, Image]:
    source = open_source(path, DecodeSettings())
    frame = next(iter(source.frames()))
    picture, thumbnail = frame.picture(max_side), frame.thumbnail_bgr()
    source.close()
    return picture, thumbnail


def worst_difference(image: Image, expected: Image) -> int:
    height, width = expected.shape[:2]
    spots = [(height * y // 4, width * x // 4) for y in (1, 3) for x in (1, 3)]
    return max(int(np.abs(image[spot].astype(int) - expected[spot]).max()) for spot in spots)


@pytest.mark.parametrize(
    ("codec", "pixel_format", "space", "color_range"),
    [
        ("libx264", "yuv420p", BT709, 1),
        ("libx264", "yuv420p", BT601, 1),
        ("libx264", "yuvj420p", BT709, 2),
        ("libx264", "yuv444p", BT709, 1),
        ("libx265", "yuv420p10le", BT709, 1),
        ("libx265", "yuv420p10le", BT2020, 1),
        ("prores_ks", "yuv422p10le", BT709, 1),
    ],
)
def test_colours_come_back(
    tmp_path: Path, codec: str, pixel_format: str, space: int, color_range: int
) -> None:
    tags = {"colorspace": space, "color_range": color_range}
    images = [quarters()] * 2
    path = write_video(tmp_path / "a.mov", images, codec=codec, pixel_format=pixel_format, tags=tags)
    picture, thumbnail = first_picture(path)
    assert worst_difference(picture, quarters()) <= 6
    smaller, _ = first_picture(path, max_side=61)
    assert smaller.shape == (34, 61, 3)
    assert worst_difference(smaller, quarters(61, 34)) <= 6
    assert corners_of(thumbnail[..., ::-1]) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize(("size", "space"), [((128, 72), BT601), ((1280, 720), BT709)])
def test_untagged_files_get_the_matrix_of_their_size(
    tmp_path: Path, size: tuple[int, int], space: int
) -> None:
    frame = quarters(*size)
    tagged = {"colorspace": space, "color_range": 1}
    path = write_video(tmp_path / "tagged.mkv", [frame], codec="ffv1", pixel_format="yuv420p", tags=tagged)
    data = path.read_bytes()
    right, _ = first_picture(path)
    assert worst_difference(right, frame) <= 6
    # Matroska keeps the matrix as element 0x55B1; 2 says "unspecified".
    place = data.index(b"\x55\xb1\x81") + 3
    assert data[place] in (1, 5, 6)
    path.write_bytes(data[:place] + b"\x02" + data[place + 1 :])
    untagged, _ = first_picture(path)
    assert worst_difference(untagged, frame) <= 6


def pq_signal(nits: float) -> float:
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = (nits / 10000) ** m1
    return float(((c1 + c2 * power) / (1 + c3 * power)) ** m2)


def test_pq_diffuse_white_is_bright_and_highlights_do_not_clip(tmp_path: Path) -> None:
    levels = [0.1, 20, 203, 1000]
    deep = np.zeros((72, 128, 3), np.uint16)
    for i, nits in enumerate(levels):
        deep[:, i * 32 : (i + 1) * 32] = round(pq_signal(nits) * 65535)
    tags = {"colorspace": BT2020, "color_range": 1, "color_trc": PQ, "color_primaries": PRIMARIES_2020}
    name, codec, pixel_format = "pq.mkv", "libx265", "yuv420p10le"
    path = write_video(tmp_path / name, [deep] * 2, codec=codec, pixel_format=pixel_format, tags=tags)
    picture, _ = first_picture(path)
    shades = [int(picture[36, i * 32 + 16].mean()) for i in range(4)]
    assert shades == sorted(shades)
    assert shades[0] < 15
    assert shades[1] == pytest.approx(255 * (1.055 * (20 / 203) ** (1 / 2.4) - 0.055), abs=5)
    assert 205 < shades[2] < 240
    assert shades[2] + 10 < shades[3] <= 255
    assert np.ptp(picture[36, 80].astype(int)) <= 4  # grey stays grey


def test_hlg_diffuse_white() -> None:
    # ITU-R BT.2408: diffuse white is 75 % of the HLG signal.
    signal = np.full((2, 2, 3), round(0.75 * 65535), np.uint16)
    shade = to_sdr(signal, hlg=True)
    assert 200 < shade.mean() < 245
    assert to_sdr(np.zeros((2, 2, 3), np.uint16), hlg=True).max() == 0


def test_wide_colours_stay_their_hue() -> None:
    red = np.zeros((1, 1, 3), np.uint16)
    red[..., 0] = round(pq_signal(150) * 65535)
    r, g, b = to_sdr(red, hlg=False)[0, 0]
    assert r > 150
    assert max(g, b) < 60


@pytest.mark.parametrize(
    ("aspect", "turned", "expected"),
    [
        (None, False, (640, 480)),
        (Fraction(4, 3), False, (853, 480)),
        (Fraction(8, 9), False, (640, 540)),
        (Fraction(4, 3), True, (480, 853)),
        (Fraction(1, 1000), False, (640, 480)),
        (Fraction(9000), False, (640, 480)),
    ],
)
def test_displayed_size(aspect: Fraction | None, turned: bool, expected: tuple[int, int]) -> None:
    assert displayed_size(640, 480, aspect, turned) == expected


def test_every_orientation_is_its_own_and_mirrors_keep_the_size() -> None:
    seen = set()
    for swap in (False, True):
        for mirror_x in (False, True):
            for mirror_y in (False, True):
                image = Orientation(swap, mirror_x, mirror_y).apply(quarters())
                assert image.shape == ((128, 72, 3) if swap else (72, 128, 3))
                assert image.flags.c_contiguous
                seen.add(tuple(corners_of(image)))
    assert len(seen) == 8


def test_no_frame_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [quarters(64, 48)] * 30, rotation=90)
    source = open_source(path, DecodeSettings())
    gc.collect()
    gc.disable()
    try:
        shapes = [frame.picture().shape for frame in source.frames()]
        left = [one for one in gc.get_objects() if type(one) is av.VideoFrame]
    finally:
        gc.enable()
        source.close()
    assert shapes == [(64, 48, 3)] * 30
    assert len(left) < 6  # the source's first, and the last ones on their way
