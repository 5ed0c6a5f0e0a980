"""Media that are alike, and copies, over HTTP: of films made here and of what was made from them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from bench.camera import Reel, Shot, View, look, write_reel
from core.settings import load
from tests.support.library import until
from tests.support.media_factory import write_video
from tests.support.server import in_process

FILM = Reel("film.mp4", Fraction(24), (320, 240), (
    Shot("coffee", 3.0, View(0.5, 0.5), View(0.42, 0.42, 1.4)),
    Shot("rocket", 3.0, View(0.5, 0.7, 1.2), View(0.5, 0.4, 1.5)),
    Shot("china", 2.0, View(0.4, 0.5, 1.2), View(0.6, 0.5, 1.6)),
))  # fmt: skip
OTHER = Reel("other.mp4", Fraction(24), (320, 240), (
    Shot("flower", 3.0, View(0.5, 0.5), View(0.4, 0.5, 1.3)),
    Shot("coffee", 2.5, View(0.6, 0.4, 1.5), View(0.4, 0.6, 1.5)),
))  # fmt: skip


def write_media(folder: Path) -> None:
    """film.mp4 and copy.mp4 (smaller, cropped, darker, half the frames); other.mp4, which shows one of the
    same places in its own way; part.mp4: 2.5 s of flowers, then [2, 5) of film.mp4; two stills that are one;
    one that is not."""
    folder.mkdir()
    write_reel(FILM, folder / "film.mp4")
    write_reel(OTHER, folder / "other.mp4")
    frames = [np.asarray(frame, np.uint8) for frame in FILM.frames()]
    copied = [(frame[6:-6, 8:-8][::2, ::2] * 0.85).astype(np.uint8) for frame in frames[::2]]
    write_video(folder / "copy.mp4", [frame[:112, :152] for frame in copied], fps=12, options={"crf": "30"})
    flowers = [np.asarray(frame, np.uint8) for frame in OTHER.frames()][60:0:-1]
    write_video(folder / "part.mp4", flowers + frames[48:120], fps=24, options={"crf": "26"})
    look("chelsea", View(0.5, 0.5), (400, 300)).save(folder / "cat.png")
    look("chelsea", View(0.5, 0.5, 1.03), (300, 225), exposure=1.1).save(folder / "cat.jpg", quality=50)
    look("chelsea", View(0.3, 0.4, 1.6), (400, 300)).save(folder / "ear.jpg")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("duplicates")
    write_media(folder / "media")
    settings = load(None, {"data_dir": folder / "data", "model_dir": model_dir})
    with in_process(settings) as (engine, opened):
        assert {outcome.status for outcome in engine.ingest([folder / "media"])} == {"indexed"}
        yield opened


def found(client: TestClient, **asked: Any) -> dict[str, Any]:
    """The duplicates, when all is looked at."""
    until(lambda: client.get("/v1/duplicates").json()["complete"], 60)
    reply = client.get("/v1/duplicates", params=asked)
    assert reply.status_code == 200, reply.text
    page: dict[str, Any] = reply.json()
    assert page["complete"] and page["progress"] == 1 and page["message"] is None
    return page


def names(group: dict[str, Any]) -> list[str]:
    return sorted(member["media"] for member in group["members"])


def test_copies_are_groups_and_the_same_place_is_not(client: TestClient) -> None:
    listed = found(client)["data"]
    assert [(group["kind"], names(group)) for group in listed] == [
        ("video", ["copy.mp4", "film.mp4"]), ("stretch", ["copy.mp4", "film.mp4", "part.mp4"]),
        ("still", ["cat.jpg", "cat.png"]),
    ]  # fmt: skip
    groups = {group["kind"]: group for group in listed}
    assert all(member["whole"] for member in groups["video"]["members"])
    spans = {one["media"]: (one["start_seconds"], one["end_seconds"]) for one in groups["stretch"]["members"]}
    assert spans["film.mp4"] == pytest.approx((2.0, 5.0), abs=0.1)
    assert spans["part.mp4"] == pytest.approx((2.5, 5.5), abs=0.1)
    assert {(one["start_seconds"], one["end_seconds"]) for one in groups["still"]["members"]} == {(0, 0)}


def test_kinds_lengths_and_pages(client: TestClient, tmp_path: Path) -> None:
    everything = found(client)["data"]
    assert [group["kind"] for group in everything] == ["video", "stretch", "still"]
    assert found(client, kind="still")["data"] == everything[2:]
    assert found(client, min_seconds=6)["data"] == [everything[0], everything[2]]
    first = found(client, limit=1)
    assert first["data"] + found(client, page_token=first["next_page_token"])["data"] == everything
    cat = everything[2]["members"][0]["media_id"]
    assert found(client, media_id=cat)["data"] == everything[2:]
    for wrong in ({"page_token": "x"}, {"min_seconds": 1}, {"kind": "sound"}, {"limit": 0}):
        assert client.get("/v1/duplicates", params=wrong).status_code == 400


def test_what_resembles_a_medium_as_a_whole(client: TestClient) -> None:
    ids = {row["name"]: row["id"] for row in client.get("/v1/media").json()["data"]}

    def similar(name: str, **asked: Any) -> list[dict[str, Any]]:
        reply = client.get(f"/v1/media/{ids[name]}/similar", params=asked)
        assert reply.status_code == 200, reply.text
        data: list[dict[str, Any]] = reply.json()["data"]
        assert [one["score"] for one in data] == sorted((one["score"] for one in data), reverse=True)
        assert all(0 <= one["score"] <= one["best_score"] <= 100 for one in data)
        return data

    like_film = similar("film.mp4")
    # The copy is small and dark; part.mp4 has less of it, but as it was. Neither is the film itself.
    assert {one["media"] for one in like_film[:2]} == {"copy.mp4", "part.mp4"}
    assert "film.mp4" not in {one["media"] for one in like_film}
    part = next(one for one in like_film if one["media"] == "part.mp4")
    assert 2.4 <= part["best_seconds"] <= 5.5 and part["confidence"] == "high"
    assert part["best_seconds"] - part["at_seconds"] == pytest.approx(0.5, abs=0.6)
    assert [one["media"] for one in similar("cat.png", limit=1)] == ["cat.jpg"]
    assert {one["media_type"] for one in similar("cat.png", only="image")} == {"image"}
    assert client.get(f"/v1/media/{'0' * 32}/similar").status_code == 404


def test_similar_to_a_moment_is_a_search(client: TestClient) -> None:
    ids = {row["name"]: row["id"] for row in client.get("/v1/media").json()["data"]}
    asked = {"media_id": ids["film.mp4"], "at_seconds": 7.0, "group_by": "media"}
    reply = client.post("/v1/search", data=asked)
    best = reply.json()["groups"][0]
    assert best["media"] == "copy.mp4", "the only other one with the pagoda"


def test_what_is_removed_is_no_duplicate_any_more(client: TestClient) -> None:
    ids = {row["name"]: row["id"] for row in client.get("/v1/media").json()["data"]}
    found(client)
    assert client.delete(f"/v1/media/{ids['cat.jpg']}").status_code == 204
    assert [group["kind"] for group in found(client)["data"]] == ["video", "stretch"]
