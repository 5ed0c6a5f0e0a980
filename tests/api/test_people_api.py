"""People over HTTP, with faces of two real people in three files."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from bench.camera import Reel, Shot, View, look, write_reel
from core.settings import load
from tests.support.library import until
from tests.support.server import in_process

ASTRONAUT, ADMIRAL = View(0.45, 0.2, 1.2), View(0.52, 0.42, 1.2)


def write_people(folder: Path) -> None:
    """two.mp4: the astronaut [0, 2), the rocket [2, 4), the admiral [4, 6), the astronaut [6, 8).
    admiral.jpg and astronaut.jpg: stills of them."""
    folder.mkdir()
    rocket = View(0.5, 0.7, 1.2)
    write_reel(Reel("two.mp4", Fraction(12), (320, 240), (
        Shot("astronaut", 2.0, ASTRONAUT, View(0.45, 0.22, 1.4)), Shot("rocket", 2.0, rocket, rocket),
        Shot("grace_hopper", 2.0, ADMIRAL, View(0.52, 0.4, 1.4)),
        Shot("astronaut", 2.0, View(0.42, 0.2, 1.3), ASTRONAUT),
    )), folder / "two.mp4")  # fmt: skip
    look("grace_hopper", ADMIRAL, (400, 400), exposure=0.9).save(folder / "admiral.jpg")
    look("astronaut", ASTRONAUT, (400, 300), exposure=1.1).save(folder / "astronaut.jpg")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("people")
    write_people(folder / "media")
    settings = load(None, {"data_dir": folder / "data", "model_dir": model_dir})
    with in_process(settings) as (engine, opened):
        assert [outcome.status for outcome in engine.ingest([folder / "media"])] == ["indexed"] * 3
        yield opened


def get(client: TestClient, path: str, **asked: Any) -> Any:
    reply = client.get(f"/v1/{path}", params=asked)
    assert reply.status_code == 200, reply.text
    return reply.json()


def grouped(client: TestClient) -> list[dict[str, Any]]:
    """Everybody, when the grouping that the first question begins has ended."""
    get(client, "people")
    until(lambda: get(client, "people/group")["state"] == "idle")
    listed = get(client, "people")
    assert listed["grouping"]["message"] is None and listed["grouping"]["progress"] == 1
    people: list[dict[str, Any]] = listed["data"]
    return people


def refused(reply: httpx.Response, status: int) -> str:
    assert reply.status_code == status, reply.text
    assert reply.json().keys() == {"code", "message"}
    return str(reply.json()["message"])


def test_two_people_are_two(client: TestClient) -> None:
    first, second = grouped(client)
    assert (first["media"], second["media"]) == (2, 2) and first["faces"] >= second["faces"] >= 2
    assert first["name"] is None and get(client, f"people/{first['id']}") == first
    page = get(client, "people", limit=1)
    assert page["data"] == [first]
    assert get(client, "people", limit=1, page_token=page["next_page_token"])["data"] == [second]


def test_appearances_are_stretches_over_all_media(client: TestClient) -> None:
    seen = {}
    for person in grouped(client):
        found = get(client, f"people/{person['id']}/appearances")
        assert found["remaining"] == 0 and found["next_page_token"] is None
        seen[len(found["data"])] = found["data"]
        assert sum(one["faces"] for one in found["data"]) == person["faces"]
    admiral, astronaut = seen[2], seen[3]
    spans = sorted(
        (one["media"], round(one["start_seconds"]), round(one["end_seconds"])) for one in admiral + astronaut
    )
    assert spans == [
        ("admiral.jpg", 0, 0), ("astronaut.jpg", 0, 0), ("two.mp4", 0, 2), ("two.mp4", 4, 6),
        ("two.mp4", 6, 8),
    ]  # fmt: skip
    for one in admiral + astronaut:
        assert one["start_seconds"] <= one["best_seconds"] <= one["end_seconds"]
        x1, y1, x2, y2 = one["box_xyxy"]
        assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1
    person = grouped(client)[0]["id"]
    page = get(client, f"people/{person}/appearances", limit=1)
    rest = get(client, f"people/{person}/appearances", page_token=page["next_page_token"])
    assert page["data"] + rest["data"] == get(client, f"people/{person}/appearances")["data"]
    long = get(client, f"people/{person}/appearances", bridge_seconds=5, media_id=page["data"][0]["media_id"])
    assert len(long["data"]) == 1


def test_every_appearance_of_a_face_needs_no_naming(client: TestClient) -> None:
    """Search with the face of an indexed moment finds the others of the same person and nobody else's."""
    for person in grouped(client):
        appearances = get(client, f"people/{person['id']}/appearances")["data"]
        clicked = next(one for one in appearances if one["media_type"] == "image")
        reply = client.post("/v1/search", data={
            "media_id": clicked["media_id"], "at_seconds": 0, "mode": "face",
            "box": ",".join(map(str, clicked["box_xyxy"])),
        })  # fmt: skip
        found = [(one["media"], round(one["start_seconds"])) for one in reply.json()["segments"]]
        others = [(one["media"], round(one["start_seconds"])) for one in appearances if one is not clicked]
        assert sorted(found) == sorted(others)


