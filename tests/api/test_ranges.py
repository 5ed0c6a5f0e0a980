"""The Range header against what it means, byte by byte."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from api.ranges import MAX_RANGES, parse_ranges


@pytest.mark.parametrize(("header", "ranges"), [
    ("bytes=0-0", [(0, 1)]),
    ("bytes=0-", [(0, 100)]),
    ("BYTES = 90-1000", [(90, 100)]),
    ("bytes=-10", [(90, 100)]),
    ("bytes=-1000", [(0, 100)]),
    ("bytes=50-59,0-9,10-19", [(0, 20), (50, 60)]),
    ("bytes=100-", []),
    ("bytes=-0", []),
    ("bytes=100-,5-6", [(5, 7)]),
    ("bytes=5-4", None),
    ("bytes=", None),
    ("bytes=-", None),
    ("bytes=1-2,", None),
    ("bytes=1-2-3", None),
    ("bytes=+1-2", None),
    ("bytes=٣-٤", None),
    ("lines=1-2", None),
    ("0-5", None),
    ("bytes=" + "9" * 30 + "-", None),
    ("bytes=" + ",".join(["1-2"] * (MAX_RANGES + 1)), None),
])  # fmt: skip
def test_ranges(header: str, ranges: list[tuple[int, int]] | None) -> None:
    assert parse_ranges(header, 100) == ranges


_PLACES = some.integers(0, 70)


@given(
    size=some.integers(0, 60),
    asked=some.lists(some.tuples(_PLACES, _PLACES).map(sorted), min_size=1, max_size=8),
)
def test_ranges_cover_exactly_what_was_asked(size: int, asked: list[list[int]]) -> None:
    header = "bytes=" + ",".join(f"{first}-{last}" for first, last in asked)
    found = parse_ranges(header, size)
    assert found is not None
    assert all(stop < start for (_, stop), (start, _) in pairwise(found))
    wanted = {byte for first, last in asked for byte in range(first, last + 1) if byte < size}
    assert {byte for start, stop in found for byte in range(start, stop)} == wanted
