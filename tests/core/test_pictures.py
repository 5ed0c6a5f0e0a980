from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from core.errors import InvalidImage
from core.pictures import PictureTooLarge, encode_jpeg, fit, read_picture, resize_to_fit
from tests.support.media_factory import corners_of, png_header, quarters, textured

CAP = 50_000_000
UPRIGHT = ["red", "green", "blue", "white"]
ORIENTATION = 0x0112


def saved(picture: Pillow.Image, kind: str, **settings: Any) -> bytes:
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    data = BytesIO()
    picture.save(data, kind, **settings)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF"])
def test_formats(kind: str) -> None:
    image = read_picture(saved(Pillow.fromarray(quarters()), kind), CAP)
    assert image.shape == (72, 128, 3)
    assert image.dtype == np.uint8
    assert corners_of(image) == UPRIGHT


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(kind: str, orientation: int) -> None:
    stored = {
        1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a.transpose(1, 0, 2), 2), 8: lambda a: np.rot90(a, -1),
    }[orientation](quarters())  # fmt: skip
    exif = Pillow.Exif()
    exif[ORIENTATION] = orientation
    data = saved(Pillow.fromarray(np.ascontiguousarray(stored)), kind, exif=exif.tobytes())
    image = read_picture(data, CAP)
    assert image.shape == (72, 128, 3)
    assert corners_of(image) == UPRIGHT


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_transparent_parts_are_white(kind: str) -> None:
    layer = np.zeros((40, 40, 4), np.uint8)
    layer[:20] = (220, 30, 30, 255)
    settings = {"lossless": True} if kind == "WEBP" else {}
    image = read_picture(saved(Pillow.fromarray(layer), kind, **settings), CAP)
    assert image[30, 20].min() > 250
    assert corners_of(image)[0] == "red"


def test_palette_with_a_transparent_colour() -> None:
    picture = Pillow.fromarray(quarters()).quantize(4)
    index = picture.getpixel((0, 0))
    assert isinstance(index, int)
    image = read_picture(saved(picture, "PNG", transparency=index), CAP)
    assert corners_of(image) == ["white", "green", "blue", "white"]


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA"])
def test_modes(mode: str) -> None:
    grey = Pillow.fromarray(np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None], 32, 0)).convert(mode)
    image = read_picture(saved(grey, "PNG"), CAP)
    assert image.shape == (32, 64, 3)
    assert image[:, 4].mean() < 60 < 200 < image[:, -4].mean()


def test_sixteen_bit_grey_keeps_its_scale() -> None:
    ramp = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None], 32, 0)
    image = read_picture(saved(Pillow.fromarray(ramp), "PNG"), CAP)
    assert np.abs(image[0, :, 0].astype(int) - (ramp[0] >> 8)).max() <= 1


def test_cmyk() -> None:
    image = read_picture(saved(Pillow.fromarray(quarters()).convert("CMYK"), "JPEG", quality=95), CAP)
    assert corners_of(image) == UPRIGHT


def test_an_embedded_profile_is_brought_to_srgb() -> None:
    lab = ImageCms.createProfile("LAB")
    plain = saved(Pillow.fromarray(quarters()), "PNG")
    assert (read_picture(plain, CAP) == quarters()).all()
    same = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tagged = read_picture(saved(Pillow.fromarray(quarters()), "PNG", icc_profile=same), CAP)
    assert np.abs(tagged.astype(int) - quarters()).max() <= 2
    # A profile that does not fit the picture changes nothing and is no error.
    wrong = saved(Pillow.fromarray(quarters()), "PNG", icc_profile=ImageCms.ImageCmsProfile(lab).tobytes())
    assert (read_picture(wrong, CAP) == quarters()).all()


def test_a_profile_with_other_primaries_changes_the_colours() -> None:
    swapped = _profile_with_red_and_green_swapped()
    image = read_picture(saved(Pillow.fromarray(quarters()), "PNG", icc_profile=swapped), CAP)
    assert corners_of(image) == ["green", "red", "blue", "white"]


def _profile_with_red_and_green_swapped() -> bytes:
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    entries = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    places = data[red + 4 : red + 12], data[green + 4 : green + 12]
    data[green + 4 : green + 12], data[red + 4 : red + 12] = places
    return bytes(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_max_side_bounds_the_result(kind: str) -> None:
    data = saved(Pillow.fromarray(quarters(1600, 900)), kind)
    image = read_picture(data, CAP, max_side=160)
    assert image.shape == (90, 160, 3)
    assert corners_of(image) == UPRIGHT
    assert read_picture(data, CAP, max_side=5000).shape == (900, 1600, 3)


def test_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode_jpeg(quarters(), 95))
    assert corners_of(read_picture(path, CAP)) == UPRIGHT
    with pytest.raises(InvalidImage, match="no such file"):
        read_picture(tmp_path / "gone.jpg", CAP)


@pytest.mark.parametrize("side", [8_000, 15_000, 60_000])
def test_a_bomb_is_refused_from_its_header(side: int) -> None:
    data = png_header(side, side)
    assert len(data) < 200
    with pytest.raises(PictureTooLarge, match="megapixels"):
        read_picture(data, CAP)


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Pillow.fromarray(quarters()), Pillow.fromarray(np.zeros((72, 128, 3), np.uint8))]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert corners_of(read_picture(data, CAP)) == UPRIGHT


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty"),
        (b"hello" * 100, "not a picture that can be read"),
        (saved(Pillow.fromarray(textured(1)), "JPEG")[:900], "damaged"),
        (png_header(64, 64), "damaged"),
        (saved(Pillow.fromarray(textured(1)), "BMP"), "not a picture that can be read"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(InvalidImage, match=sentence) as caught:
        read_picture(data, CAP)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((10, 10), (10, 10)), ((200, 100), (100, 50)), ((1000, 1), (100, 1)), ((1, 1), (1, 1))],
)
def test_fit_keeps_proportions_and_at_least_a_pixel(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fit(*size, 100) == expected
    resized = resize_to_fit(np.zeros((*size[::-1], 3), np.uint8), 100)
    assert resized.shape == (*expected[::-1], 3)


def test_jpeg_round_trip_keeps_colours() -> None:
    assert corners_of(read_picture(encode_jpeg(quarters(), 90), CAP)) == UPRIGHT
