"""Fetching weights from a real HTTP server on this machine."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import ModelUnavailable
from core.fetch import HuggingFace, Package, Progress, Url, Weights, fetch, inspect, local_path, sha256_of

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Shelf:
    """What the server does: each request takes the next of ``cuts`` (bytes sent before it hangs up)."""

    content: bytes = CONTENT
    cuts: list[int] = field(default_factory=list)
    damaged: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    ranges: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    shelf: Shelf

    def do_GET(self) -> None:
        shelf, asked = self.shelf, self.headers.get("Range")
        shelf.ranges.append(asked)
        shelf.paths.append(self.path)
        if "missing" in self.path:
            self.send_error(404)
            return
        content = shelf.content
        if shelf.damaged:
            shelf.damaged -= 1
            content = bytes(len(content))
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        tag = self.headers.get("If-Range")
        if tag and tag != shelf.headers.get("ETag"):
            start, asked = 0, None
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = content[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        for name, value in shelf.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: shelf.cuts.pop(0)] if shelf.cuts else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    kept = Shelf()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("ShelfHandler", (Handler,), {"shelf": kept}))
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def weights(shelf: Shelf) -> Weights:
    return Weights("thing", Url(f"{shelf.url}/thing.bin"), SHA256, 1.0, "MIT", "commercial use is allowed")


def test_a_file_is_fetched_once(shelf: Shelf, weights: Weights, tmp_path: Path) -> None:
    seen: list[Progress] = []
    path = fetch(weights, tmp_path, on_progress=seen.append)
    assert path == tmp_path / "thing/thing.bin"
    assert path.read_bytes() == CONTENT
    assert (seen[-1].done_bytes, seen[-1].total_bytes) == (len(CONTENT), len(CONTENT))
    assert fetch(weights, tmp_path) == path
    assert len(shelf.ranges) == 1
    assert sorted(file.name for file in path.parent.iterdir() if file.suffix != ".lock") == ["thing.bin"]


def test_a_transfer_that_was_cut_off_goes_on_where_it_stopped(
    shelf: Shelf, weights: Weights, tmp_path: Path
) -> None:
    shelf.cuts = [300_000, 500_000]
    assert fetch(weights, tmp_path).read_bytes() == CONTENT
    assert shelf.ranges == [None, "bytes=300000-", "bytes=800000-"]


def test_it_also_goes_on_in_a_later_run(shelf: Shelf, weights: Weights, tmp_path: Path) -> None:
    shelf.cuts = [300_000, 0, 0, 0]
    with pytest.raises(ModelUnavailable, match="cannot be fetched"):
        fetch(weights, tmp_path)
    assert inspect(weights, tmp_path) == "missing"
    shelf.cuts.clear()
    shelf.ranges.clear()
    assert fetch(weights, tmp_path).read_bytes() == CONTENT
    assert shelf.ranges == ["bytes=300000-"]


def test_bytes_of_another_version_are_not_joined(shelf: Shelf, weights: Weights, tmp_path: Path) -> None:
    unknown = replace(weights, sha256=None)
    shelf.headers, shelf.cuts, shelf.content = {"ETag": '"one"'}, [300_000, 0, 0, 0], bytes(len(CONTENT))
    with pytest.raises(ModelUnavailable):
        fetch(unknown, tmp_path)
    shelf.headers, shelf.cuts, shelf.content = {"ETag": '"two"'}, [], CONTENT
    assert fetch(unknown, tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_already_whole_is_taken(shelf: Shelf, weights: Weights, tmp_path: Path) -> None:
    part = local_path(weights, tmp_path).with_name("thing.bin.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT)
    assert fetch(weights, tmp_path).read_bytes() == CONTENT


def test_a_damaged_file_is_fetched_once_more(shelf: Shelf, weights: Weights, tmp_path: Path) -> None:
    path = fetch(weights, tmp_path)
    path.write_bytes(b"half of it")
    assert inspect(weights, tmp_path) == "damaged"
    notes: list[str | None] = []
    assert fetch(weights, tmp_path, on_progress=lambda seen: notes.append(seen.note)).read_bytes() == CONTENT
    assert "thing/thing.bin is damaged; it is fetched again." in notes


def test_a_transfer_that_arrives_damaged_is_repeated_once(
    shelf: Shelf, weights: Weights, tmp_path: Path
) -> None:
    shelf.damaged = 1
    assert fetch(weights, tmp_path).read_bytes() == CONTENT
    assert len(shelf.ranges) == 2


def test_another_file_is_refused_and_not_kept(shelf: Shelf, weights: Weights, tmp_path: Path) -> None:
    shelf.damaged = 5
    with pytest.raises(ModelUnavailable, match="is not the known file") as refused:
        fetch(weights, tmp_path)
    assert len(shelf.ranges) == 2
    assert SHA256[:16] in str(refused.value)
    assert not [file for file in (tmp_path / "thing").iterdir() if file.suffix in (".bin", ".part")]


def test_an_unknown_checksum_is_recorded_and_then_asked_for(
    shelf: Shelf, weights: Weights, tmp_path: Path
) -> None:
    unknown, notes = replace(weights, sha256=None), []
    path = fetch(unknown, tmp_path, on_progress=lambda seen: notes.append(seen.note))
    assert f"sha256 {SHA256} is recorded" in str(notes[-1])
    assert sha256_of(unknown, tmp_path) == SHA256
    path.write_bytes(b"something else")
    assert inspect(unknown, tmp_path) == "damaged"
    shelf.content = b"another file under the same name"
    with pytest.raises(ModelUnavailable, match="is not the known file"):
        fetch(unknown, tmp_path)


def test_the_checksum_that_a_hub_announces_is_believed(
    shelf: Shelf, weights: Weights, tmp_path: Path
) -> None:
    shelf.headers = {"X-Linked-ETag": f'"{SHA256}"'}
    shelf.damaged = 1
    assert fetch(replace(weights, sha256=None), tmp_path).read_bytes() == CONTENT
    assert len(shelf.ranges) == 2


def test_a_thorough_look_finds_what_size_and_time_hide(weights: Weights, tmp_path: Path) -> None:
    path = fetch(weights, tmp_path)
    status = path.stat()
    path.write_bytes(bytes(len(CONTENT)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert inspect(weights, tmp_path) == "present"
    assert inspect(weights, tmp_path, thorough=True) == "damaged"


def test_without_a_network_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    far = Weights("thing", Url("http://127.0.0.1:1/thing.bin"), SHA256, 1.0, "MIT", "")
    with pytest.raises(ModelUnavailable) as refused:
        fetch(far, tmp_path)
    sentence = str(refused.value)
    assert "\n" not in sentence
    for part in ("thing.bin", "http://127.0.0.1:1/thing.bin", "momentseek models pull thing",
                 "momentseek models where", str(tmp_path)):
        assert part in sentence


def test_the_hub_s_offline_switch_is_respected(
    shelf: Shelf, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelUnavailable, match="the network is switched off"):
        fetch(weights, tmp_path)
    assert not shelf.ranges
    assert fetch(weights, tmp_path, offline=False).is_file()


def test_a_file_that_the_server_does_not_have(shelf: Shelf, tmp_path: Path) -> None:
    lost = Weights("thing", Url(f"{shelf.url}/missing.bin"), None, 1.0, "MIT", "")
    with pytest.raises(ModelUnavailable, match="the server answers 404"):
        fetch(lost, tmp_path)


def test_the_address_of_a_hub_file(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", shelf.url)
    source = HuggingFace("someone/model", "deep/model.bin", revision="0123abc")
    path = fetch(Weights("model", source, SHA256, 1.0, "MIT", ""), tmp_path)
    assert path == tmp_path / "model/model.bin"
    assert shelf.paths == ["/someone/model/resolve/0123abc/deep/model.bin"]


def test_a_mirror_is_used_before_the_network(shelf: Shelf, weights: Weights, tmp_path: Path) -> None:
    mirror, here = tmp_path / "mirror", tmp_path / "here"
    fetch(weights, mirror)
    shelf.ranges.clear()
    assert fetch(weights, here, mirror=mirror, offline=True).read_bytes() == CONTENT
    assert not shelf.ranges


def test_a_damaged_mirror_is_refused(weights: Weights, tmp_path: Path) -> None:
    wrong = local_path(weights, tmp_path / "mirror")
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"not it")
    with pytest.raises(ModelUnavailable, match="is not the known file"):
        fetch(weights, tmp_path / "here", mirror=tmp_path / "mirror")


def test_a_mirror_without_the_file_is_named(weights: Weights, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    with pytest.raises(ModelUnavailable, match=f"nor in the mirror {mirror}"):
        fetch(weights, tmp_path / "here", mirror=mirror, offline=True)


def test_a_file_put_there_by_hand_is_taken_and_recorded(weights: Weights, tmp_path: Path) -> None:
    unknown, notes = replace(weights, sha256=None), []
    path = local_path(unknown, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert inspect(unknown, tmp_path) == "unchecked"
    fetch(unknown, tmp_path, offline=True, on_progress=lambda seen: notes.append(seen.note))
    assert "put there by hand" in str(notes[-1])
    assert inspect(unknown, tmp_path) == "present"


def test_a_folder_copied_without_its_record_is_read_once(weights: Weights, tmp_path: Path) -> None:
    path = fetch(weights, tmp_path)
    (tmp_path / "checksums.json").unlink()
    assert inspect(weights, tmp_path) == "present"
    assert SHA256 in (tmp_path / "checksums.json").read_text()
    path.write_bytes(b"damaged later")
    assert inspect(weights, tmp_path) == "damaged"


def test_two_at_once_fetch_it_once(shelf: Shelf, weights: Weights, tmp_path: Path) -> None:
    done: list[Path] = []
    both = [threading.Thread(target=lambda: done.append(fetch(weights, tmp_path))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(done) == 2
    assert len(shelf.ranges) == 1


def test_packaged_weights_are_found_and_never_fetched(tmp_path: Path) -> None:
    packaged = Weights("yaml", Package("yaml", "__init__.py"), None, 0.1, "MIT", "")
    assert inspect(packaged, tmp_path) == "packaged"
    assert fetch(packaged, tmp_path, offline=True).name == "__init__.py"
    assert inspect(replace(packaged, sha256=SHA256), tmp_path) == "damaged"
    assert inspect(replace(packaged, source=Package("yaml", "nothing")), tmp_path) == "missing"
