from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from core.answer import Segment
from core.pictures import read_picture
from index.stores.edge_about import About
from momentseek.engine import Engine
from momentseek.index_command import index_app
from momentseek.migrating import migrate
from search.query import Query
from tests.support.invented import make_library
from tests.support.library import Library, write_query
from tests.support.library_fixtures import library, own_library
from tests.support.qdrant_server import QdrantStandIn
from tests.support.server import serving

__all__ = ["library", "own_library"]


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.add_typer(index_app, name="index")
    return made


def answer(own_library: Library, picture: Path) -> tuple[Segment, ...]:
    with Engine(own_library.settings()) as engine:
        return engine.search(Query.of(read_picture(picture))).segments


def test_compact(own_library: Library, tmp_path: Path, app: typer.Typer) -> None:
    picture = write_query(tmp_path / "cup.jpg", "coffee")
    before = answer(own_library, picture)
    done = CliRunner().invoke(app, ["index", "compact", "--json", "--data-dir", str(own_library.data_dir)])
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["method"] == "exact" and said["points"] > 100 and said["bytes"] > 0 <= said["seconds"]
    assert before and answer(own_library, picture) == before
    [generation] = (own_library.data_dir / "index").iterdir()
    assert About.read(generation).shard != "shard"
    with Engine(own_library.settings()) as engine:
        assert engine.media_with_wrong_counts() == []


def test_compact_while_a_server_runs(own_library: Library, app: typer.Typer) -> None:
    with serving(own_library):
        done = CliRunner().invoke(app, ["index", "compact", "--data-dir", str(own_library.data_dir)])
        assert done.exit_code == 0 and "points in order" in done.stdout and "every vector" in done.stdout


def test_nothing_to_compact(tmp_path: Path, app: typer.Typer) -> None:
    done = CliRunner().invoke(app, ["index", "compact", "--data-dir", str(tmp_path)])
    assert done.exit_code == 1 and "no index" in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
def test_loading_is_switched_on_a_server(tmp_path: Path, app: typer.Typer) -> None:
    settings = make_library(tmp_path / "data")
    where = ["--data-dir", str(settings.data_dir)]
    refused = CliRunner().invoke(app, ["index", "loading", "on", *where])
    assert refused.exit_code == 1 and "is embedded" in refused.stderr
    with QdrantStandIn().serving() as server:
        migrate(settings, server.url)
        config = tmp_path / "config.yaml"
        config.write_text(f"store: {{url: '{server.url}'}}\n")

        def loading(*state: str) -> str:
            done = CliRunner().invoke(app, ["index", "loading", *state, "--config", str(config), *where])
            assert done.exit_code == 0, done.stderr
            return done.stdout

        assert loading().startswith("Loading is off")
        assert loading("on").startswith("Loading is on") and set(server.thresholds.values()) == {0}
        assert loading().startswith("Loading is on"), "it stays so"
        assert loading("off").startswith("Loading is off")
        assert set(server.thresholds.values()) == {settings.store.indexing_threshold_kb}
        wrong = CliRunner().invoke(app, ["index", "loading", "perhaps", *where])
        assert wrong.exit_code == 1 and "on or off, not perhaps" in wrong.stderr
