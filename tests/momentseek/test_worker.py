"""The worker of a serving process, with a catalogue of its own and files that are indexed in no time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.errors import DiskFull
from index.catalogue import Catalogue, IndexedFacts, ingest_job_id
from index.rows import JobRow
from ingest.lease import LEASE_SECONDS, claim, new_owner, reserve, reserving_owner
from ingest.progress import OnProgress, Outcome, Progress
from ingest.stretches import MOST_LOST
from momentseek.intake import Intake
from momentseek.jobs import TRIES, Together, Worker
from momentseek.workers import Workers
from tests.support.library import until


class Files:
    """Files of a folder, and what indexing one of them does. ``done`` says in which order it was done."""

    def __init__(self, catalogue: Catalogue, folder: Path) -> None:
        self.catalogue, self.folder = catalogue, folder
        self.done: list[str] = []
        self.deleted: list[str] = []
        self.trouble: dict[str, Callable[[], None]] = {}
        self.slow: set[str] = set()
        self.when_let_go: Callable[[], None] = lambda: None

    def add(self, media_id: str) -> JobRow:
        path = self.folder / media_id
        path.write_bytes(b"x")
        self.catalogue.record_file(path, 1, 1, media_id)
        return self.catalogue.queue_media(media_id)

    def state(self, media_id: str) -> tuple[str, str | None]:
        job = self.catalogue.get_job(ingest_job_id(media_id))
        return job.state, job.message

    def index(self, path: Path, report: OnProgress, stop: threading.Event) -> Sequence[Outcome]:
        media_id, owner = path.name, new_owner()
        assert claim(self.catalogue, media_id, owner)
        self.catalogue.mark_indexing(media_id)
        report(Progress(0, 1, path, "indexing", 0.5, 1.0))
        try:
            self.trouble.get(media_id, lambda: None)()
        except BaseException:
            self.catalogue.release_media(media_id, owner)
            raise
        if media_id in self.slow:
            assert stop.wait(20)
            self.catalogue.release_media(media_id, owner)
            self.when_let_go()
            return []
        facts = IndexedFacts("video", "mp4", "h264", 16, 16)
        self.catalogue.mark_indexed(media_id, facts, {"frame": 1}, "g1")
        self.catalogue.finish_media(media_id, owner)
        self.done.append(media_id)
        return [Outcome(path, "indexed", None, media_id)]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    with Catalogue.open(tmp_path / "catalogue.db") as catalogue:
        (tmp_path / "files").mkdir()
        yield Files(catalogue, tmp_path / "files")


@pytest.fixture
def worker(files: Files) -> Iterator[Worker]:
    made = Worker(files.catalogue, files.index, files.deleted.append, pause_seconds=0.05)
    yield made
    made.stop()


@pytest.fixture
def workers(files: Files) -> Iterator[Workers]:
    def make(_: int, together: Together) -> Worker:
        return Worker(
            files.catalogue, files.index, files.deleted.append, pause_seconds=0.3, together=together
        )

    made = Workers(2, make)
    yield made
    made.stop()


def test_what_waits_is_done_in_its_order(files: Files, worker: Worker) -> None:
    for media_id in ("m2", "m1"):
        files.add(media_id)
    worker.start()
    until(lambda: len(files.done) == 2)
    files.add("m3")
    worker.wake()
    until(lambda: files.state("m3")[0] == "done", 3)
    assert files.done == ["m2", "m1", "m3"] and files.deleted == []


def test_what_a_dead_worker_held_is_taken_up_and_what_a_living_one_holds_is_not(
    files: Files, worker: Worker
) -> None:
    for media_id in ("dead", "living", "late"):
        files.add(media_id)
    host, pid, _, rest = new_owner().rsplit(":", 3)
    assert files.catalogue.claim_media("dead", f"{host}:{pid}:1:{rest}", LEASE_SECONDS)
    assert files.catalogue.claim_media("living", new_owner(), LEASE_SECONDS)
    assert files.catalogue.claim_media("late", "elsewhere:1:2:3", -1.0)
    worker.start()
    until(lambda: len(files.done) == 2)
    assert set(files.done) == {"dead", "late"} and files.state("living")[0] == "running"


def test_stopping_leaves_the_work_for_the_next_start(files: Files, worker: Worker) -> None:
    files.slow.add("m1")
    job = files.add("m1")
    worker.start()
    until(lambda: worker.share_of(files.catalogue.get_job(job.id)) == 0.5)
    worker.stop()
    assert files.state("m1") == ("queued", None) and files.deleted == []
    assert files.catalogue.get_media("m1").status == "indexing"


def test_cancelling(files: Files, worker: Worker) -> None:
    files.slow.add("m1")
    first, second = files.add("m1"), files.add("m2")
    worker.cancel(second.id)
    assert files.state("m2") == ("cancelled", "Cancelled.") and files.deleted == []
    worker.start()
    until(lambda: files.state("m1")[0] == "running")
    worker.cancel(first.id)
    assert files.state("m1") == ("cancelled", "Cancelled.") and files.deleted == ["m1"]
    media = files.catalogue.get_media("m1")
    assert (media.status, media.reason) == ("pending", "Its job was cancelled.")
    files.add("m3")
    worker.wake()
    until(lambda: files.state("m3")[0] == "done")
    assert files.done == ["m3"]


def test_a_job_that_another_process_cancels(files: Files) -> None:
    job = files.add("m1")

    def index(path: Path, report: OnProgress, stop: threading.Event) -> Sequence[Outcome]:
        owner = new_owner()
        assert claim(files.catalogue, path.name, owner)
        files.catalogue.mark_indexing(path.name)
        files.catalogue.cancel(job.id)
        assert not files.catalogue.renew_media(path.name, owner, LEASE_SECONDS)
        return [Outcome(path, "busy", None, path.name)]

    other = Worker(files.catalogue, index, files.deleted.append)
    other.start(once=True)
    until(lambda: not other.is_at_work)
    assert files.state("m1") == ("cancelled", "Cancelled.") and files.deleted == ["m1"]
    assert files.catalogue.get_media("m1").status == "pending"


def test_a_file_that_workers_are_lost_over_is_taken_for_the_reason(files: Files, worker: Worker) -> None:
    job = files.add("m1")
    for _ in range(MOST_LOST + 1):
        assert files.catalogue.claim_media("m1", "machine:1:2:3", -1.0)
    worker.start(once=True)
    until(lambda: not worker.is_at_work)
    state, message = files.state("m1")
    assert state == "failed" and message is not None and f"{MOST_LOST + 1} workers were lost" in message
    media = files.catalogue.get_media("m1")
    assert (media.status, media.reason) == ("quarantined", message)
    assert files.deleted == ["m1"] and files.done == []
    files.catalogue.reset_media("m1")
    assert files.catalogue.queue_media("m1").take_overs == 0
    again = Worker(files.catalogue, files.index, files.deleted.append)
    again.start(once=True)
    until(lambda: not again.is_at_work)
    assert files.done == ["m1"] and files.catalogue.get_job(job.id).state == "done"


def test_what_is_under_way_may_be_finished(files: Files, workers: Workers) -> None:
    """Or is handed back, as what is slow."""
    files.add("m1"), files.add("m2"), files.add("m3")
    is_at_work, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        is_at_work.set()
        assert go_on.wait(20)

    files.trouble = {"m1": wait}
    files.slow = {"m2"}
    workers.start()
    assert is_at_work.wait(20)
    until(lambda: files.state("m2")[0] == "running")
    ending = threading.Thread(target=workers.finish, args=(1,))
    ending.start()
    go_on.set()
    ending.join()
    assert files.done == ["m1"] and not workers.is_at_work
    assert [files.state(one) for one in ("m2", "m3")] == [("queued", None)] * 2


def test_trouble_that_passes_and_trouble_that_stays(files: Files, worker: Worker) -> None:
    tries: list[str] = []

    def once() -> None:
        tries.append("once")
        if len(tries) == 1:
            raise DiskFull("The disk is full.")

    def always() -> None:
        tries.append("always")
        raise DiskFull("The disk is still full.")

    files.trouble = {"m1": once, "m2": always}
    for media_id in ("m1", "m2", "m3"):
        files.add(media_id)
    worker.start()
    until(lambda: files.state("m3")[0] == "done")
    assert files.state("m1") == ("done", None)
    assert files.state("m2") == ("failed", "The disk is still full.")
    assert tries == ["once"] * 2 + ["always"] * TRIES


def test_two_at_a_time_of_which_one_is_cancelled(files: Files, workers: Workers) -> None:
    files.slow = {"m1", "m2"}
    first, second = files.add("m1"), files.add("m2")
    waits = files.add("m3")
    workers.start()
    until(lambda: workers.is_doing(first.id) and workers.is_doing(second.id))
    until(lambda: workers.share_of(files.catalogue.get_job(second.id)) == 0.5)
    assert not workers.is_doing(waits.id) and workers.share_of(files.catalogue.get_job(waits.id)) == 0
    workers.cancel(first.id)
    assert files.state("m1") == ("cancelled", "Cancelled.") and files.deleted == ["m1"]
    until(lambda: files.state("m3")[0] == "done")
    assert files.state("m2")[0] == "running" and workers.is_doing(second.id)
    workers.stop()
    assert files.state("m2") == ("queued", None) and files.deleted == ["m1"] and files.done == ["m3"]
    workers.cancel(second.id)
    assert files.state("m2") == ("cancelled", "Cancelled.")


def test_what_has_just_been_taken_is_cancelled_and_what_others_do_is_not(
    files: Files, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the write in the catalogue and what this process knows of it, nobody looks."""
    files.slow.add("m1")
    mine, theirs = files.add("m1"), files.add("m2")
    assert files.catalogue.claim_media("m2", new_owner(), LEASE_SECONDS)
    taken = threading.Event()
    reserve_next = files.catalogue.claim_next

    def claim_slowly(*arguments: Any) -> JobRow | None:
        job = reserve_next(*arguments)
        if job is not None:
            taken.set()
            time.sleep(0.2)
        return job

    monkeypatch.setattr(files.catalogue, "claim_next", claim_slowly)
    workers.start()
    assert taken.wait(5)
    workers.cancel(mine.id, elsewhere=False)
    assert claim(files.catalogue, "m1", new_owner()), "its points are free to be removed"
    workers.cancel(theirs.id, elsewhere=False)
    assert files.state("m2")[0] == "running"


