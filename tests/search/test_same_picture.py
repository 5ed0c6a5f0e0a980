"""Copies and what only looks like one: the same place at another time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bench.photographs import photograph
from core.types import Image
from search.alignment import Pairs, align
from search.same_picture import STILL_SIDE_PX, Film, films_agree, grey_square, stills_agree

PICTURE, WORST, CHANGE = 0.93, 0.65, 0.5


def picture(name: str) -> Image:
    return np.array(photograph(name), np.uint8)


def square(image: Image) -> NDArray[np.float32]:
    return grey_square(image, STILL_SIDE_PX)


def cropped(image: Image, share: float) -> Image:
    down, across = (round(side * share / 2) for side in image.shape[:2])
    return np.ascontiguousarray(image[down : image.shape[0] - down, across : image.shape[1] - across])


def compressed(image: Image, quality: int) -> Image:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "china"])
def test_copies_of_stills_agree(name: str) -> None:
    original = picture(name)
    brighter = np.clip(original * 1.2 + 8.0, 0, 255).astype(np.uint8)
    smaller = cv2.resize(original, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    for copy in (original, compressed(original, 20), cropped(original, 0.05), brighter,
                 np.asarray(smaller, np.uint8), compressed(cropped(original, 0.05), 30)):  # fmt: skip
        agreement = stills_agree(square(original), square(copy))
        assert agreement.picture >= PICTURE and agreement.worst <= WORST


def test_other_stills_do_not() -> None:
    left, right = square(picture("motorcycle")), square(picture("motorcycle_right"))
    assert stills_agree(left, right).picture < PICTURE, "one thing from two places"
    moved = picture("china")
    cv2.ellipse(moved, (500, 80), (24, 40), 0, 0, 360, (20, 20, 30), -1)
    assert stills_agree(square(picture("china")), square(moved)).worst > WORST, "somebody came in"


def passing(seed: int, seconds: float, fps: int) -> list[tuple[float, Image]]:
    """A camera that does not move, and three things that pass before it, each seed with its own."""
    rng = np.random.default_rng(seed)
    things = [(rng.uniform(0, 1), rng.uniform(0.3, 0.8), rng.uniform(-0.3, 0.3), rng.integers(0, 255, 3))
              for _ in range(3)]  # fmt: skip
    place = cv2.resize(picture("coffee"), (160, 90), interpolation=cv2.INTER_AREA)
    frames = []
    for number in range(int(seconds * fps)):
        image = np.ascontiguousarray(place, np.uint8)
        for x, y, speed, colour in things:
            centre = int(((x + speed * number / fps) % 1.2 - 0.1) * 160), int(y * 90)
            cv2.ellipse(image, centre, (9, 14), 0, 0, 360, [int(value) for value in colour], -1)
        frames.append((number / fps, image.copy()))
    return frames


def test_a_copy_of_a_film_agrees_and_its_offset_is_found() -> None:
    film = passing(1, 4, 25)
    copy = [(seconds + 0.32, compressed(cropped(image, 0.05), 50)) for seconds, image in film[::2]]
    agreement = films_agree(Film.of(film[25:75]), Film.of(copy), 0.0, 0.75)
    assert agreement is not None
    assert agreement.picture > 0.95 and agreement.change > CHANGE and agreement.moves > 0.06
    assert agreement.shift_seconds == pytest.approx(0.32, abs=0.05)


def test_the_same_place_at_another_time_does_not() -> None:
    one, other = Film.of(passing(1, 3, 12)), Film.of(passing(2, 3, 12))
    agreement = films_agree(one, other, 0.0, 0.75)
    assert agreement is not None and agreement.change < CHANGE
    assert films_agree(one, Film.of([]), 0.0, 0.75) is None


def rows(*pairs: tuple[float, float, float, float]) -> Pairs:
    table = np.array(pairs, np.float64).reshape(-1, 4)
    return Pairs(table[:, :2], table[:, 2:], np.zeros(len(table), np.int64))


def test_frames_in_the_same_order_are_a_stretch() -> None:
    assert align(rows(), 2) == []
    aligned = [(at, at + 0.5, at + 7, at + 7.5) for at in np.arange(10, 15, 0.5)]
    strays = [(3.0, 3.5, 90.0, 90.5), (12.0, 12.5, 44.0, 44.5)]
    (found,) = align(rows(*aligned, *strays), 2)
    assert (found.start_seconds, found.end_seconds) == pytest.approx((10, 15), abs=0.5)
    assert abs(found.offset_seconds - 7) <= found.slack_seconds <= 2
    assert align(rows(*aligned[:2], *strays), 2) == []


def test_two_stretches_of_one_video() -> None:
    early = [(at, at + 0.5, at + 50, at + 50.5) for at in np.arange(0, 4, 0.5)]
    late = [(at, at + 0.5, at - 20, at - 19.5) for at in np.arange(30, 36, 0.5)]
    found = align(rows(*early, *late), 2)
    assert [(one.start_seconds, one.end_seconds) for one in found] == [
        pytest.approx((30, 36), abs=0.5), pytest.approx((0, 4), abs=0.5),
    ]  # fmt: skip
