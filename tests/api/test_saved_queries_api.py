"""Saved queries, webhooks, metrics and facts of a real server, with a real receiver."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.camera import View, look
from index.catalogue import Catalogue
from tests.support.library import Library, until
from tests.support.receiver import Receiver, documented_check, receiving
from tests.support.server import connected, in_process

HERE_TOO = {"server__webhook_private_addresses": True}
"""The receiver is on this machine."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """New ones: two of the cup, one of the cat."""
    folder = tmp_path_factory.mktemp("stills")
    look("coffee", View(0.52, 0.47, 1.05), (400, 300), exposure=1.05).save(folder / "cup2.png")
    look("coffee", View(0.5, 0.44, 1.1), (420, 300), exposure=0.95).save(folder / "cup3.png")
    look("chelsea", View(0.5, 0.5, 1.2), (400, 300)).save(folder / "cat.png")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def upload(client: httpx.Client, name: str, data: bytes) -> str:
    """The id of its media, once that is done."""
    reply = client.post("/v1/media", params={"name": name}, content=data)
    assert reply.status_code == 202, reply.text
    job_id = reply.json()["job"]["id"]
    until(lambda: client.get(f"/v1/jobs/{job_id}").json()["state"] in ("done", "failed"), 60)
    return str(reply.json()["media"]["id"])


def webhook(client: httpx.Client, url: str, **more: object) -> dict[str, Any]:
    reply = client.post("/v1/webhooks", json={"url": url, **more})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


def save(client: httpx.Client, name: str, picture: Path | None = None, **fields: object) -> dict[str, Any]:
    files = None if picture is None else {"image": picture.read_bytes()}
    reply = client.post("/v1/saved-queries", data={"name": name, **fields}, files=files)
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


def matches(client: httpx.Client, saved: dict[str, Any], **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/saved-queries/{saved['id']}/matches", params=query).json()
    return found


def refused(reply: httpx.Response, status: int) -> str:
    assert reply.status_code == status and reply.json().keys() == {"code", "message"}, reply.text
    return str(reply.json()["message"])


@pytest.mark.long
def test_what_is_new_is_asked_told_and_kept_across_a_restart(
    own_library: Library, receiver: Receiver, cup_picture: Path, stills: dict[str, bytes]
) -> None:
    with connected(own_library, **HERE_TOO) as (server, client):
        hook = webhook(client, receiver.url)
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", hook["secret"])
        assert "secret" not in client.get(f"/v1/webhooks/{hook['id']}").json()
        saved = save(client, "cup", cup_picture, min_confidence="medium", webhook_id=hook["id"])
        assert (saved["pictures"], saved["matches"], saved["last_run_at"]) == (1, 0, None)
        # A moment of the library: its picture is kept, so it may go.
        cat = save(
            client, "cat", media_id=own_library.ids["kitchen.mp4"], at_seconds=4.0, webhook_id=hook["id"]
        )
        assert cat["pictures"] == 1
        assert client.delete(f"/v1/media/{own_library.ids['kitchen.mp4']}").status_code == 204

        cup_id = upload(client, "cup2.png", stills["cup2.png"])
        until(lambda: len(receiver.received) == 2, what="two events")
        (told,) = receiver.events("saved_query.matched")
        assert told["saved_query"] == {"id": saved["id"], "name": "cup"}
        assert (told["media_id"], told["media"], told["segment_count"]) == (cup_id, "cup2.png", 1)
        found = matches(client, saved)
        assert [one["segment"]["media_id"] for one in found["data"]] == [cup_id], "old media are not new"
        assert found["next_page_token"] is None
        kept = found["data"][0]["segment"]
        assert kept.pop("path") == [] and kept == told["segments"][0]
        assert kept["confidence"] in ("medium", "high")
        (ready,) = receiver.events("job.ready")
        assert (ready["media"], ready["status"], ready["state"]) == ("cup2.png", "indexed", "done")
        assert client.get(f"/v1/saved-queries/{cat['id']}").json()["last_error"] is None
        server.process.send_signal(signal.SIGTERM)
        assert server.stop()[0] == 0

    receiver.received.clear()
    with Catalogue.open(own_library.data_dir / "catalogue.sqlite") as catalogue:
        catalogue.record_file(own_library.media / "gone.mp4", 1, 1, "0123abcd")
        catalogue.queue_media("0123abcd")
    with connected(own_library, **HERE_TOO) as (_, client):
        upload(client, "cat.png", stills["cat.png"])
        upload(client, "cup3.png", stills["cup3.png"])
        until(lambda: len(receiver.events("job.failed")) == 1)
        until(lambda: len(receiver.events("saved_query.matched")) == 2)
        until(lambda: len(receiver.events("job.ready")) == 2)
        (failed,) = receiver.events("job.failed")
        assert (failed["state"], failed["media"]) == ("failed", "gone.mp4")
        assert "no longer" in failed["reason"]
        assert [one["media"] for one in receiver.events("job.ready")] == ["cat.png", "cup3.png"]
        names = [one["segment"]["media"] for one in matches(client, saved)["data"]]
        assert names == ["cup3.png", "cup2.png"]
        assert [one["segment"]["media"] for one in matches(client, cat)["data"]] == ["cat.png"]
        page = matches(client, saved, limit=1)
        assert [one["segment"]["media"] for one in page["data"]] == ["cup3.png"]
        rest = matches(client, saved, limit=1, page_token=page["next_page_token"])
        assert [one["segment"]["media"] for one in rest["data"]] == ["cup2.png"]
        assert rest["next_page_token"] is None

        is_genuine = documented_check()
        assert all(is_genuine(hook["secret"], one.headers, one.body) for one in receiver.received)
        deliveries = client.get(f"/v1/webhooks/{hook['id']}/deliveries").json()
        assert {one["state"] for one in deliveries["data"]} == {"delivered"}
        assert {one.id for one in receiver.received} <= {one["id"] for one in deliveries["data"]}
        # Who leaves takes along what was found of it.
        assert client.delete(f"/v1/media/{cup_id}").status_code == 204
        assert [one["segment"]["media"] for one in matches(client, saved)["data"]] == ["cup3.png"]
        assert client.delete(f"/v1/webhooks/{hook['id']}").status_code == 204
        assert client.get(f"/v1/saved-queries/{saved['id']}").json()["webhook_id"] is None


def test_changed_paused_removed_and_what_makes_no_sense(
    own_library: Library, receiver: Receiver, cup_picture: Path, stills: dict[str, bytes]
) -> None:
    with connected(own_library, **HERE_TOO) as (_, client):
        saved = save(client, "cup", cup_picture)
        place = f"/v1/saved-queries/{saved['id']}"
        assert client.patch(place, json={"paused": True, "name": "mug"}).json()["paused"] is True
        beside = f"/v1/saved-queries/{save(client, 'beside', cup_picture)['id']}"
        upload(client, "cup2.png", stills["cup2.png"])
        until(lambda: client.get(beside).json()["matches"] == 1)  # asked after the job
        assert client.delete(beside).status_code == 204
        assert client.patch(place, json={"paused": False}).json()["name"] == "mug"
        upload(client, "cup3.png", stills["cup3.png"])
        until(lambda: client.get(place).json()["matches"] == 1)
        assert matches(client, saved)["data"][0]["segment"]["media"] == "cup3.png"
        assert [one["name"] for one in client.get("/v1/saved-queries").json()["data"]] == ["mug"]

        def asked(**fields: object) -> httpx.Response:
            return client.post("/v1/saved-queries", data={"name": "x", **fields})

        assert "picture" in refused(asked(), 400)
        assert "words need" in refused(asked(words="a cup"), 400)
        assert "in_media" in refused(asked(media_id=own_library.ids["cup.webp"], in_media="abcd"), 400)
        refused(asked(media_id="nothing"), 404)
        refused(asked(media_id=own_library.ids["cup.webp"], webhook_id="nothing"), 404)
        assert "already" in refused(asked(media_id=own_library.ids["cup.webp"], name="mug"), 400)
        assert "name" in refused(client.post("/v1/saved-queries", data={"words": "x"}), 400)
        only_jobs = webhook(client, receiver.url, events=["job.ready"])
        assert "does not take" in refused(
            asked(media_id=own_library.ids["cup.webp"], webhook_id=only_jobs["id"]), 400
        )
        assert "page token" in refused(client.get(f"{place}/matches?page_token=x"), 400)
        refused(client.patch("/v1/saved-queries/nothing", json={}), 404)
        refused(client.patch(place, json={"words": "y"}), 400)
        refused(client.post("/v1/webhooks", json={"url": "http://169.254.169.254/"}), 400)
        refused(client.post("/v1/webhooks", json={"url": receiver.url, "events": ["job.lost"]}), 400)
        tested = client.post(f"/v1/webhooks/{only_jobs['id']}/test").json()
        assert (tested["state"], tested["status"], tested["event"]) == ("delivered", 204, "ping")
        assert client.delete(place).status_code == 204
        refused(client.get(f"{place}/matches"), 404)


def test_private_addresses_need_the_owners_word(own_library: Library, receiver: Receiver) -> None:
    with in_process(own_library.settings()) as (_, client):
        said = refused(client.post("/v1/webhooks", json={"url": receiver.url}), 400)
        assert "server.webhook_private_addresses" in said
    assert receiver.received == []


def test_who_may(own_library: Library, receiver: Receiver) -> None:
    by_scope = {scope: own_library.add_key(scope, scope) for scope in ("read", "ingest", "admin")}
    with connected(own_library, **HERE_TOO) as (server, client):
        def status(scope: str | None, method: str, path: str) -> int:
            headers = {"x-api-key": by_scope[scope]} if scope else {}
            return client.request(method, path, headers=headers).status_code

        for path in ("/v1/library", "/v1/metrics", "/v1/saved-queries"):
            assert (status(None, "GET", path), status("read", "GET", path)) == (401, 200)
        assert status("read", "POST", "/v1/saved-queries") == 403
        assert status("ingest", "POST", "/v1/saved-queries") == 400
        assert status("ingest", "GET", "/v1/webhooks") == 403
        assert status("admin", "GET", "/v1/webhooks") == 200
        made = webhook_with(client, by_scope["admin"], receiver.url)
        client.headers["x-api-key"] = by_scope["admin"]
        # It may be written to a log by mistake: not even then.
        assert made["secret"] not in server.stop()[1]


def webhook_with(client: httpx.Client, key: str, url: str) -> dict[str, Any]:
    made: dict[str, Any] = client.post(
        "/v1/webhooks", json={"url": url}, headers={"x-api-key": key}
    ).json()
    return made


def figures(client: httpx.Client) -> dict[str, float]:
    reply = client.get("/v1/metrics")
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in reply.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_metrics_and_facts(own_library: Library, cup_picture: Path, stills: dict[str, bytes]) -> None:
    with connected(own_library, **HERE_TOO) as (_, client):
        before = figures(client)
        assert before['momentseek_jobs{state="done"}'] == 3 and before["momentseek_ingest_frames_total"] == 0
        facts = client.get("/v1/library").json()
        assert before["momentseek_index_points"] == facts["points"] > 0
        assert before["momentseek_index_bytes"] > 0 and before["momentseek_disk_free_bytes"] > 0
        (build,) = (name for name in before if name.startswith("momentseek_build_info{"))
        assert f'version="{facts["version"]}"' in build and 'profile="offline"' in build
        assert (facts["videos"], facts["stills"]) == (2, 1) and facts["hours"] > 0
        assert facts["models"] == {"embedder": "mobilenetv2", "detector": "salient", "faces": "dlib"}
        assert facts["offers"] == {
            "words": False, "faces": True, "image_urls": False, "paths": False, "max_upload_mb": 25,
            "max_media_mb": 20480,
        }  # fmt: skip

        upload(client, "cup2.png", stills["cup2.png"])
        for _ in range(2):
            client.post("/v1/search", files={"image": cup_picture.read_bytes()})
        client.get("/v1/media/nothing")
        client.get("/nothing/at/all")
        after = figures(client)
        assert after["momentseek_ingest_frames_total"] == 1
        assert after['momentseek_ingest_media_total{status="indexed"}'] == 1
        for stage in ("decode", "embed", "detect", "store"):
            assert after[f'momentseek_ingest_seconds_total{{stage="{stage}"}}'] > 0
        assert after["momentseek_index_points"] > before["momentseek_index_points"]
        assert after['momentseek_search_seconds_count{stage="all"}'] == 2
        parts = [after[f'momentseek_search_seconds_sum{{stage="{one}"}}'] for one in ("embed", "candidates")]
        assert 0 < sum(parts) <= after['momentseek_search_seconds_sum{stage="all"}']

        def requests(method: str, route: str, status: int) -> float:
            labels = f'method="{method}",route="{route}",status="{status}"'
            return after[f"momentseek_http_requests_total{{{labels}}}"]

        assert requests("POST", "/v1/search", 200) == 2
        assert requests("GET", "/v1/media/{media_id}", 404) == 1
        assert requests("GET", "/v1/metrics", 200) == 1
        assert not any("nothing" in name for name in after), "paths that strangers make up are no labels"
