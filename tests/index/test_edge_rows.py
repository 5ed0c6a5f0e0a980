from __future__ import annotations

from uuid import UUID

from core.record import Points
from index.stores.edge_rows import Rows
from index.stores.schema import payloads
from tests.support.points import make_points


def numbers(points: Points) -> list[int]:
    return [UUID(point_id).int for point_id in points.id]


def test_what_was_added_comes_back_in_any_order() -> None:
    points, rows = make_points(3000), Rows()
    rows.add(numbers(points), payloads(points))
    assert rows.missing(numbers(points)) == []
    turned = rows.points("visual", numbers(points)[::-1])
    assert turned.id == points.id[::-1] and turned.label == points.label[::-1]
    assert turned.track.tolist() == points.track.tolist()[::-1]
    assert len(rows.points("visual", [])) == 0


def test_forgotten_rows_are_missing() -> None:
    points, rows = make_points(10), Rows()
    rows.add(numbers(points), payloads(points))
    rows.forget([*numbers(points)[:4], 12345])
    assert rows.missing(numbers(points)) == numbers(points)[:4]
    rows.clear()
    assert rows.missing(numbers(points)) == numbers(points)


def test_it_never_holds_much_more_than_its_capacity() -> None:
    rows = Rows(capacity=100)
    for part in (make_points(60, "m1"), make_points(60, "m2"), make_points(30, "m3")):
        rows.make_room(numbers(part))
        rows.add(missing := rows.missing(numbers(part)), payloads(part)[: len(missing)])
        assert rows.points("visual", numbers(part)).media_id == part.media_id
    assert len(rows.missing(numbers(make_points(60, "m1")))) == 60
    assert rows.missing(numbers(make_points(60, "m2"))) == []
