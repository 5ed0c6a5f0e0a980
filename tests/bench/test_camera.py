from __future__ import annotations

import doctest
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from bench import camera
from bench.camera import Reel, Shot, View, look, write_reel
from bench.photographs import PHOTOGRAPHS, THINGS, available, photograph

SMALL = (160, 96)
REEL = Reel("small.mp4", Fraction(30000, 1001), SMALL, (
    Shot("coffee", 0.7, View(), View(0.5, 0.4, 1.5)),
    Shot("chelsea", 0.9, View(0.4, 0.5, 1.3), View(0.6, 0.5, 1.3), dissolve_seconds=0.4),
    Shot("rocket", 0.5, shake=0.02, exposure=1.2),
))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reels") / REEL.name
    write_reel(REEL, path)
    return path


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def pixels(picture: object) -> np.ndarray:
    return np.asarray(picture, np.float64)


def test_examples_in_the_text() -> None:
    assert doctest.testmod(camera).attempted and not doctest.testmod(camera).failed


def test_frames_lie_where_the_reel_says(written: Path) -> None:
    frames = decoded(written)
    assert len(frames) == REEL.stretches()[-1].stop == 63
    assert [frame.pts * frame.time_base for frame in frames] == [n / REEL.fps for n in range(63)]
    assert (frames[0].width, frames[0].height) == SMALL
    with av.open(str(written)) as container:
        assert container.streams.video[0].average_rate == REEL.fps
        assert container.duration / 1e6 == pytest.approx(REEL.duration_seconds, abs=0.002)


def test_cuts_and_dissolves_change_hands_at_the_boundary(written: Path) -> None:
    frames = decoded(written)
    for before, after in pairwise(REEL.stretches()):
        old, new = (
            pixels(look(stretch.shot.photograph, stretch.view(after.first), SMALL, stretch.shot.exposure))
            for stretch in (before, after)
        )

        def share_of_new(frame: int, old: np.ndarray = old, new: np.ndarray = new) -> float:
            step = new - old
            return float(((pixels(frames[frame].to_image()) - old) * step).sum() / (step * step).sum())

        shares = [share_of_new(frame) for frame in range(after.first - 3, after.first + 3)]
        assert shares == sorted(shares) or after.shot.dissolve_seconds == 0
        assert shares[2] < 0.5, "the frame before the boundary shows more of the old shot"
        assert shares[3] > 0.47, "the first frame of the new shot shows at least half of it"
        if after.shot.dissolve_seconds == 0:
            assert shares[2] < 0.1 and shares[3] > 0.9


def test_writing_again_keeps_the_file_and_a_changed_reel_replaces_it(written: Path, tmp_path: Path) -> None:
    path = tmp_path / REEL.name
    write_reel(REEL, path)
    assert path.read_bytes() == written.read_bytes(), "the same reel gives the same bytes"
    first = path.stat().st_ino
    write_reel(REEL, path)
    assert path.stat().st_ino == first
    write_reel(Reel(REEL.name, REEL.fps, SMALL, REEL.shots[:1]), path)
    assert len(decoded(path)) == REEL.stretches()[0].stop
    assert not list(tmp_path.glob("*.part"))


def test_a_damaged_file_is_replaced(written: Path, tmp_path: Path) -> None:
    path = tmp_path / REEL.name
    path.write_bytes(written.read_bytes()[:100])
    write_reel(REEL, path)
    assert path.read_bytes() == written.read_bytes()


@pytest.mark.parametrize("view", [View(), View(0, 0, 2), View(1, 1, 3), View(0.5, 2.0, 1.0)])
@pytest.mark.parametrize("frame_wh", [(1280, 720), (720, 1280), (100, 100)])
def test_a_window_stays_in_the_photograph_and_keeps_the_frame_s_shape(
    view: View, frame_wh: tuple[int, int]
) -> None:
    left, top, right, bottom = view.window((640, 427), frame_wh)
    assert left >= 0 and top >= 0 and right <= 1 + 1e-9 and bottom <= 1 + 1e-9
    shape = (right - left) * 640 / ((bottom - top) * 427)
    assert shape == pytest.approx(frame_wh[0] / frame_wh[1])


def test_exposure_changes_the_light_only() -> None:
    dark, plain = pixels(look("coffee", View(), SMALL, 0.5)), pixels(look("coffee", View(), SMALL))
    assert np.abs(dark - plain / 2).max() <= 1


def test_photographs_are_there_and_credited() -> None:
    for name, source in PHOTOGRAPHS.items():
        assert source.credit
        if source.package != "ultralytics":
            assert available(name) and photograph(name).mode == "RGB"
    assert {thing.photograph for thing in THINGS.values()} <= PHOTOGRAPHS.keys()
    with pytest.raises(KeyError, match="no photograph 'yeti'"):
        photograph("yeti")
