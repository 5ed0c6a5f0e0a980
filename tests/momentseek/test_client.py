"""The Python client against real servers: ours, one that is busy, one that is something else, none."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from core.errors import InvalidImage, InvalidRequest, MediaError, NotFound, QueryForgotten, TimeOutOfRange
from momentseek.client import (
    Client,
    Job,
    JobFailed,
    Moment,
    NotAllowed,
    ServerBusy,
    ServerUnreachable,
    StillRunning,
    UploadInterrupted,
)
from momentseek.client.media import IN_ONE_REQUEST_BYTES
from tests.support.library import Library, environment, run_command
from tests.support.media_factory import textured, write_video
from tests.support.server import Server, serving

HEAVY = {"torch", "openvino", "av", "cv2", "dlib", "fastapi", "sqlalchemy", "pydantic", "PIL", "qdrant_edge"}


@pytest.fixture(scope="module")
def served(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    own = library.copy(tmp_path_factory.mktemp("client") / "data")
    with serving(own, server__webhook_private_addresses=True) as running:
        yield running


@pytest.fixture
def client(served: Server) -> Iterator[Client]:
    with Client(served.url) as opened:
        yield opened


def test_it_is_quick_to_import() -> None:
    code = f"import sys, momentseek.client; print(sorted({HEAVY!r} & sys.modules.keys()))"
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, env=environment(Path("/nowhere")), capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_all_pages_are_asked_for_when_it_gets_there(served: Server, cup_picture: Path) -> None:
    asked: list[str] = []
    hooks = {"request": [lambda request: asked.append(request.url.path)]}
    with httpx.Client(event_hooks=hooks, timeout=60, trust_env=False) as http:
        client = Client(served.url, http=http)
        answer = client.search(cup_picture, limit=1)
        assert [one.media for one in answer.segments] != [] and answer.remaining == 1
        assert asked == ["/v1/search"]
        walk = iter(answer)
        first = next(walk)
        assert len(asked) == 1
        assert {first.media, next(walk).media} == {"cup.webp", "kitchen.mp4"} and len(asked) == 2
        assert list(walk) == [] and len(asked) == 2
        assert len(list(answer)) == 2, "and again"
        assert next(client.media.list(name_contains="KITCH")).name == "kitchen.mp4"


def test_what_is_asked_arrives(client: Client, served: Server, cup_picture: Path, face_picture: Path) -> None:
    ids = served.library.ids
    by_box = client.search(cup_picture.read_bytes(), box=(0.25, 0.05, 0.75, 0.75), only="video")
    assert [one.media for one in by_box] == ["kitchen.mp4"]
    by_face = client.search(str(face_picture), mode="face", in_media=[ids["space.mp4"]])
    assert [one.evidence for one in by_face] == ["face"]
    by_moment = client.search(at=Moment(ids["kitchen.mp4"], 1.0), only="image")
    assert [one.media for one in by_moment] == ["cup.webp"]
    kept = client.keep_picture(cup_picture)
    assert len(list(client.search(picture_ids=[kept]))) == 2
    grouped = client.search([cup_picture, cup_picture], group=True, sort="time")
    assert [group.media for group in grouped.groups or ()] == ["cup.webp", "kitchen.mp4"]
    assert not list(client.search(cup_picture, unlike=[cup_picture], metadata={"take": {"gte": 2}}))
    with pytest.raises(InvalidRequest, match="box of its own"):
        client.search(at=Moment(ids["kitchen.mp4"], 1.0, (0, 0, 1, 1)), box=(0, 0, 1, 1))
    with pytest.raises(TypeError, match="There is no filter colour"):
        client.search(cup_picture, colour="red")  # type: ignore[call-arg]


def test_errors_are_those_of_the_library(client: Client, served: Server, tmp_path: Path) -> None:
    for error, code, status, ask in (
        (NotFound, "resource_not_exist", 404, lambda: client.media.get("none/of these")),
        (InvalidRequest, "parameter_invalid", 400, lambda: client.search()),
        (InvalidImage, "image_invalid", 400, lambda: client.search(b"no picture")),
        (InvalidImage, "image_invalid", None, lambda: client.search(tmp_path / "none.jpg")),
        (TimeOutOfRange, "time_out_of_range", 400,
         lambda: client.media.frame(served.library.ids["kitchen.mp4"], 60)),
        (QueryForgotten, "query_forgotten", 404,
         lambda: client.curve("ab" * 16, served.library.ids["cup.webp"])),
    ):  # fmt: skip
        with pytest.raises(error) as caught:
            ask()
        assert type(caught.value) is error
        assert (caught.value.code, caught.value.http_status) == (code, status)
    (tmp_path / "film.mp4").write_text("This is no film, whatever its name says.\n" * 40)
    with pytest.raises(MediaError) as refused:
        client.media.upload(tmp_path / "film.mp4")
    assert refused.value.http_status == 422
    with pytest.raises(NotFound):
        client.export("ab" * 16, tmp_path / "none.csv", "csv")
    assert not list(tmp_path.glob("*none.csv*")), "no half file stays"


@pytest.mark.long
def test_keys_and_the_owner(own_library: Library, cup_picture: Path) -> None:
    words = ["keys", "add", "page", "--scope", "read", "--data-dir", own_library.data_dir]
    key = run_command(own_library.model_dir, *words).stdout.strip()
    with serving(own_library) as server:
        with Client(server.url) as nobody, pytest.raises(NotAllowed, match="keys add") as caught:
            nobody.facts()
        assert caught.value.http_status == 401
        with Client(server.url, key) as reader:
            assert len(list(reader.search(cup_picture))) == 2
            with pytest.raises(NotAllowed, match="this needs ingest") as caught:
                reader.media.upload(cup_picture)
            assert caught.value.http_status == 403
        with Client.of_library(own_library.data_dir) as owner:
            # Only its owner may name any file of the machine.
            added = owner.media.register(cup_picture)
            assert owner.media.wait(added).status == "indexed"
            assert owner.media.wait(owner.media.register(cup_picture)).id == added.media.id
    with pytest.raises(ServerUnreachable, match="momentseek serve"):
        Client.of_library(own_library.data_dir)


def test_a_file_on_the_server_is_not_for_everybody(client: Client, cup_picture: Path) -> None:
    with pytest.raises(InvalidRequest, match="it has no server"):
        client.media.register(cup_picture)


def test_nobody_there_or_somebody_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with Client(nobody) as client, pytest.raises(ServerUnreachable, match="momentseek serve"):
        client.facts()
    for url in ("nonsense", "http://[::", "ftp://127.0.0.1"):
        with Client(url) as client, pytest.raises(ServerUnreachable):
            client.facts()
    for status, headers in ((200, {}), (500, {}), (302, {"Location": "https://momentseek.example"})):
        with saying([(status, headers, b"<html>")] * 3) as (url, _), Client(url) as client:
            with pytest.raises(ServerUnreachable):
                client.facts()
            with pytest.raises(ServerUnreachable):
                list(client.jobs.list())


def test_a_busy_server_is_asked_again() -> None:
    busy = (429, {"Retry-After": "0"}, b'{"code": "too_many_requests", "message": "Later."}')
    good = (200, {}, b'{"points": 7}')
    with saying([busy, busy, good]) as (url, asked), Client(url) as client:
        assert client.facts() == {"points": 7} and len(asked) == 3
    later = (429, {"Retry-After": "30"}, busy[2])
    with (
        saying([later, good]) as (url, asked), Client(url, patience_seconds=5) as client,
        pytest.raises(ServerBusy, match="Later") as caught,
    ):
        client.facts()
    assert len(asked) == 1 and caught.value.http_status == 429


@contextmanager
def saying(replies: list[tuple[int, dict[str, str], bytes]]) -> Iterator[tuple[str, list[str]]]:
    """A server with these replies, one after the other; its address, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = replies[len(asked)]
            asked.append(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


# Files in


def test_upload_wait_and_out_again(client: Client, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", [textured(31)] * 10, fps=10)
    heard: list[tuple[int, int]] = []
    added = client.media.upload(video, name="ferien.mp4", on_progress=lambda *said: heard.append(said))
    size = video.stat().st_size
    assert heard == [(size, size)] and (added.media.name, added.known) == ("ferien.mp4", False)
    assert added.job is not None
    seen: list[Job] = []
    job = client.jobs.wait(added.job, timeout_seconds=120, on_progress=seen.append)
    assert job.state == "done" and seen[-1] == job and len(set(map(str, seen))) == len(seen)
    media = client.media.wait(added)
    assert media.status == "indexed" and media.points["frame"] >= 1
    assert client.media.describe(media.id, ["one"], {"take": 3}).tags == ("one",)
    assert client.media.describe(media.id, metadata={}).tags == ("one",), "None leaves it"
    assert [one.id for one in client.media.list(tag="one")] == [media.id]
    assert client.media.file(media.id, tmp_path / "back.mp4").read_bytes() == video.read_bytes()
    assert [one.state for one in client.jobs.list(media_id=media.id)] == ["done"]
    client.media.remove(media.id)
    with pytest.raises(NotFound):
        client.media.get(media.id)


def test_jobs_that_end_badly_or_late(client: Client, tmp_path: Path) -> None:
    frames = (textured(number, (320, 240)) for number in range(60) for _ in range(5))
    added = client.media.upload(write_video(tmp_path / "long.mp4", frames, fps=10))
    assert added.job is not None
    with pytest.raises(StillRunning, match="wait for it again"):
        client.media.wait(added, timeout_seconds=0)
    assert client.jobs.cancel(added.job).state == "cancelled"
    with pytest.raises(JobFailed, match=r"long.mp4 cancelled") as caught:
        client.media.wait(added)
    assert caught.value.job.state == "cancelled"
    assert client.jobs.retry(added.job).state == "queued"
    client.media.remove(added.media.id)


def large_still(path: Path, picture: Path) -> Path:
    """A picture with so much behind it that it goes up in three pieces."""
    path.write_bytes(picture.read_bytes() + bytes(IN_ONE_REQUEST_BYTES * 2 + 1000))
    return path


def test_a_large_file_goes_on_after_a_break(
    client: Client, served: Server, cup_picture: Path, tmp_path: Path
) -> None:
    still = large_still(tmp_path / "large.jpg", cup_picture)
    size = still.stat().st_size
    heard: list[tuple[int, int]] = []
    with cutting(served, [IN_ONE_REQUEST_BYTES + 3_000_000]) as url, Client(url) as through:
        added = through.media.upload(still, on_progress=lambda *said: heard.append(said))
    assert added.media.name == "large.jpg" and added.media.size_bytes == size
    arrived = [offset for offset, _ in heard]
    assert arrived == sorted(arrived) and arrived[0] == 0 and heard[-1] == (size, size)
    assert any(offset % IN_ONE_REQUEST_BYTES for offset in arrived[:-1]), "what came before the break stayed"
    client.media.remove(added.media.id)


def test_a_large_file_goes_on_another_day(
    client: Client, served: Server, face_picture: Path, tmp_path: Path
) -> None:
    still = large_still(tmp_path / "large.jpg", face_picture)
    with (
        cutting(served, [IN_ONE_REQUEST_BYTES + 3_000_000] + [0] * 20) as url, Client(url) as through,
        pytest.raises(UploadInterrupted, match="Go on within a day") as caught,
    ):
        through.media.upload(still)
    other = tmp_path / "other.jpg"
    other.write_bytes(bytes(10))
    with pytest.raises(InvalidRequest, match="of a file of"):
        client.media.upload(other, upload_id=caught.value.upload_id)
    heard: list[int] = []
    added = client.media.upload(
        still, upload_id=caught.value.upload_id, on_progress=lambda arrived, _: heard.append(arrived)
    )
    assert heard[0] >= IN_ONE_REQUEST_BYTES and added.media.size_bytes == still.stat().st_size
    client.media.remove(added.media.id)


@contextmanager
def cutting(server: Server, after_bytes: list[int]) -> Iterator[str]:
    """An address that leads to the server, and breaks each connection after so many bytes of it."""
    target = httpx.URL(server.url)

    def carry(source: socket.socket, sink: socket.socket, left: int | None) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                data = data if left is None else data[:left]
                left = None if left is None else left - len(data)
                sink.sendall(data)
                if left == 0:
                    break
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        if left == 0:
            # Whoever is in the middle of sending learns it only from a connection that is gone.
            source.close()

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            limit = limits.pop(0) if limits else None
            far = socket.create_connection((target.host, target.port or 80))
            sockets.extend((near, far))
            for words in ((near, far, limit), (far, near, None)):
                threads.append(threading.Thread(target=carry, args=words))
                threads[-1].start()

    limits, sockets, threads = [*after_bytes], list[socket.socket](), list[threading.Thread]()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for one in sockets:
                one.close()
            for thread in threads:
                thread.join()


# What else a server knows


def test_people(client: Client) -> None:
    client.people.group()
    for _ in range(600):
        if client.people.grouping() == "idle":
            break
        threading.Event().wait(0.1)
    [person] = client.people.list()
    assert client.people.name(person.id, "Eileen").name == "Eileen"
    assert [one.id for one in client.people.list(named=True, name_contains="eil")] == [person.id]
    [seen] = client.people.appearances(person.id)
    assert seen.media == "space.mp4" and seen.faces == person.faces
    assert client.people.face(person.id).startswith(b"\xff\xd8")
    assert "space.mp4" in {one.media for one in client.search(person="Eileen")}
    assert client.people.name(person.id, None).name is None


def test_saved_queries_and_webhooks(client: Client, cup_picture: Path) -> None:
    hook = client.webhooks.add("http://127.0.0.1:9/momentseek", ["saved_query.matched"])
    assert hook.secret and [one.id for one in client.webhooks.list()] == [hook.id]
    saved = client.saved_queries.add("cups", cup_picture, webhook_id=hook.id, min_confidence="medium")
    assert [one.name for one in client.saved_queries.list()] == ["cups"]
    assert client.saved_queries.pause(saved.id).paused
    assert list(client.saved_queries.matches(saved.id)) == []
    client.saved_queries.remove(saved.id)
    client.webhooks.remove(hook.id)
    assert not client.saved_queries.list() and not client.webhooks.list()


def test_what_is_alike(client: Client, served: Server) -> None:
    cup, kitchen = served.library.ids["cup.webp"], served.library.ids["kitchen.mp4"]
    assert client.media.similar(cup)[0].media_id == kitchen
    assert client.media.duplicates(media_id=cup) == ()
