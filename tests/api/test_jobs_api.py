"""Work in the background of a real server: followed, cancelled, tried again, interrupted and taken up."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.routes.jobs import eta_seconds
from index.catalogue import Catalogue, JobRow
from index.stores.edge import EdgeStore
from tests.support.library import Library, until
from tests.support.media_factory import textured, write_video
from tests.support.server import connected

# So that what comes second waits.
ONE_AT_A_TIME = {"ingest__files_at_once": 1}


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A new scene every half second: enough to do for some seconds."""
    frames = (textured(number, (320, 240)) for number in range(80) for _ in range(5))
    return write_video(tmp_path_factory.mktemp("long") / "long.mp4", frames, fps=10).read_bytes()


@pytest.fixture(scope="module")
def short_video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_video(tmp_path_factory.mktemp("short") / "a.mp4", [textured(999)] * 20, fps=10).read_bytes()


def upload(client: httpx.Client, name: str, data: bytes) -> str:
    """The id of its job."""
    reply = client.post("/v1/media", params={"name": name}, content=data)
    assert reply.status_code == 202, reply.text
    return str(reply.json()["job"]["id"])


def job(client: httpx.Client, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
    return found


def is_under_way(client: httpx.Client, job_id: str) -> bool:
    now = job(client, job_id)
    assert now["state"] in ("queued", "running"), now
    return now["state"] == "running" and now["progress"] > 0.02


def has_ended(client: httpx.Client, job_id: str) -> bool:
    return job(client, job_id)["state"] not in ("queued", "running")


def refused(reply: httpx.Response, status: int) -> str:
    assert reply.status_code == status and reply.json().keys() == {"code", "message"}, reply.text
    return str(reply.json()["message"])


def test_followed_searched_beside_cancelled_and_tried_again(
    own_library: Library, long_video: bytes, short_video: bytes, cup_picture: Path
) -> None:
    with connected(own_library, **ONE_AT_A_TIME) as (_, client):
        long_one, short_one = upload(client, "long.mp4", long_video), upload(client, "a.mp4", short_video)
        until(lambda: is_under_way(client, long_one), 60)
        running = job(client, long_one)
        assert running["media"] == "long.mp4" and running["attempts"] == 1 and running["ended_at"] is None
        assert 0 < running["eta_seconds"] < 3600
        assert job(client, short_one)["state"] == "queued"
        listed = client.get("/v1/jobs?state=queued&state=running&limit=1").json()
        assert [row["id"] for row in listed["data"]] == [short_one] and listed["next_offset"] == 1

        answer = client.post("/v1/search", files={"image": cup_picture.read_bytes()}).json()
        assert {segment["media"] for segment in answer["segments"]} == {"cup.webp", "kitchen.mp4"}
        assert job(client, long_one)["state"] == "running", "and that did not wait for the work to end"

        cancelled = client.post(f"/v1/jobs/{long_one}/cancel").json()
        assert (cancelled["state"], cancelled["eta_seconds"]) == ("cancelled", None)
        media = client.get(f"/v1/media/{cancelled['media_id']}").json()
        assert (media["status"], media["points"]) == ("pending", {}) and "cancelled" in media["reason"]
        boxes = client.get(f"/v1/media/{media['id']}/boxes?start_seconds=0&end_seconds=100").json()
        assert boxes["data"] == []
        assert "cancelled" in refused(client.post(f"/v1/jobs/{long_one}/cancel"), 400)

        # The next one's turn has come; and one that is done is done.
        until(lambda: has_ended(client, short_one), 60)
        assert job(client, short_one)["state"] == "done"
        assert "done" in refused(client.post(f"/v1/jobs/{short_one}/retry"), 400)
        assert client.post(f"/v1/jobs/{long_one}/retry").json()["state"] == "queued"
        until(lambda: is_under_way(client, long_one), 60)
        # Removing what is being indexed ends that first.
        assert client.delete(f"/v1/media/{media['id']}").status_code == 204
        refused(client.get(f"/v1/jobs/{long_one}"), 404)
        for what in ("cancel", "retry"):
            refused(client.post(f"/v1/jobs/nothing/{what}"), 404)
        assert not (own_library.data_dir / "uploads" / media["id"]).exists()


def test_what_waits_can_be_cancelled(own_library: Library, long_video: bytes, short_video: bytes) -> None:
    with connected(own_library, **ONE_AT_A_TIME) as (_, client):
        long_one, short_one = upload(client, "long.mp4", long_video), upload(client, "a.mp4", short_video)
        until(lambda: is_under_way(client, long_one), 60)
        assert client.post(f"/v1/jobs/{short_one}/cancel").json()["state"] == "cancelled"
        assert client.post(f"/v1/jobs/{long_one}/cancel").json()["state"] == "cancelled"
        time.sleep(1)
        assert client.get("/v1/jobs?state=queued&state=running").json()["data"] == []
        assert client.get("/v1/media?status=indexing").json()["data"] == []


@pytest.mark.long
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_ends_in_the_middle(
    own_library: Library, long_video: bytes, short_video: bytes, end: signal.Signals
) -> None:
    with connected(own_library, **ONE_AT_A_TIME) as (server, client):
        long_one, short_one = upload(client, "long.mp4", long_video), upload(client, "a.mp4", short_video)
        until(lambda: is_under_way(client, long_one), 60)
        server.process.send_signal(end)
        said, _ = server.process.communicate(timeout=30)
        assert "Traceback" not in said
    until(lambda: EdgeStore.owner(own_library.data_dir) is None, what="the store to be let go")
    with Catalogue.open(own_library.data_dir / "catalogue.sqlite") as catalogue:
        states = [catalogue.get_job(one).state for one in (long_one, short_one)]
    assert states == (["queued"] * 2 if end == signal.SIGTERM else ["running", "queued"])
    with connected(own_library) as (_, client):
        until(lambda: has_ended(client, long_one) and has_ended(client, short_one), 120)
        for one in (long_one, short_one):
            assert job(client, one)["state"] == "done", job(client, one)
            media = client.get(f"/v1/media/{job(client, one)['media_id']}").json()
            assert media["status"] == "indexed"
        expected = sum(sum(one["points"].values()) for one in client.get("/v1/media").json()["data"])
        assert client.get("/v1/health/ready").json()["points"] == expected, "nothing twice or missing"


def events_of(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_events(own_library: Library, short_video: bytes) -> None:
    with connected(own_library) as (server, client):
        with client.stream("GET", "/v1/jobs/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            job_id = upload(client, "a.mp4", short_video)
            seen: list[dict[str, Any]] = []
            for event in events_of(lines):
                seen.append(event)
                if event["state"] == "done":
                    break
            assert {event["id"] for event in seen} == {job_id}
            assert seen[-1]["progress"] == 1.0 and seen[-1] == job(client, job_id)
            assert len({json.dumps(event) for event in seen}) == len(seen), "nothing is said twice"
            # It ends with the server, and does not hold it up.
            server.process.send_signal(signal.SIGTERM)
            assert list(events_of(lines)) == []
        said, _ = server.process.communicate(timeout=30)
        assert server.process.returncode == 0 and "Traceback" not in said


def test_an_original_that_has_gone(library: Library, tmp_path: Path, short_video: bytes) -> None:
    own, films = library.copy(tmp_path / "data"), tmp_path / "films"
    films.mkdir()
    (films / "a.mp4").write_bytes(short_video)
    with connected(own, server__media_roots=f'["{films}"]') as (_, client):
        added = client.post("/v1/media/register", json={"path": str(films / "a.mp4")}).json()
        job_id = added["job"]["id"]
        until(lambda: has_ended(client, job_id), 60)
        (films / "a.mp4").unlink()
        media_id = added["media"]["id"]
        assert client.delete(f"/v1/media/{media_id}").status_code == 204
    with Catalogue.open(own.data_dir / "catalogue.sqlite") as catalogue:
        catalogue.record_file(films / "a.mp4", 1, 1, media_id)
        catalogue.queue_media(media_id)
    with connected(own) as (_, client):
        until(lambda: has_ended(client, job_id), 30)
        ended = job(client, job_id)
        assert ended["state"] == "failed" and "no longer where it was" in ended["reason"]


def test_time_left() -> None:
    began = datetime(2024, 1, 1, tzinfo=UTC)

    def row(state: Any, progress: float) -> JobRow:
        return JobRow("j", "ingest", "m", None, state, None, None, 1, progress, None, began, began, began)

    later = began + timedelta(seconds=30)
    assert eta_seconds(row("running", 0.25), later) == 90
    assert eta_seconds(row("running", 0.0), later) is None
    assert eta_seconds(row("queued", 0.25), later) is None
