from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from core.pictures import read_picture
from core.types import Image
from ingest.storyboard import MAX_THUMBNAILS, TRACK_NAME, Storyboard
from tests.support.media_factory import corners_of, number_of, numbered, quarters

TIME = r"(\d\d):(\d\d):(\d\d\.\d\d\d)"
CUE = re.compile(rf"{TIME} --> {TIME}\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)")


def cues(track: Path) -> list[tuple[float, float, Image]]:
    """(start, end, picture) of every cue, cut out of the sheets as a player does."""
    text = track.read_text("utf-8")
    assert text.startswith("WEBVTT\n\n")
    found = []
    for match in CUE.finditer(text):
        h1, m1, s1, h2, m2, s2, sheet, *numbers = match.groups()
        x, y, w, h = map(int, numbers)
        picture = read_picture(track.parent / sheet, 50_000_000)[y : y + h, x : x + w]
        assert picture.shape == (h, w, 3)
        start, end = int(h1) * 3600 + int(m1) * 60 + float(s1), int(h2) * 3600 + int(m2) * 60 + float(s2)
        found.append((start, end, picture))
    return found


def test_no_samples_write_nothing(tmp_path: Path) -> None:
    assert Storyboard().write(tmp_path / "board", 10.0) is None
    assert list(tmp_path.iterdir()) == []


def test_cues_cover_the_video_and_show_the_right_frames(tmp_path: Path) -> None:
    board = Storyboard()
    for i in range(250):
        board.add(i / 2, numbered(i, 640, 360))
    track = board.write(tmp_path / "deep" / "board", 125.25)
    assert track == tmp_path / "deep" / "board" / TRACK_NAME
    found = cues(track)
    assert len(found) == 125
    assert [start for start, _, _ in found] == [float(i) for i in range(125)]
    assert [end for _, end, _ in found][:-1] == [float(i) for i in range(1, 125)]
    assert found[-1][1] == 125.25
    assert [number_of(picture) for _, _, picture in found] == [2 * i for i in range(125)]
    assert found[0][2].shape == (90, 160, 3)
    assert sorted(path.name for path in track.parent.iterdir()) == [
        "sprite_000.jpg", "sprite_001.jpg", TRACK_NAME,
    ]  # fmt: skip


@pytest.mark.parametrize("hours", [1, 24])
def test_a_long_video_is_thinned_while_it_passes(tmp_path: Path, hours: int) -> None:
    board = Storyboard()
    picture = np.zeros((9, 16, 3), np.uint8)
    for second in range(hours * 3600):
        board.add(float(second), picture)
        assert len(board) <= MAX_THUMBNAILS
    assert len(board) > MAX_THUMBNAILS // 3
    ideal = hours * 3600 / MAX_THUMBNAILS
    assert ideal <= board.interval_seconds <= 2 * ideal
    track = board.write(tmp_path / "board", hours * 3600.0)
    assert track is not None
    found = cues(track)
    gaps = {end - start for start, end, _ in found[:-1]}
    assert gaps == {board.interval_seconds}


def test_upright_pictures_and_a_change_of_shape(tmp_path: Path) -> None:
    board = Storyboard().add(0.0, quarters(360, 640)).add(1.0, quarters(640, 360))
    track = board.write(tmp_path / "board", 2.0)
    assert track is not None
    first, second = (picture for _, _, picture in cues(track))
    assert first.shape == second.shape == (160, 90, 3)
    assert corners_of(first) == ["red", "green", "blue", "white"]
    assert second[5].max() < 30  # bars above: the picture is whole, not stretched


def test_writing_again_replaces_everything(tmp_path: Path) -> None:
    folder = tmp_path / "board"
    long = Storyboard()
    for i in range(150):
        long.add(float(i), numbered(i % 256))
    long.write(folder, 150.0)
    track = Storyboard().add(0.0, numbered(7)).write(folder, 1.0)
    assert track is not None
    assert [number_of(picture) for _, _, picture in cues(track)] == [7]
    assert sorted(path.name for path in folder.iterdir()) == ["sprite_000.jpg", TRACK_NAME]
    assert [path.name for path in tmp_path.iterdir()] == ["board"]


def test_a_failed_write_leaves_the_old_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "board"
    Storyboard().add(0.0, numbered(7)).write(folder, 1.0)
    broken = Storyboard().add(0.0, numbered(8))
    monkeypatch.setattr(broken, "_track", lambda duration: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        broken.write(folder, 1.0)
    assert [number_of(picture) for _, _, picture in cues(folder / TRACK_NAME)] == [7]
    assert [path.name for path in tmp_path.iterdir()] == ["board"]
