"""Any sequence of adds, removals, re-ingests and queries: every store does what a plain dict does.

hypothesis makes the sequences, and makes one that fails as short as it can be.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from core.record import Points, VectorName
from core.types import KINDS, Kind
from index.store import VectorStore, Where
from tests.support.points import DIMENSIONS, make_points
from tests.support.stores import IGNORE_LOCAL_MODE, OPEN, same_records

pytestmark = [*IGNORE_LOCAL_MODE, pytest.mark.long]

STEPS = 60
SEQUENCES = {"embedded": 20, "local": 12, "http": 5, "grpc": 5, "server": 20}
"""qdrant-client's local mode looks at every point at every question, the removed ones as well."""
MEDIA = ("m1", "m2", "m3", "still")
CLOSE = 1e-3
"""Cosines of float16 vectors of 32 numbers, beside those of float32."""

media_ids = some.sampled_from(MEDIA)
names = some.sampled_from(sorted(DIMENSIONS))
seeds = some.integers(0, 5)
counts = some.integers(1, 12)
floors = some.none() | some.floats(-0.2, 0.6)
wheres = some.builds(
    Where,
    media_ids=some.none() | some.lists(media_ids, max_size=3, unique=True).map(tuple),
    media_type=some.none() | some.sampled_from(("video", "image")),
    kinds=some.none() | some.lists(some.sampled_from(KINDS), max_size=3, unique=True).map(tuple),
    labels=some.none() | some.lists(some.sampled_from(("cup", "dog")), max_size=2, unique=True).map(tuple),
    time_seconds=some.none() | some.tuples(some.floats(0, 10), some.floats(0, 20)),
    not_media_ids=some.none() | some.lists(media_ids, max_size=3, unique=True).map(tuple),
)


class Model:
    """One row of Points by id: what a store is, without the speed."""

    def __init__(self) -> None:
        self.rows: dict[str, Points] = {}

    def upsert(self, points: Points) -> None:
        self.rows.update((point_id, points[row : row + 1]) for row, point_id in enumerate(points.id))

    def delete(self, where: Where) -> None:
        self.rows = {point_id: row for point_id, row in self.rows.items() if not matches(row, where)}

    def matching(self, name: VectorName, where: Where) -> Points:
        """In order of id."""
        rows = [row for _, row in sorted(self.rows.items())]
        found = [row for row in rows if row.vector_name == name and matches(row, where)]
        return Points.concatenate(found) if found else Points.empty(name, DIMENSIONS[name])

    def count(self, where: Where) -> int:
        return sum(matches(row, where) for row in self.rows.values())

    def counts(self, media_id: str) -> dict[Kind, int]:
        kinds = [row.kind[0] for row in self.rows.values() if row.media_id[0] == media_id]
        return {kind: kinds.count(kind) for kind in kinds}


def matches(row: Points, where: Where) -> bool:
    """Each field of ``where`` as index/store.py says it."""
    start, end = where.time_seconds or (-np.inf, np.inf)
    return (
        (where.media_ids is None or row.media_id[0] in where.media_ids)
        and (where.media_type is None or row.media_type[0] == where.media_type)
        and (where.kinds is None or row.kind[0] in where.kinds)
        and (where.labels is None or row.label[0] in where.labels)
        and start <= row.time_seconds[0] < end
        and (where.not_media_ids is None or row.media_id[0] not in where.not_media_ids)
    )


