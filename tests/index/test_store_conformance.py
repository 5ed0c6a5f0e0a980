"""What every VectorStore does, whatever is behind it; and that all of them answer alike.

Another store joins in tests/support/stores.py. MOMENTSEEK_TEST_QDRANT_URL=http://HOST:6333 adds a real server
or cluster (MOMENTSEEK_TEST_QDRANT_GRPC=1 for gRPC, MOMENTSEEK_TEST_QDRANT_KEY for its key).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.record import Points
from core.types import KINDS
from index.store import VectorStore, Where
from index.stores.edge import EdgeStore
from index.stores.server import ServerStore
from tests.support.points import DIMENSIONS, make_points
from tests.support.stores import IGNORE_LOCAL_MODE, OPEN, embedded, local_on_disk, same_ranking, same_records

pytestmark = IGNORE_LOCAL_MODE


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], VectorStore]]:
    """A store by name; the tests share one of each, making it takes longer than they do."""
    stores: dict[str, VectorStore] = {}
    with ExitStack() as stack:
        def one(name: str) -> VectorStore:
            if name not in stores:
                stores[name] = stack.enter_context(OPEN[name](tmp_path_factory.mktemp(name)))
            return stores[name]

        yield one


@pytest.fixture(params=OPEN)
def store(request: pytest.FixtureRequest, opened: Callable[[str], VectorStore]) -> Iterator[VectorStore]:
    """An empty store."""
    one = opened(request.param)
    yield one
    one.delete(Where(kinds=KINDS))


@pytest.fixture
def stores(opened: Callable[[str], VectorStore]) -> Iterator[dict[str, VectorStore]]:
    """All of them, empty."""
    every = {name: opened(name) for name in OPEN}
    yield every
    for one in every.values():
        one.delete(Where(kinds=KINDS))


@pytest.fixture
def library(store: VectorStore) -> list[Points]:
    """Two videos, a still, and faces of the first video, in the store."""
    parts = make_library()
    for part in parts:
        store.upsert(part)
    return parts


def make_library() -> list[Points]:
    visual = [make_points(60, "m1"), make_points(30, "m2"), make_points(1, "still")]
    return [*visual, make_points(20, "m1", "face")]


def close_scores(a: np.ndarray, b: np.ndarray) -> bool:
    """A store may keep float16: 11 bits a number, and the errors of 32 numbers add up."""
    return np.allclose(a, b, atol=5e-4)


def by_id(points: Points) -> Points:
    return points[np.argsort(points.id)]


def visual(library: list[Points]) -> Points:
    return Points.concatenate([part for part in library if part.vector_name == "visual"])


WHERES: list[tuple[Where, Callable[[Points, int], bool]]] = [
    (Where(), lambda p, i: True),
    (Where(media_ids=("m1",)), lambda p, i: p.media_id[i] == "m1"),
    (Where(media_ids=("m1", "m2")), lambda p, i: p.media_id[i] in ("m1", "m2")),
    (Where(media_ids=()), lambda p, i: False),
    (Where(not_media_ids=("m1",)), lambda p, i: p.media_id[i] != "m1"),
    (Where(not_media_ids=()), lambda p, i: True),
    (Where(media_type="image"), lambda p, i: p.media_type[i] == "image"),
    (Where(kinds=("region", "tile")), lambda p, i: p.kind[i] in ("region", "tile")),
    (Where(labels=("cup",)), lambda p, i: p.label[i] == "cup"),
    (Where(time_seconds=(5.0, 12.0)), lambda p, i: 5.0 <= p.time_seconds[i] < 12.0),
    (Where(media_ids=("m1",), kinds=("frame",), time_seconds=(0.0, 30.0)),
     lambda p, i: p.media_id[i] == "m1" and p.kind[i] == "frame" and p.time_seconds[i] < 30),
]


def test_a_new_store_is_empty(store: VectorStore) -> None:
    assert store.count(Where()) == 0
    assert store.counts("m1") == {}
    assert len(store.scroll("visual", Where())) == 0
    assert store.sample("visual", Where(), 10).vectors.shape == (0, 32)
    assert store.get(["6f9619ff-8b86-5011-b42d-00cf4fc964ff"], "visual").vectors.shape == (0, 32)
    [found] = store.query("visual", np.ones((1, 32), np.float32), Where(), 10)
    assert len(found) == 0


def test_records_come_back_as_written(store: VectorStore, library: list[Points]) -> None:
    for part in library:
        found = store.get(part.id, part.vector_name)
        same_records(found, part)
        assert found.vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
        assert close_scores(found.vectors, part.vectors)


@pytest.mark.parametrize("where, matches", WHERES, ids=[str(where) for where, _ in WHERES])
def test_query_equals_brute_force(
    store: VectorStore, library: list[Points], where: Where, matches: Callable[[Points, int], bool]
) -> None:
    points = visual(library)
    queries = np.random.default_rng(7).standard_normal((3, 32)).astype(np.float32)
    rows = [i for i in range(len(points)) if matches(points, i)]
    truth = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ points.vectors[rows].T
    answers = store.query("visual", queries, where, 25)
    assert len(answers) == 3
    for found, scores in zip(answers, truth, strict=True):
        assert close_scores(found.score, np.sort(scores)[::-1][:25])
        expected = dict(zip((points.id[i] for i in rows), scores, strict=True))
        assert close_scores(found.score, np.float32([expected[point] for point in found.id]))
        assert found.vectors.shape == (len(found), 0)
        same_records(found, points[[points.id.index(point) for point in found.id]])


@pytest.mark.parametrize("where, matches", WHERES, ids=[str(where) for where, _ in WHERES])
def test_count_and_scroll_equal_brute_force(
    store: VectorStore, library: list[Points], where: Where, matches: Callable[[Points, int], bool]
) -> None:
    assert store.count(where) == sum(matches(part, i) for part in library for i in range(len(part)))
    points = visual(library)
    points = points[[i for i in range(len(points)) if matches(points, i)]]
    found = store.scroll("visual", where)
    assert found.time_seconds.tolist() == sorted(points.time_seconds.tolist())
    same_records(by_id(found), by_id(points)) if len(points) else None
    assert len(found) == len(points)


def test_score_threshold_and_limit(store: VectorStore, library: list[Points]) -> None:
    query = library[0].vectors[:1]
    [best] = store.query("visual", query, Where(), 1)
    assert best.id == library[0].id[:1]
    [found] = store.query("visual", query, Where(), 1000, score_threshold=0.2)
    truth = visual(library).vectors @ query[0]
    assert abs(len(found) - (truth >= 0.2).sum()) <= (abs(truth - 0.2) < 1e-3).sum()
    assert 1 < len(found) < len(truth)


@pytest.mark.parametrize(
    "limit, group_size, threshold", [(2, 1, None), (3, 4, None), (9, 2, 0.1), (9, 50, None)]
)
def test_groups_are_the_best_of_each_media(
    store: VectorStore, library: list[Points], limit: int, group_size: int, threshold: float | None
) -> None:
    store.upsert(make_points(400, "m0"))
    points = Points.concatenate([visual(library), make_points(400, "m0")])
    queries = np.random.default_rng(3).standard_normal((2, 32)).astype(np.float32)
    where = Where(not_media_ids=("m2",))
    truth = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ points.vectors.T
    answers = store.query_groups("visual", queries, where, limit, group_size, threshold)
    assert len(answers) == 2
    for found, scores in zip(answers, truth, strict=True):
        of: dict[str, list[float]] = {}
        for media_id, score in zip(points.media_id, scores.tolist(), strict=True):
            if media_id != "m2" and (threshold is None or score >= threshold):
                of.setdefault(media_id, []).append(score)
        best = sorted(of, key=lambda media_id: -max(of[media_id]))[:limit]
        kept = {media_id: sorted(of[media_id], reverse=True)[:group_size] for media_id in best}
        assert list(dict.fromkeys(found.media_id)) == best
        assert found.media_id == [media_id for media_id in best for _ in kept[media_id]]
        assert close_scores(found.score, np.float32([score for some in kept.values() for score in some]))
        same_records(found, points[[points.id.index(point) for point in found.id]])
    assert [len(one) for one in store.query_groups("visual", queries, where, 0)] == [0, 0]


def test_each_vector_name_is_its_own_space(store: VectorStore, library: list[Points]) -> None:
    [found] = store.query("face", np.ones((1, 8), np.float32), Where(), 1000)
    assert set(found.kind) == {"face"} and len(found) == 20
    assert len(store.scroll("face", Where())) == 20
    assert len(store.sample("visual", Where(), 1000)) == 91
    assert len(store.get(library[3].id, "visual")) == 0


def test_writing_twice_changes_nothing(store: VectorStore, library: list[Points]) -> None:
    before = by_id(store.scroll("visual", Where()))
    for part in library:
        store.upsert(part)
    assert store.count(Where()) == 111
    same_records(by_id(store.scroll("visual", Where())), before)


def test_the_last_write_of_an_id_holds(store: VectorStore, library: list[Points]) -> None:
    """Also for what was read before: nothing stale may be kept."""
    store.query("visual", library[0].vectors[:1], Where(), 100)
    changed = replace(library[0][:10], label=["fox"] * 10, vectors=library[0].vectors[10:20])
    store.upsert(changed)
    [found] = store.query("visual", changed.vectors[:1], Where(labels=("fox",)), 1)
    assert (found.id, found.label) == (changed.id[:1], ["fox"])
    same_records(store.get(changed.id, "visual"), changed)


def test_sample_is_fixed_and_barely_moves(store: VectorStore) -> None:
    store.upsert(make_points(300, "m1"))
    first = store.sample("visual", Where(), 50)
    assert first.id == sorted(store.scroll("visual", Where()).id)[:50]
    assert first.id == store.sample("visual", Where(), 50).id
    assert first.vectors.shape == (50, 32)
    store.upsert(make_points(30, "m2"))
    second = store.sample("visual", Where(), 50)
    assert len(set(first.id) & set(second.id)) >= 40
    only = store.sample("visual", Where(kinds=("tile",)), 5)
    assert set(only.kind) == {"tile"} and only.id == sorted(only.id)


def test_scroll_limit_keeps_the_smallest_ids(store: VectorStore, library: list[Points]) -> None:
    found = store.scroll("visual", Where(), limit=10)
    assert sorted(found.id) == sorted(visual(library).id)[:10]
    assert found.time_seconds.tolist() == sorted(found.time_seconds.tolist())


def test_get_follows_the_order_asked(store: VectorStore, library: list[Points]) -> None:
    asked = [library[1].id[5], "6f9619ff-8b86-5011-b42d-00cf4fc964ff", library[0].id[9], library[1].id[0]]
    assert store.get(asked, "visual").id == [asked[0], asked[2], asked[3]]
    assert len(store.get([], "visual")) == 0


def test_counts_per_kind(store: VectorStore, library: list[Points]) -> None:
    assert store.counts("m1") == {"frame": 20, "region": 20, "tile": 20, "face": 20}
    assert store.counts("still") == {"frame": 1}
    assert store.counts("nobody") == {}


def test_delete(store: VectorStore, library: list[Points]) -> None:
    store.delete(Where(media_ids=("m1",), kinds=("face",)))
    assert store.counts("m1") == {"frame": 20, "region": 20, "tile": 20}
    store.delete(Where(media_ids=("m1",)))
    assert store.count(Where()) == 31
    [found] = store.query("visual", library[0].vectors[:1], Where(), 100)
    assert "m1" not in found.media_id and len(found) == 31
    for nothing in (Where(), Where(not_media_ids=())):
        with pytest.raises(ValueError, match="every point"):
            store.delete(nothing)
    store.delete(Where(media_ids=()))
    assert store.count(Where()) == 31


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_vectors_that_mean_nothing_are_refused(store: VectorStore, value: float) -> None:
    points = make_points(5000)
    points.vectors[4999] = value
    with pytest.raises(ValueError, match="vector 4999"):
        store.upsert(points)
    assert store.count(Where()) == 0
    with pytest.raises(ValueError):
        store.query("visual", points.vectors[4999:], Where(), 5)


def test_wrong_dimensions_and_times_are_refused(store: VectorStore) -> None:
    points = make_points(5)
    with pytest.raises(ValueError, match=r"\(n, 32\)"):
        store.upsert(replace(points, vectors=np.ones((5, 31), np.float32)))
    with pytest.raises(ValueError, match="time_seconds"):
        store.upsert(replace(points, time_seconds=np.array([0, 1, np.nan, 3, 4])))
    with pytest.raises(ValueError, match="face"):
        store.query("face", points.vectors, Where(), 5)
    assert store.count(Where()) == 0


def test_large_batches_and_vectors_of_any_length(store: VectorStore) -> None:
    points = make_points(4500)
    store.upsert(replace(points, vectors=points.vectors * 7))
    store.flush()
    assert store.count(Where()) == 4500
    [found] = store.query("visual", points.vectors[4321:4322] * 3, Where(), 1)
    assert found.id == [points.id[4321]] and found.score[0] == pytest.approx(1, abs=1e-3)
    assert store.size_bytes() > 4500 * 32 * 2


def test_a_batch_is_there_as_a_whole_after_the_flush(store: VectorStore) -> None:
    store.upsert(make_points(1300, "m1"))
    store.upsert(make_points(7, "m2"))
    store.flush()
    assert store.count(Where()) == 1307
    assert store.counts("m2") == {"frame": 3, "region": 2, "tile": 2}
    store.upsert(Points.empty("visual", DIMENSIONS["visual"]))
    assert store.count(Where()) == 1307


def test_recommend_is_the_best_of_what_is_liked_but_for_what_is_nearer_to_the_rest(
    store: VectorStore, library: list[Points]
) -> None:
    random = np.random.default_rng(5)
    like, unlike = (random.standard_normal((n, DIMENSIONS["visual"])).astype(np.float32) for n in (3, 2))
    like, unlike = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (like, unlike))
    everything = visual(library)
    liked, disliked = (everything.vectors @ rows.T for rows in (like, unlike))
    expected = {
        everything.id[row]: liked[row].max()
        for row in range(len(everything))
        if liked[row].max() > disliked[row].max() + 1e-3 and liked[row].max() > 0.11
    }
    found = store.recommend("visual", like, unlike, Where(), 1000, score_threshold=0.1)
    scores = dict(zip(found.id, found.score, strict=True))
    assert expected.keys() <= scores.keys()
    assert all(abs(scores[point] - cosine) < 2e-3 for point, cosine in expected.items())
    assert (np.diff(found.score) <= 1e-6).all()
    nearer_to_the_rest = {everything.id[row] for row in np.flatnonzero(disliked.max(1) > liked.max(1) + 1e-3)}
    assert not nearer_to_the_rest & scores.keys()


def test_recommend_with_nothing_unlike_is_what_any_of_the_vectors_finds(
    store: VectorStore, library: list[Points]
) -> None:
    like, everything = np.random.default_rng(5).standard_normal((3, 32)).astype(np.float32), visual(library)
    truth = (everything.vectors @ (like / np.linalg.norm(like, axis=1, keepdims=True)).T).max(axis=1)
    for threshold, limit in ((None, 1000), (-0.05, 1000), (0.1, 1000), (None, 7)):
        found = store.recommend("visual", like, like[:0], Where(), limit, threshold)
        least = -1.0 if threshold is None else threshold
        expected = np.sort(truth[truth >= least])[::-1][:limit]
        assert close_scores(found.score, expected)
        assert len(set(found.id)) == len(found) == len(expected)
    assert truth.min() < -0.05 < 0.1 < truth.max()


def test_recommend_without_examples_is_nothing(store: VectorStore, library: list[Points]) -> None:
    none = np.zeros((0, DIMENSIONS["visual"]), np.float32)
    assert len(store.recommend("visual", none, none, Where(), 10)) == 0


@pytest.mark.parametrize("open_store", [embedded, local_on_disk])
def test_generations_are_apart(open_store: Callable[..., EdgeStore | ServerStore], tmp_path: Path) -> None:
    """One is built while the other answers; what is removed from one stays in the other."""
    with open_store(tmp_path, "g1") as old:
        old.upsert(make_points(20, "m1"))
        if open_store is embedded:  # any number of generations at a time
            with open_store(tmp_path, "g2") as new:
                new.upsert(make_points(5, "m1", seed=1))
                assert (old.count(Where()), new.count(Where())) == (20, 5)
    with open_store(tmp_path, "g2") as new:
        new.delete(Where(kinds=KINDS))
        new.upsert(make_points(7, "m1", seed=1))
        assert new.count(Where()) == 7
    with open_store(tmp_path, "g1") as old:
        assert old.count(Where()) == 20


def test_opened_again_it_holds_what_was_written(tmp_path: Path) -> None:
    for open_store in (embedded, local_on_disk):
        with open_store(tmp_path) as store:
            store.upsert(make_points(50))
        with open_store(tmp_path) as store:
            same_records(by_id(store.scroll("visual", Where())), by_id(make_points(50)))


@pytest.mark.long
def test_all_stores_answer_alike(stores: dict[str, VectorStore]) -> None:
    """Beside what they are held to above: every other condition of it, asked of one after the other."""
    parts = make_library()
    for one in stores.values():
        for part in parts:
            one.upsert(part)
    random = np.random.default_rng(11)
    queries, like, unlike = (
        random.standard_normal((n, DIMENSIONS["visual"])).astype(np.float32) for n in (4, 2, 2)
    )
    for where, _ in WHERES[::2]:
        answers = {
            name: (
                one.query("visual", queries, where, 15), one.recommend("visual", like, unlike, where, 15),
                one.scroll("visual", where), one.sample("visual", where, 10), one.count(where),
            )
            for name, one in stores.items()
        }  # fmt: skip
        found, recommended, scrolled, sample, count = answers.pop("embedded")
        for name, theirs in answers.items():
            for mine, other in zip(found, theirs[0], strict=True):
                same_ranking(mine, other)
            # A score near 1 is squeezed into the last digits of a best-score recommendation.
            same_ranking(recommended, theirs[1], atol=2e-3)
            same_records(scrolled, theirs[2])
            same_records(sample, theirs[3])
            assert close_scores(sample.vectors, theirs[3].vectors)
            assert count == theirs[4], (name, where)
