"""Leases, between real processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import NotFound
from index.catalogue import Catalogue, ingest_job_id
from tests.support.processes import StartPython


@pytest.fixture
def catalogue(catalogue_place: str | Path) -> Iterator[Catalogue]:
    with Catalogue.open(catalogue_place) as opened:
        opened.record_file("/films/a.mp4", 1, 1, "m1")
        yield opened


def test_one_worker_at_a_time(catalogue: Catalogue) -> None:
    assert catalogue.claim_media("m1", "one", 60)
    assert not catalogue.claim_media("m1", "two", 60)
    assert not catalogue.claim_media("m1", "one", 60), "not even twice by the same"
    assert catalogue.media_to_index("g1") == []
    assert catalogue.renew_media("m1", "one", 60, progress=0.5, message="half")
    assert not catalogue.renew_media("m1", "two", 60)
    assert not catalogue.finish_media("m1", "two")
    job = catalogue.get_job(ingest_job_id("m1"))
    assert (job.state, job.lease_owner, job.progress, job.message) == ("running", "one", 0.5, "half")
    assert catalogue.finish_media("m1", "one")
    job = catalogue.get_job(ingest_job_id("m1"))
    assert (job.state, job.lease_owner, job.progress, job.attempts) == ("done", None, 1.0, 1)
    assert catalogue.claim_media("m1", "two", 60)
    assert catalogue.release_media("m1", "two")
    assert catalogue.claim_media("m1", "three", 60)
    with pytest.raises(NotFound):
        catalogue.claim_media("m9", "one", 60)


def test_a_dead_worker_s_lease_runs_out(catalogue: Catalogue) -> None:
    assert catalogue.claim_media("m1", "dead", 0.05)
    time.sleep(0.06)
    assert catalogue.media_to_index("g1") == ["m1"]
    assert catalogue.claim_media("m1", "next", 60)
    assert not catalogue.renew_media("m1", "dead", 60), "it must learn that the media is no longer its own"
    assert not catalogue.finish_media("m1", "dead", "failed")
    assert catalogue.get_job(ingest_job_id("m1")).attempts == 2


def test_who_took_what_from_whom_is_counted_and_logged(
    catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    catalogue.queue_media("m1")
    job_id = ingest_job_id("m1")
    first, second, third = (f"machine{number}:7:1:a" for number in (1, 2, 3))
    taken = catalogue.claim_next(["ingest"], first, -1)
    assert taken is not None and taken.take_overs == 0 and caplog.messages == []
    taken = catalogue.claim_next(["ingest"], second, 60)
    assert taken is not None and (taken.take_overs, taken.lease_owner) == (1, second)
    assert not catalogue.take_over(job_id, first, third, 60), "it is no longer the first one's"
    assert catalogue.take_over(job_id, second, third, 60)
    assert catalogue.get_job(job_id).take_overs == 2
    assert caplog.messages == [
        f"machine2:7 took over {job_id} from machine1:7", f"machine3:7 took over {job_id} from machine2:7",
    ]  # fmt: skip
    assert catalogue.finish(job_id, third)
    assert catalogue.get_job(job_id).take_overs == 0


def test_a_lease_passes_on_within_a_process(catalogue: Catalogue) -> None:
    assert catalogue.claim_media("m1", "reserved", 60)
    assert not catalogue.pass_on(ingest_job_id("m1"), "another", "run", 60)
    assert catalogue.pass_on(ingest_job_id("m1"), "reserved", "run", 60)
    job = catalogue.get_job(ingest_job_id("m1"))
    assert (job.lease_owner, job.attempts, job.take_overs) == ("run", 1, 0)
    assert not catalogue.release_media("m1", "reserved")


def test_what_was_lost_comes_before_what_waits(catalogue: Catalogue) -> None:
    for media_id in ("m1", "m2", "m3"):
        catalogue.record_file(f"/films/{media_id}.mp4", 1, 1, media_id)
        catalogue.queue_media(media_id)
    assert catalogue.claim_media("m3", "dead", -1)
    for _ in range(2):
        assert catalogue.claim_media("m1", "dead", -1)
    order = [catalogue.claim_next(["ingest"], "one", 60) for _ in range(4)]
    assert [job and job.media_id for job in order] == ["m3", "m2", "m1", None], "lost twice: the last"


def test_a_late_renewal_holds_while_nobody_took_over(catalogue: Catalogue) -> None:
    assert catalogue.claim_media("m1", "slow", 0.01)
    time.sleep(0.02)
    assert catalogue.renew_media("m1", "slow", 60)
    assert not catalogue.claim_media("m1", "next", 60)


def test_jobs_of_any_kind(catalogue: Catalogue) -> None:
    first = catalogue.add_job("scan", path="/films")
    second = catalogue.add_job("scan", path="/more")
    assert (first.state, first.path) == ("queued", Path("/films"))
    taken = catalogue.claim_next(["scan"], "one", 60)
    assert taken is not None and taken.id == first.id and taken.state == "running"
    assert not catalogue.claim(first.id, "two", 60)
    assert catalogue.claim(second.id, "two", 60)
    assert catalogue.claim_next(["scan"], "three", 60) is None
    assert catalogue.claim_next(["other"], "three", 60) is None
    assert catalogue.cancel(first.id)
    assert not catalogue.renew(first.id, "one", 60)
    assert not catalogue.claim(first.id, "one", 60)
    assert catalogue.finish(second.id, "two", "failed", "no such folder")
    assert not catalogue.cancel(second.id)
    assert [job.id for job in catalogue.list_jobs(["failed"])] == [second.id]
    assert {job.state for job in catalogue.list_jobs(kind="scan")} == {"failed", "cancelled"}
    assert catalogue.get_job(second.id).message == "no such folder"
    with pytest.raises(NotFound):
        catalogue.get_job("x")


CLAIM_ALL = """
from index.catalogue import Catalogue
catalogue = Catalogue.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(*[n for n in range(60) if catalogue.claim_media(f"m{n}", sys.argv[2], 60)])
"""
CLAIM_NEXT = """
from index.catalogue import Catalogue
catalogue = Catalogue.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(*[job.media_id[1:] for job in iter(lambda: catalogue.claim_next(["ingest"], sys.argv[2], 60), None)])
"""


@pytest.mark.parametrize("code", [CLAIM_ALL, CLAIM_NEXT], ids=["by name", "next"])
def test_two_processes_never_claim_the_same(
    catalogue_place: str | Path, start_python: StartPython, code: str
) -> None:
    with Catalogue.open(catalogue_place) as catalogue:
        for number in range(60):
            catalogue.record_file(f"/films/{number}.mp4", 1, 1, f"m{number}")
            catalogue.queue_media(f"m{number}")
    workers = [start_python(code, catalogue_place, name) for name in ("one", "two")]
    for worker in workers:
        worker.stdout.readline()  # type: ignore[union-attr]
    for worker in workers:
        worker.stdin.write("go\n")  # type: ignore[union-attr]
        worker.stdin.flush()  # type: ignore[union-attr]
    one, two = (worker.stdout.readline().split() for worker in workers)  # type: ignore[union-attr]
    assert sorted(map(int, one + two)) == list(range(60))


def test_a_job_that_waits_for_a_media_file(catalogue: Catalogue) -> None:
    queued = catalogue.queue_media("m1")
    assert (queued.id, queued.state, queued.started_at) == (ingest_job_id("m1"), "queued", None)
    assert catalogue.queue_media("m1") == queued, "it waits already"
    assert catalogue.note(queued.id, "The disk is full.")
    assert catalogue.get_job(queued.id).message == "The disk is full."
    assert catalogue.claim_media("m1", "one", 60)
    assert [job.lease_owner for job in catalogue.running_jobs("ingest")] == ["one"]
    assert not catalogue.note(queued.id, "too late") and not catalogue.end_waiting(queued.id, "done")
    running = catalogue.queue_media("m1")
    assert running.state == "running" and running.started_at is not None and running.ended_at is None
    assert catalogue.finish_media("m1", "one", "failed", "broken")
    ended = catalogue.get_job(queued.id)
    assert ended.ended_at is not None and catalogue.running_jobs("ingest") == []
    again = catalogue.queue_media("m1")
    assert (again.state, again.attempts, again.message, again.ended_at) == ("queued", 0, None, None)
    assert catalogue.end_waiting(queued.id, "done", "Nothing to do.")
    assert catalogue.get_job(queued.id).progress == 1.0
    assert catalogue.list_jobs(media_id="m1", changed_since=ended.updated_at) != []
    assert catalogue.list_jobs(media_id="m2") == []
    with pytest.raises(NotFound):
        catalogue.queue_media("m9")