def test_a_picture_of_the_person(client: TestClient) -> None:
    person = grouped(client)[0]["id"]
    reply = client.get(f"/v1/people/{person}/face.jpg", params={"max_side_px": 64})
    assert reply.headers["content-type"] == "image/jpeg"
    assert max(Pillow.open(BytesIO(reply.content)).size) == 64


def test_search_by_name(client: TestClient) -> None:
    person = grouped(client)[0]
    named = client.patch(f"/v1/people/{person['id']}", json={"name": "Somebody"})
    assert named.json()["name"] == "Somebody"
    appearances = get(client, f"people/{person['id']}/appearances")["data"]
    expected = sorted((one["media"], round(one["start_seconds"])) for one in appearances)
    for who in ("Somebody", "somebody", person["id"]):
        reply = client.post("/v1/search", data={"person": who})
        assert reply.status_code == 200, reply.text
        segments = reply.json()["segments"]
        assert sorted((one["media"], round(one["start_seconds"])) for one in segments) == expected
        assert {one["evidence"] for one in segments} == {"face"}
    assert "knows nobody as 'x'" in refused(client.post("/v1/search", data={"person": "x"}), 404)
    for more in ({"words": "cup"}, {"mode": "scene"}, {"media_id": appearances[0]["media_id"]}):
        refused(client.post("/v1/search", data={"person": "Somebody", **more}), 400)
    client.patch(f"/v1/people/{person['id']}", json={"name": None})


def test_decisions_survive_a_new_grouping(client: TestClient) -> None:
    astronaut, admiral = sorted(
        grouped(client), key=lambda one: -len(get(client, f"people/{one['id']}/appearances")["data"])
    )
    client.patch(f"/v1/people/{admiral['id']}", json={"name": "Grace"})
    cut = get(client, f"people/{astronaut['id']}/appearances")["data"][0]
    away = client.delete(f"/v1/people/{astronaut['id']}/faces/{cut['face_id']}").json()
    reply = client.post("/v1/people/group", json={"again": True})
    assert reply.status_code == 202 and reply.json()["state"] in ("running", "idle")
    until(lambda: get(client, "people/group")["state"] == "idle")
    now = {one["id"]: one for one in grouped(client)}
    assert now[admiral["id"]]["name"] == "Grace" and now[admiral["id"]]["faces"] == admiral["faces"]
    assert sum(one["faces"] for one in now.values()) == astronaut["faces"] + admiral["faces"]
    # Nobody decided whose the astronaut's other faces are, so they may meet again; Grace keeps her own.
    merged = client.post(f"/v1/people/{admiral['id']}/merge", json={"others": list(now)}).json()
    assert merged["faces"] == astronaut["faces"] + admiral["faces"] and merged["name"] == "Grace"
    client.post("/v1/people/group", json={"again": True})
    until(lambda: get(client, "people/group")["state"] == "idle")
    assert [one["faces"] for one in grouped(client)] == [merged["faces"]]
    assert away["id"] != astronaut["id"]


def test_what_makes_no_sense(client: TestClient) -> None:
    person = grouped(client)[0]["id"]
    for path in ("", "/appearances", "/face.jpg"):
        refused(client.get(f"/v1/people/nobody{path}"), 404)
    refused(client.patch("/v1/people/nobody", json={"name": "x"}), 404)
    refused(client.delete(f"/v1/people/{person}/faces/nothing"), 404)
    refused(client.post(f"/v1/people/{person}/merge", json={"others": ["nobody"]}), 404)
    refused(client.post(f"/v1/people/{person}/merge", json={"others": []}), 400)
    for name in ("", " x ", "x" * 101):
        refused(client.patch(f"/v1/people/{person}", json={"name": name}), 400)
    for token in ("x", "e30=", "WzEsMl0=", "é"):
        refused(client.get("/v1/people", params={"page_token": token}), 400)
