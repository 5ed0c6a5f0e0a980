from __future__ import annotations

import numpy as np
import pytest

from core.types import Vectors
from search.known_pictures import KnownPictures
from search.query import Box, Mode

PICTURE = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
OTHER = PICTURE[::-1].copy()
BOX: Box = (0.1, 0.2, 0.5, 0.9)


class Describes:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Vectors:
        self.times += 1
        return np.full((1, 4), self.times, np.float32)


def test_the_same_pixels_are_described_once() -> None:
    known, describe = KnownPictures(), Describes()
    first = known.vectors("object", PICTURE, BOX, describe)
    assert np.array_equal(known.vectors("object", PICTURE.copy(), BOX, describe), first)
    assert describe.times == 1
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 9


def test_another_picture_box_mode_or_shape_is_another_question() -> None:
    known, describe = KnownPictures(), Describes()
    asked: list[tuple[Mode, np.ndarray, Box | None]] = [
        ("object", PICTURE, BOX), ("scene", PICTURE, BOX), ("object", PICTURE, None), ("object", OTHER, BOX),
        ("object", PICTURE.reshape(5, 4, 3), BOX), ("object", PICTURE[:, ::-1], BOX),
    ]  # fmt: skip
    for _ in range(2):
        found = [known.vectors(mode, image, box, describe)[0, 0] for mode, image, box in asked]
        assert found == [1, 2, 3, 4, 5, 6]


def test_the_one_not_asked_for_longest_goes() -> None:
    known, describe = KnownPictures(most=2), Describes()
    for image in (PICTURE, OTHER, PICTURE, PICTURE[1:], PICTURE):
        known.vectors("scene", image, None, describe)
    assert describe.times == 3
    known.vectors("scene", OTHER, None, describe)
    assert describe.times == 4


def test_what_fails_is_not_kept() -> None:
    known, describe = KnownPictures(), Describes()

    def fails() -> Vectors:
        raise LookupError("no face")

    with pytest.raises(LookupError):
        known.vectors("face", PICTURE, None, fails)
    assert known.vectors("face", PICTURE, None, describe)[0, 0] == 1
