"""``momentseek eval`` on a small set made here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.scenes import STILLS
from core.errors import InvalidRequest
from core.settings import load
from momentseek.evaluation import evaluate


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Two stills, a question for one of them and one for nothing."""
    for still in STILLS[:2]:
        (tmp_path / "media").mkdir(exist_ok=True)
        still.write(tmp_path / "media")
    (tmp_path / "queries").mkdir()
    STILLS[0].write(tmp_path / "queries")
    STILLS[3].write(tmp_path / "queries")
    truth = {"queries": [
        {"id": "there", "image": f"queries/{STILLS[0].name}", "box_xyxy": None, "segments": [],
         "stills": [STILLS[0].name], "ignore": []},
        {"id": "nowhere", "image": f"queries/{STILLS[3].name}", "segments": [], "stills": []},
    ]}  # fmt: skip
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    return tmp_path


def test_a_set_is_indexed_asked_and_judged(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(load(overrides={"faces": {"model": "none"}}), made, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["still_recall_at_5"] == 1.0 and printed["r1_at_0.5"] is None
    assert {entry["id"] for entry in printed["queries"]} == {"there", "nowhere"}
    there = next(entry for entry in printed["queries"] if entry["id"] == "there")
    assert there["segments"][0]["media"] == STILLS[0].name
    evaluate(load(overrides={"faces": {"model": "none"}}), made, as_json=False)
    assert "still_recall_at_5: 1.0" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "[]", '{"queries": [{"id": 1}]}'])
def test_what_is_no_set_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "truth.json").write_text(content)
    with pytest.raises(InvalidRequest, match="not an evaluation set"):
        evaluate(load(), tmp_path, as_json=True)
