from __future__ import annotations

import doctest
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from bench import scenes
from bench.camera import Reel, write_reel
from bench.photographs import THINGS, available, photograph
from bench.scenes import QUESTIONS, REELS, STILLS, box_in_reel, truth_of, write_questions

TRUTH = truth_of(list(REELS[:5]), STILLS)


def test_examples_in_the_text() -> None:
    assert doctest.testmod(scenes).attempted and not doctest.testmod(scenes).failed


def test_every_second_of_every_reel_has_one_photograph() -> None:
    for reel in REELS:
        bounds = [(stretch.first, stretch.stop) for stretch in reel.stretches()]
        assert bounds[0][0] == 0
        assert all(stop == first for (_, stop), (first, _) in pairwise(bounds))
        assert reel.duration_seconds == pytest.approx(sum(shot.seconds for shot in reel.shots), abs=0.03)


def test_the_library_is_varied_enough_to_ask_about() -> None:
    assert len({reel.fps for reel in REELS}) >= 4 and len({reel.size_wh for reel in REELS}) >= 3
    assert any(width < height for width, height in (reel.size_wh for reel in REELS))
    assert {Path(still.name).suffix for still in STILLS} == {".jpg", ".png", ".webp"}
    assert len({moment.media for moment in TRUTH.moments["the cup"]}) == 2 and TRUTH.stills["the cup"]
    assert len({moment.media for moment in TRUTH.moments["the astronaut's face"]}) == 2
    assert TRUTH.moments["the admiral's face"] and TRUTH.stills["the admiral's face"]


def test_each_question_has_the_answer_it_claims() -> None:
    shown = {shot.photograph for reel in REELS for shot in reel.shots}
    shown |= {still.photograph for still in STILLS}
    for question in QUESTIONS:
        assert bool(TRUTH.moments_of(question.answer)) == (question.answer is not None)
        assert (question.picture.photograph in shown) == (question.answer is not None)
        if question.box_xyxy:
            x1, y1, x2, y2 = question.box_xyxy
            assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1
    assert {question.answer is None for question in QUESTIONS} == {True, False}
    assert any(question.face for question in QUESTIONS)


def test_a_thing_that_leaves_the_frame_ends_before_its_shot() -> None:
    archive = next(reel for reel in REELS if reel.name == "archive.mp4")
    face, = (moment for moment in TRUTH.moments["the astronaut's face"] if moment.media == archive.name)
    shot, = (moment for moment in TRUTH.moments["astronaut"] if moment.media == archive.name)
    assert face.start_seconds == shot.start_seconds and face.end_seconds < shot.end_seconds
    assert box_in_reel(archive, "the astronaut's face", face.end_seconds - 1 / 60) is not None
    assert box_in_reel(archive, "the astronaut's face", face.end_seconds + 1 / 60) is None


@pytest.mark.parametrize("reel", [REELS[0], REELS[4]], ids=lambda reel: reel.name)
def test_boxes_are_where_the_thing_is_in_the_written_frames(reel: Reel, tmp_path: Path) -> None:
    small = replace(reel, size_wh=(320, 180))
    write_reel(small, tmp_path / reel.name)
    with av.open(str(tmp_path / reel.name)) as container:
        frames = {float(frame.pts * frame.time_base): frame.to_image() for frame in container.decode(video=0)}
    whole = {time: box for time in frames
             if (box := box_in_reel(small, "the dahlia", time)) and 0 < min(box) < max(box) < 1}
    assert len(whole) > 10
    for time, box in list(whole.items())[::10]:
        beside = tuple(np.add(box, (0.05, 0, 0.05, 0)).clip(0, 1))
        there = difference(frames[time], box, "the dahlia")
        assert there < 0.5 * difference(frames[time], beside, "the dahlia")


def difference(frame: Image.Image, box: tuple[float, ...], name: str) -> float:
    """Mean difference per pixel of the frame's box and the thing as it is on its photograph."""
    crops = []
    for picture, part in ((frame, box), (photograph(THINGS[name].photograph), THINGS[name].box_xyxy)):
        window = tuple(np.multiply(part, (*picture.size, *picture.size)))
        crops.append(np.asarray(picture.resize((48, 48), Image.Resampling.BOX, box=window), np.float64))
    return float(np.abs(crops[0] - crops[1]).mean())


def test_questions_and_stills_are_written_as_told(tmp_path: Path) -> None:
    for question, path in write_questions(tmp_path / "questions"):
        with Image.open(path) as picture:
            assert picture.size == question.picture.size_wh
    formats = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
    for still in STILLS:
        with Image.open(still.write(tmp_path)) as picture:
            assert picture.size == still.size_wh and picture.format == formats[Path(still.name).suffix]


def test_building_writes_exactly_what_the_truth_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tuple(replace(reel, size_wh=(64, 64), shots=reel.shots[:1]) for reel in REELS)
    monkeypatch.setattr(scenes, "REELS", small)
    truth = scenes.build_demo_library(tmp_path / "library")
    named = {moment.media for found in truth.moments.values() for moment in found}
    named |= {name for found in truth.stills.values() for name in found}
    assert named == {file.name for file in (tmp_path / "library").iterdir()}
    assert ("street.mp4" in named) == available("bus")
