"""``momentseek export``: from a saved answer to files that other programs read."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import av
import pytest
from typer.testing import CliRunner

from momentseek.cli import app
from tests.support.library import Library


@pytest.fixture
def answer(own_library: Library, tmp_path: Path) -> Path:
    segments = [
        {
            "media_id": own_library.ids["kitchen.mp4"], "media": "kitchen.mp4", "media_type": "video",
            "start_seconds": 1.0, "end_seconds": 2.0, "score": 90.0, "confidence": "high",
            "best_seconds": 1.5, "box_xyxy": [0.1, 0.1, 0.9, 0.9], "evidence": "region", "label": None,
        },
        {"media_id": own_library.ids["cup.webp"], "start_seconds": 0.0, "end_seconds": 0.0},
    ]  # fmt: skip
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"query_id": "q", "message": "", "segments": segments}))
    return path


def run(library: Library, *arguments: object) -> Any:
    words = ["export", *map(str, arguments), "--data-dir", str(library.data_dir)]
    return CliRunner().invoke(app, words)


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_an_answer_becomes_files(own_library: Library, answer: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for kind in ("csv", "edl", "zip", "reel"):
        done = run(own_library, answer, "--as", kind, "-o", out / kind)
        assert done.exit_code == 0, done.output
    rows = list(csv.DictReader((out / "csv").read_text("utf-8-sig").splitlines()))
    assert [row["media"] for row in rows] == ["kitchen.mp4", "cup.webp"]
    assert (own_library.media / "kitchen.mp4").as_uri() in (out / "edl").read_text()
    with zipfile.ZipFile(out / "zip") as archive:
        assert archive.namelist() == ["001_kitchen_00m01.000s-00m02.000s.mp4", "002_cup.webp", "clips.json"]
    assert frames_in(out / "reel") == 25 + 75
    left = sorted(path.name for path in out.iterdir())
    assert left == ["csv", "edl", "reel", "zip"], "no draft and no folder stays"


def test_one_stretch_of_one_file(own_library: Library, tmp_path: Path) -> None:
    media = own_library.ids["kitchen.mp4"][:8]
    target = tmp_path / "clip.mp4"
    done = run(own_library, "--media", media, "--from", 1, "--to", 1.4, "--as", "single", "-o", target)
    assert done.exit_code == 0 and frames_in(target) == 10


def test_what_makes_no_sense_is_one_line(own_library: Library, answer: Path, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.json"
    nonsense.write_text("[1, 2]")
    for arguments, says in (
        ([answer, "--as", "avi"], "it may be"), ([], "not both"), ([answer, "--media", "abcd"], "not both"),
        ([nonsense], "no answer"), ([tmp_path / "none.json"], "cannot be read"),
        (["--media", "ffff", "--to", 1], "no media"), ([answer, "--as", "single"], "one clip"),
    ):  # fmt: skip
        done = run(own_library, *arguments, "-o", tmp_path / "x")
        assert done.exit_code == 1 and says in done.output and done.output.count("\n") == 1, done.output
        assert not (tmp_path / "x").exists()
