from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.camera import write_reel
from bench.parts import main, measure
from bench.scenes import REELS


def test_every_part_is_measured_on_a_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = tmp_path / "short.mp4"
    write_reel(replace(REELS[1], size_wh=(160, 96), shots=(replace(REELS[1].shots[0], seconds=2.0),)), video)
    main(["--video", str(video), "--rounds", "1"])
    head, *rows = capsys.readouterr().out.splitlines()
    assert head == "short.mp4: 2.0 s of video; medians of 1 rounds"
    assert len(rows) == 6
    assert all(float(value) > 0 for row in rows for value in re.findall(r"([\d.]+) ms", row))


def test_the_first_round_does_not_count() -> None:
    calls: list[str] = []
    parts = [(name, lambda name=name: calls.append(name), 1.0, "call") for name in "ab"]
    assert measure(parts, rounds=2).keys() == {"a", "b"}
    assert calls == ["a", "b"] * 3
