"""A library moves to a server and back, interrupted or not, and answers the same from there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import InvalidRequest, NotFound, SettingsError, StoreBusy, StoreDamaged
from core.pictures import read_picture
from core.settings import Settings, load
from index.catalogue import Catalogue
from index.keys import Keys
from index.store import VectorStore, Where
from index.stores.edge import EdgeStore
from momentseek.cli import app
from momentseek.engine import Engine, catalogue_path
from momentseek.migrating import Migrated, copy_points, migrate, settings_for
from momentseek.remote import announce
from momentseek.stores import drop_generation, open_store
from search.query import Query
from tests.support.invented import FINGERPRINT, MEDIA, TOTAL, make_library
from tests.support.library import Library, until
from tests.support.points import DIMENSIONS, make_points
from tests.support.qdrant_server import QdrantStandIn
from tests.support.stores import IGNORE_LOCAL_MODE, same_ranking

pytestmark = IGNORE_LOCAL_MODE

@pytest.fixture
def server() -> Iterator[QdrantStandIn]:
    with QdrantStandIn().serving() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_library(tmp_path / "data")


def to(server: QdrantStandIn) -> str:
    return server.url.replace("http://", "qdrant://")


def test_there_and_back_nothing_has_changed(settings: Settings, server: QdrantStandIn) -> None:
    seen: list[tuple[int, int]] = []
    done = migrate(settings, to(server), on_points=lambda there, total: seen.append((there, total)))
    assert (done.generation, done.points, done.copied, done.rows) == ("g1", TOTAL, TOTAL, {})
    assert seen[0] == (0, TOTAL) and seen[-1] == (TOTAL, TOTAL) and len(seen) > 2
    moved = settings_for(settings, to(server))
    queries = make_points(100, "query").vectors
    with open_store(settings, "g1", DIMENSIONS) as here, open_store(moved, "g1", DIMENSIONS) as there:
        before = here.query("visual", queries, Where(), 10)
        for mine, theirs in zip(before, there.query("visual", queries, Where(), 10), strict=True):
            same_ranking(mine, theirs)
        assert {one: here.counts(one) for one in MEDIA} == {one: there.counts(one) for one in MEDIA}
        assert there.info()["loading"] is False
    until(lambda: EdgeStore.owner(settings.data_dir) is None)
    drop_generation(settings, "g1")
    assert migrate(moved, "embedded").copied == TOTAL
    with open_store(settings, "g1", DIMENSIONS) as back:
        for mine, again in zip(before, back.query("visual", queries, Where(), 10), strict=True):
            same_ranking(mine, again, atol=1e-5)


def test_what_is_there_is_not_copied_again(settings: Settings, server: QdrantStandIn) -> None:
    migrate(settings, to(server))
    server.asked.clear()
    assert migrate(settings, to(server)).copied == 0
    assert not [path for verb, path, _ in server.asked if verb == "PUT" and path.endswith("/points")]


def test_interrupted_it_goes_on_where_it_was(settings: Settings, server: QdrantStandIn) -> None:
    def stop(there: int, total: int) -> None:
        if there:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(settings, to(server), on_points=stop)
    assert list(server.thresholds.values()) == [settings.store.indexing_threshold_kb], "still loading"
    again = migrate(settings, to(server))
    assert again.points == TOTAL and 0 < again.copied < TOTAL


def test_a_half_written_group_is_written_anew(settings: Settings, server: QdrantStandIn) -> None:
    migrate(settings, to(server))
    moved = settings_for(settings, to(server))
    with open_store(moved, "g1", DIMENSIONS) as there:
        there.delete(Where(media_ids=("m1",), kinds=("tile",)))
        there.upsert(make_points(5, "m1", first_second=10_000))
    done = migrate(settings, to(server))
    assert 0 < done.copied < TOTAL
    with open_store(moved, "g1", DIMENSIONS) as there:
        assert there.counts("m1") == {"frame": 100, "region": 100, "tile": 100, "face": 30}


def test_what_has_left_the_library_leaves_the_new_place(settings: Settings, server: QdrantStandIn) -> None:
    migrate(settings, to(server))
    with (
        Catalogue.open(catalogue_path(settings)) as catalogue,
        open_store(settings, "g1", DIMENSIONS) as here,
    ):
        catalogue.remove_media("m2")
        here.delete(Where(media_ids=("m2",)))
    done = migrate(settings, to(server))
    assert done.points == TOTAL - 66
    with open_store(settings_for(settings, to(server)), "g1", DIMENSIONS) as there:
        assert there.count(Where()) == done.points and there.counts("m2") == {}


def test_points_that_do_not_arrive_are_said(settings: Settings) -> None:
    class Forgetful:
        """A store that loses what it is given."""

        def __init__(self, store: VectorStore) -> None:
            self._store = store

        def __getattr__(self, name: str) -> object:
            return getattr(self._store, name)

        def upsert(self, points: object) -> None:
            pass

    elsewhere = settings.model_copy(update={"data_dir": settings.data_dir / "other"})
    elsewhere.data_dir.mkdir()
    with (
        Catalogue.open(catalogue_path(settings)) as catalogue,
        open_store(settings, "g1", DIMENSIONS) as here,
        open_store(elsewhere, "g1", DIMENSIONS) as there,
        pytest.raises(StoreDamaged, match="only 0 are in the new store"),
    ):
        copy_points(here, Forgetful(there), catalogue, "g1", list(DIMENSIONS))  # type: ignore[arg-type]


def test_an_incomplete_library_does_not_move(settings: Settings, server: QdrantStandIn) -> None:
    with open_store(settings, "g1", DIMENSIONS) as here:
        here.delete(Where(media_ids=("m1",), kinds=("tile",)))
    with pytest.raises(StoreDamaged, match="momentseek doctor"):
        migrate(settings, to(server))


def test_places_that_make_no_sense(settings: Settings, server: QdrantStandIn, tmp_path: Path) -> None:
    for place in ("elsewhere", "ftp://there:6333", ""):
        with pytest.raises(SettingsError, match="write embedded, qdrant://HOST:6333"):
            migrate(settings, place)
    with pytest.raises(InvalidRequest, match="there already"):
        migrate(settings, "embedded")
    with pytest.raises(NotFound, match="There is no library"):
        migrate(load(overrides={"data_dir": tmp_path / "nothing"}), to(server))
    empty = load(overrides={"data_dir": tmp_path / "empty"})
    Catalogue.open(catalogue_path(empty)).close()
    with pytest.raises(NotFound, match="is empty"):
        migrate(empty, to(server))


class Alive(BaseHTTPRequestHandler):
    """Says that it is there, as our server does, and nothing else."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_not_while_a_server_runs_on_it(settings: Settings, server: QdrantStandIn) -> None:
    with HTTPServer(("127.0.0.1", 0), Alive) as alive:
        threading.Thread(target=alive.handle_request, daemon=True).start()
        announce(settings.data_dir, f"http://127.0.0.1:{alive.server_port}", "token")
        with pytest.raises(StoreBusy, match="stop it first"):
            migrate(settings, to(server))


