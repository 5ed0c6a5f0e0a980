"""``momentseek worker``: several real ones that share a library, killed and stopped in the middle of it."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bench.postgresql import PostgreSql
from core.settings import Settings, load
from index.catalogue import Catalogue
from index.rows import JobRow
from index.store import Where
from momentseek.engine import Engine, catalogue_place
from tests.support.library import Library, command, environment, run_command, until
from tests.support.media_factory import textured, write_video
from tests.support.postgresql import available
from tests.support.server import serving

_START_SECONDS = 90.0


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSql]:
    with available() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, data_dir: Path, model_dir: Path) -> Settings:
    """Of an empty library, its catalogue in every database there is."""
    given: dict[str, object] = {"data_dir": data_dir, "model_dir": model_dir}
    if request.param == "postgresql":
        server: PostgreSql = request.getfixturevalue("postgresql_server")
        given["catalogue"] = {"url": server.new_database()}
    return load(None, given)


def queue_videos(settings: Settings, folder: Path, number: int, frames: int) -> list[JobRow]:
    """As a server does that does not work itself."""
    with Engine(settings) as engine:
        jobs = []
        for index in range(number):
            pictures = (textured(100 * index + frame, (160, 120)) for frame in range(frames))
            path = write_video(folder / f"{index}.mp4", pictures, fps=5)
            job = engine.register(str(path), anywhere=True).job
            assert job is not None
            jobs.append(job)
        return jobs


def in_the_middle_of(catalogue: Catalogue) -> bool:
    """Whether a file is being indexed."""
    return catalogue.count_media(statuses=["indexing"]) > 0


@contextmanager
def working(settings: Settings, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A worker that has loaded what it needs when the block begins."""
    given: dict[str, object] = {
        "ingest__stretch_seconds": settings.ingest.stretch_seconds,
        "ingest__files_at_once": settings.ingest.files_at_once or 1,  # what is tried here is processes
    }
    if settings.catalogue.url is not None:
        given["catalogue__url"] = settings.catalogue.url.get_secret_value()
    process = subprocess.Popen(
        command("worker", "--data-dir", settings.data_dir, *arguments),
        env=environment(settings.model_dir, **given), cwd="/", text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if "works on" not in first:
            process.kill()
            raise AssertionError(f"the worker did not start: {first}{process.communicate()[0]}")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.long
def test_a_killed_worker_s_file_is_taken_over(settings: Settings, tmp_path: Path) -> None:
    jobs = queue_videos(settings, tmp_path, 3, 60)
    with Catalogue.open(catalogue_place(settings)) as catalogue, working(settings) as first:
        until(lambda: in_the_middle_of(catalogue), _START_SECONDS, "the first worker to be at work")
        first.kill()
        first.wait()
        [held] = catalogue.running_jobs("ingest")
        with working(settings, "--once") as second:
            said, _ = second.communicate(timeout=_START_SECONDS)
        assert second.returncode == 0
        [taken] = re.findall(r"\S+ took over \S+ from \S+", said)
        mine, its = (str(worker.pid) for worker in (second, first))
        assert re.fullmatch(rf"\S+:{mine} took over {held.id} from \S+:{its}", taken)
        ended = [catalogue.get_job(job.id) for job in jobs]
        assert [job.state for job in ended] == ["done"] * 3
        assert {job.attempts for job in ended if job.id == held.id} == {2}
    with Engine(settings) as engine:
        assert [row.status for row in engine.list_media(None, None, 10, 0)] == ["indexed"] * 3
        assert engine.media_with_wrong_counts() == []


@pytest.mark.long
@pytest.mark.parametrize("drain_seconds", [0, 60])
def test_sigterm_hands_the_file_back_or_finishes_it(
    settings: Settings, tmp_path: Path, drain_seconds: int
) -> None:
    queue_videos(settings, tmp_path, 2, 60)
    with Catalogue.open(catalogue_place(settings)) as catalogue:
        with working(settings, "--drain-seconds", drain_seconds) as worker:
            until(lambda: in_the_middle_of(catalogue), _START_SECONDS, "the worker to be at work")
            worker.send_signal(signal.SIGTERM)
            said, _ = worker.communicate(timeout=_START_SECONDS)
        assert worker.returncode == 0 and "Traceback" not in said
        left = {state: number for state, number in catalogue.count_jobs().items() if number}
        done = said.count("indexed ")
        assert left == ({"queued": 2 - done, "done": done} if done else {"queued": 2})
        assert done >= (1 if drain_seconds else 0)


def test_a_file_that_the_worker_cannot_see(settings: Settings, tmp_path: Path) -> None:
    [job] = queue_videos(settings, tmp_path, 1, 2)
    (tmp_path / "0.mp4").unlink()
    with working(settings, "--once") as worker:
        worker.communicate(timeout=_START_SECONDS)
    with Catalogue.open(catalogue_place(settings)) as catalogue:
        ended = catalogue.get_job(job.id)
    assert ended.state == "failed" and ended.message is not None
    assert f":{worker.pid} finds nothing at {tmp_path / '0.mp4'}" in ended.message


@pytest.mark.long
def test_a_server_that_leaves_the_work_to_others(own_library: Library, tmp_path: Path) -> None:
    video = write_video(tmp_path / "new.mp4", (textured(n, (160, 120)) for n in range(10)), fps=5)
    with serving(own_library, server__works="false") as server:
        with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
            added = client.post("/v1/media", params={"name": "new.mp4"}, content=video.read_bytes())
            done = run_command(
                own_library.model_dir, "worker", "--once", "--data-dir", own_library.data_dir
            )
            assert done.returncode == 0, done.stderr
            assert "indexed new.mp4" in done.stdout
            ended = client.get(f"/v1/jobs/{added.json()['job']['id']}").json()
            assert (ended["state"], ended["attempts"]) == ("done", 1)
        assert server.stop()[0] == 0


@pytest.mark.long
def test_two_workers_cannot_be_told_from_one(settings: Settings, tmp_path: Path) -> None:
    queue_videos(settings, tmp_path, 4, 10)
    with working(settings, "--once") as one, working(settings, "--once") as two:
        said = [worker.communicate(timeout=_START_SECONDS)[0] for worker in (one, two)]
    assert [worker.returncode for worker in (one, two)] == [0, 0]
    assert sum(text.count("indexed ") for text in said) == 4
    with Engine(settings) as engine:
        assert engine.media_with_wrong_counts() == []
        assert {job.attempts for job in engine.list_jobs()} == {1}


# A long video, in four stretches


@pytest.fixture
def in_stretches(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"ingest": settings.ingest.model_copy(update={"stretch_seconds": 15.0})}
    )


