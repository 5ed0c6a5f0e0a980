"""Boundaries found in films made here, frame by frame, from real photographs with the real embedder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import pytest

from core.boxes import WHOLE, Boxes
from core.errors import NotFound
from core.packaged import packaged_file
from core.pictures import read_picture
from core.types import Image, Kind, Vectors
from embed.embedder import Encoding
from embed.embedders.mobilenet import MobileNetEmbedder
from search.chance import Chance
from search.describe import describe_face, describe_object, describe_scene
from search.moment import Moment
from search.query import Box
from search.refine import Refiner

FPS, SPACING = 25, 0.5
CHANCE: dict[Kind, Chance] = dict.fromkeys(("frame", "region", "tile"), Chance(0.05, 0.08))
CUP: Box = (0.26, 0.05, 0.68, 0.77)
PLACE: Box = (0.55, 0.3, 0.8, 0.75)
"""Where things are pasted."""


def photograph(package: str, relative: str, width: int = 480, height: int = 270) -> Image:
    image = read_picture(packaged_file(package, relative))
    full_height, full_width = image.shape[:2]
    kept = min(full_height, full_width * height // width)
    top = (full_height - kept) // 2
    resized = cv2.resize(image[top : top + kept], (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)


WALL = photograph("skimage", "data/brick.png")
CHINA = photograph("sklearn", "datasets/images/china.jpg")
FLOWER = photograph("sklearn", "datasets/images/flower.jpg")
COFFEE = read_picture(packaged_file("skimage", "data/coffee.png"))
ASTRONAUT = read_picture(packaged_file("skimage", "data/astronaut.png"))


def blend(one: Image, other: Image, share: float) -> Image:
    return np.asarray(cv2.addWeighted(one, 1 - share, other, share, 0), np.uint8)


def paste(onto: Image, thing: Image, box: Box, strength: float = 1.0) -> Image:
    height, width = onto.shape[:2]
    x1, y1, x2, y2 = (
        round(box[0] * width),
        round(box[1] * height),
        round(box[2] * width),
        round(box[3] * height),
    )
    made = onto.copy()
    made[y1:y2, x1:x2] = blend(made[y1:y2, x1:x2], cv2.resize(thing, (x2 - x1, y2 - y1)), strength)
    return made


def cut_out(image: Image, box: Box) -> Image:
    height, width = image.shape[:2]
    return image[
        int(box[1] * height) : int(box[3] * height), int(box[0] * width) : int(box[2] * width)
    ].copy()


class Films:
    """``draw(frame)`` gives the pictures of a film of ``frames`` frames; counts what is read."""

    def __init__(self, frames: int, draw: Callable[[int], Image]):
        self.frames, self.draw, self.read = frames, draw, 0

    def __call__(
        self, media_id: str, start_seconds: float, end_seconds: float
    ) -> Iterator[tuple[float, Image]]:
        if media_id != "film":
            raise NotFound(f"The library has no media {media_id!r}.")
        for frame in range(self.frames):
            last = frame == self.frames - 1
            if frame / FPS < end_seconds and ((frame + 1) / FPS > start_seconds or last):
                self.read += 1
                yield frame / FPS, self.draw(frame)


@pytest.fixture(scope="module")
def embedder(model_dir: object) -> MobileNetEmbedder:
    from pathlib import Path

    return MobileNetEmbedder(Path(str(model_dir)))


@pytest.fixture(scope="module")
def cup(embedder: MobileNetEmbedder) -> Vectors:
    return describe_object(embedder, COFFEE, CUP)


def refiner(embedder: MobileNetEmbedder, films: Films, **options: int) -> Refiner:
    return Refiner(embedder, films, SPACING, 0.5, **options)


def moment(start: float, end: float, kind: Kind = "region", box: Box = PLACE, z: float = 8.0) -> Moment:
    best = (start + end - SPACING) / 2
    return Moment("film", "video", start, end, round(best * FPS) / FPS, kind, box, z)


def refine_one(
    embedder: MobileNetEmbedder, films: Films, one: Moment, like: Vectors, least_z: float = 4.0
) -> Moment:
    (refined,) = refiner(embedder, films).refine([one], like, CHANCE, least_z)
    assert refined.refined
    return refined


def cup_film(first: int, stop: int, frames: int = 150, fade: int = 0) -> Films:
    """A wall, before which a cup stands in the frames [first, stop); half there at them with a ``fade``."""
    cup = cut_out(COFFEE, CUP)

    def draw(frame: int) -> Image:
        strength = float(first <= frame < stop)
        if fade:
            inwards, outwards = 0.5 + (frame - first) / fade, 0.5 - (frame - stop) / fade
            strength = float(np.clip(min(inwards, outwards), 0, 1))
        # Something always moves, as in life.
        moved = np.roll(WALL, frame, axis=1)
        return paste(moved, cup, PLACE, strength) if strength else moved

    return Films(frames, draw)


def test_nothing_to_refine_is_nothing(embedder: MobileNetEmbedder, cup: Vectors) -> None:
    assert refiner(embedder, cup_film(0, 0)).refine([], cup, CHANCE, 4.0) == []


def test_a_thing_that_appears_within_a_shot_is_exact_to_the_frame(
    embedder: MobileNetEmbedder, cup: Vectors
) -> None:
    refined = refine_one(embedder, cup_film(41, 93), moment(2.0, 4.0), cup)
    assert (refined.start_seconds, refined.end_seconds) == (41 / FPS, 93 / FPS)


@pytest.mark.parametrize(("start", "end"), [(2.5, 4.0), (2.0, 3.5), (1.5, 4.5)])
def test_samples_that_came_too_late_or_too_early_are_put_right(
    embedder: MobileNetEmbedder, cup: Vectors, start: float, end: float
) -> None:
    refined = refine_one(embedder, cup_film(41, 93), moment(start, end), cup)
    assert (refined.start_seconds, refined.end_seconds) == (41 / FPS, 93 / FPS)


def test_a_fade_ends_near_its_middle(embedder: MobileNetEmbedder, cup: Vectors) -> None:
    refined = refine_one(embedder, cup_film(41, 93, fade=16), moment(2.0, 4.0), cup)
    assert refined.start_seconds == pytest.approx(41 / FPS, abs=0.16)
    assert refined.end_seconds == pytest.approx(93 / FPS, abs=0.16)


def test_a_cut_between_scenes_is_exact_and_a_dissolve_near_its_middle(embedder: MobileNetEmbedder) -> None:
    def draw(frame: int) -> Image:
        if frame < 53:
            return FLOWER
        return blend(CHINA, WALL, float(np.clip(0.5 + (frame - 108) / 20, 0, 1)))

    like = describe_scene(embedder, CHINA[:, 20:-20])
    refined = refine_one(embedder, Films(160, draw), moment(2.12, 4.5, "frame", WHOLE), like)
    assert refined.start_seconds == 53 / FPS
    assert refined.end_seconds == pytest.approx(108 / FPS, abs=0.16)


def test_what_is_there_from_the_first_to_the_last_frame_keeps_the_whole_film(
    embedder: MobileNetEmbedder, cup: Vectors
) -> None:
    refined = refine_one(embedder, cup_film(0, 60, frames=60), moment(0.0, 2.4), cup)
    assert (refined.start_seconds, refined.end_seconds) == (0.0, 2.4)


def test_a_moment_whose_close_up_shows_something_else_is_dropped(
    embedder: MobileNetEmbedder, cup: Vectors
) -> None:
    assert refiner(embedder, cup_film(0, 0)).refine([moment(2.0, 4.0)], cup, CHANCE, 4.0) == []


def test_a_still_is_held_against_its_close_up(embedder: MobileNetEmbedder, cup: Vectors) -> None:
    def still(box: Box) -> Moment:
        return Moment("film", "image", 0.0, 0.0, 0.0, "region", box, 6.0)

    films = cup_film(0, 1, frames=1)
    kept = refiner(embedder, films).refine([still(PLACE), still((0.0, 0.0, 0.2, 0.3))], cup, CHANCE, 4.0)
    assert [(one.box_xyxy, one.refined) for one in kept] == [(PLACE, True)]


def test_moments_of_one_file_do_not_grow_into_each_other(embedder: MobileNetEmbedder, cup: Vectors) -> None:
    first, second = moment(2.0, 3.0), moment(3.0, 4.0)
    refined = refiner(embedder, cup_film(41, 93)).refine([first, second], cup, CHANCE, 4.0)
    assert [(one.start_seconds, one.end_seconds) for one in refined] == [(41 / FPS, 3.0), (3.0, 93 / FPS)]


def test_what_cannot_be_opened_stays_as_it_was(embedder: MobileNetEmbedder, cup: Vectors) -> None:
    gone = Moment("gone", "video", 2.0, 4.0, 3.0, "region", PLACE, 8.0)
    assert refiner(embedder, cup_film(41, 93)).refine([gone], cup, CHANCE, 4.0) == [gone]


def test_only_the_first_are_looked_at(embedder: MobileNetEmbedder, cup: Vectors) -> None:
    films = cup_film(41, 93)
    other = Moment("gone", "video", 7.0, 8.0, 7.0, "region", PLACE, 5.0)
    refined = refiner(embedder, films, most=1).refine([moment(2.0, 4.0), other], cup, CHANCE, 4.0)
    assert [one.refined for one in refined] == [True, False]
    nothing = Films(150, films.draw)
    assert refiner(embedder, nothing, most=0).refine([other], cup, CHANCE, 4.0) == [other]
    assert nothing.read == 0


def test_the_path_stays_within_the_moment(embedder: MobileNetEmbedder, cup: Vectors) -> None:
    path = tuple((at / 2, PLACE) for at in range(3, 9))
    long = Moment("film", "video", 1.5, 4.5, 3.0, "region", PLACE, 8.0, path=path)
    refined = refine_one(embedder, cup_film(41, 93), long, cup)
    assert [seconds for seconds, _ in refined.path] == [2.0, 2.5, 3.0, 3.5]


class _EachBoxAlone:
    """The same network without a shared map: every box is cut out and encoded, as open_clip models do."""

    def __init__(self, embedder: MobileNetEmbedder):
        self._embedder, self.described = embedder, 0
        self.dimension, self.fingerprint = embedder.dimension, embedder.fingerprint

    def encode(self, images: Sequence[Image]) -> list[Encoding]:
        return [Encoding(image) for image in images]

    def describe(self, encodings: Sequence[Encoding], boxes: Sequence[Boxes]) -> list[Vectors]:
        return [self._each(one.image, own) for one, own in zip(encodings, boxes, strict=True)]

    def _each(self, image: Image, boxes: Boxes) -> Vectors:
        self.described += len(boxes)
        crops = [cut_out(image, (x1, y1, x2, y2)) for x1, y1, x2, y2 in boxes.tolist()]
        return np.concatenate([describe_scene(self._embedder, crop) for crop in crops])


def test_a_model_without_a_shared_map_describes_few_boxes(embedder: MobileNetEmbedder) -> None:
    alone = _EachBoxAlone(embedder)
    like = describe_object(alone, COFFEE, CUP)
    alone.described = 0
    (refined,) = Refiner(alone, cup_film(41, 93), SPACING, 0.5).refine([moment(2.0, 4.0)], like, CHANCE, 4.0)
    assert (refined.start_seconds, refined.end_seconds) == (41 / FPS, 93 / FPS)
    assert alone.described <= 3 * 21


def test_a_face_is_exact_to_the_frame() -> None:
    from detect.detectors.dlib_faces import DlibFaceDetector
    from embed.embedders.dlib_face import DlibFaceEmbedder

    detector, faces = DlibFaceDetector(640), DlibFaceEmbedder()
    head = cut_out(ASTRONAUT, (0.28, 0.0, 0.62, 0.42))
    wall = np.tile(WALL, (2, 2, 1))
    place: Box = (0.3, 0.2, 0.3 + 240 / 960, 0.2 + 300 / 540)
    films = Films(100, lambda frame: paste(wall, head, place) if 33 <= frame < 68 else wall)
    like = describe_face(detector, faces, ASTRONAUT, None)
    model = faces.model
    chance: dict[Kind, Chance] = {"face": Chance(*model.strangers)}
    box: Box = (0.36, 0.32, 0.5, 0.62)

    class Unused:
        """A face needs no description of anything else."""

        dimension, fingerprint = 1, {"name": "none"}

        def encode(self, images: Sequence[Image]) -> list[Encoding]:
            raise AssertionError

        def describe(self, encodings: Sequence[Encoding], boxes: Sequence[Boxes]) -> list[Vectors]:
            raise AssertionError

    one = Moment("film", "video", 1.5, 3.0, 2.0, "face", box, 6.0)
    (refined,) = Refiner(Unused(), films, SPACING, 0.5, (detector, faces)).refine([one], like, chance, 2.0)
    assert (refined.start_seconds, refined.end_seconds) == (33 / FPS, 68 / FPS)