def test_the_catalogue_goes_as_it_is(settings: Settings, server: QdrantStandIn, tmp_path: Path) -> None:
    with Keys.open(catalogue_path(settings)) as keys:
        keys.add_key("phone", "read")
    place = tmp_path / "elsewhere.sqlite"
    done = migrate(settings, to(server), f"sqlite:///{place}")
    assert done.rows["media"] == len(MEDIA) == done.rows["media_files"]
    assert done.rows["generations"] == done.rows["api_keys"] == 1
    with Catalogue.open(place) as there, Catalogue.open(catalogue_path(settings)) as here:
        active = there.active_generation()
        assert active is not None and (active.name, active.fingerprint) == ("g1", FINGERPRINT)
        assert there.list_media() == here.list_media()
        assert there.expected_counts_by_media("g1") == here.expected_counts_by_media("g1")
    assert migrate(settings, to(server), f"sqlite:///{place}") == Migrated("g1", TOTAL, 0, done.rows)
    with Catalogue.open(place) as there:
        there.set_tags("m1", ["holiday"])
    with pytest.raises(InvalidRequest, match="--replace"):
        migrate(settings, to(server), f"sqlite:///{place}")
    migrate(settings, to(server), f"sqlite:///{place}", replace=True)
    with Catalogue.open(place) as there:
        assert list(there.get_media("m1").tags) == []


def test_a_real_library_answers_the_same_from_a_server(
    own_library: Library, server: QdrantStandIn, cup_picture: Path
) -> None:
    """The whole way: the command, a search and an ingest on the server, a removal, and back."""
    settings = own_library.settings()
    query = Query.of(read_picture(cup_picture))
    with Engine(settings) as engine:
        before = [(one.media, one.start_seconds, one.end_seconds) for one in engine.search(query).segments]
        facts, generation = engine.facts(), engine.fingerprint.name
    assert before
    command = ["migrate", "--to", to(server), "--data-dir", str(own_library.data_dir)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert f"{facts['points']} points are there" in result.output
    assert f"MOMENTSEEK_STORE__URL={server.url}" in result.output
    moved = settings_for(settings, server.url)
    until(lambda: EdgeStore.owner(settings.data_dir) is None)
    drop_generation(settings, generation)
    with Engine(moved) as engine:
        after = [(one.media, one.start_seconds, one.end_seconds) for one in engine.search(query).segments]
        assert after == before
        assert engine.facts()["points"] == facts["points"]
        [outcome] = engine.ingest([own_library.media / "cup.webp"], again=True)
        assert outcome.status == "indexed" and engine.facts()["points"] == facts["points"]
        engine.remove_media(own_library.ids["cup.webp"])
    assert migrate(moved, "embedded").copied == migrate(moved, "embedded").points < facts["points"]
    with Engine(settings) as engine:
        assert engine.media_with_wrong_counts() == []
        assert "cup.webp" not in {one.media for one in engine.search(query).segments}