def test_what_is_cancelled_is_not_for_the_next(files: Files, workers: Workers) -> None:
    """Who worked on it has let go, and has yet to put it away."""
    files.slow.add("m1")

    def others_look() -> None:
        workers.wake()
        time.sleep(0.3)

    files.when_let_go = others_look
    job = files.add("m1")
    workers.start()
    until(lambda: files.catalogue.find_media("m1").status == "indexing")
    workers.cancel(job.id)
    assert not workers.is_doing(job.id) and files.state("m1") == ("cancelled", "Cancelled.")
    assert files.deleted == ["m1"] and files.catalogue.get_job(job.id).attempts == 2, "the second put it away"


def test_nothing_is_done_twice(files: Files, workers: Workers) -> None:
    for number in range(20):
        files.add(f"m{number:02}")
    workers.start(once=True)
    until(lambda: not workers.is_at_work)
    assert sorted(files.done) == [f"m{number:02}" for number in range(20)]
    jobs = files.catalogue.list_jobs()
    assert {(job.state, job.attempts) for job in jobs} == {("done", 1)}


def test_a_job_that_is_done_again_at_once_is_not_let_go_by_who_did_it_before(
    files: Files, workers: Workers
) -> None:
    """What one of them has reserved, another does not release."""
    job = files.add("m1")
    one, other = reserving_owner(0), reserving_owner(1)
    reserved = reserve(files.catalogue, other)
    assert reserved is not None and reserved.id == job.id
    assert not files.catalogue.release(job.id, one)
    assert reserve(files.catalogue, one) is None
    # Whichever of this process: the ingest that begins with it has it.
    assert claim(files.catalogue, "m1", new_owner())


