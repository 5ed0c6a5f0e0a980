"""Pictures as open_clip's own transform makes them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from core.errors import ModelUnavailable
from core.types import Image
from embed.preprocess import Preprocess

STRIP_GREY_LEVELS = 20
"""Of a long strip we compute the middle only, and Pillow then takes rows and columns in the other order."""

MODES = list(itertools.product(("shortest", "longest", "squash"), ("bicubic", "bilinear")))


def theirs(image: Image, mode: str, interpolation: str, side: int) -> Image:
    """The picture that open_clip's transform gives, before mean and deviation."""
    transform = pytest.importorskip("open_clip.transform")
    from PIL import Image as Pillow

    given = {"size": side, "resize_mode": mode, "interpolation": interpolation, "mean": (0.0,) * 3,
             "std": (1.0,) * 3}
    apply = transform.image_transform_v2(transform.PreprocessCfg(**given), is_train=False)
    tensor = apply(Pillow.fromarray(image))
    return np.asarray((tensor.numpy().transpose(1, 2, 0) * 255).round(), np.uint8)


@pytest.mark.parametrize(("mode", "interpolation"), MODES)
@pytest.mark.parametrize("side", [64, 224, 256])
def test_photographs_are_as_open_clip_makes_them(
    photographs: dict[str, Image], mode: str, interpolation: str, side: int
) -> None:
    ours = Preprocess.of(side, {"resize_mode": mode, "interpolation": interpolation})
    for name, image in photographs.items():
        for part in (image, image[:200, 30:450], image[10:400, 40:135], image[:37, :53]):
            expected = theirs(part, mode, interpolation, side)
            assert (ours.apply(part) == expected).all(), f"{name} {part.shape}"


def test_the_middle_of_a_strip_is_nearly_as_open_clip_makes_it(photographs: dict[str, Image]) -> None:
    for strip in (photographs["coffee"][:30, :400], photographs["china"][20:400, 300:330]):
        expected = theirs(strip, "shortest", "bicubic", 64)
        difference = np.abs(Preprocess(64).apply(strip).astype(int) - expected)
        assert difference.max() <= STRIP_GREY_LEVELS
        assert difference.mean() < 0.5


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (999, 2), (256, 256), (255, 257)])
@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
def test_odd_sizes_come_out_square(size: tuple[int, int], mode: str) -> None:
    image = np.full((*size, 3), 99, np.uint8)
    result = Preprocess.of(256, {"resize_mode": mode, "fill_color": 99}).apply(image)
    assert result.shape == (256, 256, 3)
    assert (result == 99).all()


def test_the_middle_is_kept() -> None:
    image = np.zeros((64, 192, 3), np.uint8)
    image[:, 64:128] = 200
    assert (Preprocess(64).apply(image) == 200).mean() > 0.96


def test_what_is_not_square_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match="input must be square"):
        Preprocess.of([224, 112], {})


def test_it_reads_as_a_fingerprint() -> None:
    text = str(Preprocess.of(224, {"mean": 0.5, "std": [0.5, 0.5, 0.25]}))
    assert text == "rgb, shortest 224 bicubic, 0.5,0.5,0.5,0.5,0.5,0.25"
