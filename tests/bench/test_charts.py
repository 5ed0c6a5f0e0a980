from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.__main__ import main

CHARTS = ["ingest.svg", "memory.svg", "search.svg"]


def test_every_kind_of_figures_has_a_chart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    figures = {
        "a": {"profile": "offline", "ratios": {}, "seconds": {"decoding alone": 2.0, "ours": 3.0}},
        "b": {"profile": "default", "rows": [
            {"seconds": seconds, "peak_mb": {"all": 900, "own": 500}} for seconds in (10, 600)
        ]},
        "c": {"sizes": [
            {"points": 10_000, "http": {"picture": {"embed": {"p50": 40.0}, "http": {"p50": 9.0}}}}
        ]},
        "d": {"startup": {}},
    }  # fmt: skip
    for name, one in figures.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(one), "utf-8")
    main(["charts", str(tmp_path), str(tmp_path / "out")])
    made = {path.name: path.read_text("utf-8") for path in (tmp_path / "out").iterdir()}
    assert capsys.readouterr().out.split() == [str(tmp_path / "out" / name) for name in CHARTS]
    assert sorted(made) == CHARTS
    assert "ours" in made["ingest.svg"] and "1.50" in made["ingest.svg"]
    assert "default, all" in made["memory.svg"]
    assert "10,000 points" in made["search.svg"] and "describe" in made["search.svg"]
    main(["charts", str(tmp_path), str(tmp_path / "again")])
    assert {path.name: path.read_text("utf-8") for path in (tmp_path / "again").iterdir()} == made
