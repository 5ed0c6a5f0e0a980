from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.settings import DecodeSettings, IngestSettings
from ingest.frames import open_source
from ingest.media import DecodeSummary, Sample
from ingest.reading import read_samples
from ingest.shots import LOOKAHEAD_FRAMES, ShotFinder
from tests.support.media_factory import Image, textured, write_video

FOOTAGE = Path(__file__).resolve().parents[3] / "shared" / "media"
SIZE = (160, 96)


def pan(scene: int, frames: int, speed: int = 2) -> list[Image]:
    """A camera that moves over a scene, with grain."""
    chance = np.random.default_rng(scene)
    wide = textured(scene, (SIZE[0] + speed * frames, SIZE[1]))
    grain = chance.integers(-6, 7, (frames, SIZE[1], SIZE[0], 3))
    return [
        np.clip(wide[:, i * speed : i * speed + SIZE[0]].astype(int) + grain[i], 0, 255).astype(np.uint8)
        for i in range(frames)
    ]


def samples_of(path: Path, **settings: float) -> tuple[list[Sample], DecodeSummary]:
    source = open_source(path, DecodeSettings())
    *samples, summary = read_samples(source, source.frames(), IngestSettings(**settings))
    source.close()
    assert isinstance(summary, DecodeSummary)
    return [sample for sample in samples if isinstance(sample, Sample)], summary


def starts(images: list[Image]) -> list[int]:
    finder = ShotFinder()
    for index, image in enumerate(images):
        finder.look(float(index), image)
    finder.finish()
    return [int(start) for start in finder.starts_seconds]


@pytest.mark.parametrize("cut", [1, 2, 3, 20, 37, 38, 39])
def test_a_cut_anywhere_is_found_on_its_frame(cut: int) -> None:
    assert starts((pan(1, 40) + pan(2, 40))[40 - cut : 80 - cut]) == [0, cut]


def test_a_moving_camera_is_one_shot() -> None:
    assert starts(pan(3, 60, speed=4)) == [0]


def test_cuts_within_a_fifth_of_a_second_are_one() -> None:
    finder = ShotFinder()
    for index, image in enumerate(pan(1, 20) + pan(2, 3) + pan(4, 20)):
        finder.look(index / 25, image)
    assert finder.starts_seconds == pytest.approx([0, 0.8])


def test_a_cut_is_named_at_most_two_frames_late() -> None:
    finder = ShotFinder()
    named = {}
    for index, image in enumerate(pan(1, 20) + pan(2, 20)):
        start = finder.look(float(index), image)
        if start is not None:
            named[start] = index
    assert named == {20.0: 20 + LOOKAHEAD_FRAMES}


def test_nothing_fed_is_nothing_found() -> None:
    assert ShotFinder().finish() == []


def test_a_size_that_changes_does_no_harm() -> None:
    assert starts(pan(1, 10) + [image[:64, :80] for image in pan(1, 10)])[0] == 0


def test_the_first_frame_of_every_shot_is_sampled(tmp_path: Path) -> None:
    images = pan(1, 31) + pan(2, 18) + pan(3, 26)
    path = write_video(tmp_path / "cuts.mp4", images, b_frames=2, gop=250)
    samples, summary = samples_of(path, samples_per_second=1)
    assert summary.shot_starts_seconds == pytest.approx((0, 31 / 25, 49 / 25))
    times = [sample.time_seconds for sample in samples]
    assert times == pytest.approx([0, 1, 31 / 25, 49 / 25, 2])
    assert [sample.shot for sample in samples] == [0, 0, 1, 2, 2]
    assert [sample.is_cut for sample in samples] == [False, False, True, True, False]
    for sample, frame in zip(samples, (0, 25, 31, 49, 50), strict=True):
        # The picture itself, not one two frames later: the camera moves between them.
        shown, wanted = sample.image.astype(int), images[frame].astype(int)
        others = [images[i].astype(int) for i in (frame + 1, frame + 2)]
        distance = np.abs(shown - wanted).mean()
        assert all(distance < np.abs(shown - other).mean() for other in others)


def test_shots_off_is_the_grid_alone(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cuts.mp4", pan(1, 31) + pan(2, 44))
    samples, summary = samples_of(path, samples_per_second=1, shots=False)
    assert [sample.time_seconds for sample in samples] == pytest.approx([0, 1, 2])
    assert summary.shot_starts_seconds == (0.0,)


@pytest.mark.skipif(not FOOTAGE.exists(), reason="real footage is not on this machine")
@pytest.mark.parametrize(
    ("name", "cuts"),
    [("city_bikes.mp4", [1.2, 3.04, 5.48, 7.48, 9.68]), ("cups_720p.mp4", []), ("street_1080p.mp4", [])],
)
def test_real_footage(name: str, cuts: list[float]) -> None:
    _, summary = samples_of(FOOTAGE / name, samples_per_second=0.5)
    assert summary.shot_starts_seconds == pytest.approx((0.0, *cuts))
