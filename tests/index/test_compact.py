"""An index that is put in order says what it said before, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import DiskFull, StoreDamaged, StoreError, StoreLost
from core.record import Points
from index.store import Where
from index.stores.edge import EdgeStore
from index.stores.edge_about import About, Method
from index.stores.edge_link import run_compaction
from tests.support.points import DIMENSIONS, make_points

MEDIA = [f"m{number}" for number in range(10)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EdgeStore]:
    with EdgeStore(tmp_path, "g1", DIMENSIONS, min_free_disk_mb=0, linger_seconds=0.1) as opened:
        yield opened


def fill(store: EdgeStore) -> Points:
    points = Points.concatenate([make_points(400, media_id) for media_id in MEDIA])
    store.upsert(points)
    store.upsert(make_points(60, "m1", "face"))
    return points


def generation(tmp_path: Path) -> Path:
    return tmp_path / "index/g1"


def shards(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in generation(tmp_path).iterdir() if path.is_dir())


def answers(store: EdgeStore, vectors: np.ndarray, where: Where = Where()) -> list[dict[str, float]]:  # noqa: B008
    return [
        dict(zip(found.id, found.score.tolist(), strict=True))
        for found in store.query("visual", vectors, where, 50)
    ]


@pytest.mark.parametrize("method", ["exact", "quantised"])
def test_answers_stay_what_they_were(store: EdgeStore, tmp_path: Path, method: Method) -> None:
    points = fill(store)
    asked = points.vectors[::500]
    before, inside = answers(store, asked), answers(store, asked, Where(media_ids=("m3", "m4")))
    sample = store.sample("visual", Where(), 100)
    done = store.compact(method)
    assert (done.points, done.method) == (4060, method)
    assert About.read(generation(tmp_path)).method == method
    assert len(shards(tmp_path)) == 1
    found = [len(ours.keys() & theirs.keys()) for ours, theirs in zip(
        answers(store, asked), before, strict=True
    )]  # fmt: skip
    assert np.mean(found) >= 49.5 and (method != "exact" or min(found) >= 49)
    assert answers(store, asked, Where(media_ids=("m3", "m4"))) == inside
    exactly = store.query_exactly("visual", asked, Where(), 50)
    assert [set(one.id) for one in exactly] == [set(one) for one in before]
    again = store.sample("visual", Where(), 100)
    assert again.id == sample.id and np.allclose(again.vectors, sample.vectors, atol=1e-3)
    assert store.counts("m1") == {"frame": 134, "region": 133, "tile": 133, "face": 60}
    unlike = store.recommend("visual", asked[:2], asked[2:4], Where(), 20)
    assert len(unlike) == 20


def test_an_index_in_order_is_opened_again_and_written_to(store: EdgeStore, tmp_path: Path) -> None:
    points = fill(store)
    store.compact("quantised")
    store.close()
    with EdgeStore.of_existing(tmp_path, "g1", min_free_disk_mb=0) as again:
        assert again.count(Where()) == 4060
        again.upsert(make_points(30, "new"))
        [found] = again.query("visual", make_points(1, "new").vectors, Where(), 1)
        assert found.media_id == ["new"]
        again.delete(Where(media_ids=("m1",)))
        again.flush()
        assert again.compact("exact").points == 3630
        [found] = again.query("visual", points.vectors[400:401], Where(), 10)
        assert "m1" not in found.media_id


def test_what_is_written_meanwhile_is_not_lost(store: EdgeStore) -> None:
    fill(store)
    folder, points = store._call("copy_out")
    assert points == 4060
    store.upsert(make_points(50, "late"))
    store.upsert(make_points(20, "late", "face"))
    store.delete(Where(media_ids=("m2",)))
    store.upsert(make_points(10, "m2"))
    store.delete(Where(media_ids=("m3",), kinds=("tile",)))
    expected = {media_id: store.counts(media_id) for media_id in (*MEDIA, "late")}
    late = store.get(make_points(50, "late").id, "visual")
    run_compaction(Path(folder), "exact")
    store._call("take_in", folder, "exact")
    assert {media_id: store.counts(media_id) for media_id in expected} == expected
    assert store.count(Where(media_ids=("late",))) == 70 and store.count(Where(media_ids=("m2",))) == 10
    after = store.get(late.id, "visual")
    assert np.allclose(after.vectors, late.vectors, atol=1e-3) and after.label == late.label


def test_questions_are_answered_meanwhile(store: EdgeStore) -> None:
    points = fill(store)
    stop, lengths = threading.Event(), set()

    def ask() -> None:
        while not stop.is_set():
            lengths.update(len(found) for found in store.query("visual", points.vectors[:3], Where(), 50))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        store.compact("exact")
    finally:
        stop.set()
        asking.join()
    assert lengths == {50}


def test_a_store_process_that_ends_meanwhile_leaves_the_index_as_it_was(
    store: EdgeStore, tmp_path: Path
) -> None:
    fill(store)
    folder, _ = store._call("copy_out")
    os.kill(store.info()["pid"], signal.SIGKILL)
    with pytest.raises(StoreLost):
        store.count(Where())
    with pytest.raises(StoreError, match="out of date"):
        store._call("take_in", folder, "exact")
    assert store.count(Where()) == 4060
    assert shards(tmp_path) == ["shard"]


def test_an_older_copy_is_not_taken_in(store: EdgeStore) -> None:
    fill(store)
    first, _ = store._call("copy_out")
    second, _ = store._call("copy_out")
    with pytest.raises(StoreError, match="out of date"):
        store._call("take_in", first, "exact")
    run_compaction(Path(second), "exact")
    store._call("take_in", second, "exact")
    assert store.count(Where()) == 4060


def test_a_copy_that_cannot_be_put_in_order(store: EdgeStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"could not be put in order .*as it was"):
        run_compaction(tmp_path / "nothing", "exact")
    with pytest.raises(StoreError, match="no method 'best'"):
        run_compaction(tmp_path, "best")


def test_no_room_for_a_copy(tmp_path: Path) -> None:
    with EdgeStore(tmp_path, "g1", DIMENSIONS, min_free_disk_mb=10**9, linger_seconds=0.1) as store, \
            pytest.raises(DiskFull, match="to compact this index takes"):  # fmt: skip
        store.compact()


@pytest.mark.parametrize("said", [
    '{"schema": 2, "dimensions": {"visual": 32}, "shard": "../elsewhere"}',
    '{"schema": 2, "dimensions": {"visual": 32}, "method": "guessed"}',
    '{"dimensions": {"visual": 32}}',
])  # fmt: skip
def test_what_makes_no_sense_is_refused(tmp_path: Path, said: str) -> None:
    (tmp_path / "about.json").write_text(said)
    with pytest.raises(StoreDamaged):
        About.read(tmp_path)


def test_a_folder_of_a_later_version(tmp_path: Path) -> None:
    (tmp_path / "about.json").write_text('{"schema": 9, "dimensions": {"visual": 32}}')
    with pytest.raises(StoreError, match="newer momentseek"):
        About.read(tmp_path)


def test_an_exact_index_stays_readable_for_the_version_before(tmp_path: Path) -> None:
    about: dict[str, Any] = {"visual": 32}
    About(about).write(tmp_path)
    assert (tmp_path / "about.json").read_text() == '{"schema": 1, "dimensions": {"visual": 32}}'
    assert About.read(tmp_path) == About({"visual": 32})
