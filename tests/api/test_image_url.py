"""Searching by the address of a picture, from the form to the connection that is made or not made.

tests/api/test_fetch_picture.py has the table of hostile addresses and the small world they are asked in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.fetching import Fetching
from api.keyring import Keyring
from core.settings import ServerSettings
from index.keys import Keys
from momentseek.engine import Engine, catalogue_path
from tests.api.test_fetch_picture import (
    PUBLIC,
    RESOLVED,
    WRITTEN,
    Internet,
    Listener,
    fetcher,
    listening,
    send,
)
from tests.support.library import Library

NAMES = {f"{name}.test": addresses for name, addresses in RESOLVED.items()}


@dataclass
class Served:
    """The application on a real library; ``listener`` is where the small world's public addresses lead."""

    app: FastAPI
    listener: Listener
    world: Internet

    def search(self, **fields: Any) -> httpx.Response:
        files = fields.pop("files", None)

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.post("/v1/search", data=fields, files=files, timeout=60)

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def engine(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(library.copy(tmp_path_factory.mktemp("fetching") / "data").settings()) as opened:
        yield opened


@pytest.fixture
def served(engine: Engine) -> Iterator[Served]:
    with listening() as listener, Keys.open(catalogue_path(engine.settings)) as keys:
        app = create_app(engine, ServerSettings(), "1", ["localhost"], Keyring(keys, "token", True))
        world = Internet(listener.port, {"public.test": [PUBLIC], **NAMES})
        app.state.fetching = Fetching(ServerSettings(), fetcher(world))
        yield Served(app, listener, world)


def refused(reply: httpx.Response) -> str:
    body = reply.json()
    assert (reply.status_code, body["code"], body.keys()) == (400, "parameter_invalid", {"code", "message"})
    message: str = body["message"]
    assert "\n" not in message and message.endswith(".")
    return message


def test_hostile_addresses_get_no_connection(served: Served) -> None:
    """All of the table in one go, each through the form; urlsplit and multipart see them first."""
    hostile = [*WRITTEN, *(f"http://{name}:{{port}}/" for name in NAMES)]
    assert len(hostile) >= 90
    for written in hostile:
        message = refused(served.search(image_url=written.replace("{port}", str(served.listener.port))))
        assert "secret" not in message
    assert (served.world.dialled, served.listener.connections) == ([], 0)


def test_a_hostile_address_after_a_good_one(served: Served) -> None:
    here = f"http://127.0.0.1:{served.listener.port}/"
    refused(served.search(image_url=["http://public.test/", here]))
    assert (served.world.dialled, served.listener.connections) == ([PUBLIC], 1)
    served.listener.answers["/away"] = lambda handler: send(handler, status=302, Location=here)
    refused(served.search(image_url="http://public.test/away"))
    assert (served.world.dialled, served.listener.paths) == ([PUBLIC] * 2, ["/", "/away"])


def test_the_picture_at_an_address_is_searched_for(served: Served, cup_picture: Path) -> None:
    served.listener.answers["/cup.jpg"] = lambda handler: send(handler, cup_picture.read_bytes())
    sent = served.search(files=[("image", cup_picture.read_bytes())], box="0.2,0.1,0.8,0.8")
    named = served.search(image_url="http://public.test/cup.jpg", box="0.2,0.1,0.8,0.8")
    assert sent.status_code == named.status_code == 200, named.text
    assert {one["media"] for one in named.json()["segments"]} == {"kitchen.mp4", "cup.webp"}
    assert named.json()["segments"] == sent.json()["segments"]
    assert (served.listener.paths, served.world.dialled) == (["/cup.jpg"], [PUBLIC])
    several = served.search(
        image_url=["http://public.test/cup.jpg"] * 2, files=[("image", cup_picture.read_bytes())]
    )
    assert several.status_code == 200 and len(served.listener.paths) == 3


def test_what_is_no_picture(served: Served) -> None:
    served.listener.answers["/page"] = lambda handler: send(handler, b"<html>")
    served.listener.answers["/gone"] = lambda handler: send(handler, b"", status=404)
    page = served.search(image_url="http://public.test/page")
    assert page.status_code == 400 and "picture" in page.json()["message"]
    assert "answers 404" in refused(served.search(image_url="http://public.test/gone"))


def test_nothing_is_fetched_for_a_question_that_makes_no_sense(served: Served, cup_picture: Path) -> None:
    url, file = "http://public.test/", [("image", cup_picture.read_bytes())]
    assert "one picture" in refused(served.search(image_url=[url, url], box="0,0,1,1"))
    assert "one picture" in refused(served.search(image_url=url, files=file, box="0,0,1,1"))
    assert "not both" in refused(served.search(image_url=url, media_id="abcd"))
    assert "At most 10" in refused(served.search(image_url=[url] * 11))
    assert "times begin at 0" in refused(served.search(image_url=url, from_seconds=5, to_seconds=5))
    assert (served.world.asked, served.listener.connections) == ([], 0)


def test_off_unless_somebody_wants_it(served: Served) -> None:
    served.app.state.fetching = Fetching(ServerSettings())
    message = refused(served.search(image_url="http://public.test/"))
    assert "server.fetch_pictures: true" in message
    assert served.listener.connections == 0


def test_more_at_once_than_are_fetched(served: Served, cup_picture: Path) -> None:
    """Twenty get a place or wait for one; the next is told to come back, and searches go on meanwhile."""

    async def scenario() -> None:
        transport = httpx.ASGITransport(served.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:

            async def ask(**given: Any) -> int:
                return (await client.post("/v1/search", **given)).status_code

            asked = [
                asyncio.create_task(ask(data={"image_url": "http://public.test/slow"})) for _ in range(22)
            ]
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            assert await ask(files=[("image", cup_picture.read_bytes())]) == 200
            ended.set()
            codes = await asyncio.gather(*asked)
            assert (codes.count(200), codes.count(429)) == (20, 2)

    ended = threading.Event()

    def slow(handler: Any) -> None:
        ended.wait(4)
        send(handler, cup_picture.read_bytes())

    served.listener.answers["/slow"] = slow
    try:
        asyncio.run(scenario())
    finally:
        ended.set()
