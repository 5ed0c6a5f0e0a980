"""SIGTERM to a server that is busy with everything at once."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from index.catalogue import Catalogue
from index.stores.edge import EdgeStore
from tests.support.library import Library, until
from tests.support.media_factory import textured, write_video
from tests.support.server import serving

_SEARCHES = 10
_BOUND_SECONDS = 60.0
"""15 s for searches, 3 s for other answers, and putting things away, on a machine that is busy otherwise."""


def connect(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=60, trust_env=False)


def dripping(process: subprocess.Popen[str]) -> Iterator[bytes]:
    """A body that never ends, as long as there is somebody to send it to."""
    while process.poll() is None:
        yield b"x" * 1000
        time.sleep(0.05)


@pytest.mark.long
def test_what_is_under_way_is_answered_and_nothing_is_lost(
    own_library: Library, cup_picture: Path, tmp_path: Path
) -> None:
    frames = (textured(number, (320, 240)) for number in range(80) for _ in range(5))
    video = write_video(tmp_path / "long.mp4", frames, fps=10).read_bytes()
    picture = cup_picture.read_bytes()
    with (
        serving(own_library, server__concurrency=1) as server, connect(server.url) as client,
        ThreadPoolExecutor(_SEARCHES + 2) as pool,
    ):
        job = client.post("/v1/media", params={"name": "long.mp4"}, content=video).json()["job"]
        media_id = job["media_id"]
        until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["progress"] > 0.02, 60, "the ingest")

        def listen() -> int:
            with connect(server.url) as own, own.stream("GET", "/v1/jobs/events") as stream:
                return sum(1 for _ in stream.iter_lines())

        def upload() -> int | str:
            try:
                with connect(server.url) as own:
                    body = dripping(server.process)
                    return own.post("/v1/media", params={"name": "b.mp4"}, content=body).status_code
            except httpx.HTTPError as error:
                return type(error).__name__

        def search(_: int) -> httpx.Response:
            with connect(server.url) as own:
                return own.post("/v1/search", files={"image": picture})

        def under_way() -> float:
            lines = client.get("/v1/metrics").text.splitlines()
            return next(float(one.split()[1]) for one in lines if one.startswith("momentseek_searches_under"))

        listening, uploading = pool.submit(listen), pool.submit(upload)
        until(lambda: any((own_library.data_dir / "uploads/incoming").glob("*.part")), what="the upload")
        searches = [pool.submit(search, number) for number in range(_SEARCHES)]
        until(lambda: under_way() >= 3, what="searches under way")
        asked_at = time.monotonic()
        server.process.send_signal(signal.SIGTERM)

        def is_refused() -> bool:
            try:
                with connect(server.url) as own:
                    reply = own.get("/v1/health/live")
            except httpx.HTTPError:
                return True
            return reply.status_code == 503 and reply.json()["code"] == "server_stopping"

        until(is_refused)
        assert server.process.wait(_BOUND_SECONDS) == 0
        assert time.monotonic() - asked_at < _BOUND_SECONDS
        said = server.stop()[1]
        assert "Traceback" not in said
        replies = [one.result() for one in searches]
        answered = [one for one in replies if one.status_code == 200]
        assert len(answered) >= 3
        for one in answered:
            assert {segment["media"] for segment in one.json()["segments"]} == {"cup.webp", "kitchen.mp4"}
        others = {one.json()["code"] for one in replies if one.status_code != 200}
        assert others <= {"server_stopping"}, "none is lost half-way"
        assert listening.result() > 0
        assert uploading.result() != 200

    until(lambda: EdgeStore.owner(own_library.data_dir) is None, what="the store to be let go")
    with Catalogue.open(own_library.data_dir / "catalogue.sqlite") as catalogue:
        left = catalogue.get_job(job["id"])
        assert (left.state, left.lease_owner) == ("queued", None)
    with serving(own_library) as server, connect(server.url) as client:
        until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["state"] == "done", 120)
        expected = sum(sum(one["points"].values()) for one in client.get("/v1/media").json()["data"])
        assert client.get("/v1/library").json()["points"] == expected, "nothing twice or missing"
        assert client.get(f"/v1/media/{media_id}").json()["status"] == "indexed"
        assert server.stop()[0] == 0
