"""What a viewer draws over a video: things and faces, shots, the storyboard; and notes about media."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from tests.support.library import CUT_SECONDS, LENGTH_SECONDS, Library
from tests.support.server import in_process


@pytest.fixture(scope="module")
def client(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = library.copy(tmp_path_factory.mktemp("boxes") / "data").settings()
    with in_process(settings) as (_, opened):
        yield opened


def boxes(client: TestClient, media_id: str, **asked: Any) -> list[dict[str, Any]]:
    reply = client.get(f"/v1/media/{media_id}/boxes", params=asked)
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["data"]
    return found


def refused(reply: httpx.Response, status: int) -> str:
    assert reply.status_code == status, reply.text
    assert reply.json().keys() == {"code", "message"}
    return str(reply.json()["message"])


def test_boxes_at_a_time(client: TestClient, library: Library) -> None:
    space = library.ids["space.mp4"]
    with_face = boxes(client, space, at_seconds=1.3)
    assert {box["kind"] for box in with_face} == {"region", "face"}
    for box in with_face:
        x1, y1, x2, y2 = box["box_xyxy"]
        assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1
        assert box["start_seconds"] <= 1.3 < box["end_seconds"] <= LENGTH_SECONDS["space.mp4"] + 0.01
        assert (box["label"] is None) == (box["label_score"] is None)
        assert box["track"] is None or box["track"] >= 0
    without = boxes(client, space, at_seconds=CUT_SECONDS["space.mp4"] + 1)
    assert {box["kind"] for box in without} == {"region"}, "nobody's face is on the rocket"
    assert boxes(client, space, at_seconds=1.3, kind="face") == [
        box for box in with_face if box["kind"] == "face"
    ]
    assert {box["kind"] for box in boxes(client, space, at_seconds=1.3, kind="tile")} == {"tile"}
    assert boxes(client, space, at_seconds=100) == []


def test_boxes_of_an_interval_are_those_of_its_times(client: TestClient, library: Library) -> None:
    kitchen = library.ids["kitchen.mp4"]
    found = boxes(client, kitchen, start_seconds=1.0, end_seconds=3.5)
    assert [box["start_seconds"] for box in found] == sorted(box["start_seconds"] for box in found)
    single = [box for time in (1.0, 1.7, 2.2, 3.2) for box in boxes(client, kitchen, at_seconds=time)]
    assert single and all(box in found for box in single)
    # Half-open: what begins at the end is not in it, nor what ends at the start.
    assert all(box["start_seconds"] < 3.5 and box["end_seconds"] > 1.0 for box in found)
    assert boxes(client, kitchen, start_seconds=1.0, end_seconds=3.5, limit=2) == found[:2]
    reply = client.get(f"/v1/media/{kitchen}/boxes?start_seconds=0&end_seconds=5&limit=1")
    assert reply.json()["more"] is True


def test_boxes_of_a_still(client: TestClient, library: Library) -> None:
    cup = library.ids["cup.webp"]
    assert boxes(client, cup) == boxes(client, cup, at_seconds=0) != []


@pytest.mark.parametrize("asked", [
    "", "at_seconds=1&start_seconds=0", "start_seconds=1", "start_seconds=2&end_seconds=2",
    "start_seconds=0&end_seconds=601", "at_seconds=-1", "at_seconds=nan", "at_seconds=1&kind=frame",
    "at_seconds=1&limit=0",
])  # fmt: skip
def test_boxes_of_no_sensible_time(client: TestClient, library: Library, asked: str) -> None:
    refused(client.get(f"/v1/media/{library.ids['kitchen.mp4']}/boxes?{asked}"), 400)


def test_shots(client: TestClient, library: Library) -> None:
    for name in ("kitchen.mp4", "space.mp4"):
        first, second = client.get(f"/v1/media/{library.ids[name]}/shots").json()["data"]
        assert (first["index"], first["start_seconds"], second["index"]) == (0, 0, 1)
        assert first["end_seconds"] == second["start_seconds"] == pytest.approx(CUT_SECONDS[name], abs=0.05)
        assert second["end_seconds"] == pytest.approx(LENGTH_SECONDS[name], abs=0.1)
    assert client.get(f"/v1/media/{library.ids['cup.webp']}/shots").json()["data"] == []


def test_storyboard(client: TestClient, library: Library) -> None:
    kitchen = library.ids["kitchen.mp4"]
    reply = client.get(f"/v1/media/{kitchen}/storyboard.vtt")
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/vtt")
    assert reply.text.startswith("WEBVTT\n\n00:00:00.000 --> ")
    named = {line.partition("#")[0] for line in reply.text.splitlines() if ".jpg" in line}
    assert named == {"sprite_000.jpg"}
    sheet = client.get(f"/v1/media/{kitchen}/sprite_000.jpg")
    assert sheet.headers["content-type"] == "image/jpeg"
    assert Pillow.open(BytesIO(sheet.content)).width % 160 == 0
    assert "stills have no storyboard" in refused(
        client.get(f"/v1/media/{library.ids['cup.webp']}/storyboard.vtt"), 404
    )
    refused(client.get(f"/v1/media/{kitchen}/sprite_007.jpg"), 404)
    refused(client.get(f"/v1/media/{kitchen}/sprite_..%2f..%2fx.jpg"), 404)
    for what in ("boxes?at_seconds=1", "shots", "storyboard.vtt", "sprite_000.jpg"):
        refused(client.get(f"/v1/media/{'0' * 32}/{what}"), 404)


# Notes


def test_tags_and_metadata(client: TestClient, library: Library) -> None:
    kitchen = library.ids["kitchen.mp4"]
    notes = {"tags": [" sea ", "Größe \"L\"", "sea"], "metadata": {"take": 3, "by": {"name": "Åsa"}}}
    shown = client.patch(f"/v1/media/{kitchen}", json=notes).json()
    assert shown["tags"] == ["Größe \"L\"", "sea"] and shown["metadata"] == notes["metadata"]
    assert client.get(f"/v1/media/{kitchen}").json() == shown
    for tag, names in (("sea", ["kitchen.mp4"]), ("SEA", ["kitchen.mp4"]), ("Größe \"L\"", ["kitchen.mp4"]),
                       ("se", []), ("%", []), ("L", [])):  # fmt: skip
        listed = client.get("/v1/media", params={"tag": tag}).json()["data"]
        assert [row["name"] for row in listed] == names, tag
    only_tags = client.patch(f"/v1/media/{kitchen}", json={"tags": []}).json()
    assert only_tags["tags"] == [] and only_tags["metadata"] == notes["metadata"]
    assert client.patch(f"/v1/media/{kitchen}", json={"metadata": {}}).json()["metadata"] == {}
    refused(client.patch(f"/v1/media/{'0' * 32}", json={"tags": []}), 404)


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels > 1 else {}


@pytest.mark.parametrize("notes", [
    {"tags": [""]}, {"tags": ["x" * 101]}, {"tags": [str(number) for number in range(51)]}, {"tags": "sea"},
    {"metadata": [1]}, {"metadata": {"text": "x" * 17_000}}, {"metadata": nested(9)}, {"title": "x"},
])  # fmt: skip
def test_notes_that_are_too_much(client: TestClient, library: Library, notes: dict[str, Any]) -> None:
    refused(client.patch(f"/v1/media/{library.ids['kitchen.mp4']}", json=notes), 400)


@pytest.mark.parametrize("raw", ['{"metadata": {"x": NaN}}', '{"metadata": {"x": "\\ud800"}}'])
def test_metadata_that_is_no_json(client: TestClient, library: Library, raw: str) -> None:
    headers = {"Content-Type": "application/json"}
    refused(client.patch(f"/v1/media/{library.ids['kitchen.mp4']}", content=raw, headers=headers), 400)


def test_pages_by_token(client: TestClient, library: Library) -> None:
    seen, token = [], None
    while True:
        page = client.get("/v1/media", params={"limit": 1, **({"page_token": token} if token else {})}).json()
        seen += [row["name"] for row in page["data"]]
        token = page["next_page_token"]
        if token is None:
            break
    assert sorted(seen) == sorted(library.ids) and len(seen) == 3
    named = client.get("/v1/media?name_contains=KITCH").json()["data"]
    assert [row["name"] for row in named] == ["kitchen.mp4"]
    for wrong in ("x", "e30=", "é", "WzEsMl0="):
        refused(client.get("/v1/media", params={"page_token": wrong}), 400)
    first = client.get("/v1/media?limit=1").json()["next_page_token"]
    refused(client.get("/v1/media", params={"page_token": first, "offset": 1}), 400)


def test_removing_keeps_a_file_that_was_there_before(library: Library, tmp_path: Path) -> None:
    settings = library.copy(tmp_path / "data").settings()
    kitchen = library.ids["kitchen.mp4"]
    with in_process(settings) as (engine, client):
        assert client.delete(f"/v1/media/{kitchen}").status_code == 204
        refused(client.delete(f"/v1/media/{kitchen}"), 404)
        refused(client.get(f"/v1/media/{kitchen}/storyboard.vtt"), 404)
        assert engine.store.counts(kitchen) == {}
        assert client.get("/v1/jobs", params={"media_id": kitchen}).json()["data"] == []
    assert (library.media / "kitchen.mp4").is_file()
