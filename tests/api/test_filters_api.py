"""What may be returned, asked over HTTP of a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.library import Library
from tests.support.server import connected


@pytest.fixture(scope="module")
def client(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    own = library.copy(tmp_path_factory.mktemp("filtered") / "data")
    with connected(own) as (_, opened):
        notes = {"tags": ["home", "day"], "metadata": {"camera": "left", "take": 3}}
        assert opened.patch(f"/v1/media/{library.ids['kitchen.mp4']}", json=notes).status_code == 200
        yield opened


@pytest.fixture(scope="module")
def ask(client: httpx.Client, cup_picture: Path) -> Any:
    picture = cup_picture.read_bytes()

    def search(**fields: Any) -> httpx.Response:
        return client.post("/v1/search", data=fields, files=[("image", picture)])

    return search


def places(reply: httpx.Response) -> dict[str, tuple[float, float]]:
    assert reply.status_code == 200, reply.text
    return {
        one["media"]: (one["start_seconds"], one["end_seconds"]) for one in reply.json()["segments"]
    }


def test_a_stretch(ask: Any) -> None:
    """The cup is in kitchen.mp4 [0, 3), and in a still."""
    assert places(ask()) == {"kitchen.mp4": (0.0, 3.0), "cup.webp": (0.0, 0.0)}
    assert places(ask(from_seconds=1.2, to_seconds=2.1)) == {"kitchen.mp4": (1.2, 2.1)}
    assert places(ask(from_seconds=2)) == {"kitchen.mp4": (2.0, 3.0)}
    assert places(ask(to_seconds=1)) == {"kitchen.mp4": (0.0, 1.0)}
    assert places(ask(from_seconds=100)) == {}


@pytest.mark.parametrize(("fields", "expected"), [
    ({"name_contains": "KITCH"}, ["kitchen.mp4"]),
    ({"name_contains": "c"}, ["cup.webp", "kitchen.mp4"]),
    ({"tag": "home"}, ["kitchen.mp4"]),
    ({"tag": ["home", "DAY"]}, ["kitchen.mp4"]),
    ({"tag": ["home", "night"]}, []),
    ({"min_duration_seconds": 4.5, "max_duration_seconds": 5.5}, ["kitchen.mp4"]),
    ({"min_duration_seconds": 6}, []),
    ({"min_width": 321}, ["cup.webp"]),
    ({"min_height": 1}, ["cup.webp", "kitchen.mp4"]),
    ({"min_size_bytes": 10**9}, []),
    ({"max_size_bytes": 10**9}, ["cup.webp", "kitchen.mp4"]),
    ({"metadata": json.dumps({"camera": "left", "take": {"gte": 2, "lte": 3}})}, ["kitchen.mp4"]),
    ({"metadata": json.dumps({"take": {"gte": 4}})}, []),
    ({"metadata": "{}"}, ["cup.webp", "kitchen.mp4"]),
    ({"min_score": 100}, []),
])  # fmt: skip
def test_what_the_library_knows(ask: Any, fields: dict[str, Any], expected: list[str]) -> None:
    reply = ask(**fields)
    assert sorted(places(reply)) == expected
    if not expected:
        assert reply.json()["message"] == "Nothing in the library matches."


def test_a_least_score(ask: Any) -> None:
    scores = [one["score"] for one in ask().json()["segments"]]
    kept = [one["score"] for one in ask(min_score=scores[0]).json()["segments"]]
    assert kept == [score for score in scores if score == scores[0]]


@pytest.mark.parametrize(("fields", "said"), [
    ({"from_seconds": -1}, "from_seconds"),
    ({"from_seconds": 3, "to_seconds": 3}, "a stretch ends after its start"),
    ({"from_seconds": "nan"}, "from_seconds"),
    ({"from_seconds": 1, "only": "image"}, "Stills have no times"),
    ({"min_duration_seconds": 5, "max_duration_seconds": 4}, "duration"),
    ({"min_duration_seconds": "inf"}, "min_duration_seconds"),
    ({"min_size_bytes": 2, "max_size_bytes": 1}, "size"),
    ({"min_size_bytes": 10**20}, "min_size_bytes"),
    ({"min_width": 1.5}, "min_width"),
    ({"min_score": 101}, "min_score"),
    ({"name_contains": "x" * 256}, "name_contains"),
    ({"tag": "x" * 101}, "tag"),
    ({"metadata": "left"}, "no JSON object"),
    ({"metadata": '{"take": [1]}'}, "'take' may be"),
])  # fmt: skip
def test_what_makes_no_sense(ask: Any, fields: dict[str, Any], said: str) -> None:
    reply = ask(**fields)
    assert (reply.status_code, reply.json()["code"]) == (400, "parameter_invalid")
    assert said in reply.json()["message"]


def test_the_document_describes_every_filter(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    [form] = document["paths"]["/v1/search"]["post"]["requestBody"]["content"].values()
    fields = document["components"]["schemas"][form["schema"]["$ref"].rpartition("/")[2]]["properties"]
    for name in (
        "from_seconds", "to_seconds", "min_duration_seconds", "max_duration_seconds", "min_size_bytes",
        "max_size_bytes", "min_width", "min_height", "name_contains", "tag", "metadata", "min_score",
        "image_url",
    ):  # fmt: skip
        assert fields[name]["description"] and fields[name]["examples"], name
