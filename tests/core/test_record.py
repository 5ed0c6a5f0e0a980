from __future__ import annotations

import uuid
from dataclasses import fields

import numpy as np
import pytest

from core.record import Points, point_id


def three(**changed: object) -> Points:
    columns: dict[str, object] = {
        "vector_name": "visual", "id": ["a", "b", "c"], "media_id": ["m", "m", "n"],
        "media_type": ["video", "video", "image"], "kind": ["frame", "region", "frame"],
        "time_seconds": np.array([0, 0.5, 0]), "span_seconds": np.array([[0, 0.5], [0.5, 1.0], [0, 0]]),
        "box_xyxy": np.tile(np.float32([0, 0, 1, 1]), (3, 1)), "label": [None, "cup", None],
        "label_score": np.zeros(3, np.float32), "track": np.full(3, -1), "shot": np.array([0, 0, 0]),
        "vectors": np.eye(3, 4, dtype=np.float32),
    }
    return Points(**(columns | changed))  # type: ignore[arg-type]


def test_the_same_thing_gets_the_same_id_everywhere() -> None:
    """A literal: ids are on people's disks, so this value may never change."""
    assert point_id("m1", "frame", 1.5, (0, 0, 1, 1)) == "5e0bc293-8ea3-599e-bcae-d0e86adc9051"
    assert uuid.UUID(point_id("m1", "frame", 1.5, (0, 0, 1, 1))).version == 5


def test_an_id_forgives_rounding_and_tells_neighbours_apart() -> None:
    box = (0.1, 0.2, 0.3, 0.4)
    same = point_id("m", "region", 2.0, box)
    assert same == point_id("m", "region", 2.0001, np.float32(box))
    others = {
        point_id("n", "region", 2.0, box), point_id("m", "tile", 2.0, box),
        point_id("m", "region", 2.001, box), point_id("m", "region", 2.0, (0.1, 0.2, 0.3, 0.4001)),
    }
    assert len(others | {same}) == 5


def test_ids_are_spread_evenly() -> None:
    """The store's smallest ids stand for a random sample: no media or time may crowd the low end."""
    first = [int(point_id(f"m{n % 7}", "frame", n / 2, (0, 0, 1, 1))[:2], 16) for n in range(4000)]
    counts = np.histogram(first, bins=8, range=(0, 256))[0]
    assert counts.min() > 400 and counts.max() < 600


def test_no_points_is_an_ordinary_value() -> None:
    none = Points.empty("face", 128)
    assert len(none) == 0 and none.vectors.shape == (0, 128)
    assert len(Points.concatenate([none, none])) == 0
    assert len(three()[np.zeros(3, bool)]) == 0


@pytest.mark.parametrize("column", [column.name for column in fields(Points) if column.name != "vector_name"])
def test_a_column_of_another_length_is_refused(column: str) -> None:
    short = getattr(three(score=np.ones(3, np.float32)), column)[:2]
    changed: dict[str, object] = {"score": np.ones(3, np.float32), column: short}
    with pytest.raises(ValueError, match="rows where id has"):
        three(**changed)


def test_outside_a_query_the_score_is_not_a_number() -> None:
    assert np.isnan(three().score).all() and three().score.shape == (3,)


def test_taking_rows_keeps_the_columns_together() -> None:
    points = three(score=np.float32([0.1, 0.9, 0.5]))
    best_first = points[np.argsort(-points.score)]
    assert best_first.id == ["b", "c", "a"] and best_first.label == ["cup", None, None]
    assert best_first.vectors.tolist() == points.vectors[[1, 2, 0]].tolist()
    assert points[1:].media_id == ["m", "n"]


def test_concatenating_the_parts_gives_the_whole() -> None:
    points = three()
    joined = Points.concatenate([points[:1], points[1:]])
    for column in fields(Points):
        if column.name != "vector_name":
            np.testing.assert_array_equal(getattr(joined, column.name), getattr(points, column.name))
    with pytest.raises(ValueError, match=r"use Points\.empty"):
        Points.concatenate([])
