"""What PostgreSQL does that SQLite has no need of: many who write at once, one who leads, one that goes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, text

from bench.postgresql import PostgreSql, running
from core.errors import InvalidRequest, SettingsError, StoreError
from core.settings import CatalogueSettings
from index.catalogue import Catalogue, ingest_job_id
from index.database import Database, place_of
from index.sets import MediaSets
from index.tables import Job


@pytest.fixture
def url(postgresql_server: PostgreSql, postgresql_template: str) -> str:
    return postgresql_server.new_database(postgresql_template)


@pytest.fixture
def catalogue(url: str) -> Iterator[Catalogue]:
    with Catalogue.open(url) as opened:
        for media_id in ("m1", "m2"):
            opened.record_file(f"/films/{media_id}.mp4", 1, 1, media_id)
            opened.queue_media(media_id)
        yield opened


def test_a_job_that_another_is_taking_is_passed_over(catalogue: Catalogue) -> None:
    with catalogue._write(alone=False) as session:
        session.execute(select(Job).where(Job.id == ingest_job_id("m1")).with_for_update())
        taken = catalogue.claim_next(["ingest"], "other", 60)
        assert taken is not None and taken.media_id == "m2"
        assert catalogue.claim_next(["ingest"], "third", 60) is None, "without waiting for the first"
    taken = catalogue.claim_next(["ingest"], "third", 60)
    assert taken is not None and taken.media_id == "m1"


def test_a_job_that_is_queued_again_while_a_worker_takes_it_stays_the_worker_s(catalogue: Catalogue) -> None:
    job_id = ingest_job_id("m1")
    assert catalogue.end_waiting(job_id, "failed", "broken")
    with ThreadPoolExecutor(1) as pool:
        with catalogue._write(alone=False) as session:
            job = session.get_one(Job, job_id, with_for_update=True)
            queued = pool.submit(catalogue.queue_media, "m1")
            job.state, job.lease_owner = "running", "worker"
        assert (queued.result(20).state, queued.result().lease_owner) == ("running", "worker")


def test_leases_run_by_the_clock_of_the_database(catalogue: Catalogue) -> None:
    assert catalogue.claim_media("m1", "one", 100)
    with catalogue._read() as session:
        left = session.scalar(text("SELECT extract(epoch FROM lease_until - clock_timestamp()) FROM jobs "
                                   "WHERE lease_owner = 'one'"))
    assert 0 < float(left or 0) <= 100


def test_what_is_read_in_a_write_holds_until_its_end(url: str) -> None:
    """Forty threads look whether a name is free, and one of them gets it."""
    with MediaSets.open(url) as sets, ThreadPoolExecutor(8) as pool:
        def take(_: int) -> bool:
            try:
                sets.add_set("films", {})
            except InvalidRequest:
                return False
            return True

        assert sum(pool.map(take, range(40))) == 1


def test_one_of_several_leads(url: str) -> None:
    with Database.open(url) as first, Database.open(url) as second:
        assert first.leads("webhooks") and first.leads("webhooks")
        assert not second.leads("webhooks")
        assert second.leads("something else")
        first.close()
        assert second.leads("webhooks")


def test_sqlite_has_one_server_which_leads(tmp_path: Path) -> None:
    with Database.open(tmp_path / "catalogue.db") as only:
        assert only.leads("webhooks")


def test_who_loses_the_connection_leads_no_longer(catalogue: Catalogue, url: str) -> None:
    with Database.open(url) as other:
        assert catalogue.leads("webhooks")
        with other._write(alone=False) as session:
            session.execute(text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            ))
        assert not catalogue.leads("webhooks")
        assert other.leads("webhooks") and not catalogue.leads("webhooks")


def test_a_text_that_it_does_not_take(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidRequest, match="NUL"):
        catalogue.list_media(name_contains="a\0b")


def test_a_server_that_goes_away() -> None:
    with running() as server:
        catalogue = Catalogue.open(server.new_database())
        assert catalogue.count_media() == 0
    with catalogue, pytest.raises(StoreError, match=r"does not answer: .*Try again"):
        catalogue.count_media()
    with pytest.raises(StoreError, match="cannot be opened"):
        Catalogue.open(server.url())


def test_the_address_with_a_password_from_a_file(tmp_path: Path) -> None:
    assert place_of(CatalogueSettings(), tmp_path) == tmp_path / "catalogue.sqlite"
    secret = tmp_path / "password"
    secret.write_text("s3cret/@\n")
    settings = CatalogueSettings.model_validate(
        {"url": "postgresql://momentseek@db.example/library", "password_file": secret}
    )
    assert place_of(settings, tmp_path) == "postgresql+psycopg://momentseek:s3cret%2F%40@db.example/library"
    assert "s3cret" not in repr(settings)
    missing = settings.model_copy(update={"password_file": tmp_path / "none"})
    with pytest.raises(SettingsError, match=r"password_file .*none cannot be read: No such file"):
        place_of(missing, tmp_path)


def test_a_password_is_not_shown(postgresql_server: PostgreSql) -> None:
    secret = f"postgresql://postgres:s3cret@/nothing-here?host={postgresql_server.socket_dir}"
    with pytest.raises(StoreError, match="nothing-here") as raised:
        Catalogue.open(secret)
    assert "s3cret" not in str(raised.value)
