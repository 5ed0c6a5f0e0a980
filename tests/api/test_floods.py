"""More at once than there are places: who runs, who waits, who is told to come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from anyio import to_thread
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from api import errors
from api.app import create_app
from api.deps import PlacesDep
from api.floods import Places
from api.keyring import Keyring
from api.routes.media import FRAMES_AT_A_TIME, FRAMES_WAITING
from core.errors import StoreError
from core.settings import ServerSettings, load
from core.types import Image
from index.keys import Keys
from momentseek.engine import Engine, catalogue_path
from tests.support.library import Library, copies


class Work:
    """Pieces of work that go on until they are told to end; how many ran at the same time."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self._lock = threading.Lock()
        self.running, self.most, self.done = 0, 0, 0

    def __call__(self) -> int:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self._end.wait()
        with self._lock:
            self.running -= 1
            self.done += 1
            return self.done

    def end(self) -> None:
        self._end.set()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("waited five seconds in vain")


def test_some_run_some_wait_the_rest_goes_away() -> None:
    async def scenario() -> None:
        places, work = Places(2, 3), Work()
        tasks = [asyncio.create_task(places.run(work)) for _ in range(9)]
        await until(lambda: sum(task.done() for task in tasks) == 4 and work.running == 2)
        refused = [task.exception() for task in tasks if task.done()]
        assert [task.done() for task in tasks] == [False] * 5 + [True] * 4
        for error in refused:
            assert isinstance(error, HTTPException) and error.status_code == 429
            assert error.headers is not None and error.headers["Retry-After"] == "1"
        work.end()
        assert sorted(await asyncio.gather(*tasks[:5])) == [1, 2, 3, 4, 5]
        assert work.most == 2
        # Everybody is out: there is room again, also after work that failed.
        assert await places.run(lambda: "room") == "room"

    asyncio.run(scenario())


def test_places_come_back_after_errors_and_from_those_who_leave() -> None:
    def fail() -> None:
        raise StoreError("The store is away.")

    async def scenario() -> None:
        places, work = Places(1, 1), Work()
        for _ in range(5):
            with pytest.raises(StoreError):
                await places.run(fail)
        first = asyncio.create_task(places.run(work))
        await until(lambda: work.running == 1)
        waiting = asyncio.create_task(places.run(work))
        await asyncio.sleep(0)
        with pytest.raises(HTTPException):
            await places.run(work)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        another = asyncio.create_task(places.run(work))
        await asyncio.sleep(0.01)
        assert not another.done()
        work.end()
        assert sorted(await asyncio.gather(first, another)) == [1, 2]

    asyncio.run(scenario())


def test_without_a_queue_nobody_waits() -> None:
    async def scenario() -> None:
        places, work = Places(1, 0), Work()
        first = asyncio.create_task(places.run(work))
        await until(lambda: work.running == 1)
        with pytest.raises(HTTPException, match="ask again later"):
            await places.run(work)
        work.end()
        assert await first == 1

    asyncio.run(scenario())


def test_when_to_come_back_depends_on_how_long_it_takes() -> None:
    async def scenario() -> None:
        for took, inside, places_, expected in (
            (0.0, 0, 4, 1), (0.05, 68, 4, 1), (0.5, 68, 4, 9), (2.0, 10, 1, 20), (60.0, 68, 4, 30),
        ):  # fmt: skip
            places = Places(places_, 64)
            places._seconds, places._inside = took, inside
            assert places._retry_after_seconds() == expected

    asyncio.run(scenario())


def test_a_refusal_has_the_shape_of_every_error() -> None:
    """Over HTTP: 429 in JSON with Retry-After, and room again once the work is done."""
    app, work = FastAPI(), Work()
    app.state.places = Places(1, 0)
    errors.install(app)

    @app.get("/work")
    async def route(given: PlacesDep) -> int:
        return await given.run(work)

    async def scenario() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            first = asyncio.create_task(client.get("/work"))
            await until(lambda: work.running == 1)
            refused = await client.get("/work")
            work.end()
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert refused.json()["code"] == "too_many_requests" and refused.json()["message"].endswith(".")
            assert [(await first).json(), (await client.get("/work")).json()] == [1, 2]

    asyncio.run(scenario())


class Light(Engine):
    """An engine whose facts need no models: it is the way to them that is looked at."""

    def facts(self) -> dict[str, Any]:
        return {"videos": self.catalogue.facts().videos}


class Slow(Engine):
    """An engine that looks at frames until it is told to end."""

    work: Work

    def frame(self, media_id: str, at_seconds: float, max_side_px: int | None = None) -> Image:
        self.work()
        return np.zeros((8, 8, 3), np.uint8)


def test_frames_have_places_of_their_own(data_dir: Path) -> None:
    """As many as a page of results asks for wait in turn, and nobody else waits for them."""

    async def scenario(app: FastAPI) -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            address, many = "/v1/media/any/frame", FRAMES_AT_A_TIME + FRAMES_WAITING
            tasks = [asyncio.create_task(client.get(address)) for _ in range(many)]
            try:
                await until(lambda: work.running == FRAMES_AT_A_TIME)
                assert (await client.get(address)).status_code == 429
                assert (await client.get("/v1/media")).json()["data"] == []
                assert (await client.get("/v1/media/any")).status_code == 404
                assert work.most == FRAMES_AT_A_TIME
            finally:
                work.end()
                assert {reply.status_code for reply in await asyncio.gather(*tasks)} == {200}

    settings = load(None, {"data_dir": data_dir})
    with Slow(settings) as engine, Keys.open(catalogue_path(settings)) as keys:
        work = engine.work = Work()
        app = create_app(engine, ServerSettings(), "1", ["localhost"], Keyring(keys, "token", True))
        asyncio.run(scenario(app))


def test_a_new_file_does_not_wait_for_frames(own_library: Library, tmp_path: Path) -> None:
    [cup] = copies(own_library.media, tmp_path, ["cup.webp"])
    cup.write_bytes(cup.read_bytes() + b"other content")
    with Engine(own_library.settings()) as engine, engine._decoding:
        added = engine.take_upload(cup, "another.webp")
        assert (added.known, added.media.status) == (False, "pending")


def test_health_never_waits(data_dir: Path) -> None:
    """Every thread that routes share is taken, and every place: health still answers."""
    settings = load(None, {"data_dir": data_dir})
    work = Work()

    async def scenario(app: FastAPI) -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            tasks = [asyncio.create_task(client.get("/v1/take")) for _ in range(60)]
            try:
                await until(lambda: work.running == 40)
                assert (await client.get("/v1/health/live")).status_code == 200
                assert (await client.get("/v1/session")).json()["scope"] == "admin"
                assert (await client.get("/v1/health/ready")).json()["videos"] == 0
                assert work.running == 40
            finally:
                work.end()
                await asyncio.gather(*tasks)

    with Light(settings) as engine, Keys.open(catalogue_path(settings)) as keys:
        app = create_app(engine, ServerSettings(), "1", ["localhost"], Keyring(keys, "token", True))

        @app.get("/v1/take")
        async def take() -> int:
            return await to_thread.run_sync(work)

        asyncio.run(scenario(app))
