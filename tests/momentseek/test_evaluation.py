"""``momentseek eval`` on a small set made here."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.camera import Reel, Shot, View, write_reel
from bench.measures import Expected, Judged, Stretch, calibration
from bench.scenes import STILLS
from bench.sets import read_set
from core.answer import Segment
from core.errors import InvalidRequest
from core.pictures import read_picture
from core.settings import Settings, load
from momentseek.cli import app
from momentseek.contact_sheet import Row, contact_sheet
from momentseek.evaluation import evaluate

CUP, PAGODA, GALAXIES = STILLS[0], STILLS[1], STILLS[3]
REEL = Reel("two.mp4", Fraction(25), (320, 180), (
    Shot("china", 1.6, View(0.45, 0.5, 1.1), View(0.5, 0.5, 1.1)),
    Shot("coffee", 1.6, View(0.45, 0.45, 1.1), View(0.5, 0.45, 1.1)),
))  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A video and a still; a query for both, one for the video and one for nothing."""
    folder = tmp_path / "tiny set"
    (folder / "media").mkdir(parents=True)
    (folder / "queries").mkdir()
    write_reel(REEL, folder / "media" / REEL.name)
    CUP.write(folder / "media")
    for still in (CUP, PAGODA, GALAXIES):
        still.write(folder / "queries")
    coffee, china = ({"media": REEL.name, "start": start, "end": start + 1.6} for start in (1.6, 0))
    truth = {"queries": [
        {"id": "cup", "image": f"queries/{CUP.name}", "box_xyxy": None, "segments": [coffee],
         "stills": [CUP.name], "ignore": [], "group": {"asks": "scene", "size": 1.0, "lookalike": False}},
        {"id": "<i>pagoda", "image": f"queries/{PAGODA.name}", "box_xyxy": [0.1, 0.1, 0.9, 0.9],
         "segments": [china], "stills": [], "group": {"asks": "object", "size": 0.3}},
        {"id": "nowhere", "image": f"queries/{GALAXIES.name}", "segments": [], "stills": []},
    ]}  # fmt: skip
    (folder / "truth.json").write_text(json.dumps(truth))
    return folder


def settings() -> Settings:
    return load(overrides={"faces": {"model": "none"}})


def test_a_set_is_indexed_asked_judged_and_shown(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = evaluate(settings(), made, as_json=False)
    assert result["still_recall_at_5"] == 1.0 and result["r1_at_0.5"] == 1.0
    assert result["media_problems"] == [] and result["made_with"]["refine"] is False
    assert [entry["id"] for entry in result["queries"]] == ["cup", "<i>pagoda", "nowhere"]
    cup = result["queries"][0]
    assert CUP.name in {segment["media"] for segment in cup["segments"]}
    assert cup["figures"]["still_recall_at_5"] == 1.0 and cup["figures"]["false_alarm"] is None
    assert list(result["groups"]) == ["asks=object", "asks=scene", "lookalike=false", "size=0.3", "size=1.0"]
    assert result["groups"]["size=0.3"]["queries"] == 1
    returned = sum(len(entry["segments"]) for entry in result["queries"])
    assert sum(one["count"] for one in result["calibration"]["bins"]) == returned

    out = tmp_path / f"eval-{made.name}"
    said = capsys.readouterr().out
    assert "still_recall_at_5: 1.0" in said and "asks=object" in said and "expected_calibration_error" in said
    assert str(out / "contact_sheet.html") in said.replace("\n", "")
    assert json.loads((out / "figures.json").read_text()) == json.loads(json.dumps(result))

    sheet = Parsed((out / "contact_sheet.html").read_text("utf-8"))
    assert len(sheet.pictures) == 3 + returned
    for number, picture in enumerate(sheet.pictures):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(base64.b64decode(picture.removeprefix("data:image/jpeg;base64,")))
        assert 100 < max(read_picture(path).shape[:2]) <= 360
    assert sheet.count("svg") == 2 and sheet.count("article") == 3
    assert sheet.count("script") == sheet.count("link") == sheet.count("i") == 0
    assert sheet.classes.count("box") >= 1 and "<i>pagoda" in sheet.text


def test_json_stays_alone_on_stdout_and_the_sheet_goes_where_told(made: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("faces: {model: none}\n")
    (made / "media" / "broken.mp4").write_bytes(b"this is no video" * 100)
    truth = json.loads((made / "truth.json").read_text())
    truth["queries"][2]["ignore"] = [{"media": "gone.mp4", "start": 0, "end": 1}]
    (made / "truth.json").write_text(json.dumps(truth))
    out = tmp_path / "of" / "mine"
    ran = CliRunner().invoke(
        app, ["eval", str(made), "--json", "--refine", "--out", str(out), "--config", str(config)]
    )
    assert ran.exit_code == 2, ran.output
    printed = json.loads(ran.stdout)
    assert printed == json.loads((out / "figures.json").read_text())
    assert printed["made_with"]["refine"] is True
    assert {(one["media"], one["status"]) for one in printed["media_problems"]} == {
        ("broken.mp4", "failed"), ("gone.mp4", "missing")
    }
    assert "broken.mp4 (failed)" in ran.stderr and "gone.mp4 (missing)" in ran.stderr
    assert "broken.mp4" in (out / "contact_sheet.html").read_text("utf-8")


def test_a_set_without_readable_media_has_no_figures(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (made / "media").iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(InvalidRequest, match=f"can be searched: {CUP.name}"):
        evaluate(settings(), made, as_json=True)
    assert [entry.name for entry in tmp_path.iterdir()] == [made.name], "nothing asked for, nothing written"


def test_ctrl_c_leaves_nothing_behind(made: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    running = subprocess.Popen(
        [sys.executable, "-m", "momentseek.cli", "eval", str(made), "--out", str(tmp_path / "out")],
        env={**os.environ, "TMPDIR": str(scratch)}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while running.poll() is None and not list(scratch.glob("momentseek-eval-*/catalogue.sqlite")):
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGINT)  # As a terminal does: its children get it too.
    _, said = running.communicate()
    assert running.returncode == 130 and said.strip().splitlines() == [
        "momentseek: stopped; nothing is kept, the same command begins again."
    ]
    assert not list(scratch.glob("momentseek-eval-*"))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", '{"queries": [{"id": 1}]}'])
def test_what_is_no_set_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "truth.json").write_text(content)
    with pytest.raises(InvalidRequest, match="not an evaluation set"):
        evaluate(load(), tmp_path, as_json=True)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"image": "queries/none.jpg"}, "Query 'cup' cannot be asked"),
     ({"box_xyxy": [0, 0, 2, 1]}, "outside the picture"), ({"group": ["object"]}, "not an evaluation set")],
)  # fmt: skip
def test_a_query_that_cannot_be_asked_is_said_first(
    made: Path, changed: dict[str, Any], said: str
) -> None:
    truth = json.loads((made / "truth.json").read_text())
    truth["queries"][0].update(changed)
    (made / "truth.json").write_text(json.dumps(truth))
    with pytest.raises(InvalidRequest, match=re.escape(said)):
        read_set(made)


