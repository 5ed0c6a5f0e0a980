"""What is a server's alone: how the collection is made, what is tried again, what is said when it fails."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import DiskFull, SettingsError, StoreBusy, StoreDamaged, StoreError, StoreLost
from core.settings import StoreSettings, load
from index.store import Where
from index.stores.server import ServerStore, collection_dimensions, drop_collection
from tests.support.points import DIMENSIONS, make_points
from tests.support.qdrant_server import QdrantStandIn
from tests.support.stores import IGNORE_LOCAL_MODE

pytestmark = IGNORE_LOCAL_MODE


@pytest.fixture
def server() -> Iterator[QdrantStandIn]:
    with QdrantStandIn().serving() as running:
        yield running


def open_store(server: QdrantStandIn, **chosen: Any) -> ServerStore:
    settings = StoreSettings(**{"url": server.url, **chosen})
    return ServerStore.of(settings, "g1", DIMENSIONS)


def sent(server: QdrantStandIn, method: str, end: str) -> list[dict[str, Any]]:
    return [body for verb, path, body in server.asked if verb == method and path.endswith(end)]


def test_the_collection_is_made_as_the_settings_say(server: QdrantStandIn) -> None:
    with open_store(
        server, shard_number=6, replication_factor=3, write_consistency_factor=2, hnsw_m=24,
        hnsw_ef_construct=200, collection_prefix="films", indexing_threshold_kb=20_000,
    ) as store:
        assert store.name == "films-g1"
    [made] = sent(server, "PUT", "/collections/films-g1")
    assert made["vectors"] == {
        name: {"size": size, "distance": "Cosine", "datatype": "float16", "on_disk": True}
        for name, size in DIMENSIONS.items()
    }
    assert made["quantization_config"]["scalar"]["type"] == "int8"
    assert made["quantization_config"]["scalar"]["always_ram"] is True
    assert made["hnsw_config"] == {"m": 24, "ef_construct": 200, "on_disk": False}
    assert (made["shard_number"], made["replication_factor"], made["write_consistency_factor"]) == (6, 3, 2)
    assert made["on_disk_payload"] is True and made["optimizers_config"]["indexing_threshold"] == 20_000


def test_payload_indexes_come_before_the_first_point(server: QdrantStandIn) -> None:
    with open_store(server) as store:
        store.upsert(make_points(3))
    paths = [path.rpartition("/")[2] for verb, path, _ in server.asked if verb == "PUT"]
    assert paths == ["momentseek-g1", *["index"] * 5, "points"]
    schemas = {body["field_name"]: body["field_schema"] for body in sent(server, "PUT", "/index")}
    assert schemas["media_id"] == {"type": "keyword", "is_tenant": True}
    assert schemas["label"] == {"type": "keyword"} and schemas["time_seconds"] == {"type": "float"}


TURBO = {"turbo": {"always_ram": True, "bits": "bits2"}}
RESCORING = {"rescore": True, "oversampling": 3.0}


@pytest.mark.parametrize("kind, made, asked", [("none", None, None), ("turbo", TURBO, RESCORING)])
def test_other_copies_in_memory(server: QdrantStandIn, kind: str, made: Any, asked: Any) -> None:
    with open_store(server, quantization=kind, turbo_bits="2", oversampling=3) as store:
        store.query("visual", make_points(1).vectors, Where(), 5)
    [body] = sent(server, "PUT", "/collections/momentseek-g1")
    assert body.get("quantization_config") == made
    [batch] = sent(server, "POST", "/points/query/batch")
    assert batch["searches"][0]["params"].get("quantization") == asked
    assert batch["searches"][0]["params"]["hnsw_ef"] == StoreSettings().hnsw_ef


def test_opened_again_it_is_not_made_again(server: QdrantStandIn) -> None:
    open_store(server).close()
    with open_store(server, quantization="none") as store:
        assert store.count(Where()) == 0
    assert len(sent(server, "PUT", "/collections/momentseek-g1")) == 1
    assert collection_dimensions(StoreSettings(url=server.url), "g1") == DIMENSIONS


def test_queries_go_in_one_round_trip_and_payloads_only_once(server: QdrantStandIn) -> None:
    points = make_points(40)
    with open_store(server) as store:
        store.upsert(points)
        server.asked.clear()
        first = store.query("visual", points.vectors[:5], Where(), 10)
        assert [path.rpartition("g1")[2] for _, path, _ in server.asked] == ["/points/query/batch", "/points"]
        server.asked.clear()
        again = store.query("visual", points.vectors[:5], Where(), 10)
        assert [path.rpartition("g1")[2] for _, path, _ in server.asked] == ["/points/query/batch"]
        assert [found.label for found in again] == [found.label for found in first]


def test_all_but_the_last_batch_go_without_waiting_and_are_alike_in_size(server: QdrantStandIn) -> None:
    with open_store(server, batch_points=100) as store:
        store.upsert(make_points(301))
    sizes = [len(body["batch"]["ids"]) for body in sent(server, "PUT", "/points")]
    assert sizes == [76, 75, 75, 75]
    assert server.waits == [False, False, False, True]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again(server: QdrantStandIn, status: int) -> None:
    with open_store(server) as store:
        server.refuse = [status, status]
        store.upsert(make_points(10))
        assert store.count(Where()) == 10
    assert len(sent(server, "PUT", "/points")) == 3


def test_a_write_whose_answer_got_lost_is_written_once(server: QdrantStandIn) -> None:
    with open_store(server) as store:
        server.lose = 1
        store.upsert(make_points(10))
        assert store.count(Where()) == 10
        server.lose = 1
        store.delete(Where(media_ids=("m1",)))
        assert store.count(Where()) == 0


def test_what_will_not_pass_is_not_tried_again(server: QdrantStandIn) -> None:
    with open_store(server) as store:
        server.asked.clear()
        server.refuse = [400]
        with pytest.raises(StoreError, match="as the test wants it"):
            store.count(Where())
        assert len(server.asked) == 1


def test_attempts_come_to_an_end(server: QdrantStandIn) -> None:
    with open_store(server, attempts=2) as store:
        server.refuse = [503, 503]
        with pytest.raises(StoreError, match="could not do it"):
            store.count(Where())


def test_a_full_disk_is_said_and_not_tried_again(server: QdrantStandIn) -> None:
    with open_store(server) as store:
        server.asked.clear()
        server.refuse, server.reason = [500], "Service internal error: No space left on device"
        with pytest.raises(DiskFull, match="Make room there"):
            store.upsert(make_points(1))
        assert len(server.asked) == 1


def test_nobody_answers() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for grpc in (False, True):
            settings = StoreSettings(url=url, attempts=2, prefer_grpc=grpc, grpc_port=unused.getsockname()[1])
            with pytest.raises(StoreLost, match=r"does not answer .*store\.url"):
                ServerStore.of(settings, "g1", DIMENSIONS)


def test_a_server_that_goes_away(server: QdrantStandIn) -> None:
    with pytest.raises(StoreLost), open_store(server, attempts=1) as store:
        server.stop()
        store.count(Where())


def test_keys(server: QdrantStandIn, tmp_path: Path) -> None:
    server.key = "sesame"
    for chosen in ({}, {"api_key": "guess"}):
        server.asked.clear()
        with pytest.raises(StoreError, match=r"refuses the key .*api_key_file"):
            open_store(server, **chosen)
        assert len(server.asked) == 1
    file = tmp_path / "key"
    file.write_text("sesame\n")
    file.chmod(stat.S_IRUSR)
    open_store(server, api_key_file=file).close()
    open_store(server, api_key="sesame").close()
    with pytest.raises(SettingsError, match="keep one"):
        open_store(server, api_key="sesame", api_key_file=file)
    with pytest.raises(SettingsError, match="cannot be read"):
        open_store(server, api_key_file=tmp_path / "nowhere")
    (tmp_path / "empty").touch()
    with pytest.raises(SettingsError, match="is empty"):
        open_store(server, api_key_file=tmp_path / "empty")


def test_a_collection_of_other_dimensions_is_refused(server: QdrantStandIn) -> None:
    open_store(server).close()
    with pytest.raises(StoreError, match=r"holds .* 8 numbers \(face\), 32 numbers \(visual\), not 64"):
        ServerStore.of(StoreSettings(url=server.url), "g1", {"visual": 64})


def test_a_collection_that_is_gone(server: QdrantStandIn) -> None:
    settings = StoreSettings(url=server.url)
    with pytest.raises(StoreDamaged, match="is missing"):
        ServerStore.of(settings, "g1", DIMENSIONS, create=False)
    with open_store(server) as store:
        drop_collection(settings, "g1")
        drop_collection(settings, "g1")
        with pytest.raises(StoreDamaged, match="momentseek doctor"):
            store.count(Where())


def test_points_without_their_fields_are_said(server: QdrantStandIn) -> None:
    with open_store(server) as store:
        store.upsert(make_points(3))
        server.forget_field("momentseek-g1", "shot")
        with pytest.raises(StoreDamaged, match="'shot'"):
            store.scroll("visual", Where())
        with pytest.raises(StoreDamaged, match="'shot'"):
            store.query("visual", make_points(1).vectors, Where(), 3)


def test_what_another_process_wrote_is_seen(server: QdrantStandIn) -> None:
    points = make_points(5)
    with open_store(server) as ours, open_store(server) as theirs:
        ours.upsert(points)
        assert ours.query("visual", points.vectors[:1], Where(), 1)[0].label == ["cup"]
        theirs.upsert(replace(points, label=["fox"] * 5))
        assert ours.query("visual", points.vectors[:1], Where(), 1)[0].label == ["fox"]
        theirs.delete(Where(media_ids=("m1",)))
        assert len(ours.query("visual", points.vectors[:1], Where(), 1)[0]) == 0


def test_of_a_sample_only_what_is_new_is_read(server: QdrantStandIn) -> None:
    with open_store(server) as ours, open_store(server) as theirs:
        ours.upsert(make_points(30))
        first = ours.sample("visual", Where(), 20)
        server.asked.clear()
        assert ours.sample("visual", Where(), 20).id == first.id
        assert [path.rpartition("/")[2] for _, path, _ in server.asked] == ["scroll"]
        theirs.upsert(make_points(300, "m2"))
        theirs.delete(Where(media_ids=("m1",), kinds=("tile",)))
        server.asked.clear()
        second = ours.sample("visual", Where(), 20)
        assert second.id == sorted(ours.scroll("visual", Where()).id)[:20]
        [read] = sent(server, "POST", "/points")
        assert set(read["ids"]) == set(second.id) - set(first.id)
        ours.upsert(replace(make_points(30), vectors=make_points(30, seed=1).vectors))
        third, all_of_them = ours.sample("visual", Where(), 20), make_points(30, seed=1)
        for row, point_id in enumerate(third.id):
            if point_id in all_of_them.id:
                written = all_of_them.vectors[all_of_them.id.index(point_id)]
                assert np.allclose(third.vectors[row], written, atol=1e-3)


def test_no_graph_is_made_while_points_are_loaded(server: QdrantStandIn) -> None:
    with open_store(server, indexing_threshold_kb=777) as store:
        with store.loading():
            store.upsert(make_points(3))
            assert store.info()["loading"] is True
        assert store.info()["loading"] is False and server.thresholds == {"momentseek-g1": 777}
        with pytest.raises(KeyboardInterrupt), store.loading():
            raise KeyboardInterrupt
        assert server.thresholds == {"momentseek-g1": 777}
        assert store.info()["points"] == 3 and store.info()["dimensions"] == DIMENSIONS


# The client leaves its lock file open when somebody else has it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_process_at_a_time_has_the_local_mode(tmp_path: Path) -> None:
    settings = StoreSettings(url=f"file://{tmp_path}")
    with ServerStore.of(settings, "g1", DIMENSIONS), pytest.raises(StoreBusy, match="only a server"):
        ServerStore.of(settings, "g2", DIMENSIONS)


def test_settings() -> None:
    settings = load(None, {"profile": "cluster"})
    assert settings.store.url == "http://qdrant:6333" and settings.store.shard_number == 6
    for wrong in ("qdrant", "ftp://qdrant:6333"):
        with pytest.raises(SettingsError, match=r"store\.url"):
            load(None, {"store": {"url": wrong}})
    with pytest.raises(SettingsError, match="Port"):
        ServerStore.of(StoreSettings(url="http://qdrant:x"), "g1", DIMENSIONS)
    assert "sesame" not in repr(StoreSettings(api_key="sesame"))
