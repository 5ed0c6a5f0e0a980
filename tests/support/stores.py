"""Every vector store there is, for the tests that all of them pass."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient

from core.record import Points
from core.settings import StoreSettings
from index.store import VectorStore
from index.stores.edge import EdgeStore
from index.stores.server import ServerStore
from index.stores.server_link import Link
from tests.support.points import DIMENSIONS
from tests.support.qdrant_grpc import serving_grpc
from tests.support.qdrant_server import QdrantStandIn

REAL_SERVER = os.environ.get("MOMENTSEEK_TEST_QDRANT_URL")
REAL_GRPC = bool(os.environ.get("MOMENTSEEK_TEST_QDRANT_GRPC"))
REAL_KEY = os.environ.get("MOMENTSEEK_TEST_QDRANT_KEY")
"""Read when tests are collected: while they run, nothing of the environment outside is there."""

IGNORE_LOCAL_MODE = [
    # qdrant-client's local mode says what it is not: no payload indexes, no graph to set parameters of, not
    # for many points. All three are asked of it as of a server, and known.
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
    pytest.mark.filterwarnings("ignore:Local mode is not recommended for collections"),
]


@contextlib.contextmanager
def embedded(folder: Path, generation: str = "g1") -> Iterator[VectorStore]:
    with EdgeStore(folder, generation, DIMENSIONS, min_free_disk_mb=0, linger_seconds=0.1) as store:
        yield store


@contextlib.contextmanager
def local(folder: Path) -> Iterator[VectorStore]:
    """qdrant-client's local mode."""
    client = QdrantClient(":memory:", force_disable_check_same_thread=True)
    with ServerStore(Link(client, ":memory:", 1, serial=True), "g1", DIMENSIONS) as store:
        yield store


@contextlib.contextmanager
def local_on_disk(folder: Path, generation: str = "g1") -> Iterator[VectorStore]:
    """It writes every point to the disk on its own: 10 ms each on a busy one."""
    settings = StoreSettings(url=f"file://{folder / 'local'}")
    with ServerStore.of(settings, generation, DIMENSIONS) as store:
        yield store


@contextlib.contextmanager
def stand_in(folder: Path) -> Iterator[VectorStore]:
    """The same, behind HTTP."""
    with QdrantStandIn().serving() as server, ServerStore.of(
        StoreSettings(url=server.url), "g1", DIMENSIONS
    ) as store:
        yield store


@contextlib.contextmanager
def stand_in_grpc(folder: Path) -> Iterator[VectorStore]:
    """The same, behind gRPC."""
    client = QdrantClient(":memory:", force_disable_check_same_thread=True)
    with serving_grpc(client) as port:
        settings = StoreSettings(url="http://127.0.0.1:1", grpc_port=port, prefer_grpc=True)
        with ServerStore.of(settings, "g1", DIMENSIONS) as store:
            yield store
    client.close()


@contextlib.contextmanager
def real_server(folder: Path) -> Iterator[VectorStore]:
    """Over HTTP or, with MOMENTSEEK_TEST_QDRANT_GRPC set, gRPC; what is made there is removed."""
    settings = StoreSettings(
        url=REAL_SERVER, prefer_grpc=REAL_GRPC, api_key=REAL_KEY,
        collection_prefix=f"momentseek-test-{uuid.uuid4().hex[:12]}",
    )  # fmt: skip
    store = ServerStore.of(settings, "g1", DIMENSIONS)
    try:
        yield store
    finally:
        store.drop()


OPEN: Mapping[str, Callable[[Path], AbstractContextManager[VectorStore]]] = {
    "embedded": embedded, "local": local, "http": stand_in, "grpc": stand_in_grpc,
    **({"server": real_server} if REAL_SERVER else {}),
}  # fmt: skip


def same_records(a: Points, b: Points) -> None:
    for column in fields(Points):
        if column.name in ("vectors", "score"):
            continue
        ours, theirs = getattr(a, column.name), getattr(b, column.name)
        if isinstance(ours, np.ndarray):
            assert ours.dtype == theirs.dtype, column.name
            np.testing.assert_array_equal(ours, theirs, err_msg=column.name)
        else:
            assert ours == theirs, column.name


def same_ranking(a: Points, b: Points, atol: float = 5e-4) -> None:
    """The same points and scores; where two scores are as good as equal their order is nobody's."""
    assert len(a) == len(b)
    np.testing.assert_allclose(a.score, b.score, atol=atol)
    if not len(a):
        return
    certain = a.score > a.score[-1] + 2 * atol
    theirs = dict(zip(b.id, b.score, strict=True))
    assert {a.id[row] for row in np.flatnonzero(certain)} <= theirs.keys()
    for row in np.flatnonzero(certain):
        assert theirs[a.id[row]] == pytest.approx(a.score[row], abs=atol)
