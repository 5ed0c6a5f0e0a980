"""Files into the library over HTTP: in one request, in pieces, by path; what is refused, what is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingest.identity import content_id
from ingest.incoming import KEPT_SECONDS, Incoming, OffsetWrong, TooLarge, TooMany, safe_name
from tests.support.library import Library, until
from tests.support.media_factory import textured, write_video
from tests.support.server import Server, connected, in_process, serving


@pytest.fixture(scope="module")
def served(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("uploads")
    roots = folder / "films"
    roots.mkdir()
    with serving(
        library.copy(folder / "data"), server__max_upload_mb=1, server__max_media_mb=3,
        server__media_roots=f'["{roots}"]',
    ) as running:
        yield running


@pytest.fixture(scope="module")
def client(served: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=60, trust_env=False) as opened:
        yield opened


@pytest.fixture
def films(served: Server) -> Path:
    return served.library.data_dir.parent / "films"


def short_video(path: Path, seed: int, frames: int = 20) -> Path:
    return write_video(path, [textured(seed)] * frames, fps=10)


def refused(reply: httpx.Response, status: int, code: str) -> str:
    assert reply.status_code == status, reply.text
    assert reply.json().keys() == {"code", "message"} and reply.json()["code"] == code, reply.text
    return str(reply.json()["message"])


def ended(client: httpx.Client, added: dict[str, Any]) -> dict[str, Any]:
    """The job, once it has come to its end."""
    url = f"/v1/jobs/{added['job']['id']}"
    until(lambda: client.get(url).json()["state"] not in ("queued", "running"), 60)
    job: dict[str, Any] = client.get(url).json()
    return job


def left_behind(served: Server) -> list[str]:
    folder = served.library.data_dir / "uploads" / "incoming"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_an_upload_is_indexed_and_its_twin_is_the_same(
    client: httpx.Client, served: Server, tmp_path: Path
) -> None:
    file = short_video(tmp_path / "a.mp4", 1)
    reply = client.post("/v1/media", params={"name": "../Ferien 1.mp4"}, content=file.read_bytes())
    assert reply.status_code == 202, reply.text
    added = reply.json()
    assert added["known"] is False and added["media"]["name"] == "Ferien 1.mp4"
    assert added["media"]["id"] == content_id(file) and added["job"]["media"] == "Ferien 1.mp4"
    job = ended(client, added)
    assert (job["state"], job["progress"], job["media_id"]) == ("done", 1.0, added["media"]["id"])
    assert job["started_at"] <= job["ended_at"]
    shown = client.get(f"/v1/media/{added['media']['id']}").json()
    assert shown["status"] == "indexed" and shown["points"]["frame"] >= 1
    whole = client.get(f"/v1/media/{added['media']['id']}/file")
    assert whole.content == file.read_bytes()

    twin = client.post("/v1/media", params={"name": "twin.mp4"}, content=file.read_bytes()).json()
    assert twin["known"] is True and twin["media"]["id"] == added["media"]["id"]
    assert twin["media"]["name"] == "Ferien 1.mp4" and twin["job"]["state"] == "done"
    folder = served.library.data_dir / "uploads" / added["media"]["id"]
    assert [path.name for path in folder.iterdir()] == ["Ferien 1.mp4"] and left_behind(served) == []

    assert client.delete(f"/v1/media/{added['media']['id']}").status_code == 204
    assert not folder.exists(), "what was uploaded goes with its media"


def test_a_file_of_the_library_is_known(client: httpx.Client, served: Server) -> None:
    library = served.library
    cup = (library.media / "cup.webp").read_bytes()
    added = client.post("/v1/media?name=other.webp", content=cup).json()
    assert added["known"] is True and added["media"]["id"] == library.ids["cup.webp"]
    assert added["media"]["name"] == "cup.webp" and added["job"]["state"] == "done"
    assert not (library.data_dir / "uploads" / library.ids["cup.webp"]).exists() and left_behind(served) == []


@pytest.mark.parametrize("content", [
    b"This is no film, whatever its name says.\n" * 40, b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"#EXTM3U\nfile:///etc/passwd\n", b"MZ" + bytes(4000), bytes(range(256)) * 20,
])  # fmt: skip
def test_what_is_no_media(client: httpx.Client, served: Server, content: bytes) -> None:
    before = client.get("/v1/media").json()
    reply = client.post("/v1/media?name=film.mp4", content=content)
    assert refused(reply, 422, reply.json()["code"]) and reply.json()["code"].startswith("media_")
    assert client.get("/v1/media").json() == before and left_behind(served) == []


def test_nothing_and_too_much(client: httpx.Client, served: Server) -> None:
    refused(client.post("/v1/media?name=a.mp4"), 400, "parameter_invalid")
    refused(client.post("/v1/media", content=b"x"), 400, "parameter_not_provided")
    much = bytes((3 << 20) + 1)
    said = refused(client.post("/v1/media?name=a.mp4", content=much), 413, "request_too_large")
    assert "3 MB (server.max_media_mb)" in said

    def in_pieces() -> Iterator[bytes]:
        for _ in range(5):
            yield bytes(1 << 20)

    refused(client.post("/v1/media?name=a.mp4", content=in_pieces()), 413, "request_too_large")
    # Other routes keep the smaller limit: this one has 2 MB.
    many = client.post("/v1/search", files={"image": bytes(5 << 19)})
    assert "server.max_upload_mb" in refused(many, 413, "request_too_large")
    assert left_behind(served) == []


def test_a_client_that_goes_away(client: httpx.Client, served: Server) -> None:
    def breaks() -> Iterator[bytes]:
        yield bytes(2 << 20)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        client.post("/v1/media?name=a.mp4", content=breaks(), headers={"Content-Length": str(3 << 20)})
    until(lambda: left_behind(served) == [], what="the part of a broken upload to go")


def test_in_pieces(client: httpx.Client, served: Server, tmp_path: Path) -> None:
    data = short_video(tmp_path / "b.mp4", 2).read_bytes()
    begun = client.post("/v1/uploads", json={"name": "b.mp4", "size_bytes": len(data)})
    assert begun.status_code == 201 and begun.json()["offset"] == 0
    url = f"/v1/uploads/{begun.json()['id']}"
    half = len(data) // 2
    first = client.patch(url, params={"offset": 0}, content=data[:half]).json()
    assert (first["offset"], first["added"]) == (half, None)
    wrong = refused(client.patch(url, params={"offset": 0}, content=data), 409, "conflict")
    assert f"offset={half}" in wrong
    refused(client.patch(url, params={"offset": half}, content=data), 413, "request_too_large")
    assert client.head(url).headers["upload-offset"] == str(half) == str(client.get(url).json()["offset"])
    last = client.patch(url, params={"offset": half}, content=data[half:]).json()
    assert last["added"]["media"]["name"] == "b.mp4" and last["added"]["known"] is False
    refused(client.get(url), 404, "resource_not_exist")
    assert ended(client, last["added"])["state"] == "done" and left_behind(served) == []


def test_pieces_that_end_badly(client: httpx.Client, served: Server) -> None:
    begun = client.post("/v1/uploads", json={"name": "c.mp4", "size_bytes": 400}).json()
    url = f"/v1/uploads/{begun['id']}"
    reply = client.patch(url, params={"offset": 0}, content=b"no film" * 57 + b"!")
    refused(reply, 422, "media_broken")
    refused(client.head(url) and client.get(url), 404, "resource_not_exist")
    other = client.post("/v1/uploads", json={"name": "c.mp4", "size_bytes": 400}).json()
    assert client.delete(f"/v1/uploads/{other['id']}").status_code == 204
    refused(client.delete(f"/v1/uploads/{other['id']}"), 404, "resource_not_exist")
    refused(client.post("/v1/uploads", json={"name": "c", "size_bytes": 4 << 20}), 413, "request_too_large")
    refused(client.post("/v1/uploads", json={"name": "c", "size_bytes": 0}), 400, "parameter_invalid")
    refused(client.get("/v1/uploads/..%2f..%2fcatalogue"), 404, "resource_not_exist")
    assert left_behind(served) == []


@pytest.mark.long
def test_pieces_over_a_kill(library: Library, tmp_path: Path) -> None:
    data = short_video(tmp_path / "d.mp4", 3).read_bytes()
    own = library.copy(tmp_path / "data")
    with serving(own) as first:
        begun = httpx.post(
            f"{first.url}/v1/uploads", json={"name": "d.mp4", "size_bytes": len(data)}, trust_env=False
        ).json()
        path = f"/v1/uploads/{begun['id']}"
        httpx.patch(f"{first.url}{path}", params={"offset": 0}, content=data[:1000], trust_env=False)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    with connected(own) as (_, client):
        assert client.get(path).json()["offset"] == 1000
        added = client.patch(path, params={"offset": 1000}, content=data[1000:]).json()["added"]
        assert ended(client, added)["state"] == "done"


# By path


def test_a_registered_file_stays_where_it_is(client: httpx.Client, films: Path) -> None:
    film = short_video(films / "e.mp4", 4)
    added = client.post("/v1/media/register", json={"path": str(film)})
    assert added.status_code == 202 and added.json()["media"]["name"] == "e.mp4"
    assert ended(client, added.json())["state"] == "done"
    again = client.post("/v1/media/register", json={"path": str(film)}).json()
    assert again["known"] is True and again["job"]["state"] == "done"
    assert client.delete(f"/v1/media/{added.json()['media']['id']}").status_code == 204
    assert film.is_file()


def test_paths_that_are_not_allowed(
    client: httpx.Client, films: Path, tmp_path: Path, served: Server
) -> None:
    outside = short_video(tmp_path / "outside.mp4", 5)
    (films / "link.mp4").symlink_to(outside)
    (films / "folder").mkdir()
    os.mkfifo(films / "pipe.mp4")
    (films / "loop").symlink_to(films / "loop")
    (films / "text.mp4").write_text("no film")
    messages = {
        refused(client.post("/v1/media/register", json={"path": str(path)}), 400, "parameter_invalid")
        for path in (
            outside, films / "link.mp4", films / ".." / "data" / "catalogue.sqlite", films / "folder", films,
            films / "pipe.mp4", films / "loop", films / "missing.mp4", Path("/nowhere/x.mp4"),
            Path("/etc/passwd"),
        )
    }  # fmt: skip
    assert len(messages) == 1, "what is there and what is not looks the same from outside"
    for path in ("e.mp4", "", "x" * 5000):
        refused(client.post("/v1/media/register", json={"path": path}), 400, "parameter_invalid")
    refused(client.post("/v1/media/register", json={"path": str(films / "text.mp4")}), 422, "media_broken")


def test_without_roots_there_are_no_paths(library: Library, tmp_path: Path) -> None:
    with in_process(library.copy(tmp_path / "data").settings()) as (_, client):
        reply = client.post("/v1/media/register", json={"path": str(library.media / "kitchen.mp4")})
        assert "server.media_roots" in refused(reply, 400, "parameter_invalid")


# The folder of unfinished uploads


def test_offsets_limits_and_sweeping(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "incoming", max_bytes=100, min_free_bytes=0)
    with pytest.raises(TooLarge):
        incoming.start("a.mp4", 101)
    old, new = incoming.start("a.mp4", 60), incoming.start("b.mp4", None)
    with incoming.writing(old.id, 0) as writer:
        writer.write(b"x" * 40)
        with pytest.raises(TooLarge):
            writer.write(b"x" * 21)
    assert incoming.find(old.id).offset == 40
    with pytest.raises(OffsetWrong, match="offset=40"), incoming.writing(old.id, 41):
        pass
    long_ago = time.time() - KEPT_SECONDS - 1
    os.utime(old.path, (long_ago, long_ago))
    orphan = tmp_path / "incoming" / f"{'f' * 32}.draft"
    orphan.touch()
    os.utime(orphan, (long_ago, long_ago))
    with incoming.writing(old.id, 40):
        incoming.sweep()
        assert incoming.find(old.id).offset == 40, "somebody is sending it"
    incoming.sweep()
    assert sorted(path.stem for path in (tmp_path / "incoming").iterdir()) == [new.id] * 2


def test_too_many_unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.incoming.MOST_UNFINISHED", 2)
    incoming = Incoming(tmp_path, max_bytes=100, min_free_bytes=0)
    for name in ("a", "b"):
        incoming.start(name, 1)
    with pytest.raises(TooMany):
        incoming.start("c", 1)


@pytest.mark.parametrize(("given", "name"), [
    ("film.mp4", "film.mp4"), ("/a/b/film.mp4", "film.mp4"), ("a\\b\\film.mp4", "film.mp4"), ("", "upload"),
    (".hidden", "hidden"), ("a\n\0b.mp4", "a__b.mp4"), ("...", "upload"), ("日本.mp4", "日本.mp4"),
    ("<b>.mp4", "_b_.mp4"), ("a.mp4/", "upload"),
])  # fmt: skip
def test_names(given: str, name: str) -> None:
    assert safe_name(given) == name


def test_long_names_keep_their_suffix() -> None:
    name = safe_name("ü" * 300 + ".mp4")
    assert 190 <= len(name.encode()) <= 200 and name.endswith("ü.mp4")
