from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import pytest

from bench.camera import write_reel
from bench.ingest.__main__ import LIMIT, OURS, main, measure, table
from bench.ingest.film import FPS, film, loop
from bench.ingest.memory import Peak, resident_mb
from bench.ingest.tutorial import every_nth
from bench.scenes import REELS
from tests.support.library import until
from tests.support.media_factory import count_up, number_of, write_video


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("short") / "short.mp4"
    write_reel(replace(REELS[1], size_wh=(160, 96), shots=(replace(REELS[1].shots[0], seconds=2.0),)), path)
    return path


def test_ours_stands_beside_decoding_alone(
    short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    main(["--video", str(short), "--rounds", "1", "--no-tutorial", "--json", str(out)])
    result = json.loads(out.read_text())
    assert result["samples"] == 4 and result["points"] > 4
    assert result["seconds"].keys() == {LIMIT, OURS}
    ratio = result["all_seconds"][OURS][0] / result["all_seconds"][LIMIT][0]
    assert result["ratios"]["of_decoding_alone"] == pytest.approx(ratio, rel=0.1)
    assert set(result["stages"]) == {"decode", "embed", "detect", "faces", "store", "storyboard"}
    printed = capsys.readouterr().out
    assert printed.strip() == table(result).strip()
    assert "promised: at most 1.4" in printed


def test_the_runs_take_turns() -> None:
    calls: list[str] = []

    def called(name: str) -> Callable[[], object]:
        return lambda: calls.append(name)

    taken = measure({name: called(name) for name in "ab"}, rounds=2)
    assert calls == ["a", "b"] * 3 and [len(seconds) for seconds in taken.values()] == [2, 2]


def test_a_loop_is_one_film(tmp_path: Path) -> None:
    """Every frame in its turn, in time order, without a gap."""
    once = write_video(tmp_path / "once.mp4", count_up(20), b_frames=2)
    loop(once, tmp_path / "again.mp4", 3.2)
    with av.open(str(tmp_path / "again.mp4")) as container:
        frames = [(frame.time, number_of(frame.to_ndarray(format="rgb24")))
                  for frame in container.decode(video=0)]  # fmt: skip
    assert [number for _, number in frames] == list(range(20)) * 4
    gaps = [after - before for (before, _), (after, _) in pairwise(frames)]
    assert gaps == pytest.approx([0.04] * 79)


def test_the_film_has_the_length_it_is_asked_for() -> None:
    for seconds in (4, 10, 31.5):
        assert film(seconds).duration_seconds == pytest.approx(seconds, abs=float(1 / FPS))


def test_memory_is_watched_while_something_works() -> None:
    """Of another process: what this one held before may go back to the system meanwhile."""
    program = "block = bytearray(b'x') * 60_000_000; input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as process:
        with Peak({"it": process.pid}) as peak:
            until(lambda: peak.mb["it"] >= 60, 30)
        process.communicate(b"\n")
    assert peak.mb["all"] == peak.mb["it"] < 120
    assert resident_mb(2**22 + 1) == 0.0


def test_the_tutorial_takes_every_nth_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", count_up(50))
    taken = list(every_nth(path, 0.4))
    assert [number for number, _, _ in taken] == [0, 10, 20, 30, 40]
    assert [number_of(frame) for _, _, frame in taken] == [0, 10, 20, 30, 40]
