"""A library goes into one file and comes back: whole, wherever it lay, and nothing is lost on the way."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from sqlalchemy import create_engine
from typer.testing import CliRunner

from core.errors import (
    DiskFull,
    InvalidRequest,
    MomentseekError,
    NotFound,
    StoreBusy,
    StoreDamaged,
    StoreError,
)
from core.settings import Settings, load
from index.catalogue import Catalogue, ingest_job_id
from index.copying import Tables
from index.database import downgrade
from index.keys import Keys
from index.packing import pack, unpack
from index.store import Where
from index.stores.edge import EdgeStore
from momentseek.cli import app
from momentseek.engine import Engine, catalogue_path
from momentseek.migrating import migrate, settings_for
from momentseek.restoring import restore
from momentseek.snapshots import Taken, take_snapshot
from momentseek.stores import open_store
from momentseek.switching import clear, finish, parts_there
from tests.support.invented import MEDIA, TOTAL, add_media, make_library
from tests.support.library import REPOSITORY, Library, copy_sparse, run_command, until
from tests.support.points import DIMENSIONS, make_points
from tests.support.qdrant_server import QdrantStandIn
from tests.support.server import serving
from tests.support.stores import IGNORE_LOCAL_MODE, same_records

pytestmark = IGNORE_LOCAL_MODE

QUERIES = make_points(20, "query").vectors


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A library that has some of everything."""
    made = make_library(tmp_path_factory.mktemp("built") / "data")
    upload = made.data_dir / "uploads" / "m4" / "holiday ß.mp4"
    files = {
        upload: b"film" * 5_000,
        made.data_dir / "uploads" / "incoming" / "x.part": b"unfinished",
        made.data_dir / "storyboards" / "m1" / "0.jpg": b"tiles",
        made.data_dir / "pictures" / "a.jpg": b"cup",
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with (
        Catalogue.open(catalogue_path(made)) as catalogue, Keys.open(catalogue_path(made)) as keys,
        open_store(made, "g1", DIMENSIONS) as store,
    ):
        add_media(catalogue, store, "m4", 30, upload)
        catalogue.set_tags("m1", ["holiday"])
        keys.add_key("phone", "read")
        # At work when the snapshot is taken: half of its points are there.
        catalogue.record_file("/m5.mp4", 1, 1, "m5")
        catalogue.queue_media("m5")
        assert catalogue.claim(ingest_job_id("m5"), "box:1:2:3", 60)
        catalogue.mark_indexing("m5", "g1")
        store.upsert(make_points(50, "m5"))
    until(lambda: EdgeStore.owner(made.data_dir) is None)
    return made


@pytest.fixture
def settings(built: Settings, tmp_path: Path) -> Settings:
    """The same library, one's own."""
    own = elsewhere(tmp_path, "data")
    copy_sparse(built.data_dir, own.data_dir)
    with Tables.open(catalogue_path(own)) as tables:
        tables.move_paths(built.data_dir, own.data_dir)
    return own


def elsewhere(tmp_path: Path, name: str = "other") -> Settings:
    return load(overrides={"data_dir": tmp_path / name, "ingest": {"min_free_disk_mb": 0}})


def answers(settings: Settings) -> list[list[tuple[str, float]]]:
    with open_store(settings, "g1", DIMENSIONS, create=False) as store:
        found = store.query("visual", QUERIES, Where(not_media_ids=("m5",)), 10)
    return [list(zip(one.id, one.score.tolist(), strict=True)) for one in found]


def taken(settings: Settings, tmp_path: Path) -> Taken:
    return take_snapshot(settings, tmp_path / "kept.tar")


def test_a_library_comes_back_elsewhere_as_it_was(settings: Settings, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    before = answers(settings)
    done = take_snapshot(settings, tmp_path / "kept.tar", on_step=lambda *step: steps.append(step))
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o600
    assert {what for what, *_ in steps} == {"points", "files"} and ("points", TOTAL + 33, TOTAL + 33) in steps
    assert done.manifest.points == TOTAL + 33 and set(done.manifest.media) == {*MEDIA, "m4"}
    assert done.manifest.waiting == ["m5"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "kept.tar"], "nothing else is left"
    there = elsewhere(tmp_path)
    assert restore(there, done.path).manifest == done.manifest
    assert answers(there) == before == answers(settings), "to the bit"
    assert sorted(path.name for path in there.data_dir.iterdir() if path.is_dir()) == [
        "index", "pictures", "storyboards", "uploads"
    ]  # fmt: skip
    assert (there.data_dir / "storyboards" / "m1" / "0.jpg").read_bytes() == b"tiles"
    assert (there.data_dir / "pictures" / "a.jpg").read_bytes() == b"cup"
    assert not (there.data_dir / "uploads" / "incoming").exists()
    with Catalogue.open(catalogue_path(there)) as rows, Catalogue.open(catalogue_path(settings)) as old:
        [upload] = rows.paths_of("m4")
        assert upload == there.data_dir / "uploads" / "m4" / "holiday ß.mp4"
        assert upload.stat().st_size == 20_000
        assert rows.paths_of("m1") == old.paths_of("m1"), "other originals stay where they are"
        assert rows.get_media("m1").tags == ("holiday",)
        assert rows.get_media("m5").status == "pending" and old.get_media("m5").status == "indexing"
        job = rows.get_job(ingest_job_id("m5"))
        assert (job.state, job.lease_owner) == ("queued", None)
        assert rows.media_to_index("g1") == ["m5"]
    with Keys.open(catalogue_path(there)) as keys:
        assert [key.name for key in keys.list_keys()] == ["phone"]
    with open_store(there, "g1", DIMENSIONS) as store:
        assert store.counts("m5") == {} and store.count(Where()) == TOTAL + 33


def test_what_changes_meanwhile_waits_or_is_gone(settings: Settings, tmp_path: Path) -> None:
    """The server goes on: one file is indexed again, one is removed, one is new."""
    with (
        Catalogue.open(catalogue_path(settings)) as rows, open_store(settings, "g1", DIMENSIONS) as store
    ):
        def change(what: str, done: int, total: int) -> None:
            if (what, done) == ("points", 0):
                rows.mark_indexing("m2", "g1")
                store.delete(Where(media_ids=("m2", "m3")))
                rows.remove_media("m3")
                add_media(rows, store, "m6", 30)

        done = take_snapshot(settings, tmp_path / "kept.tar", on_step=change)
    assert done.manifest.waiting == ["m2", "m5"]
    there = elsewhere(tmp_path)
    restore(there, done.path)
    with Catalogue.open(catalogue_path(there)) as rows, open_store(there, "g1", DIMENSIONS) as store:
        assert {row.id: row.status for row in rows.list_media()} == {
            "long": "indexed", "m1": "indexed", "m2": "pending", "m4": "indexed", "m5": "pending",
        }  # fmt: skip
        assert rows.get_job(ingest_job_id("m2")).state == "queued"
        assert store.counts("m2") == store.counts("m3") == store.counts("m6") == {}


def test_an_incomplete_library_is_not_kept_as_whole(settings: Settings, tmp_path: Path) -> None:
    with open_store(settings, "g1", DIMENSIONS) as store:
        store.delete(Where(media_ids=("m1",), kinds=("tile",)))
    with pytest.raises(StoreDamaged, match=r"m1\.mp4 has another number.*momentseek doctor"):
        taken(settings, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_places_that_make_no_sense(settings: Settings, tmp_path: Path) -> None:
    done = take_snapshot(settings, tmp_path)
    assert done.path.parent == tmp_path and done.path.match("momentseek-*.tar"), "a folder: it gets a name"
    with pytest.raises(InvalidRequest, match="is there already"):
        take_snapshot(settings, done.path)
    with pytest.raises(InvalidRequest, match="There is no folder"):
        take_snapshot(settings, tmp_path / "nowhere" / "kept.tar")
    with pytest.raises(NotFound, match="There is no library"):
        take_snapshot(elsewhere(tmp_path), tmp_path / "kept.tar")
    with pytest.raises(NotFound, match="There is no snapshot"):
        restore(elsewhere(tmp_path), tmp_path / "nothing.tar")
    greedy = settings.model_copy(update={
        "ingest": settings.ingest.model_copy(update={"min_free_disk_mb": 10**9})
    })
    with pytest.raises(DiskFull, match="Name a place on another disk"):
        take_snapshot(greedy, tmp_path / "kept.tar")


def test_a_library_that_is_there_is_replaced_only_when_asked(settings: Settings, tmp_path: Path) -> None:
    done = taken(settings, tmp_path)
    before = answers(settings)
    with Catalogue.open(catalogue_path(settings)) as rows, open_store(settings, "g1", DIMENSIONS) as store:
        rows.remove_media("m2")
        store.delete(Where(media_ids=("m2",)))
        add_media(rows, store, "new", 30)
    (settings.data_dir / "pictures" / "b.jpg").write_bytes(b"dog")
    with pytest.raises(InvalidRequest, match=r"--replace") as refused:
        restore(settings, done.path)
    assert all(part in str(refused.value) for part in ("index", "pictures", "uploads", "a catalogue"))
    restore(settings, done.path, replace=True)
    assert answers(settings) == before
    assert not (settings.data_dir / "pictures" / "b.jpg").exists()
    with Catalogue.open(catalogue_path(settings)) as rows:
        assert {row.id for row in rows.list_media()} == {*MEDIA, "m4", "m5"}


@pytest.mark.long
def test_uploads_may_stay_out_and_stay_then(settings: Settings, tmp_path: Path) -> None:
    done = take_snapshot(settings, tmp_path / "kept.tar", with_uploads=False)
    assert not [name for name in done.manifest.files if name.startswith("uploads/")]
    restore(settings, done.path, replace=True)
    assert (settings.data_dir / "uploads" / "m4" / "holiday ß.mp4").stat().st_size == 20_000


def test_a_damaged_snapshot_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    done = taken(settings, tmp_path)
    before = answers(settings)
    whole = done.path.read_bytes()
    with tarfile.open(done.path) as tar:
        somewhere = tar.getmember("points/000001.npz").offset_data + 4_000
        manifest = tar.getmember("manifest.json").offset_data
        said = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
    broken = tmp_path / "broken.tar"

    def refused(content: bytes, message: str) -> None:
        broken.write_bytes(content)
        with pytest.raises(MomentseekError, match=message):
            restore(settings, broken, replace=True)

    changed = bytes([whole[somewhere] ^ 1])
    refused(whole[:somewhere] + changed + whole[somewhere + 1 :], "points/000001.npz is not what was written")
    refused(whole[: len(whole) // 2], "is no snapshot, or not all of one")
    refused(whole[: manifest - 512] + bytes(1024), "it has no manifest.json")
    refused(b"no archive at all, but long enough to be looked at" * 100, "is no snapshot")
    refused(with_manifest(whole, {**said, "format": 2}), "newer momentseek")
    refused(with_manifest(whole, {**said, "files": {"../../x": [1, "0"]}}), "makes no sense")
    other = {**said["media"], "m1": {**said["media"]["m1"], "frame": 1}}
    refused(with_manifest(whole, {**said, "media": other}), "does not hold the points")
    less = {name: held for name, held in said["media"].items() if name != "m2"}
    refused(with_manifest(whole, {**said, "media": less}), "its catalogue names other points")
    assert answers(settings) == before
    with Catalogue.open(catalogue_path(settings)) as rows:
        assert rows.get_media("m5").status == "indexing", "the old catalogue is in place"


def with_manifest(
    whole: bytes, said: dict[str, object], others: Mapping[str, bytes] = MappingProxyType({})
) -> bytes:
    """A later member of the same name counts."""
    file = io.BytesIO(whole)
    with tarfile.open(fileobj=file, mode="a") as tar:
        for name, data in {**others, "manifest.json": json.dumps(said).encode()}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


def test_a_snapshot_of_an_older_version_and_of_a_newer(settings: Settings, tmp_path: Path) -> None:
    done = taken(settings, tmp_path)
    old = tmp_path / "old.sqlite"
    with tarfile.open(done.path) as tar:
        old.write_bytes(tar.extractfile("catalogue.sqlite").read())  # type: ignore[union-attr]
    engine = create_engine(f"sqlite:///{old}")
    downgrade(engine, "0004")
    engine.dispose()
    there = elsewhere(tmp_path)
    restore(there, with_catalogue(done.path, old))
    assert answers(there) == answers(settings)
    with Catalogue.open(catalogue_path(there)) as rows:
        assert rows.get_media("m1").tags == ("holiday",) and rows.media_to_index("g1") == ["m5"]
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer momentseek: its tables are at 9999"):
        restore(there, with_catalogue(done.path, old), replace=True)
    assert answers(there) == answers(settings)


def with_catalogue(path: Path, catalogue: Path) -> Path:
    """The same snapshot, had it been taken by another version."""
    other = path.with_name("other.tar")
    data = catalogue.read_bytes()
    with tarfile.open(path) as tar:
        said = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
    said["files"]["catalogue.sqlite"] = [len(data), hashlib.sha256(data).hexdigest()]
    other.write_bytes(with_manifest(path.read_bytes(), said, {"catalogue.sqlite": data}))
    return other


@pytest.mark.long
@pytest.mark.parametrize("when", [("checking", 1), ("points", 1), ("files", 1)])
def test_interrupted_it_has_changed_nothing(
    settings: Settings, tmp_path: Path, when: tuple[str, int]
) -> None:
    done = taken(settings, tmp_path)
    before = answers(settings)

    def stop(what: str, number: int, all_of_it: int) -> None:
        if what == when[0] and number >= when[1]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(settings, done.path, replace=True, on_step=stop)
    assert answers(settings) == before
    with Catalogue.open(catalogue_path(settings)) as rows:
        assert rows.get_media("m5").status == "indexing", "the old catalogue is in place"
    restore(settings, done.path, replace=True)
    assert answers(settings) == before
    assert not (settings.data_dir / "restoring").exists() and not (settings.data_dir / "replaced").exists()


_KILLED = """
import os, sys
from pathlib import Path
from momentseek.switching import switch
left = int(sys.argv[2])
def count(event, arguments):
    global left
    if event == "os.rename":
        left -= 1
        if left < 0:
            os._exit(9)
sys.addaudithook(count)
switch(Path(sys.argv[1]), "new")
"""


def test_killed_at_any_rename_the_switch_goes_on(tmp_path: Path) -> None:
    """Before the first of them the old library is in place, after the last the new one; never a mixture."""
    names = ("catalogue.sqlite", "index/g1/about.json", "pictures/a.jpg", "uploads/m1/film.mp4")
    for renames in range(20):
        data_dir = tmp_path / str(renames)
        for folder, content in ((data_dir, "old"), (clear(data_dir), "new")):
            for name in names:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(content)
        ended = subprocess.run(
            [sys.executable, "-c", _KILLED, data_dir, str(renames)], cwd=REPOSITORY, check=False
        )
        begun = finish(data_dir)
        here = {name: (data_dir / name).read_text() for name in names}
        if renames == 0:
            assert (begun, set(here.values())) == (None, {"old"}), "it had not begun"
        else:
            assert begun == (None if ended.returncode == 0 else "new")
            assert set(here.values()) == {"new"} and not (data_dir / "replaced").exists()
        if ended.returncode == 0:
            break
    assert ended.returncode == 0 and renames == 2 + 2 * len(names)


@pytest.mark.long
def test_a_library_that_is_half_in_place_is_closed(settings: Settings, tmp_path: Path) -> None:
    done = taken(settings, tmp_path)
    there = elsewhere(tmp_path)
    restore(there, done.path)
    ready = clear(there.data_dir) / "ready"
    ready.write_text("another one\n")
    with pytest.raises(StoreBusy, match="momentseek restore again"):
        Engine(there)
    for part in parts_there(there.data_dir):
        (there.data_dir / part).rename(ready.parent / part)
    restore(there, done.path, replace=True)
    assert answers(there) == answers(settings)


def test_not_while_somebody_works_on_it(settings: Settings, tmp_path: Path) -> None:
    done = taken(settings, tmp_path)
    with open_store(settings, "g1", DIMENSIONS), pytest.raises(StoreBusy, match="stop what uses it first"):
        restore(settings, done.path, replace=True)


@pytest.fixture
def server() -> Iterator[QdrantStandIn]:
    with QdrantStandIn().serving() as running:
        yield running


@pytest.mark.long
def test_from_and_to_a_server(settings: Settings, server: QdrantStandIn, tmp_path: Path) -> None:
    """The same file, whatever store and database it came from and goes to."""
    with open_store(settings, "g1", DIMENSIONS) as store:
        store.delete(Where(media_ids=("m5",)))
    before = answers(settings)
    place = f"sqlite:///{tmp_path}/catalogue.db"
    migrate(settings, server.url, place)
    catalogue = settings.catalogue.model_copy(update={"url": _secret(place)})
    moved = settings_for(settings, server.url).model_copy(update={"catalogue": catalogue})
    done = take_snapshot(moved, tmp_path / "kept.tar")
    assert done.manifest.points == TOTAL + 33 and done.manifest.waiting == ["m5"]
    there = elsewhere(tmp_path)
    restore(there, done.path)
    for mine, theirs in zip(before, answers(there), strict=True):
        assert [name for name, _ in mine][:1] == [name for name, _ in theirs][:1]
        np.testing.assert_allclose([score for _, score in mine], [score for _, score in theirs], atol=5e-4)
    # Back onto the server, where something is lacking by now and something else is.
    with open_store(moved, "g1", DIMENSIONS) as store:
        store.delete(Where(media_ids=("m1",), kinds=("tile",)))
        store.upsert(make_points(7, "other"))
    with Catalogue.open(place) as rows:
        rows.set_tags("m1", [])
    with pytest.raises(InvalidRequest, match="pictures, storyboards, uploads, a catalogue"):
        restore(moved, done.path)
    with pytest.raises(StoreBusy, match="box:1:2:3 works on this library"):
        restore(moved, done.path, replace=True)
    with Tables.open(place) as tables:
        tables.settle("g1")
    server.asked.clear()
    restore(moved, done.path, replace=True)
    assert answers(settings) == before, "what was left embedded is another's"
    written = [body for verb, path, body in server.asked if verb == "PUT" and path.endswith("/points")]
    assert 0 < sum(len(body["batch"]["ids"]) for body in written) < TOTAL, "only what was lacking"
    with open_store(moved, "g1", DIMENSIONS) as store, Catalogue.open(place) as rows:
        assert store.count(Where()) == TOTAL + 33 and store.counts("m1")["tile"] == 100
        assert rows.get_media("m1").tags == ("holiday",)
        assert store.info()["loading"] is False  # type: ignore[attr-defined]
    assert not (moved.data_dir / "restoring").exists()


def _secret(url: str) -> object:
    from pydantic import SecretStr

    return SecretStr(url)


def test_points_are_packed_without_loss() -> None:
    for points in (make_points(70), make_points(9, "still", "face")):
        stored = replace(points, vectors=points.vectors.astype(np.float16).astype(np.float32))
        back = unpack(pack(stored))
        same_records(back, stored)
        assert (back.vectors.astype(np.float16) == stored.vectors.astype(np.float16)).all()
    with pytest.raises(StoreDamaged, match="cannot be read"):
        unpack(pack(make_points(3))[:-40])


@pytest.mark.long
def test_a_real_library_while_a_server_runs_on_it(own_library: Library, tmp_path: Path) -> None:
    where = ["--data-dir", str(own_library.data_dir)]
    with serving(own_library):
        kept = run_command(own_library.model_dir, "snapshot", tmp_path / "kept.tar", *where)
        assert kept.returncode == 0, kept.stderr
        assert "3 media" in kept.stdout
        busy = CliRunner().invoke(app, ["restore", str(tmp_path / "kept.tar"), "--replace", *where])
        assert busy.exit_code == 1 and "stop it first" in busy.output
    there = tmp_path / "there"
    back = CliRunner().invoke(app, ["restore", str(tmp_path / "kept.tar"), "--data-dir", str(there)])
    assert back.exit_code == 0, back.output
    found = []
    for folder in (own_library.data_dir, there):
        asked = run_command(
            own_library.model_dir, "search", "--media", own_library.ids["cup.webp"], "--json",
            "--data-dir", folder,
        )
        assert asked.returncode == 0, asked.stderr
        found.append(json.loads(asked.stdout)["segments"])
    assert found[0] == found[1] and found[0]
    until(lambda: EdgeStore.owner(there) is None)
