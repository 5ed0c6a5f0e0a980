"""What is found, beside what looking at every point finds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.record import Points
from core.types import Vectors
from index.store import Where
from index.stores.edge import EdgeStore
from search import evidence
from search.chance import Calibration, Chance, Scale
from search.evidence import Finder, Wanted
from tests.support.points import DIMENSIONS, make_points

CALIBRATION = Calibration(Chance(0.0, 0.22), Scale(3.2, 3.8, 4.5), measured=True, learns=False)
MEDIA = [f"m{number}" for number in range(12)]
SHARE = 0.45
NONE = np.zeros((0, DIMENSIONS["visual"]), np.float32)


class CountingStore(EdgeStore):
    asked: list[str]

    def _call(self, operation: str, *arguments: object) -> object:
        self.asked.append(operation)
        return super()._call(operation, *arguments)


@pytest.fixture(scope="module")
def points() -> Points:
    return Points.concatenate([make_points(150, media_id) for media_id in MEDIA])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, points: Points) -> Iterator[CountingStore]:
    CountingStore.asked = []
    folder = tmp_path_factory.mktemp("evidence")
    with CountingStore(folder, "g1", DIMENSIONS, min_free_disk_mb=0, linger_seconds=0.1) as opened:
        opened.upsert(points)
        opened.upsert(make_points(50, "m1", "face"))
        yield opened


def wanted_of(vectors: Vectors, unlike: Vectors = NONE) -> Wanted:
    return Wanted("visual", ("frame", "region", "tile"), vectors, unlike, CALIBRATION)


def near(points: Points, rows: Sequence[int], seed: int = 3) -> Vectors:
    moved = points.vectors[list(rows)] + 0.05 * np.random.default_rng(seed).standard_normal(
        (len(rows), DIMENSIONS["visual"])
    )
    vectors: Vectors = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def expected(
    points: Points, like: Vectors, least_z: float, of: Collection[str] | None = None, small: bool = False
) -> dict[str, float]:
    """z by id: whatever reaches the share of ``least_z``; in a large library, of media with a hit of that."""
    z = CALIBRATION.prior.z((points.vectors @ like.T).max(axis=1))
    rows = [row for row in range(len(points)) if of is None or points.media_id[row] in of]
    media = {points.media_id[row] for row in rows if small or z[row] >= least_z}
    return {points.id[row]: float(z[row]) for row in rows
            if points.media_id[row] in media and z[row] >= least_z * SHARE}  # fmt: skip


def same(found: evidence.Evidence, truth: dict[str, float], least_z: float) -> None:
    """But for what lies on the very edge: the store keeps float16."""
    got = dict(zip(found.hits.id, found.z.tolist(), strict=True))
    for identity in got.keys() ^ truth.keys():
        z = truth.get(identity, got.get(identity))
        assert z == pytest.approx(least_z * SHARE, abs=0.02)
    for identity in got.keys() & truth.keys():
        assert got[identity] == pytest.approx(truth[identity], abs=0.02)
    assert found.z.tolist() == sorted(found.z.tolist(), reverse=True)


@pytest.mark.parametrize("rows", [(5,), (5, 300), (1, 2, 3, 700, 1500, 1799)])
@pytest.mark.parametrize("least_z", [3.2, 4.0])
def test_all_that_may_be_part_of_a_moment_is_found(
    store: CountingStore, points: Points, rows: tuple[int, ...], least_z: float
) -> None:
    like = near(points, rows)
    found = Finder(store, 50).find(wanted_of(like), Where(), least_z, SHARE)
    truth = expected(points, like, least_z)
    assert {points.media_id[row] for row in rows} <= set(found.hits.media_id) != set(MEDIA)
    same(found, truth, least_z)
    some = "m0", "m9"
    only = Finder(store, 50).find(wanted_of(like), Where(media_ids=some), least_z, SHARE)
    same(only, expected(points, like, least_z, some, small=True), least_z)


def test_a_small_library_is_looked_at_once(store: CountingStore, points: Points) -> None:
    learns = replace(CALIBRATION, learns=True)
    finder = Finder(store, 50)
    wanted = replace(wanted_of(near(points, (5, 300))), calibration=learns)
    finder.chance(wanted)
    store.asked.clear()
    found = finder.find(wanted, Where(), 3.2, SHARE)
    assert store.asked == ["recommend"] and len(set(found.hits.media_id)) > 2
    assert found.z.min() < 3.2


def test_two_questions_to_the_store_and_one_where_nothing_is_there(
    store: CountingStore, points: Points
) -> None:
    finder = Finder(store, 50)
    store.asked.clear()
    assert len(finder.find(wanted_of(near(points, (5, 6, 7))), Where(), 3.2, SHARE).hits)
    assert store.asked == ["query", "recommend"]
    store.asked.clear()
    nothing = finder.find(wanted_of(near(points, (5,))), Where(media_ids=("nobody",)), 3.2, SHARE)
    assert len(nothing.hits) == 0 and store.asked == ["recommend"]


def test_where_anything_goes_one_look_is_enough(store: CountingStore, points: Points) -> None:
    """As for who wants what comes nearest, however far: there is no line that few things reach."""
    like = near(points, (5,))
    store.asked.clear()
    found = Finder(store, 50).find(wanted_of(like), Where(media_ids=("m1", "m2")), -10.0, SHARE)
    assert len(found.hits) == 300 and store.asked == ["query"]


def test_the_second_round_is_what_asking_again_would_find(store: CountingStore, points: Points) -> None:
    like, added = near(points, (5, 300)), points.vectors[[20, 21, 450]]
    finder = Finder(store, 50)
    first = finder.find(wanted_of(like), Where(), 3.2, SHARE)
    wider = wanted_of(np.concatenate([like, added]))
    store.asked.clear()
    second = finder.again(wider, len(added), first, Where(), 3.2, SHARE)
    assert store.asked == ["recommend"]
    same(second, expected(points, wider.like, 3.2, set(first.hits.media_id), small=True), 3.2)
    assert dict(zip(first.hits.id, first.z, strict=True)).keys() <= set(second.hits.id)


def test_what_is_unlike_stays_out_of_both_rounds(store: CountingStore, points: Points) -> None:
    like, unlike, added = near(points, (5, 300)), near(points, (6, 301)), points.vectors[[20]]
    finder = Finder(store, 50)
    first = finder.find(wanted_of(like, unlike), Where(), 3.2, SHARE)
    wider = wanted_of(np.concatenate([like, added]), unlike)
    second = finder.again(wider, 1, first, Where(), 3.2, SHARE)
    whole = store.recommend(
        "visual", wider.like, unlike, Where(media_ids=tuple(set(first.hits.media_id))), 5000,
        CALIBRATION.prior.cosine(3.2 * SHARE),
    )
    assert len(first.hits) and set(second.hits.id) == set(whole.id)


def test_the_sample_is_read_again_when_the_library_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "_SAMPLE_SECONDS", 0.0)
    CountingStore.asked = []
    learning = Wanted(
        "visual", ("frame", "region", "tile"), make_points(2).vectors, NONE,
        Calibration(Chance(0.0, 0.12), Scale(3.2, 3.8, 4.5)),
    )  # fmt: skip
    with CountingStore(tmp_path, "g1", DIMENSIONS, min_free_disk_mb=0, linger_seconds=0.1) as store:
        store.upsert(make_points(90))
        finder = Finder(store, 50)
        before = finder.chance(learning)
        store.asked.clear()
        assert finder.chance(learning) == before and store.asked == ["count"]
        store.upsert(make_points(5000, "m2"))
        assert finder.chance(learning) != before, "of more points the best by chance is better"
