from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench import readers
from bench.readers import NOT_SAMPLING, OURS, Picture, judge, main, measure, plain_pyav, write_variable


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float], Path]:
    folder = tmp_path_factory.mktemp("readers")
    variable, turned = folder / "variable.mp4", folder / "turned.mp4"
    times = write_variable(variable)
    readers.write_turned(turned)
    return variable, times, turned


def test_plain_pyav_gives_the_frames_on_screen_with_their_own_times(
    videos: tuple[Path, list[float], Path],
) -> None:
    verdict = judge(plain_pyav, *videos)
    assert (verdict.error, verdict.wrong_times, verdict.not_on_screen) == (None, 0, 0)
    assert verdict.pictures > 4
    assert not verdict.upright  # The reason why more than plain decoding is needed.


def test_a_reader_that_counts_frames_at_an_even_rate_is_found_out(
    videos: tuple[Path, list[float], Path],
) -> None:
    def evenly(path: Path) -> Iterator[Picture]:
        pictures = list(plain_pyav(path))
        return ((index / 2 + 0.1, image) for index, (_, image) in enumerate(pictures))

    assert judge(evenly, *videos).wrong_times > 0


def test_a_reader_that_leaves_pictures_out_is_found_out(videos: tuple[Path, list[float], Path]) -> None:
    def half(path: Path) -> Iterator[Picture]:
        return iter(list(plain_pyav(path))[::2])

    assert judge(half, *videos).not_on_screen > 0


def test_a_reader_that_fails_is_a_row_and_the_others_go_on(videos: tuple[Path, list[float], Path]) -> None:
    def broken(path: Path) -> Iterator[Picture]:
        raise RuntimeError(f"no\ncodec for {path.suffix}")

    rows = measure(videos[0], {OURS: plain_pyav, "broken": broken}, rounds=1)
    assert rows["broken"].error == "no codec for .mp4"
    assert rows[OURS].pictures > 4 and rows[OURS].median_seconds > 0
    assert "failed: no codec" in readers.timing_table(videos[0], rows)


def test_large_frames_are_scaled_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_SIDE_PX", 64)
    write_variable(tmp_path / "video.mp4")
    shapes = {np.shape(image) for _, image in plain_pyav(tmp_path / "video.mp4")}
    assert shapes == {(36, 64, 3)}


def test_the_command_measures_what_is_installed(
    videos: tuple[Path, list[float], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(videos[0]), "--rounds", "1", "--json", str(tmp_path / "out.json")])
    told = json.loads((tmp_path / "out.json").read_text())
    rows = told["files"][str(videos[0])]
    assert {OURS, "PyAV", NOT_SAMPLING} <= rows.keys()
    assert rows.keys() | told["left_out"].keys() >= {"decord", "torchcodec"}
    assert told["correctness"][OURS] == {
        "pictures": rows[OURS]["pictures"], "wrong_times": 0, "not_on_screen": 0, "upright": True,
        "error": None,
    }  # fmt: skip
    printed = capsys.readouterr().out
    assert all(f"{name} is left out: " in printed for name in told["left_out"])


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nowhere.mp4"])
    assert "There is no file nowhere.mp4." in capsys.readouterr().err
