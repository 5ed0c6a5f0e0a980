"""Which media fit what is asked of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.postgresql import PostgreSql
from core.errors import InvalidRequest
from index.catalogue import Catalogue, IndexedFacts
from index.media_filter import MediaFilter, Range

VIDEO = IndexedFacts("video", "mp4", "h264", 640, 360, 90.0)
MEDIA: dict[str, tuple[str, int, IndexedFacts, tuple[str, ...], dict[str, Any]]] = {
    "a": ("Kitchen 1.mp4", 1000, VIDEO, ("home", "day"), {"camera": "left", "take": 3, "kept": True}),
    "b": ("kitchen_2.mp4", 2000, replace(VIDEO, duration_seconds=10.0), ("home",), {"camera": "right"}),
    "c": ("ÄPFEL 50%.mp4", 3000, replace(VIDEO, width=1920, height=1080), ("a\"b",), {"take": "3"}),
    "d": ("cup.webp", 500, IndexedFacts("image", "webp", "webp", 400, 300), (), {"date": "2024-05-31"}),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def catalogue(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Catalogue]:
    place: str | Path = tmp_path_factory.mktemp("filter") / "catalogue.db"
    if request.param == "postgresql":
        server: PostgreSql = request.getfixturevalue("postgresql_server")
        place = server.new_database()
    with Catalogue.open(place) as opened:
        for media_id, (name, size, facts, tags, metadata) in MEDIA.items():
            opened.record_file(f"/films/{name}", size, 5, media_id)
            opened.mark_indexed(media_id, facts, {"frame": 1}, "g1")
            opened.set_tags(media_id, tags)
            opened.set_metadata(media_id, metadata)
        opened.record_file("/films/waiting.mp4", 700, 5, "e")
        yield opened


@pytest.mark.parametrize(("wanted", "expected"), [
    (MediaFilter(), "abcde"),
    (MediaFilter(name_contains="KITCHEN"), "ab"),
    (MediaFilter(name_contains="äpf"), "c"),
    (MediaFilter(name_contains="50%"), "c"),
    (MediaFilter(name_contains="_"), "b"),
    (MediaFilter(name="KITCHEN 1.MP4"), "a"),
    (MediaFilter(name="kitchen"), ""),
    (MediaFilter(tags=("home",)), "ab"),
    (MediaFilter(tags=("home", "DAY")), "a"),
    (MediaFilter(tags=("hom",)), ""),
    (MediaFilter(tags=('a"b',)), "c"),
    (MediaFilter(duration_seconds=Range(10, 90)), "abc"),
    (MediaFilter(duration_seconds=Range(10.5)), "ac"),
    (MediaFilter(duration_seconds=Range(None, 10)), "b"),
    (MediaFilter(size_bytes=Range(700, 2000)), "abe"),
    (MediaFilter(width=Range(641), height=Range(1080)), "c"),
    (MediaFilter(height=Range(None, 300)), "d"),
    (MediaFilter(name_contains="kitchen", size_bytes=Range(1500)), "b"),
    (MediaFilter(name_contains="kitchen", size_bytes=Range(1500), tags=("day",)), ""),
])  # fmt: skip
def test_what_the_catalogue_knows(catalogue: Catalogue, wanted: MediaFilter, expected: str) -> None:
    assert catalogue.media_ids_where(wanted) == list(expected)


@pytest.mark.parametrize(("metadata", "expected"), [
    ({"camera": "left"}, "a"),
    ({"camera": "LEFT"}, ""),
    ({"cam": "left"}, ""),
    ({"take": 3}, "a"),
    ({"take": 3.0}, "a"),
    ({"take": "3"}, "c"),
    ({"take": {"gte": 2, "lte": 3}}, "a"),
    ({"take": {"gte": 4}}, ""),
    ({"take": {"gte": "2"}}, "c"),
    ({"kept": True}, "a"),
    ({"kept": 1}, ""),
    ({"kept": {"gte": 0}}, ""),
    ({"kept": None}, ""),
    ({"date": {"gte": "2024-05-01", "lte": "2024-05-31"}}, "d"),
    ({"date": {"gte": "2024-06-01"}}, ""),
    ({"camera": "left", "take": {"lte": 3}}, "a"),
    ({"camera": "right", "take": {"lte": 3}}, ""),
    ({"left": "camera"}, ""),
])  # fmt: skip
def test_what_people_have_noted_down(
    catalogue: Catalogue, metadata: Mapping[str, Any], expected: str
) -> None:
    assert catalogue.media_ids_where(MediaFilter(metadata=metadata)) == list(expected)


@pytest.mark.parametrize("metadata", [
    {"take": [3]}, {"take": {}}, {"take": {"gt": 3}}, {"take": {"gte": 1, "lte": "5"}},
    {"take": {"gte": True}}, {"take": {"gte": None}}, {"take": float("nan")},
    {"take": {"lte": float("inf")}}, {"k" * 201: 1},
    {str(number): 1 for number in range(21)},
])  # fmt: skip
def test_metadata_that_cannot_be_compared(metadata: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="metadata"):
        MediaFilter(metadata=metadata)


@pytest.mark.parametrize(
    "range_", [Range(-1), Range(None, -1), Range(5, 4), Range(float("nan")), Range(1e16)]
)
def test_ranges_that_make_no_sense(range_: Range) -> None:
    for field in ("duration_seconds", "size_bytes", "width", "height"):
        with pytest.raises(InvalidRequest, match=field.partition("_")[0]):
            MediaFilter(**{field: range_})


def test_metadata_as_text() -> None:
    text = '{"camera": "left", "take": {"gte": 2}}'
    assert MediaFilter.parse_metadata(text) == {"camera": "left", "take": {"gte": 2}}
    for wrong in ("", "[]", "camera=left", '"left"', "{", '{"a": 1', "[" * 100_000, "9" * 5000):
        with pytest.raises(InvalidRequest, match="no JSON object"):
            MediaFilter.parse_metadata(wrong)
    with pytest.raises(InvalidRequest, match="'take' may be"):
        MediaFilter.parse_metadata('{"take": NaN}')
    assert MediaFilter(metadata={"take": 10**400}).fits_metadata({"take": 1.5}) is False
