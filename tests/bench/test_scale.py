"""The figures behind docs/scale.md: a line through sizes, and a small store that grows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.scale import plan
from bench.scale.__main__ import main
from bench.scale.fit import line
from bench.scale.growing import grow, invented


def test_a_line_goes_through_what_lies_on_one() -> None:
    drawn = line([10_000, 100_000, 1_000_000], [3.0, 12.0, 102.0])
    assert (drawn.start, drawn.slope) == (pytest.approx(2.0), pytest.approx(1e-4))
    assert drawn.worst == pytest.approx(0, abs=1e-6)
    assert drawn.at(2_000_000) == pytest.approx(202.0)


def test_small_sizes_count_as_much_as_large_ones() -> None:
    """An error of a tenth is the same share of a small figure and of a large one."""
    drawn = line([1, 2, 1000, 2000], [1.1, 1.9, 1100, 1900])
    assert drawn.worst < 0.12


@pytest.mark.parametrize(("x", "y"), [([1], [1]), ([2, 2], [1, 3]), ([1, 2], [0, 1]), ([], [])])
def test_a_line_needs_two_sizes(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValueError, match="two different sizes"):
        line(x, y)


def test_invented_points_are_what_ingest_writes() -> None:
    points = invented(4_990, 20, 8, np.random.default_rng(0))
    assert len(set(points.id)) == 20 and len(set(points.media_id)) == 2
    assert np.linalg.norm(points.vectors, axis=1) == pytest.approx(np.ones(20), abs=1e-5)
    assert (points.box_xyxy >= 0).all() and (points.box_xyxy <= 1).all()
    assert (points.span_seconds[:, 0] < points.span_seconds[:, 1]).all()


def test_a_store_grows_and_is_weighed(tmp_path: Path) -> None:
    small, large = grow(tmp_path, 16, [300, 1_200], 1)
    assert (small.points, large.points) == (300, 1_200)
    assert small.disk_bytes <= large.disk_bytes
    for size in (small, large):
        assert size.dimension == 16 and size.disk_bytes > size.points * 16 * 2
        assert size.own_bytes > 0 and size.one_ms > 0 and size.several_ms > 0


def test_the_command_writes_all_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures.json"
    main(["--points", "200", "100", "--dimensions", "16", "--questions", "1", "--folder", str(tmp_path),
          "--json", str(out)])  # fmt: skip
    found = json.loads(out.read_text("utf-8"))
    assert [size["points"] for size in found["sizes"]] == [100, 200]
    assert found["fits"][0]["dimension"] == 16 and found["hours"] == []
    assert "| 16 | 100 |" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]  # the store is gone


def test_a_plan_follows_its_figures() -> None:
    one = plan.cluster(1_000_000, 768)
    assert one.memory_bytes == 2 * 1_000_000 * (768 + 2 * 16 * 4 + 450)
    assert one.disk_bytes == 2 * 1_000_000 * (2 * 768 + 450 + 768 + 128) * 1.5
    assert one.nodes == 3
    assert plan.cluster(1_000_000, 768, bits=4).memory_bytes == one.memory_bytes - 2 * 1_000_000 * 384
    # 96 GB of 128 are used: memory is what asks for nodes here, the number of points there.
    assert plan.cluster(1_000_000_000, 768).nodes == 29
    assert plan.cluster(1_000_000_000, 768, node_memory_gb=1000).nodes == 20
    assert plan.embedded(1_000, 256) == (1_000 * (450 + 962), 1_000 * 962)


def test_workers_for_a_backlog() -> None:
    assert plan.workers(10_000, within_days=30, speed=5) == 3
    assert plan.workers(1, within_days=30, speed=5) == 1


def test_a_plan_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    plan.main(["100", "--points-per-hour", "10000", "--dimension", "256"])
    said = capsys.readouterr().out
    assert "1,000,000 points" in said and "3 nodes of 128 GB" in said
