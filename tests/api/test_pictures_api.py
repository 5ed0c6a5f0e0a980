"""Pictures to ask with that the server keeps, and what lies below the line, on a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from core.errors import DiskFull, NotFound
from core.pictures import read_picture
from ingest.pictures import Pictures
from tests.support.library import Library, write_query
from tests.support.media_factory import corners_of, quarters, textured
from tests.support.server import connected


@pytest.fixture(scope="module")
def client(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with connected(library.copy(tmp_path_factory.mktemp("served") / "data")) as (_, opened):
        yield opened


def kept(client: httpx.Client, picture: bytes) -> dict[str, object]:
    reply = client.post("/v1/pictures", files={"image": picture})
    assert reply.status_code == 201, reply.text
    shown: dict[str, object] = reply.json()
    return shown


def as_file(image: np.ndarray, **saving: object) -> bytes:
    file = BytesIO()
    Image.fromarray(image).save(file, **saving)
    return file.getvalue()


def test_a_kept_picture_asks_like_the_file_itself(client: httpx.Client, cup_picture: Path) -> None:
    picture = kept(client, cup_picture.read_bytes())
    assert (picture["width"], picture["height"]) == (360, 300)
    assert kept(client, cup_picture.read_bytes()) == picture
    for fields in ({}, {"box": "0.2,0.2,0.8,0.9"}):
        by_id = client.post("/v1/search", data={"picture_id": picture["id"], **fields}).json()
        by_file = client.post(
            "/v1/search", data=fields, files={"image": cup_picture.read_bytes()}
        ).json()
        # It was written anew: the same things, with nearly the same scores.
        assert by_id["message"] == by_file["message"] and by_id["segments"]
        for one, other in zip(by_id["segments"], by_file["segments"], strict=True):
            assert one["media"] == other["media"] and one["score"] == pytest.approx(other["score"], abs=3)


def test_several_kept_pictures_are_one_question(
    client: httpx.Client, cup_picture: Path, face_picture: Path
) -> None:
    ids = [kept(client, path.read_bytes())["id"] for path in (cup_picture, face_picture)]
    found = client.post("/v1/search", data={"picture_id": ids}).json()["segments"]
    assert {one["media"] for one in found} == {"kitchen.mp4", "cup.webp", "space.mp4"}
    refused = client.post("/v1/search", data={"picture_id": ids, "box": "0,0,0.5,0.5"})
    assert refused.status_code == 400 and "one picture" in refused.json()["message"]


def test_it_is_upright_bounded_and_holds_nothing_but_pixels(client: httpx.Client) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"
    picture = kept(client, as_file(quarters(3000, 200), format="JPEG", exif=exif, quality=95))
    assert (picture["width"], picture["height"]) == (137, 2048)
    shown = client.get(f"/v1/pictures/{picture['id']}")
    assert shown.headers["content-type"] == "image/jpeg" and "immutable" in shown.headers["cache-control"]
    assert corners_of(read_picture(shown.content)) == ["blue", "red", "white", "green"]
    assert b"at home" not in shown.content and not Image.open(BytesIO(shown.content)).getexif()


def test_what_is_no_picture_is_refused(client: httpx.Client) -> None:
    for bytes_sent in (b"", b"<svg onload=alert(1)></svg>"):
        reply = client.post("/v1/pictures", files={"image": ("a.jpg", bytes_sent)})
        assert reply.status_code in (400, 422) and reply.json().keys() == {"code", "message"}
    assert client.post("/v1/pictures").json()["code"] == "parameter_not_provided"


@pytest.mark.parametrize("picture_id", ["0" * 32, "..%2f..%2fcatalogue.sqlite", "x", "0" * 32 + "%00"])
def test_an_id_that_names_nothing_is_not_found(client: httpx.Client, picture_id: str) -> None:
    assert client.get(f"/v1/pictures/{picture_id}").status_code == 404
    reply = client.post("/v1/search", data={"picture_id": picture_id})
    assert reply.status_code == 404 and "send it again" in reply.json()["message"]


def test_what_lies_below_the_line_comes_on_request_only(client: httpx.Client, tmp_path: Path) -> None:
    unknown = write_query(tmp_path / "unknown.jpg", "coins").read_bytes()

    def ask(picture: bytes, **fields: str) -> dict[str, object]:
        answer: dict[str, object] = client.post("/v1/search", data=fields, files={"image": picture}).json()
        return answer

    assert ask(unknown)["segments"] == []
    nearest = ask(unknown, min_confidence="none")
    assert nearest["message"] == "Nothing in the library matches."
    assert nearest["segments"] and {one["confidence"] for one in nearest["segments"]} == {"none"}
    scores = [one["score"] for one in nearest["segments"]]
    assert scores == sorted(scores, reverse=True) and scores[0] < 50

    cup = write_query(tmp_path / "cup.jpg", "coffee").read_bytes()
    usual, more = ask(cup), ask(cup, min_confidence="none")
    assert more["message"] == usual["message"] and len(more["segments"]) > len(usual["segments"])
    assert more["segments"][: len(usual["segments"])] == usual["segments"]
    exported = client.post("/v1/exports/results", json={"segments": more["segments"], "format": "csv"})
    assert exported.status_code == 200 and "none" in exported.text


def test_the_ones_used_longest_ago_make_room(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path / "pictures", 0, most=3)
    first, *others = (pictures.keep(as_file(textured(seed), format="PNG")) for seed in range(3))
    for age, one in enumerate([first, *others]):
        os.utime(tmp_path / "pictures" / f"{one.id}.jpg", (age, age))
    pictures.read(first.id)  # used again
    pictures.keep(as_file(textured(7), format="PNG"))
    assert pictures.path(first.id).exists() and pictures.path(others[1].id).exists()
    with pytest.raises(NotFound, match="send it again"):
        pictures.path(others[0].id)


def test_their_bytes_are_bounded_too(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path / "pictures", 0, most_bytes=1)
    ids = [pictures.keep(as_file(textured(seed), format="PNG")).id for seed in range(3)]
    assert [path.stem for path in (tmp_path / "pictures").iterdir()] == [ids[-1]]


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(DiskFull, match="min_free_disk_mb"):
        Pictures(tmp_path / "pictures", free * 2).keep(as_file(textured(1), format="PNG"))
