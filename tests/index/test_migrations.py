"""The catalogue's tables: made, upgraded, refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from core.errors import SettingsError, StoreError
from index.catalogue import Catalogue
from index.database import downgrade, upgrade
from index.tables import Base
from tests.support.processes import StartPython

TABLES = {
    "media", "media_files", "jobs", "generations", "api_keys",
    "media_sets", "media_set_members", "media_set_uploads",
    "people", "person_faces", "person_refusals",
    "webhooks", "webhook_deliveries",
    "saved_queries", "saved_query_pictures", "saved_query_runs", "saved_query_matches",
}  # fmt: skip


def engine_of(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def test_the_migrations_make_the_tables_of_the_code(catalogue_url: str) -> None:
    engine = engine_of(catalogue_url)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_down_and_up_again(catalogue_url: str) -> None:
    engine = engine_of(catalogue_url)
    upgrade(engine)
    assert set(inspect(engine).get_table_names()) == TABLES | {"alembic_version"}
    downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    upgrade(engine)
    engine.dispose()
    with Catalogue.open(catalogue_url) as catalogue:
        catalogue.record_file("/a.mp4", 1, 1, "m1")
        assert catalogue.count_media() == 1


def test_sqlite_waits_and_keeps_its_word(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "new folder" / "catalogue.db") as catalogue, catalogue._read() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
        assert session.scalar(text("PRAGMA busy_timeout")) >= 10_000


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    Catalogue.open(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"newer momentseek: its tables are at 9999.*Update momentseek"):
        Catalogue.open(path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    path.write_bytes(b"this is not a database, and long enough to be looked at" * 100)
    with pytest.raises(StoreError, match=r"catalogue\.db cannot be opened: file is not a database"):
        Catalogue.open(path)
    for url in ("nonsense://somewhere/x", "http://[bad"):
        with pytest.raises(SettingsError):
            Catalogue.open(url)


def test_many_processes_open_a_new_one_at_once(catalogue_url: str, start_python: StartPython) -> None:
    code = """
from index.catalogue import Catalogue
print("ready", flush=True)
sys.stdin.readline()
with Catalogue.open(sys.argv[1]) as catalogue:
    catalogue.record_file(f"/{sys.argv[2]}.mp4", 1, 1, sys.argv[2])
print("done", flush=True)
"""
    processes = [start_python(code, catalogue_url, number) for number in range(4)]
    for process in processes:
        process.stdout.readline()  # type: ignore[union-attr]
    for process in processes:
        process.stdin.write("go\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    assert [process.stdout.readline() for process in processes] == ["done\n"] * 4  # type: ignore[union-attr]
    with Catalogue.open(catalogue_url) as catalogue:
        assert catalogue.count_media() == 4
