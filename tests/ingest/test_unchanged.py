"""What has not changed is not looked at twice, and what has changed is, however small it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from core.boxes import WHOLE, Boxes
from core.types import Image, Regions, Vectors
from embed.embedder import Encoding
from ingest.analyze import Analyzer, Seen
from ingest.media import Sample
from ingest.unchanged import Glance, Looks, vectors_of
from tests.support.media_factory import textured

SIZE = (960, 540)


def grained(image: Image, seed: int, deviation: float = 3.0) -> Image:
    grain = np.random.default_rng(seed).normal(0, deviation, image.shape)
    return np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)


def with_a_thing(image: Image, x: int, y: int, side: int) -> Image:
    changed = image.copy()
    changed[y : y + side, x : x + side] = 255 - changed[y : y + side, x : x + side]
    return changed


@pytest.fixture(scope="module")
def scene() -> Image:
    return np.clip(textured(1, SIZE).astype(int) // 2 + 40, 0, 255).astype(np.uint8)


def test_grain_is_no_change(scene: Image) -> None:
    assert Glance.at(grained(scene, 1)).is_like(Glance.at(grained(scene, 2)))


@pytest.mark.parametrize("x", [0, 333, 952])
def test_a_thing_of_one_cell_is_a_change(scene: Image, x: int) -> None:
    assert not Glance.at(with_a_thing(scene, x, 200, 8)).is_like(Glance.at(scene))


def test_a_frame_of_another_size_is_another_frame(scene: Image) -> None:
    assert not Glance.at(scene[:400]).is_like(Glance.at(scene))


def test_a_slow_change_adds_up(scene: Image) -> None:
    first = Glance.at(scene)
    brighter = [Glance.at(np.clip(scene.astype(int) + step, 0, 255).astype(np.uint8)) for step in range(20)]
    assert brighter[3].is_like(first) and brighter[15].is_like(brighter[12])
    assert not brighter[15].is_like(first)


def test_boxes_that_show_the_same_keep_their_vectors(scene: Image) -> None:
    looks = Looks()
    boxes = np.array([WHOLE, (0.0, 0.0, 0.4, 0.5), (0.6, 0.5, 1.0, 1.0)], np.float32)
    before = looks.take(Glance.at(scene), boxes)
    for number, look in enumerate(before):
        look.vector = np.full(2, number, np.float32)
    after = looks.take(Glance.at(with_a_thing(scene, 700, 400, 60)), boxes[[2, 1, 0]])
    assert [look.vector is None for look in after] == [True, False, True]
    assert after[1] is before[1]
    assert vectors_of(before, 2).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert looks.take(Glance.at(scene), boxes[:0]) == []


class Counting:
    """An embedder that looks at every box by itself, as open_clip's does: its vector is the mean colour."""

    dimension = 3
    fingerprint = {"name": "mean colour"}  # noqa: RUF012

    def __init__(self) -> None:
        self.pictures = self.boxes = 0

    def encode(self, images: Sequence[Image]) -> list[Encoding]:
        self.pictures += len(images)
        return [Encoding(image) for image in images]

    def describe(self, encodings: Sequence[Encoding], boxes: Sequence[Boxes]) -> list[Vectors]:
        self.boxes += sum(map(len, boxes))
        return [
            np.array([self._mean(one.image, box) for box in own], np.float32).reshape(-1, 3)
            for one, own in zip(encodings, boxes, strict=True)
        ]

    @staticmethod
    def _mean(image: Image, box: Vectors) -> Vectors:
        x1, y1, x2, y2 = (box * [*image.shape[1::-1], *image.shape[1::-1]]).round().astype(int)
        mean: Vectors = image[y1:y2, x1:x2].reshape(-1, 3).mean(axis=0)
        return mean / np.linalg.norm(mean)


class Nothing:
    fingerprint = {"name": "nothing"}  # noqa: RUF012

    def detect(self, images: Sequence[Image], saliency: Sequence[object]) -> list[Regions]:
        return [Regions.empty() for _ in images]


def samples(images: Sequence[Image]) -> list[Sample]:
    return [Sample(float(number), 0, image) for number, image in enumerate(images)]


def test_a_still_scene_is_described_once(scene: Image) -> None:
    embedder, seen = Counting(), Seen()
    analyzer = Analyzer(embedder, Nothing(), True, None)
    film = samples([grained(scene, seed) for seed in range(6)])
    frames = [*analyzer.analyze(film[:4], seen=seen), *analyzer.analyze(film[4:], seen=seen)]
    assert [frame.sample.time_seconds for frame in frames] == list(range(6))
    assert embedder.pictures == 1 and embedder.boxes == len(frames[0].vectors) > 10
    assert all(np.array_equal(frame.vectors, frames[0].vectors) for frame in frames)


def test_only_what_changed_is_described_again(scene: Image) -> None:
    embedder, seen = Counting(), Seen()
    analyzer = Analyzer(embedder, Nothing(), True, None)
    moved = [with_a_thing(scene, x, 20, 40) for x in (20, 60, 60)]
    frames = analyzer.analyze(samples([scene, *moved]), seen=seen)
    # The frame, the tiles on the left at both resolutions, and never those on the right.
    again = embedder.boxes - len(frames[0].vectors)
    assert 0 < again < len(frames[0].vectors) and embedder.pictures == 3
    alone = [analyzer.analyze([sample])[0] for sample in samples([scene, *moved])]
    for frame, own in zip(frames, alone, strict=True):
        assert np.abs(frame.vectors - own.vectors).max() < 1e-3


def test_a_cut_back_is_looked_at_again(scene: Image) -> None:
    embedder, seen = Counting(), Seen()
    analyzer = Analyzer(embedder, Nothing(), False, None)
    other = textured(2, SIZE)
    frames = analyzer.analyze(samples([scene, other, scene, other]), seen=seen)
    assert embedder.pictures == 4
    assert np.array_equal(frames[0].vectors, frames[2].vectors)
    assert not np.allclose(frames[0].vectors, frames[1].vectors, atol=1e-4)
