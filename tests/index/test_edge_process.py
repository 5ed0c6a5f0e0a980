"""The store process: one owner, many clients, and what happens when any of them dies."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Client
from pathlib import Path

import numpy as np
import pytest

from core.errors import DiskFull, StoreBusy, StoreDamaged, StoreError, StoreLost
from index.store import Where
from index.stores import edge_wire as wire
from index.stores.edge import EdgeStore
from tests.support.points import DIMENSIONS, make_points
from tests.support.processes import REPOSITORY, StartPython

CLIENT = """
from pathlib import Path
from tests.support.points import DIMENSIONS, make_points
from index.store import Where
from index.stores.edge import EdgeStore
store = EdgeStore(Path(sys.argv[1]), "g1", DIMENSIONS, min_free_disk_mb=0, linger_seconds=0.1)
store.upsert(make_points(int(sys.argv[3]), sys.argv[2]))
print(store.info()["pid"], flush=True)
"""


def open_store(folder: Path, **options: object) -> EdgeStore:
    chosen: dict[str, object] = {"min_free_disk_mb": 0, "linger_seconds": 0.1, **options}
    return EdgeStore(folder, "g1", DIMENSIONS, **chosen)  # type: ignore[arg-type]


def until(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_it_starts_when_needed_and_ends_by_itself(tmp_path: Path) -> None:
    assert EdgeStore.owner(tmp_path) is None
    store = open_store(tmp_path)
    store.upsert(make_points(10))
    owner = EdgeStore.owner(tmp_path)
    assert owner not in (None, 0, os.getpid())
    assert store.info() == {"points": 10, "segments": 1, "path": str(tmp_path / "index/g1"),
                            "dimensions": DIMENSIONS, "pid": owner}  # fmt: skip
    assert stat.S_IMODE(wire.address_path(tmp_path).stat().st_mode) == 0o600
    socket_folder = Path(wire.read_address(tmp_path).socket).parent  # type: ignore[union-attr]
    assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
    store.close()
    store.close()
    assert until(lambda: EdgeStore.owner(tmp_path) is None)
    assert not socket_folder.exists() and not wire.address_path(tmp_path).exists()
    with pytest.raises(StoreError, match="closed"):
        store.count(Where())
    with open_store(tmp_path) as again:
        assert again.count(Where()) == 10


def test_the_client_stays_light() -> None:
    code = "import sys, index.stores.edge; sys.exit(bool({'qdrant_edge', 'sqlalchemy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_it_is_not_of_the_terminal_s_session(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        owner = store.info()["pid"]
        assert os.getsid(owner) == owner != os.getsid(0)


def test_two_processes_share_one_owner(tmp_path: Path, start_python: StartPython) -> None:
    clients = [start_python(CLIENT + "sys.stdin.read()", tmp_path, f"m{number}", 50) for number in (1, 2)]
    owners = {int(client.stdout.readline()) for client in clients}  # type: ignore[union-attr]
    assert owners == {EdgeStore.owner(tmp_path)}
    with open_store(tmp_path) as store:
        assert store.info()["pid"] in owners
        assert store.counts("m1") == store.counts("m2") != {}


def test_a_killed_client_leaves_nothing_behind(tmp_path: Path, start_python: StartPython) -> None:
    """In the middle of writing: what it wrote last may be there or not, but never half a point."""
    code = CLIENT + "\nfor n in range(10**6): store.upsert(make_points(500, 'loop', first_second=500 * n))"
    client = start_python(code, tmp_path, "m1", 50)
    client.stdout.readline()  # type: ignore[union-attr]
    with open_store(tmp_path) as store:
        assert until(lambda: store.count(Where(media_ids=("loop",))) >= 1000)
    client.send_signal(signal.SIGKILL)
    client.wait()
    assert until(lambda: EdgeStore.owner(tmp_path) is None)
    with open_store(tmp_path) as store:
        assert sum(store.counts("m1").values()) == 50
        looped = sum(store.counts("loop").values())
        assert looped >= 1000 and looped % 500 == 0
        assert len(store.sample("visual", Where(media_ids=("loop",)), looped + 1)) == looped


def test_a_killed_owner_is_noticed_and_replaced(tmp_path: Path) -> None:
    points = make_points(300)
    store = open_store(tmp_path)
    store.upsert(points[:200])
    store.flush()
    store.upsert(points[200:])
    first = store.info()["pid"]
    stale = Path(wire.read_address(tmp_path).socket).parent  # type: ignore[union-attr]
    os.kill(first, signal.SIGKILL)
    with pytest.raises(StoreLost, match=r"is gone .*try again"):
        store.count(Where())
    with open_store(tmp_path) as other:
        assert set(other.get(points.id, "visual").id) >= set(points.id[:200])
        assert other.info()["pid"] != first
    assert store.count(Where()) == 300, "what was acknowledged is in the write-ahead log"
    assert not stale.exists()
    store.close()


def test_calls_under_way_when_the_owner_dies_all_learn_it(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.upsert(make_points(2000))
        queries = np.tile(make_points(1).vectors, (20, 1))
        owner = store.info()["pid"]
        answered, ending = [0] * 4, threading.Event()

        def ask(number: int) -> str:
            try:
                while not ending.is_set():
                    store.query("visual", queries, Where(), 2000)
                    answered[number] += 1
            except StoreLost:
                return "lost"
            return "not told"

        with ThreadPoolExecutor(4) as threads:
            answers = [threads.submit(ask, number) for number in range(4)]
            try:
                assert until(lambda: all(answered))
                # Whoever stands between two calls when it dies would find its successor: so all are in one.
                os.kill(owner, signal.SIGSTOP)
                before: list[int] = []
                while before != answered:
                    before = answered.copy()
                    time.sleep(1)
            finally:
                ending.set()
                os.kill(owner, signal.SIGKILL)
            assert [answer.result(timeout=30) for answer in answers] == ["lost"] * 4


def test_threads_share_one_store(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        points = make_points(400)
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(store.upsert, [points[first : first + 50] for first in range(0, 400, 50)]))
            rows = [points.vectors[row : row + 1] for row in range(100)]
            found = list(threads.map(lambda row: store.query("visual", row, Where(), 1), rows))
        assert [answer.id[0] for [answer] in found] == points.id[:100]


def test_stopping_the_owner_flushes(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.upsert(make_points(50))
    os.kill(store.info()["pid"], signal.SIGTERM)
    assert until(lambda: EdgeStore.owner(tmp_path) is None)
    with pytest.raises(StoreLost):
        store.count(Where())
    assert store.count(Where()) == 50
    store.close()


def test_a_foreign_owner_is_named(tmp_path: Path, start_python: StartPython) -> None:
    code = """
