"""What a server does before it is ready, and what it leaves for later."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.settings import load
from index.stores import edge_wire as wire
from index.stores.edge import EdgeStore
from momentseek.starting import starting_store
from tests.support.library import Library, environment, until
from tests.support.points import DIMENSIONS, make_points

LATER = {
    "alembic", "av", "core.outbound", "dlib", "h2", "httpcore", "httpx", "momentseek.posting",
    "momentseek.show", "opentimelineio", "openvino.tools.ovc", "pillow_heif", "qdrant_client", "qdrant_edge",
    "rich", "scipy", "torch", "ultralytics", "websockets",
}  # fmt: skip
"""Takes long to import, and is needed by other processes, in other profiles, once in a library's life or by
what few people do."""

READY = """
import gc, sys
from contextlib import ExitStack
from pathlib import Path
from core.settings import load
from momentseek.serving import _made_ready, _uncollected
from momentseek.starting import starting_store

settings = load(None, {"data_dir": Path(sys.argv[1]), "server": {"port": 0, "works": False}})
with ExitStack() as opened:
    with _uncollected(), starting_store(settings):
        _made_ready(settings, False, opened)
    print(*sorted(sys.modules), gc.isenabled(), gc.get_freeze_count() > 100_000)
"""


def test_what_nobody_needs_yet_is_not_imported(own_library: Library) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READY, str(own_library.data_dir)], env=environment(own_library.model_dir),
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *modules, collects, frozen = done.stdout.split()
    assert {"api.app", "cv2", "openvino", "search.searcher", "sqlalchemy"} <= set(modules)
    assert LATER & set(modules) == set()
    assert (collects, frozen) == ("True", "True")


def test_the_store_is_there_and_open_before_anybody_asks(tmp_path: Path) -> None:
    with EdgeStore(tmp_path, "g1", DIMENSIONS, min_free_disk_mb=0, linger_seconds=0.0) as store:
        store.upsert(make_points(50))
    until(lambda: EdgeStore.owner(tmp_path) is None)
    with starting_store(load(None, {"data_dir": tmp_path})):
        until(lambda: is_open(tmp_path, "g1"), what="the index")
        owner = EdgeStore.owner(tmp_path)
        with EdgeStore(tmp_path, "g1", DIMENSIONS, create=False, linger_seconds=0.0) as store:
            assert store.info()["pid"] == owner
    until(lambda: EdgeStore.owner(tmp_path) is None, what="its end")


def is_open(data_dir: Path, generation: str) -> bool:
    owner = EdgeStore.owner(data_dir)
    return bool(owner) and f"{data_dir}/index/{generation}/" in Path(f"/proc/{owner}/maps").read_text()


@pytest.mark.parametrize("names", [(), ("g1", "g2"), (".damaged-g1-1",)])
def test_what_cannot_be_guessed_is_left_to_who_knows(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / "index" / name).mkdir(parents=True)
    assert wire.only_generation(tmp_path) is None
    (tmp_path / "index" / "g3").mkdir(parents=True)
    assert wire.only_generation(tmp_path) == ("g3" if "g1" not in names else None)


def test_an_index_that_is_damaged_is_no_trouble_here(tmp_path: Path) -> None:
    (tmp_path / "index" / "g1").mkdir(parents=True)
    with starting_store(load(None, {"data_dir": tmp_path})):
        until(lambda: EdgeStore.owner(tmp_path) is not None, what="the process")


def test_nobody_waits_for_an_index_that_somebody_holds(tmp_path: Path) -> None:
    with wire.owning(tmp_path) as mine:
        assert mine
        with starting_store(load(None, {"data_dir": tmp_path})):
            [waits] = [one for one in threading.enumerate() if one.name == "starting-store"]
        # It gives up on its own, and starts nothing afterwards.
        until(lambda: not waits.is_alive(), what="the thread")
    assert EdgeStore.owner(tmp_path) is None and not wire.log_path(tmp_path).exists()