class StoreMachine(RuleBasedStateMachine):
    """``STORE`` is set by the test. ``asked`` counts what was compared, over all sequences."""

    STORE: VectorStore
    asked = 0

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.STORE.delete(Where(kinds=KINDS))

    @rule(media_id=media_ids, name=names, count=counts, seed=seeds, first=some.integers(0, 8))
    def add(self, media_id: str, name: VectorName, count: int, seed: int, first: int) -> None:
        """Ids depend on media, kind, time and box alone: other seeds write other vectors over the same
        points."""
        points = make_points(count, media_id, name, seed, first)
        relabelled = ["cup" if (seed + row) % 2 else None for row in range(count)]
        points = replace(points, label=relabelled if seed % 2 else points.label)
        self.STORE.upsert(points)
        self.model.upsert(points)

    @rule(media_id=media_ids, name=names, count=counts, seed=seeds)
    def ingest_again(self, media_id: str, name: VectorName, count: int, seed: int) -> None:
        """As the pipeline does it: everything of the media file goes first."""
        self.STORE.delete(Where(media_ids=(media_id,)))
        self.model.delete(Where(media_ids=(media_id,)))
        self.add(media_id, name, count, seed, 0)
        self.STORE.flush()

    @rule(media_id=media_ids)
    def remove(self, media_id: str) -> None:
        self.STORE.delete(Where(media_ids=(media_id,)))
        self.model.delete(Where(media_ids=(media_id,)))

    @rule(where=wheres)
    def remove_some(self, where: Where) -> None:
        if where in (Where(), Where(not_media_ids=())):
            with pytest.raises(ValueError, match="every point"):
                self.STORE.delete(where)
            return
        self.STORE.delete(where)
        self.model.delete(where)

    @rule(name=names, where=wheres, seed=seeds, limit=some.integers(1, 40), least=floors)
    def query(self, name: VectorName, where: Where, seed: int, limit: int, least: float | None) -> None:
        queries = make_points(3, "query", name, seed).vectors
        among = self.model.matching(name, where)
        for query, found in zip(queries, self.STORE.query(name, queries, where, limit, least), strict=True):
            cosines = among.vectors @ query
            best, floor = np.sort(cosines)[::-1], -np.inf if least is None else least
            # What lies as near to the floor as float16 is coarse may be there or not.
            fewest, most = (best >= floor + CLOSE).sum(), (best >= floor - CLOSE).sum()
            assert min(fewest, limit) <= len(found) <= min(most, limit)
            assert np.allclose(found.score, best[: len(found)], atol=CLOSE)
            rows = [among.id.index(one) for one in found.id]
            assert np.allclose(found.score, cosines[rows], atol=CLOSE)
            assert len(set(rows)) == len(rows)
            same_records(found, among[rows])
        StoreMachine.asked += 1

    @rule(name=names, where=wheres, limit=some.integers(1, 40))
    def read(self, name: VectorName, where: Where, limit: int) -> None:
        among = self.model.matching(name, where)
        sample = self.STORE.sample(name, where, limit)
        same_records(sample, among[:limit])
        assert np.allclose(sample.vectors, among.vectors[:limit], atol=CLOSE)
        scrolled = self.STORE.scroll(name, where)
        same_records(scrolled[np.argsort(scrolled.id)], among)
        assert (np.diff(scrolled.time_seconds) >= 0).all()
        asked = [*among.id[::-2], "6f9619ff-8b86-5011-b42d-00cf4fc964ff"]
        same_records(self.STORE.get(asked, name), among[::-2])
        assert self.STORE.count(where) == self.model.count(where)
        StoreMachine.asked += 1

    @rule(media_id=media_ids)
    def count_kinds(self, media_id: str) -> None:
        assert self.STORE.counts(media_id) == self.model.counts(media_id)

    @invariant()
    def nothing_missing_and_nothing_double(self) -> None:
        assert self.STORE.count(Where()) == len(self.model.rows)


@pytest.mark.parametrize("name", OPEN)
def test_every_store_does_what_a_dict_does(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with OPEN[name](tmp_path_factory.mktemp(name)) as store:
        StoreMachine.STORE, StoreMachine.asked = store, 0
        run_state_machine_as_test(StoreMachine, settings=settings(
            max_examples=SEQUENCES[name], stateful_step_count=STEPS, deadline=None, derandomize=True,
            database=None, suppress_health_check=[HealthCheck.too_slow],
        ))
        assert StoreMachine.asked > 5 * SEQUENCES[name], "hardly anything was asked"