import fcntl, os, sys
with open(sys.argv[1] + "/store.lock", "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    file.write(str(os.getpid()))
    file.flush()
    print("locked", flush=True)
    sys.stdin.read()
"""
    holder = start_python(code, tmp_path)
    holder.stdout.readline()  # type: ignore[union-attr]
    assert EdgeStore.owner(tmp_path) == holder.pid
    with pytest.raises(StoreBusy, match=f"Process {holder.pid} holds"):
        open_store(tmp_path, start_timeout_seconds=0.3)


def test_an_owner_that_cannot_start_leaves_its_reason(tmp_path: Path) -> None:
    (tmp_path / "store.address.new").mkdir()
    with pytest.raises(StoreError, match=r"does not start; the reason is in .*store\.log"):
        open_store(tmp_path)
    assert "store.address.new" in wire.log_path(tmp_path).read_text()
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be written to"):
        open_store(tmp_path / "file")


def test_a_wrong_token_opens_nothing(tmp_path: Path) -> None:
    with open_store(tmp_path):
        address = wire.read_address(tmp_path)
        assert address is not None
        with Client(address.socket, family="AF_UNIX") as stranger:
            stranger.send_bytes(b"0" * 64)
            with pytest.raises((EOFError, ConnectionError)):
                stranger.recv_bytes()


def test_another_version_s_owner_is_refused(tmp_path: Path) -> None:
    with open_store(tmp_path):
        address = wire.read_address(tmp_path)
        assert address is not None
        wire.write_address(tmp_path, wire.Address(address.socket, address.token, address.pid, protocol=99))
        with pytest.raises(StoreBusy, match="another version"):
            open_store(tmp_path)


def test_a_missing_generation(tmp_path: Path) -> None:
    with pytest.raises(StoreDamaged, match=r"is missing.*doctor"):
        open_store(tmp_path, create=False)
    assert not (tmp_path / "index/g1").exists()
    for name in ("../g1", "", ".hidden", "a/b"):
        with pytest.raises(ValueError, match="no name"):
            EdgeStore(tmp_path, name, DIMENSIONS)


def test_damaged_generations(tmp_path: Path) -> None:
    """Some of these make the binding panic, which must not end the process."""
    with open_store(tmp_path) as store:
        store.upsert(make_points(10))
    assert until(lambda: EdgeStore.owner(tmp_path) is None)
    victims = ["shard/edge_config.json", "shard/segments/*/segment.json", "about.json",
               "shard/segments/*/vector_storage-visual/vectors/status.dat"]  # fmt: skip
    for number, victim in enumerate(victims):
        copy = shutil.copytree(tmp_path / "index/g1", tmp_path / f"index/damaged-{number}")
        [file] = copy.glob(victim)
        os.truncate(file, 0)
    with open_store(tmp_path) as healthy:
        for number in range(len(victims)):
            with pytest.raises(StoreDamaged, match=r"cannot be read .*doctor"):
                EdgeStore(tmp_path, f"damaged-{number}", DIMENSIONS)
        assert healthy.count(Where()) == 10


def test_a_half_made_generation_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "index/g1.creating/shard").mkdir(parents=True)
    with open_store(tmp_path) as store:
        store.upsert(make_points(5))
        assert store.count(Where()) == 5
    assert [path.name for path in (tmp_path / "index").iterdir()] == ["g1"]


def test_lost_segments_get_their_indexes_back(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.upsert(make_points(10))
    assert until(lambda: EdgeStore.owner(tmp_path) is None)
    shutil.rmtree(tmp_path / "index/g1/shard/segments")
    shutil.rmtree(tmp_path / "index/g1/shard/wal")
    with open_store(tmp_path) as store:
        assert store.count(Where()) == 0
        store.upsert(make_points(10))
        assert store.count(Where(labels=("cup",))) == 4


def test_other_dimensions_are_refused(tmp_path: Path) -> None:
    with open_store(tmp_path), pytest.raises(StoreError, match=r"32 numbers \(visual\), not 64 numbers"):
        EdgeStore(tmp_path, "g1", {"visual": 64})


def test_two_generations_in_one_process(tmp_path: Path) -> None:
    with open_store(tmp_path) as first, EdgeStore(tmp_path, "g2", {"visual": 32}) as second:
        first.upsert(make_points(7))
        assert (first.count(Where()), second.count(Where())) == (7, 0)
        assert first.info()["pid"] == second.info()["pid"]


def test_the_free_space_floor(tmp_path: Path) -> None:
    free_mb = shutil.disk_usage(tmp_path).free // 1_000_000
    with open_store(tmp_path, min_free_disk_mb=free_mb + 10_000) as store:
        with pytest.raises(DiskFull, match="are kept free"):
            store.upsert(make_points(10))
        assert store.count(Where()) == 0


def test_who_asks_for_the_owner_does_not_become_it(tmp_path: Path) -> None:
    (tmp_path / "store.lock").write_text("1234")
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            EdgeStore.owner(tmp_path)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(20):
            with wire.owning(tmp_path) as mine:
                assert mine
        with (tmp_path / "store.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            with wire.owning(tmp_path) as mine:
                assert not mine
    finally:
        stop.set()
        asking.join()
