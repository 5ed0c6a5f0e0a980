"""The Twelve Labs dialect over plain HTTP: what SDKs and curl send, what is refused, who leaves with whom."""

from __future__ import annotations

import doctest
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

import api.fetch_media
import api.twelvelabs.lists
import api.twelvelabs.search
from api.app import create_app
from api.fetch_media import MediaFetching, media_fetch
from api.fetch_picture import Fetcher
from api.fetching import Fetching
from api.keyring import Keyring
from api.twelvelabs.access import PREFIXES, SCOPES
from api.twelvelabs.search import Page
from core.outbound import dial_tcp
from core.settings import ServerSettings
from index.keys import Keys
from momentseek.engine import Engine, catalogue_path
from tests.support.library import Library
from tests.support.media_factory import textured, write_video

MODELS = [{"model_name": "marengo3.0", "model_options": ["visual", "audio"]}]
NOBODY = "0" * 24
ALL = {"kitchen.mp4", "space.mp4", "cup.webp"}
NOT_HERE = ("multipart-uploads", "entity-collections", "entities", "transcription")
Make = Callable[..., TestClient]


@pytest.fixture(scope="module")
def engine(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """No work is done here: what is uploaded waits."""
    with Engine(library.copy(tmp_path_factory.mktemp("dialect") / "data").settings()) as opened:
        yield opened


@pytest.fixture(scope="module")
def keys(engine: Engine) -> Iterator[Keys]:
    with Keys.open(catalogue_path(engine.settings)) as opened:
        yield opened


def connect(engine: Engine, keys: Keys, **settings: Any) -> TestClient:
    ring = Keyring(keys, "token", open_without_keys=True, remembered_seconds=0)
    app = create_app(engine, ServerSettings(**settings), "1", ("localhost",), ring)
    return TestClient(app, base_url="http://localhost")


@pytest.fixture(scope="module")
def client(engine: Engine, keys: Keys) -> Iterator[TestClient]:
    with connect(engine, keys) as opened:
        yield opened


@pytest.fixture
def index(client: TestClient) -> Iterator[str]:
    """One of its own for every test, with the library's media in it."""
    index_id = made(client, "all")
    for row in client.get("/v1/media").json()["data"]:
        reply = client.post(f"/v1.3/indexes/{index_id}/indexed-assets", json={"asset_id": row["id"]})
        assert (reply.status_code, reply.json()) == (202, {"_id": row["id"]})
    yield index_id
    client.delete(f"/v1.3/indexes/{index_id}")


@pytest.fixture
def film(tmp_path: Path, request: pytest.FixtureRequest) -> bytes:
    """Another one for every test."""
    seed = sum(map(ord, request.node.name))
    return write_video(tmp_path / "film.mp4", [textured(seed)] * 10, fps=10).read_bytes()


def made(client: TestClient, name: str) -> str:
    reply = client.post("/v1.3/indexes", json={"index_name": name, "models": MODELS})
    assert reply.status_code == 201, reply.text
    index_id: str = reply.json()["_id"]
    return index_id


def refused(reply: httpx.Response, status: int, code: str) -> str:
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/json"), reply.text
    body = reply.json()
    assert body.keys() == {"code", "message"} and body["code"] == code, body
    message: str = body["message"]
    assert message.endswith(".") and "\n" not in message
    return message


def search(client: TestClient, index_id: str, picture: Path, **fields: Any) -> httpx.Response:
    data = {"index_id": index_id, "search_options": "visual", "query_media_type": "image", **fields}
    files = [("query_media_file", ("upload", picture.read_bytes(), "application/octet-stream"))]
    return client.post("/v1.3/search", data=data, files=files)


def names(reply: httpx.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [clip["filename"] for clip in reply.json()["data"]]


# Addresses, keys


def filled(path: str) -> str:
    for name in ("index_id", "video_id", "asset_id", "task_id", "upload_id", "collection_id", "entity_id"):
        path = path.replace(f"{{{name}}}", "0" * 24)
    return path.replace("{token}", "AAAA")


def test_every_address_is_there_three_times_and_answers_in_json(client: TestClient) -> None:
    plain = {(method, path.removeprefix("/v1.3").removeprefix("/v1.3")) for method, path in SCOPES}
    assert len(SCOPES) == len(PREFIXES) * len(plain)
    for method, path in SCOPES:
        reply = client.request(method, filled(path))
        assert reply.status_code != 405 and reply.headers["content-type"] == "application/json", path
        assert "There is nothing at" not in reply.text, (method, path)
        if reply.status_code >= 400:
            assert reply.json().keys() == {"code", "message"}, (method, path, reply.text)


def test_the_document_has_one_of_the_three(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    theirs = {path for path in paths if not path.startswith("/v1/")}
    assert theirs and all(path.startswith("/v1.3/") and "/v1.3/v1.3" not in path for path in theirs)
    assert all(route["tags"] == ["Twelve Labs"] for path in theirs for route in paths[path].values())
    rows = {(method.upper(), path) for path in theirs for method in paths[path]}
    assert rows <= SCOPES.keys()
    others = {path for _, path in SCOPES.keys() - rows if path.startswith("/v1.3/")}
    others = {path for path in others if "/v1.3/v1.3" not in path}
    assert others and all(any(part in path for part in NOT_HERE) for path in others)


def test_other_things_at_the_root_are_in_nobodys_way(client: TestClient) -> None:
    for path in ("/", "/docs", "/openapi.json", "/v1/media", "/v1/health/live"):
        assert client.get(path).status_code == 200, path
    refused(client.get("/v1.2/indexes"), 404, "resource_not_exist")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_same_index_everywhere(client: TestClient, index: str, prefix: str, cup_picture: Path) -> None:
    assert client.get(f"{prefix}/indexes/{index}").json()["video_count"] == 3
    files = {"query_media_file": cup_picture.read_bytes()}
    data = {"index_id": index, "search_options": "visual", "page_limit": "1"}
    page = client.post(f"{prefix}/search", data=data, files=files).json()
    assert len(page["data"]) == 1
    token = page["page_info"]["next_page_token"]
    assert len(client.get(f"{prefix}/search/{token}").json()["data"]) == 1


def test_a_key_of_scope_ingest_does_everything_a_program_does(
    engine: Engine, keys: Keys, film: bytes
) -> None:
    made_keys = {scope: keys.add_key(f"dialect {scope}", scope) for scope in ("read", "ingest")}
    try:
        client = connect(engine, keys)
        reading, ingesting = ({"x-api-key": made_keys[scope].key} for scope in ("read", "ingest"))
        body = {"index_name": "keyed", "models": MODELS}
        refused(client.post("/v1.3/indexes", json=body), 401, "api_key_invalid")
        refused(client.post("/v1.3/indexes", json=body, headers={"x-api-key": "x"}), 401, "api_key_invalid")
        refused(client.post("/v1.3/indexes", json=body, headers=reading), 403, "unauthorized")
        index_id = client.post("/v1.3/indexes", json=body, headers=ingesting).json()["_id"]
        sent = {"data": {"index_id": index_id}, "files": {"video_file": ("a.mp4", film)}}
        task = client.post("/tasks", headers=ingesting, **sent)
        assert task.status_code == 201, task.text
        task_url, video = f"/v1.3/tasks/{task.json()['_id']}", task.json()["video_id"]
        assert client.get(task_url, headers=reading).json()["status"] == "queued"
        refused(client.delete(task_url, headers=reading), 403, "unauthorized")
        assert client.delete(task_url, headers=ingesting).status_code == 204
        refused(client.get(f"/v1/media/{video}", headers=reading), 404, "resource_not_exist")
        # What came another way is for an admin to take away.
        known = client.get("/v1.3/assets", headers=reading).json()["data"][0]["_id"]
        gone = client.delete(f"/v1.3/assets/{known}?force=true", headers=ingesting)
        said = refused(gone, 403, "unauthorized")
        assert "DELETE /v1/media" in said
        assert client.delete(f"/v1.3/indexes/{index_id}", headers=ingesting).status_code == 204
    finally:
        for key in made_keys.values():
            keys.revoke_key(key.row.id)


# Lists


def test_past_the_end_is_an_empty_page(client: TestClient, index: str) -> None:
    asset = client.get("/v1.3/assets").json()["data"][0]["_id"]
    for path in (
        "/indexes", f"/indexes/{index}/videos", f"/indexes/{index}/indexed-assets", "/tasks", "/assets",
        f"/assets/{asset}/indexed-assets",
    ):
        first = client.get(f"/v1.3{path}?page=1&page_limit=50").json()
        assert first["data"] and first["page_info"]["total_results"] == len(first["data"]), path
        for page in (2, 1000):
            reply = client.get(f"/v1.3{path}?page={page}&page_limit=50")
            assert (reply.status_code, reply.json()["data"]) == (200, []), path
            assert reply.json()["page_info"]["page"] == page


@pytest.mark.parametrize(("query", "found"), [
    ("", ALL), ("filename=cup.webp", {"cup.webp"}), ("filename=cup", set()),
    ("duration[gte]=4.9", {"kitchen.mp4"}), ("duration[gte]=4&duration[lte]=4.6", {"space.mp4"}),
    ("duration=5", {"kitchen.mp4"}), ("width=400", {"cup.webp"}),
    ("height[lte]=250", {"kitchen.mp4", "space.mp4"}),
    ("size[lte]=20000", {"cup.webp"}), ("fps=24", {"space.mp4"}), ("fps[gte]=24.5", {"kitchen.mp4"}),
    ("take=1", {"cup.webp"}), ("user_metadata[take][gte]=1", {"cup.webp"}), ("take[gte]=2", set()),
    ("user_metadata[good]=true", {"cup.webp"}), ("camera=left", {"cup.webp"}), ("nobody=knows", set()),
    ("created_at=2020-01-01T00:00:00Z", ALL), ("created_at[lte]=2020-01-01", set()),
    ("sort_by=updated_at&sort_option=asc&duration=5", {"kitchen.mp4"}),
])  # fmt: skip
def test_filters_in_the_address(
    client: TestClient, index: str, library: Library, query: str, found: set[str]
) -> None:
    noted = {"user_metadata": {"take": 1, "good": True, "camera": "left"}}
    cup = f"/v1.3/indexes/{index}/videos/{library.ids['cup.webp']}"
    assert client.patch(cup, json=noted).status_code == 204
    for room in ("videos", "indexed-assets"):
        reply = client.get(f"/v1.3/indexes/{index}/{room}?{query}")
        assert {one["system_metadata"]["filename"] for one in reply.json()["data"]} == found, reply.text
    tasks = client.get(f"/v1.3/tasks?index_id={index}&status=ready&status=failed&{query}").json()["data"]
    assert {one["system_metadata"]["filename"] for one in tasks} == found
    assert client.get(f"/v1.3/tasks?index_id={index}&status=failed").json()["data"] == []


@pytest.mark.parametrize("query", [
    "page=0", "page=x", "page_limit=51", "sort_by=name", "duration=long", "duration[gt]=3",
    "duration[gte]=-1", "created_at=yesterday", "duration[gte]=9&duration[lte]=3",
])  # fmt: skip
def test_addresses_that_make_no_sense(client: TestClient, index: str, query: str) -> None:
    refused(client.get(f"/v1.3/indexes/{index}/videos?{query}"), 400, "parameter_invalid")


def test_indexes_are_found_by_name_and_models(client: TestClient, index: str) -> None:
    for query, found in (
        ("index_name=all", 1), ("index_name=al", 0), (f"_id={index}", 1), ("_id=x", 0),
        ("model_options=audio", 1), ("model_options=audio&model_options=logo", 0),
        ("model_family=marengo", 1), ("model_family=pegasus", 0),
    ):  # fmt: skip
        assert len(client.get(f"/v1.3/indexes?{query}").json()["data"]) == found, query


def test_assets_are_the_library(client: TestClient, library: Library) -> None:
    for query, found in (
        ("filename=CUP", 1), ("asset_types=video", 2), ("asset_types=image&asset_types=video", 3),
        ("asset_types=audio", 0), (f"asset_ids={library.ids['cup.webp']}&asset_ids=nobody", 1),
        (f"asset_ids={library.ids['cup.webp']}&asset_types=video", 0), ("page_limit=2", 2),
        ("page=2&page_limit=2", 1),
    ):  # fmt: skip
        page = client.get(f"/v1.3/assets?{query}").json()
        assert len(page["data"]) == found, query
    assert page["page_info"] == {"limit_per_page": 2, "page": 2, "total_page": 2, "total_results": 3}


@pytest.mark.parametrize("body", [
    {}, {"index_name": "x"}, {"index_name": "", "models": MODELS}, {"index_name": "x", "models": []},
    {"index_name": "x" * 256, "models": MODELS}, {"index_name": " ", "models": MODELS},
    {"index_name": "x", "models": [{"model_options": ["visual"]}]},
])  # fmt: skip
def test_indexes_that_make_no_sense(client: TestClient, body: dict[str, Any]) -> None:
    reply = client.post("/v1.3/indexes", json=body)
    refused(reply, 400, reply.json()["code"])
    assert reply.json()["code"] in ("parameter_invalid", "parameter_not_provided")
    refused(client.put(f"/v1.3/indexes/{NOBODY}", json={"index_name": "y"}), 404, "resource_not_exist")


# Searching


def test_what_sdks_and_curl_send(client: TestClient, index: str, cup_picture: Path) -> None:
    expected = ["cup.webp", "kitchen.mp4"]
    assert names(search(client, index, cup_picture)) == expected
    picture = ("query_media_file", ("a.txt", cup_picture.read_bytes(), "text/plain"))
    data = {"index_id": index, "query_media_type": "image", "search_options": '["visual"]'}
    # SDK 0.4 adds an empty file, the documents' curl one JSON array, and empty fields count as left out.
    for fields, files in (
        (data, [picture]), ({**data, "search_options": ["visual", "audio"]}, [picture]),
        ({**data, "query_text": "", "threshold": "", "filter": ""}, [picture]),
        ({**data, "operator": "and", "transcription_options": ["lexical"]}, [picture]),
        (data, [picture, ("_", ("upload", b"", "application/octet-stream"))]), (data, [picture] * 3),
        ({**data, "unheard_of": "x"}, [picture]),
    ):  # fmt: skip
        assert names(client.post("/v1.3/search", data=fields, files=files)) == expected, fields


def test_an_answer(client: TestClient, index: str, cup_picture: Path, library: Library) -> None:
    body = search(client, index, cup_picture, include_user_metadata="true").json()
    assert body["search_pool"] == {"total_count": 3, "total_duration": 9.5, "index_id": index}
    info = body["page_info"]
    assert (info["limit_per_page"], info["total_results"], info["next_page_token"]) == (10, 2, None)
    assert info["page_expires_at"].endswith("Z")
    still, video = body["data"]
    assert still["video_id"] == library.ids["cup.webp"] and still["is_still"]
    assert still["start"] == still["end"] == 0
    assert (video["start"], video["end"], video["rank"], video["transcription"]) == (0.0, 3.0, 2, None)
    assert video["user_metadata"] == {} and video["confidence"] == "high"
    frame = client.get(video["thumbnail_url"])
    assert frame.headers["content-type"] == "image/jpeg" and frame.content[:2] == b"\xff\xd8"
    shown = client.get(f"/v1.3/indexes/{index}/videos/{video['video_id']}").json()
    assert shown["hls"]["status"] == "COMPLETE"


def test_only_what_is_in_the_index_is_found(client: TestClient, cup_picture: Path, library: Library) -> None:
    index_id = made(client, "one still")
    assert names(search(client, index_id, cup_picture)) == []
    client.post(f"/v1.3/indexes/{index_id}/indexed-assets", json={"asset_id": library.ids["cup.webp"]})
    assert names(search(client, index_id, cup_picture)) == ["cup.webp"]
    elsewhere = json.dumps({"id": [library.ids["kitchen.mp4"]]})
    body = search(client, index_id, cup_picture, filter=elsewhere).json()
    assert body["data"] == [] and body["page_info"]["total_results"] == 0
    client.delete(f"/v1.3/indexes/{index_id}")


def test_pages_back_and_forth(client: TestClient, index: str, cup_picture: Path) -> None:
    for group_by in ("clip", "video"):
        first = search(client, index, cup_picture, page_limit=1, group_by=group_by).json()
        second = client.get(f"/v1.3/search/{first['page_info']['next_page_token']}").json()
        again = client.get(f"/v1.3/search/{second['page_info']['prev_page_token']}").json()
        assert again["data"] == first["data"] != second["data"], group_by
        assert second["page_info"]["total_results"] == 2 and second["page_info"]["next_page_token"] is None
        assert again["page_info"]["prev_page_token"] is None
        assert first["page_info"]["total_inner_matches"] == (2 if group_by == "video" else None)
        assert again["page_info"]["page_expires_at"] == first["page_info"]["page_expires_at"]


def test_tokens_that_lead_nowhere(client: TestClient, index: str) -> None:
    asked = Page("0" * 32, index, 0, 10)
    for token in (
        asked.token(), replace(asked, grouped=True).token(), replace(asked, offset=-1).token(),
        replace(asked, limit=1000).token(), "AAAA", "a", "-", "bnVsbA", "W10", "ü",
    ):  # fmt: skip
        refused(client.get(f"/v1.3/search/{token}"), 400, "search_page_token_expired")
    assert Page.read(asked.token()) == asked


@pytest.mark.parametrize(("changes", "code"), [
    ({"search_options": "audio"}, "search_option_not_supported"),
    ({"search_options": '["transcription"]'}, "search_option_not_supported"),
    ({"search_options": ["visual", "audio"], "operator": "and"}, "search_option_not_supported"),
    ({"search_options": "[]"}, "search_option_not_supported"),
    ({"search_options": []}, "parameter_not_provided"),
    ({"query_media_type": "video"}, "parameter_invalid"), ({"page_limit": "0"}, "parameter_invalid"),
    ({"page_limit": "51"}, "parameter_invalid"), ({"threshold": "some"}, "parameter_invalid"),
    ({"adjust_confidence_level": "2"}, "parameter_invalid"),
    ({"adjust_confidence_level": "nan"}, "parameter_invalid"),
    ({"group_by": "index"}, "parameter_invalid"), ({"query_text": "<@abc> walks"}, "parameter_invalid"),
    ({"query_text": "a cup"}, "parameter_invalid"), ({"include_user_metadata": "maybe"}, "parameter_invalid"),
    ({"filter": "[]"}, "search_filter_invalid"), ({"filter": "{"}, "search_filter_invalid"),
    *(({"filter": text}, "search_filter_invalid") for text in (
        '{"duration": "long"}', '{"size": {"gt": 3}}', '{"id": 3}', '{"filename": 3}', '{"take": ["a"]}',
        '{"width": {}}', '{"width": true}', '{"width": NaN}',
    )),
])  # fmt: skip
def test_searches_that_make_no_sense(
    client: TestClient, index: str, cup_picture: Path, changes: dict[str, Any], code: str
) -> None:
    refused(search(client, index, cup_picture, **changes), 400, code)


def test_a_search_without_a_picture(client: TestClient, index: str) -> None:
    data = {"index_id": index, "search_options": "visual"}
    refused(client.post("/v1.3/search", data=data), 400, "parameter_not_provided")
    asked = {**data, "query_media_type": "image"}
    refused(client.post("/v1.3/search", data=asked), 400, "parameter_not_provided")
    refused(client.post("/v1.3/search", json=data), 400, "parameter_not_provided")
    empty = {"query_media_file": ("upload", b"", "application/octet-stream")}
    assert client.post("/v1.3/search", data=asked, files=empty).status_code == 400
    many = [("query_media_file", ("upload", b"x"))] * 11
    reply = client.post("/v1.3/search", data=asked, files=many)
    assert "At most 10" in refused(reply, 400, "parameter_invalid")


def test_thresholds_and_how_sure_is_sure(client: TestClient, index: str, cup_picture: Path) -> None:
    scores = [one["score"] for one in search(client, index, cup_picture).json()["data"]]
    assert min(scores) < 99.5 <= max(scores), "or nothing lies between the thresholds below"
    strict = search(client, index, cup_picture, adjust_confidence_level="1").json()["data"]
    assert [one["confidence"] for one in strict] == ["high" if score >= 99 else "medium" for score in scores]
    for threshold in ("none", "low", "medium", "high"):
        assert names(search(client, index, cup_picture, threshold=threshold)) == ["cup.webp", "kitchen.mp4"]


def test_grouped_by_how_many_clips(client: TestClient, index: str, face_picture: Path) -> None:
    body = search(client, index, face_picture, group_by="video", sort_option="clip_count").json()
    counts = [len(video["clips"]) for video in body["data"]]
    assert counts == sorted(counts, reverse=True) and sum(counts) == body["page_info"]["total_inner_matches"]
    ranks = [clip["rank"] for video in body["data"] for clip in video["clips"]]
    assert ranks == list(range(1, sum(counts) + 1))


# Files in


def left_behind(engine: Engine) -> list[str]:
    folder = engine.settings.data_dir / "uploads" / "incoming"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def send(client: TestClient, *parts: bytes, end: bytes = b"--edge--\r\n", kind: str = "") -> httpx.Response:
    headers = {"Content-Type": kind or "multipart/form-data; boundary=edge"}
    return client.post("/v1.3/tasks", content=b"".join(parts) + end, headers=headers)


def test_a_form_is_read_in_any_order(client: TestClient, engine: Engine, index: str, film: bytes) -> None:
    reply = send(
        client, part("video_file", film, "Ferien ä.mp4"), part("other", b"x" * 10, "x.bin"),
        part("user_metadata", b'{"take": 3}'), part("index_id", index.encode()), part("index_id", b"another"),
    )  # fmt: skip
    assert reply.status_code == 201, reply.text
    task = client.get(f"/v1.3/tasks/{reply.json()['_id']}").json()
    assert task["system_metadata"]["filename"] == "Ferien ä.mp4" and task["status"] == "queued"
    assert task["hls"] is None and task["video_id"] == reply.json()["video_id"]
    url = f"/v1.3/indexes/{index}/videos"
    assert client.get(f"{url}/{task['video_id']}").json()["user_metadata"] == {"take": 3}
    assert task["video_id"] not in [one["_id"] for one in client.get(url).json()["data"]], "it is not ready"
    assert left_behind(engine) == []
    assert client.delete(f"{url}/{task['video_id']}").status_code == 204
    assert client.get(f"/v1/media/{task['video_id']}").status_code == 404


def test_forms_that_cannot_be_read(client: TestClient, engine: Engine, index: str, film: bytes) -> None:
    whole = part("index_id", index.encode()), part("video_file", film, "a.mp4")
    before = client.get("/v1/media").json()
    for reply in (
        send(client, *whole, end=b""), send(client, *whole, kind="multipart/form-data"),
        send(client, end=b""), send(client, *whole, kind="application/json"),
        send(client, *whole, part("a", b"x" * (1 << 20) + b"x")),
        send(client, *whole, part("video_file", film, "b.mp4")), send(client, b"no form at all"),
        send(client, *whole, part("user_metadata", b"[]")), send(client, *[part("a", b"")] * 200),
        send(client, whole[0], b"--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n"),
    ):  # fmt: skip
        refused(reply, 400, "parameter_invalid")
        assert left_behind(engine) == []
    for parts in (whole[:1], whole[1:], (whole[0], part("video_file", b"", "a.mp4"))):
        refused(send(client, *parts), 400, "parameter_not_provided")
    refused(send(client, part("index_id", b"nobody"), whole[1]), 404, "resource_not_exist")
    assert client.get("/v1/media").json() == before and left_behind(engine) == []


def test_a_film_above_the_limit(engine: Engine, keys: Keys, index: str) -> None:
    client = connect(engine, keys, max_media_mb=1)
    reply = client.post("/v1.3/tasks", data={"index_id": index}, files={"video_file": bytes(2 << 20)})
    assert "server.max_media_mb" in refused(reply, 413, "request_too_large")
    assert left_behind(engine) == []


def test_no_media_is_said_by_its_name(client: TestClient, index: str) -> None:
    broken, playlist = b"MZ" + bytes(4000), b"#EXTM3U\nfile:///a\n"
    for content, code in ((broken, "video_file_broken"), (playlist, "parameter_invalid")):
        sent = {"data": {"index_id": index}, "files": {"video_file": ("tale.mp4", content)}}
        assert "tale.mp4" in refused(client.post("/v1.3/tasks", **sent), 400, code)


def test_a_task_that_was_cancelled_has_failed_until_it_is_sent_again(
    client: TestClient, index: str, film: bytes
) -> None:
    sent = {"data": {"index_id": index}, "files": {"video_file": ("a.mp4", film)}}
    task = client.post("/v1.3/tasks", **sent).json()
    [job] = client.get("/v1/jobs", params={"media_id": task["video_id"]}).json()["data"]
    assert client.post(f"/v1/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
    shown = client.get(f"/v1.3/tasks/{task['_id']}").json()
    assert shown["status"] == "failed" and shown["reason"]
    counts = client.get("/v1.3/tasks/status", params={"index_id": index}).json()
    assert (counts["ready"], counts["failed"], counts["total_result"]) == (3, 1, 4)
    assert client.post("/v1.3/tasks", **sent).json() == task
    assert client.get(f"/v1.3/tasks/{task['_id']}").json()["status"] == "queued"


# Who leaves with whom


def is_there(client: TestClient, media_id: str) -> bool:
    return client.get(f"/v1/media/{media_id}").status_code == 200


def test_a_video_leaves_the_library_with_its_last_index(client: TestClient, film: bytes) -> None:
    one, other = made(client, "one"), made(client, "other")
    sent = {"data": {"index_id": one}, "files": {"video_file": ("a.mp4", film)}}
    video = client.post("/v1.3/tasks", **sent).json()["video_id"]
    client.post(f"/v1.3/indexes/{other}/indexed-assets", json={"asset_id": video})
    where = client.get(f"/v1.3/assets/{video}/indexed-assets").json()["data"]
    assert {row["index"]["name"] for row in where} == {"one", "other"}
    assert client.delete(f"/v1.3/indexes/{one}").status_code == 204
    assert is_there(client, video)
    assert client.delete(f"/v1.3/indexes/{other}/videos/{video}").status_code == 204
    assert not is_there(client, video)
    client.delete(f"/v1.3/indexes/{other}")


def test_an_asset_stays_until_it_is_removed(client: TestClient, film: bytes) -> None:
    index_id = made(client, "one")
    sent = {"data": {"method": "direct", "user_metadata": '{"take": 1}'}, "files": {"file": ("a.mp4", film)}}
    asset = client.post("/v1.3/assets", **sent)
    assert asset.status_code == 201 and asset.json()["user_metadata"] == {"take": 1}
    url = f"/v1.3/assets/{asset.json()['_id']}"
    for method, body, noted in (
        ("PATCH", {"user_metadata": {"b": "x"}}, {"take": 1, "b": "x"}),
        ("PATCH", {"user_metadata": {"take": None}}, {"b": "x"}),
        ("PUT", {"user_metadata": {"c": [], "d": False, "e": 0}}, {"d": False, "e": 0}), ("DELETE", None, {}),
    ):
        assert client.request(method, f"{url}/user-metadata", json=body).status_code == 204
        assert client.get(url).json()["user_metadata"] == noted, (method, body)
    too_much = {"user_metadata": {"a": "x" * (16 << 10)}}
    refused(client.put(f"{url}/user-metadata", json=too_much), 400, "parameter_invalid")
    indexed = f"/v1.3/indexes/{index_id}/indexed-assets"
    body = {"asset_id": asset.json()["_id"], "user_metadata": {"f": 1}}
    assert client.post(indexed, json=body).status_code == 202
    assert client.delete(f"{indexed}/{asset.json()['_id']}").status_code == 204
    refused(client.delete(f"{indexed}/{asset.json()['_id']}"), 404, "resource_not_exist")
    client.post(indexed, json=body)
    client.delete(f"/v1.3/indexes/{index_id}")
    assert client.get(url).json()["user_metadata"] == {"f": 1}, "it outlives its indexes"
    index_id = made(client, "one")
    client.post(f"/v1.3/indexes/{index_id}/indexed-assets", json=body)
    refused(client.delete(url), 409, "conflict")
    assert client.delete(f"{url}?force=true").status_code == 204
    assert client.get(f"/v1.3/indexes/{index_id}/indexed-assets").json()["data"] == []
    client.delete(f"/v1.3/indexes/{index_id}")


def test_what_was_there_before_stays(client: TestClient, library: Library) -> None:
    index_id = made(client, "one")
    cup = library.media / "cup.webp"
    for url, data, name in (
        ("tasks", {"index_id": index_id}, "video_file"), ("assets", {"method": "direct"}, "file"),
    ):  # fmt: skip
        reply = client.post(f"/v1.3/{url}", data=data, files={name: (cup.name, cup.read_bytes())})
        assert reply.status_code == 201, reply.text
    refused(client.delete(f"/v1.3/assets/{library.ids['cup.webp']}?force=true"), 403, "unauthorized")
    assert client.delete(f"/v1.3/tasks/{index_id}-{library.ids['cup.webp']}").status_code == 204
    assert is_there(client, library.ids["cup.webp"])
    client.delete(f"/v1.3/indexes/{index_id}")


# By address


@pytest.fixture
def elsewhere(film: bytes, cup_picture: Path) -> Iterator[int]:
    """A web server with a film, a picture and a way to an inner address; its port."""
    inside = {"Location": "http://127.0.0.1/inside"}
    answers = {
        "/a%20film.mp4": (200, {}, film), "/cup.jpg": (200, {}, cup_picture.read_bytes()),
        "/in": (302, inside, b""),
    }  # fmt: skip

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_films_and_pictures_by_address(
    engine: Engine, keys: Keys, index: str, elsewhere: int, cup_picture: Path, film: bytes
) -> None:
    """films.test is public, and the only name there is; whoever dials it gets the server above."""
    client = connect(engine, keys)
    world = {
        "resolve": lambda host, port: ["93.184.215.14"] if host == "films.test" else [host],
        "dial": lambda address, port, seconds: dial_tcp("127.0.0.1", elsewhere, seconds),
    }  # fmt: skip
    state = client.app.state  # type: ignore[attr-defined]
    wanted = ServerSettings(fetch_media=True, fetch_media_seconds=5, fetch_pictures=True, fetch_seconds=5)
    state.fetching_media = MediaFetching(wanted, replace(media_fetch(wanted), **world))
    pictures = Fetcher.of(wanted)
    state.fetching = Fetching(wanted, replace(pictures, fetch=replace(pictures.fetch, **world)))
    # SDK 0.4 sends the address as a field and as a file, too.
    url = "http://films.test/a%20film.mp4"
    sent: dict[str, Any] = {
        "data": {"index_id": index, "video_url": url},
        "files": {"video_url": ("upload", url.encode()), "video_file": ("b.mp4", b"x")},
    }
    task = client.post("/v1.3/tasks", **sent)
    assert task.status_code == 201, task.text
    asset = client.get(f"/v1.3/assets/{task.json()['video_id']}").json()
    assert (asset["method"], asset["filename"], asset["size"]) == ("url", "a film.mp4", len(film))
    same = client.post("/v1.3/assets", data={"method": "url", "url": url}, files={"_": b""})
    assert same.json()["_id"] == asset["_id"]
    for url in (
        "http://films.test/in", "http://films.test/none", "http://127.0.0.1/", "http://films.test:22/",
        "file:///etc/passwd",
    ):  # fmt: skip
        sent["data"]["video_url"] = url
        refused(client.post("/v1.3/tasks", **sent), 400, "parameter_invalid")
    data = {"index_id": index, "search_options": "visual", "query_media_type": "image"}
    wins = {**data, "query_media_url": "http://films.test/cup.jpg"}
    reply = client.post("/v1.3/search", data=wins, files={"query_media_file": b"no picture"})
    assert names(reply) == ["cup.webp", "kitchen.mp4"]
    inside = {**data, "query_media_url": "http://films.test/in"}
    refused(client.post("/v1.3/search", data=inside), 400, "parameter_invalid")
    assert left_behind(engine) == []


@pytest.mark.parametrize("module", [api.fetch_media, api.twelvelabs.lists, api.twelvelabs.search])
def test_examples(module: ModuleType) -> None:
    done = doctest.testmod(module)
    assert done.attempted and not done.failed