def states(catalogue: Catalogue, media_id: str) -> list[str]:
    return [one.state for one in catalogue.stretches_of(media_id)]


def queue_film(settings: Settings, folder: Path) -> JobRow:
    [job] = queue_videos(settings, folder, 1, 300)
    return job


@pytest.mark.long
def test_two_workers_share_one_video(in_stretches: Settings, tmp_path: Path) -> None:
    job = queue_film(in_stretches, tmp_path)
    with working(in_stretches, "--once") as one, working(in_stretches) as two:
        said_by_one, _ = one.communicate(timeout=_START_SECONDS)
        two.send_signal(signal.SIGTERM)
        said_by_two, _ = two.communicate(timeout=_START_SECONDS)
    assert (one.returncode, two.returncode) == (0, 0)
    # Whoever has the job joins what both have done; the other one says what it has done.
    said = said_by_one + said_by_two
    assert said.count("indexed 0.mp4, 1:00.00 of video") == 1, said
    assert 1 <= len(re.findall(r"indexed \S+ to .+ of 0\.mp4", said)) <= 3
    with Engine(in_stretches) as engine:
        [ended] = engine.list_jobs()
        assert (ended.id, ended.state, ended.attempts, ended.progress) == (job.id, "done", 1, 1.0)
        [row] = engine.list_media(None, None, 10, 0)
        assert (row.status, row.sample_count >= 120) == ("indexed", True)
        assert engine.media_with_wrong_counts() == []
        assert engine.catalogue.stretches_of(row.id) == []


@pytest.mark.long
def test_a_worker_killed_in_a_stretch_repeats_that_stretch_alone(
    in_stretches: Settings, tmp_path: Path
) -> None:
    job = queue_film(in_stretches, tmp_path)
    media_id = str(job.media_id)
    with Catalogue.open(catalogue_place(in_stretches)) as catalogue:
        with working(in_stretches) as first:
            until(lambda: "done" in states(catalogue, media_id), _START_SECONDS, "a stretch to be done")
            first.kill()
            first.wait()
        before = catalogue.list_jobs(kind="stretch")
        done = {one.id: one.attempts for one in before if one.state == "done"}
        held = [one.id for one in before if one.state == "running"]
        assert done and len(held) <= 1 and catalogue.get_media(media_id).status == "indexing"
        with working(in_stretches, "--once") as second:
            while second.poll() is None:
                for one in catalogue.list_jobs(kind="stretch"):
                    assert one.id not in done or (one.state, one.attempts) == ("done", done[one.id])
                time.sleep(0.05)
            said, _ = second.communicate(timeout=_START_SECONDS)
        assert second.returncode == 0
        # The stretch first, where it was killed within one.
        assert re.findall(r"took over (\S+) from", said) == [*held, job.id]
        assert catalogue.get_job(job.id).state == "done"
    with Engine(in_stretches) as engine:
        assert engine.media_with_wrong_counts() == []


@pytest.mark.long
def test_cancelling_ends_the_stretches_of_all_workers(in_stretches: Settings, tmp_path: Path) -> None:
    job = queue_film(in_stretches, tmp_path)
    media_id = str(job.media_id)
    with Catalogue.open(catalogue_place(in_stretches)) as catalogue:
        with working(in_stretches) as one, working(in_stretches) as two:
            until(lambda: states(catalogue, media_id).count("running") == 2, _START_SECONDS, "both at work")
            assert catalogue.cancel(job.id)
            until(lambda: catalogue.get_media(media_id).status == "pending", 30, "it to be put away")
            until(lambda: catalogue.get_job(job.id).state == "cancelled", 30, "it to be cancelled")
            for worker in (one, two):
                worker.send_signal(signal.SIGTERM)
            said = [worker.communicate(timeout=_START_SECONDS)[0] for worker in (one, two)]
        assert "Traceback" not in "".join(said)
        assert catalogue.stretches_of(media_id) == []
    with Engine(in_stretches) as engine:
        assert engine.store.count(Where()) == 0
        assert engine.retry_job(job.id).state == "queued"
        with working(in_stretches, "--once") as worker:
            worker.communicate(timeout=_START_SECONDS)
        assert engine.get_job(job.id).state == "done" and engine.media_with_wrong_counts() == []
