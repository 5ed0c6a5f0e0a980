"""A store of an older version is brought up to date when it is opened; one of a newer is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge

from core.errors import StoreError
from core.settings import StoreSettings
from index.store import Where
from index.stores.edge import EdgeStore
from index.stores.schema import INDEXED
from index.stores.server import ServerStore
from index.stores.upgrades import FIRST, NEWEST, STEPS
from tests.support.library import until
from tests.support.points import DIMENSIONS, make_points
from tests.support.qdrant_server import QdrantStandIn
from tests.support.stores import IGNORE_LOCAL_MODE

pytestmark = IGNORE_LOCAL_MODE


def embedded(folder: Path) -> EdgeStore:
    return EdgeStore(folder, "g1", DIMENSIONS, min_free_disk_mb=0, linger_seconds=0.0)


def about(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "index/g1/about.json").read_text())
    return said


def indexed(folder: Path) -> set[str]:
    """The fields that the shard itself has indexes for; nobody else may have it open."""
    until(lambda: EdgeStore.owner(folder) is None)
    shard = edge.EdgeShard.load(str(folder / "index/g1/shard"))
    try:
        return set(shard.info().payload_schema)
    finally:
        shard.close()


def make_old(folder: Path) -> None:
    """As it was before versions were noted down, and with an index lacking."""
    until(lambda: EdgeStore.owner(folder) is None)
    shard = edge.EdgeShard.load(str(folder / "index/g1/shard"))
    for field in ("label", "time_seconds"):
        shard.update(edge.UpdateOperation.delete_field_index(field))
    shard.flush()
    shard.close()
    said = {key: value for key, value in about(folder).items() if key != "record"}
    (folder / "index/g1/about.json").write_text(json.dumps(said))


def test_an_older_embedded_store(tmp_path: Path) -> None:
    points = make_points(200)
    where = Where(labels=("cup",), time_seconds=(10.0, 90.0))
    with embedded(tmp_path) as store:
        store.upsert(points)
        before = store.query("visual", points.vectors[:3], where, 20)
    assert about(tmp_path)["record"] == NEWEST, "a new one is of today"
    make_old(tmp_path)
    assert indexed(tmp_path) == set(INDEXED) - {"label", "time_seconds"}
    with embedded(tmp_path) as store:
        after = store.query("visual", points.vectors[:3], where, 20)
    assert [one.id for one in after] == [one.id for one in before] and len(before[0]) == 20
    assert indexed(tmp_path) == set(INDEXED) and about(tmp_path)["record"] == NEWEST


def test_a_newer_embedded_store(tmp_path: Path) -> None:
    with embedded(tmp_path) as store:
        store.upsert(make_points(5))
    until(lambda: EdgeStore.owner(tmp_path) is None)
    (tmp_path / "index/g1/about.json").write_text(json.dumps({**about(tmp_path), "record": NEWEST + 1}))
    with pytest.raises(StoreError, match=rf"newer momentseek.*version {NEWEST + 1}.*Update momentseek"):
        embedded(tmp_path)


@pytest.fixture
def server() -> Iterator[QdrantStandIn]:
    with QdrantStandIn().serving() as running:
        yield running


def on_server(server: QdrantStandIn) -> ServerStore:
    return ServerStore.of(StoreSettings(url=server.url), "g1", DIMENSIONS)


def indexes_made(server: QdrantStandIn) -> list[str]:
    made = [body["field_name"] for verb, path, body in server.asked if (verb, path[-5:]) == ("PUT", "index")]
    server.asked.clear()
    return sorted(made)


def test_an_older_and_a_newer_collection(server: QdrantStandIn) -> None:
    with on_server(server) as store:
        store.upsert(make_points(20))
        name = store.name
    assert indexes_made(server) == sorted(INDEXED)
    on_server(server).close()
    assert indexes_made(server) == [], "it says that it is of today"
    server.note(name, {"momentseek_schema": FIRST})
    with on_server(server) as store:
        assert indexes_made(server) == sorted(INDEXED) and store.count(Where()) == 20
    on_server(server).close()
    assert indexes_made(server) == []
    server.note(name, {"momentseek_schema": NEWEST + 1})
    with pytest.raises(StoreError, match=r"collection momentseek-g1.*newer momentseek"):
        on_server(server)


def test_steps_leave_no_gap() -> None:
    assert sorted(STEPS) == list(range(FIRST + 1, NEWEST + 1))
