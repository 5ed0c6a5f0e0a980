"""A store with fewer points than were written opens without an error: the catalogue knows better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import StoreDamaged
from index.catalogue import Catalogue, IndexedFacts
from index.counts import check_counts, require_counts
from index.store import Where
from index.stores.edge import EdgeStore
from tests.support.points import DIMENSIONS, make_points

FACTS = IndexedFacts("video", "mp4", "h264", 640, 360, 90.0)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EdgeStore, Catalogue]]:
    folder: Path = tmp_path_factory.mktemp("library")
    with (
        EdgeStore(folder, "g1", DIMENSIONS, min_free_disk_mb=0, linger_seconds=0.1) as store,
        Catalogue.open(folder / "catalogue.db") as catalogue,
    ):
        yield store, catalogue


def ingest(store: EdgeStore, catalogue: Catalogue, media_id: str, points: int) -> None:
    batch = make_points(points, media_id)
    catalogue.record_file(f"/{media_id}.mp4", 1, 1, media_id)
    store.upsert(batch)
    catalogue.mark_indexed(media_id, FACTS, Counter(batch.kind), "g1")


def test_complete_damaged_and_in_work(library: tuple[EdgeStore, Catalogue]) -> None:
    store, catalogue = library
    assert check_counts(store, catalogue, "g1") == []
    ingest(store, catalogue, "m1", 12)
    ingest(store, catalogue, "m2", 7)
    assert check_counts(store, catalogue, "g1") == check_counts(store, catalogue, "g1", detailed=True) == []
    catalogue.record_file("/m3.mp4", 1, 1, "m3")
    catalogue.mark_indexing("m3", "g1")
    store.upsert(make_points(5, "m3"))
    require_counts(store, catalogue, "g1")
    store.delete(Where(media_ids=("m2",), kinds=("tile",)))
    assert check_counts(store, catalogue, "g1") == ["m2"]
    with pytest.raises(StoreDamaged, match=r"1 media file has .* Run `momentseek doctor`"):
        require_counts(store, catalogue, "g1")
    store.upsert(make_points(2, "m1", first_second=100))
    assert check_counts(store, catalogue, "g1") == [], "equal totals are believed"
    assert sorted(check_counts(store, catalogue, "g1", detailed=True)) == ["m1", "m2"]