def test_trouble_is_for_all_to_wait_for(files: Files, workers: Workers) -> None:
    """Or the others would use up its tries at once."""
    tried: list[float] = []

    def full() -> None:
        tried.append(time.monotonic())
        raise DiskFull("The disk is full.")

    files.trouble = {"m1": full}
    files.add("m1")
    workers.start()
    until(lambda: files.state("m1")[0] == "failed")
    assert len(tried) >= TRIES and tried[-1] - tried[0] >= 0.3 * (TRIES - 1)


@pytest.mark.logs_errors
def test_what_nobody_has_foreseen_ends_one_job_and_not_the_worker(files: Files, worker: Worker) -> None:
    def burst() -> None:
        raise ZeroDivisionError

    files.trouble = {"m1": burst}
    files.add("m1"), files.add("m2")
    worker.start()
    until(lambda: files.state("m2")[0] == "done")
    state, message = files.state("m1")
    assert state == "failed" and message is not None and "log" in message


def test_an_original_that_has_gone(files: Files, worker: Worker) -> None:
    files.add("m1")
    (files.folder / "m1").unlink()
    worker.start()
    until(lambda: files.state("m1")[0] == "failed")
    assert "no longer where it was" in str(files.state("m1")[1])


def test_an_upload_that_reached_its_place_before_a_kill_is_found(files: Files, tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    for folder in ("incoming", "some-id"):
        (uploads / folder).mkdir(parents=True)
        (uploads / folder / "film.mp4").write_bytes(folder.encode())
    intake = Intake(files.catalogue, lambda path: None, uploads, ())
    [found] = intake.find_lost()
    assert found.media.name == "film.mp4" and found.job is not None and found.job.state == "queued"
    assert intake.find_lost() == []
