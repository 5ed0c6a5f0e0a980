"""A catalogue goes from one database into another and back, and not a row has changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from core.errors import InvalidRequest, StoreError
from index.copying import Tables, copy_catalogue
from index.tables import (
    STRETCH,
    ApiKey,
    Base,
    Generation,
    Job,
    Media,
    MediaFile,
    SavedQuery,
    SavedQueryMatch,
    SavedQueryPicture,
    now,
)

ROWS = {"api_keys": 1, "generations": 1, "jobs": 1, "media": 2, "media_files": 1, "saved_queries": 1,
        "saved_query_pictures": 1, "saved_query_matches": 2}


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """Something in the tables with numbers of their own, bytes, lists, times and references."""
    place = tmp_path / "full.sqlite"
    with Tables.open(place) as tables, tables._write() as session:
        session.add_all([
            Media(id="m1", size_bytes=2**40, status="indexed", point_counts={"frame": 3},
                  shot_starts=[0.0, 1 / 3], tags=["Ä", "b"], duration_seconds=10 / 3, generation="g1",
                  indexed_at=now()),
            Media(id="M2", size_bytes=1, status="failed", reason="broken"),
        ])
        session.flush()
        session.add_all([
            MediaFile(path="/films/ß.mp4", media_id="m1", name_folded="ss.mp4", size_bytes=1, mtime_ns=2**60,
                      status="indexed"),
            Job(id="ingest-m1", kind="ingest", media_id="m1", state="done", progress=1.0),
            Generation(name="g1", fingerprint={"embedder": {"name": "tiny"}}, active=True),
            ApiKey(id="k1", name="phone", scope="read", sha256="0" * 64),
            SavedQuery(id="q1", name="cups", question={"words": "a cup"}),
        ])
        session.flush()
        picture = SavedQueryPicture(saved_query_id="q1", position=0, jpeg=b"\xff\xd8\x00", unlike=False)
        session.add(picture)
        for number in (40, 41):
            match = SavedQueryMatch(id=number, saved_query_id="q1", media_id="m1", segment={"score": 0.5})
            session.add(match)
    return place


def everything(place: str | Path) -> dict[str, list[tuple[object, ...]]]:
    with Tables.open(place) as tables, tables._read() as session:
        return {
            table.name: sorted(map(tuple, session.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }


def test_there_and_back(full: Path, catalogue_url: str, tmp_path: Path) -> None:
    copied = copy_catalogue(full, catalogue_url)
    assert {name: rows for name, rows in copied.items() if rows} == ROWS
    assert everything(catalogue_url) == everything(full)
    assert copy_catalogue(full, catalogue_url) == copied, "a second time changes nothing"
    back = tmp_path / "back.sqlite"
    copy_catalogue(catalogue_url, back)
    assert everything(back) == everything(full)


def test_numbers_go_on_from_the_last_one(full: Path, catalogue_url: str) -> None:
    copy_catalogue(full, catalogue_url)
    with Tables.open(catalogue_url) as tables, tables._write() as session:
        match = SavedQueryMatch(saved_query_id="q1", media_id="m1", segment={})
        session.add(match)
        session.flush()
        assert match.id == 42


def test_what_is_there_is_not_overwritten_unasked(full: Path, catalogue_url: str) -> None:
    copy_catalogue(full, catalogue_url)
    with Tables.open(catalogue_url) as tables, tables._write() as session:
        session.execute(insert(Media).values(id="m3", size_bytes=1, status="new"))
    with pytest.raises(InvalidRequest, match="--replace"):
        copy_catalogue(full, catalogue_url)
    assert copy_catalogue(full, catalogue_url, replace=True)["media"] == 2
    assert everything(catalogue_url) == everything(full)


def test_a_copy_that_fails_leaves_what_was_there(full: Path, catalogue_url: str) -> None:
    """SQLite lets a row point to nothing while nobody asks it to look."""
    with closing(sqlite3.connect(full)) as raw:
        raw.execute("INSERT INTO saved_query_runs VALUES ('q1', 'nobody', '2026-01-01 00:00:00')")
        raw.commit()
    with pytest.raises(StoreError, match="could not be copied"):
        copy_catalogue(full, catalogue_url)
    assert not any(everything(catalogue_url).values())


def test_what_is_copied_is_of_one_moment(full: Path, catalogue_url: str) -> None:
    """A row that comes after the first was read is not seen, whatever it belongs to."""
    copy_catalogue(full, catalogue_url)
    with Tables.open(catalogue_url) as tables, Tables.open(catalogue_url) as others:
        with tables._at_once() as reading:
            assert reading.scalar(select(func.count()).select_from(Media)) == 2
            with others._write() as session:
                session.add(Job(id="new", kind="ingest", media_id="m1", state="queued"))
            assert reading.scalar(select(func.count()).select_from(Job)) == 1
        with tables._at_once() as reading:
            assert reading.scalar(select(func.count()).select_from(Job)) == 2


def test_a_copy_is_settled(full: Path) -> None:
    """Whoever restores it finds nobody at work, and one generation."""
    with Tables.open(full) as tables:
        with tables._write() as session:
            lease = {"lease_owner": "box:1:2:3", "lease_until": now()}
            session.add_all([
                Media(id="m3", size_bytes=1, status="indexing", generation="g1"),
                Media(id="m4", size_bytes=1, status="partial", generation="g2", point_counts={"frame": 1}),
                Generation(name="g2", fingerprint={}, active=False),
            ])
            session.flush()
            session.add_all([
                Job(id="ingest-m3", kind="ingest", media_id="m3", state="running", progress=0.5, **lease),
                Job(id="part", kind=STRETCH, media_id="m3", state="running", **lease),
            ])
        assert not tables.is_empty()
        assert tables.settle("g1") == ["m3", "m4"]
        with tables._read() as session:
            rows = {row.id: (row.status, row.point_counts) for row in session.scalars(select(Media))}
            assert rows == {
                "m1": ("indexed", {"frame": 3}), "M2": ("failed", {}), "m3": ("pending", {}),
                "m4": ("pending", {}),
            }  # fmt: skip
            jobs = {job.id: (job.state, job.lease_owner) for job in session.scalars(select(Job))}
            assert jobs == {"ingest-m1": ("done", None), "ingest-m3": ("queued", None)}
            assert [one.name for one in session.scalars(select(Generation))] == ["g1"]


def test_paths_move_with_their_folder(full: Path) -> None:
    with Tables.open(full) as tables:
        tables.move_paths(Path("/films"), Path("/elsewhere/films"))
        tables.move_paths(Path("/elsew"), Path("/wrong"))
        with tables._read() as session:
            assert list(session.scalars(select(MediaFile.path))) == ["/elsewhere/films/ß.mp4"]