def test_an_out_that_is_a_file_is_said_first(made: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a letter")
    with pytest.raises(InvalidRequest, match="Name another with --out"):
        evaluate(load(), made, as_json=True, out=taken)
    assert taken.read_text() == "a letter"


def test_the_sheet_says_what_became_of_every_query() -> None:
    stretch, ignored = Stretch("a.mp4", 0, 4), Stretch("a.mp4", 10, 14)
    hit, miss, neither = segment(0, 4), segment(6, 8), segment(10, 13)
    expected = Expected((stretch,), ignore=(ignored,))
    answers = {
        "first": Judged("first", expected, (neither, hit, miss)),
        "second": Judged("second", expected, (miss, hit)),
        "unsure": Judged("unsure", expected, (segment(0, 4, "low"),)),
        "none": Judged("none", expected, ()),
        "alarm": Judged("alarm", Expected(), (miss,)),
        "silence": Judged("silence", Expected(), ()),
    }
    said = {query: Parsed(sheet_of(judged)) for query, judged in answers.items()}
    words = {
        "first": "answered", "second": "answered, but not first", "unsure": "right at low confidence only",
        "none": "missed", "alarm": "false alarm", "silence": "nothing, as it should be",
    }  # fmt: skip
    for query, outcome in words.items():
        assert outcome in said[query].pieces
        assert ("#query-0" in said[query].links) == (query not in ("first", "silence"))
    assert "missed" in said["none"].pieces and "found" in said["first"].pieces
    assert "counts neither way" in said["first"].pieces


def sheet_of(judged: Judged) -> str:
    calibrated = calibration([judged])
    keys = ("r1_at_0.5", "boundary_error_seconds", "still_recall_at_5", "answered", "false_alarms", "auroc")
    result = {**dict.fromkeys(keys), "map": {}, "calibration": calibrated.to_json(), "made_with": {},
              "media_problems": []}  # fmt: skip
    return contact_sheet("set", [Row(judged)], calibrated, result)


def segment(start: float, end: float, confidence: Any = "high") -> Segment:
    return Segment("id", "a.mp4", "video", start, end, 80, confidence, start, None, "frame")


class Parsed(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.classes: list[str] = []
        self.pictures: list[str] = []
        self.links: list[str] = []
        self.pieces: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.tags.append(tag)
        self.classes.extend(given.get("class", "").split())
        self.pictures.extend([given["src"]] if tag == "img" else [])
        self.links.extend([given["href"]] if tag == "a" else [])

    def handle_data(self, data: str) -> None:
        self.pieces.append(data.strip())

    def count(self, tag: str) -> int:
        return self.tags.count(tag)

    @property
    def text(self) -> str:
        return " ".join(self.pieces)
