"""Keys at the door: who gets in, with what, to where; sessions of browsers; what every answer carries."""

from __future__ import annotations

import doctest
import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

import api.auth
import api.guard
import api.redact
import index.keys
from api.app import create_app
from api.auth import NEEDED, _patterns, needed_for
from api.guard import ANY_ADDRESS
from api.keyring import Keyring
from api.redact import OneLine, redact
from core.settings import ServerSettings, load
from index.keys import Keys
from momentseek.engine import Engine, catalogue_path

TOKEN = "this-run's-own-token"
Door = Callable[..., TestClient]


@pytest.fixture
def keys(data_dir: Path) -> Iterator[Keys]:
    with Keys.open(catalogue_path(load(None, {"data_dir": data_dir}))) as opened:
        yield opened


@pytest.fixture
def door(data_dir: Path, keys: Keys) -> Iterator[Door]:
    """The application over an empty library; changes of keys count at once."""
    with Engine(load(None, {"data_dir": data_dir})) as engine:

        def make(
            open_without_keys: bool = True, hosts: tuple[str, ...] = ("localhost",), **options: Any
        ) -> TestClient:
            ring = Keyring(keys, TOKEN, open_without_keys, remembered_seconds=0)
            app = create_app(engine, ServerSettings(), "1", hosts, ring)
            return TestClient(app, **{"base_url": "http://localhost", **options})

        yield make


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def refused(reply: httpx.Response, status: int, code: str) -> str:
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/json"), reply.text
    body = reply.json()
    assert body.keys() == {"code", "message"} and body["code"] == code, body
    message: str = body["message"]
    assert message.endswith(".") and "\n" not in message
    return message


# Which routes need what

OPEN = {("GET", "/v1/health/live"), *((method, "/v1/session") for method in ("GET", "POST", "DELETE"))}
"""Routes for everybody, and below those that only read although they are no GET: there should be few."""
READING = {
    ("POST", "/v1/search"), ("POST", "/v1/search/{query_id}/feedback"),
    ("POST", "/v1/exports/results"), ("POST", "/v1/exports/clips"), ("POST", "/v1/pictures"),
}  # fmt: skip


def test_every_route_says_what_it_needs(door: Door) -> None:
    """A new route without a row in api/auth.py ends here, and a row whose route is gone."""
    document = door().get("/openapi.json").json()
    # Those of the dialect are in three places, and not all in the document: test_twelvelabs.py.
    routes = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
        if not path.startswith("/v1.3/")
    }  # fmt: skip
    rows = {row for row in NEEDED if row[1].startswith("/v1/")}
    assert routes - rows == set(), "add rows for these to NEEDED in api/auth.py"
    assert rows - routes == set(), "these are no routes any more"
    assert {row for row in rows if NEEDED[row] == "nothing"} == OPEN
    assert {row for row in rows if NEEDED[row] == "read" and row[0] != "GET"} == READING
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            needed = NEEDED[method.upper(), path]
            scopes = [scopes for way in route["security"] for scopes in way.values()]
            assert scopes == ([] if needed == "nothing" else [[needed]] * 3), (method, path)


def test_what_is_not_in_the_table_is_for_admins(door: Door, keys: Keys) -> None:
    client = door()

    @client.app.post("/v1/forgotten")  # type: ignore[attr-defined]
    def forgotten() -> str:
        return "done"

    made = {scope: bearer(keys.add_key(scope, scope).key) for scope in ("read", "ingest", "admin")}
    for scope in ("read", "ingest"):
        refused(client.post("/v1/forgotten", headers=made[scope]), 404, "resource_not_exist")
        refused(client.get("/v1/nothing/at/all", headers=made[scope]), 404, "resource_not_exist")
    assert client.post("/v1/forgotten", headers=made["admin"]).json() == "done"
    refused(client.post("/v1/forgotten"), 401, "api_key_invalid")


@pytest.mark.parametrize(("method", "path", "needed"), [
    ("GET", "/v1/media", "read"), ("HEAD", "/v1/media/ab/file", "read"), ("GET", "/docs", "nothing"),
    ("GET", "/static-offline-docs/a/b.js", "nothing"), ("DELETE", "/v1/media/ab", "admin"),
    ("GET", "/", "nothing"), ("POST", "/", None), ("GET", "//", None),
    ("GET", "/v1/health/live/", None), ("GET", "/v1//health/live", None), ("GET", "/V1/health/live", None),
    ("GET", "/v1/health/live\n", None), ("POST", "/v1/health/live", None), ("OPTIONS", "/v1/media", None),
    ("GET", "/docs/../v1/media", None), ("GET", "/v1/media/a/b/frame", None),
])  # fmt: skip
def test_the_table_is_read_to_the_letter(method: str, path: str, needed: str | None) -> None:
    assert needed_for(method, path) == needed


# Who gets in


def test_without_keys_everybody_on_this_machine_may_do_everything(door: Door) -> None:
    client = door()
    for headers in ({}, bearer("whatever"), {"x-api-key": "an SDK must send something"}):
        assert client.get("/v1/media", headers=headers).json()["data"] == []
    assert client.get("/v1/session").json() == {"key_needed": False, "name": "anyone", "scope": "admin"}


def test_with_a_key_nobody_gets_in_without_one(door: Door, keys: Keys) -> None:
    client, key = door(), keys.add_key("page", "read").key
    for reply in (
        client.get("/v1/media"), client.post("/v1/search"), client.get("/v1/health/ready"),
        client.get("/v1/media/ab12/file"), client.head("/v1/media/ab12/file"), client.get("/v1/nowhere"),
        client.post("/v1/media"), client.options("/v1/media"), client.get("/v1/media/"),
        client.get("/v1/health/live/"),
    ):
        assert reply.status_code == 401 and reply.headers["www-authenticate"] == "Bearer", reply.url
    message = refused(client.get("/v1/media"), 401, "api_key_invalid")
    assert "x-api-key" in message and "momentseek keys add" in message
    for path in ("/v1/health/live", "/docs", "/redoc", "/openapi.json", "/static-offline-docs/favicon.png"):
        assert client.get(path).status_code == 200, path
    for headers in (bearer(key), {"authorization": f"bearer   {key} "}, {"x-api-key": key}):
        assert client.get("/v1/media", headers=headers).status_code == 200


def test_what_does_not_open(door: Door, keys: Keys) -> None:
    client, key = door(), keys.add_key("page", "read").key
    [row] = keys.list_keys()
    for headers in (
        bearer(key[:-1]), bearer(key + "x"), bearer(""), bearer(row.sha256), bearer(TOKEN + "x"),
        {"authorization": key}, {"authorization": f"Basic {key}"}, {"x-api-key": f"Bearer {key}"},
        {"x-api-key": "\udcff".encode("utf-8", "surrogatepass")}, {"cookie": f"momentseek_session={key}"},
        {**bearer("wrong"), "x-api-key": key},
    ):  # fmt: skip
        refused(client.get("/v1/media", headers=headers), 401, "api_key_invalid")
    # Addresses end up in logs, histories and referrers.
    for name in ("key", "api_key", "x-api-key", "access_token", "token", "authorization"):
        refused(client.get("/v1/media", params={name: key}), 401, "api_key_invalid")


def test_scopes(door: Door, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nested: an ingest key may read, an admin key may everything; and not the other way round."""
    for path, needed in (("/v1/ingests", "ingest"), ("/v1/admins", "admin")):
        monkeypatch.setitem(NEEDED, ("POST", path), needed)
    _patterns.cache_clear()
    client = door()
    for path in ("/v1/ingests", "/v1/admins"):
        client.app.post(path)(lambda: "done")  # type: ignore[attr-defined]
    made = {scope: bearer(keys.add_key(scope, scope).key) for scope in ("read", "ingest", "admin")}
    for headers in made.values():
        assert client.get("/v1/media", headers=headers).status_code == 200
        # Past the door, the route itself has something to say.
        refused(client.post("/v1/search/ab/feedback", json={}, headers=headers), 400, "parameter_invalid")
    allowed = {
        (scope, path) for scope, headers in made.items() for path in ("/v1/ingests", "/v1/admins")
        if client.post(path, headers=headers).status_code == 200
    }
    assert allowed == {("ingest", "/v1/ingests"), ("admin", "/v1/ingests"), ("admin", "/v1/admins")}
    message = refused(client.post("/v1/admins", headers=made["ingest"]), 403, "unauthorized")
    assert "'ingest'" in message and "needs admin" in message
    _patterns.cache_clear()


def test_the_body_of_a_stranger_is_not_read(door: Door, keys: Keys) -> None:
    keys.add_key("page", "read")
    app, taken = door().app, 0

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        async def counted() -> Any:
            nonlocal taken
            taken += 1
            return await receive()

        await app(scope, counted, send)

    client = TestClient(counting, base_url="http://localhost")
    refused(client.post("/v1/search", files={"image": b"x" * 100_000}), 401, "api_key_invalid")
    assert taken == 0
    known = client.post("/v1/search", files={"image": b"x" * 100_000}, headers=bearer(TOKEN))
    refused(known, 400, "image_invalid")
    assert taken > 0


def test_revoked_and_added_while_it_runs(door: Door, keys: Keys) -> None:
    client = door()
    assert client.get("/v1/media").status_code == 200
    key = keys.add_key("page", "read").key
    assert client.get("/v1/media").status_code == 401
    assert client.get("/v1/media", headers=bearer(key)).status_code == 200
    keys.add_key("other", "read")
    keys.revoke_key("page")
    refused(client.get("/v1/media", headers=bearer(key)), 401, "api_key_invalid")


def test_without_any_key_left(door: Door, keys: Keys) -> None:
    """On this machine everybody may again; where others reach it, nobody."""
    keys.add_key("page", "read")
    keys.revoke_key("page")
    assert door().get("/v1/media").status_code == 200
    elsewhere = door(open_without_keys=False)
    refused(elsewhere.get("/v1/media"), 401, "api_key_invalid")
    assert elsewhere.get("/v1/media", headers=bearer(TOKEN)).status_code == 200
    assert elsewhere.get("/v1/session").json() == {"key_needed": True, "name": None, "scope": None}


def test_keys_are_not_asked_for_at_every_request(data_dir: Path, keys: Keys) -> None:
    asked = 0

    class Counting(Keys):
        def list_keys(self) -> Any:
            nonlocal asked
            asked += 1
            return super().list_keys()

    settings = load(None, {"data_dir": data_dir})
    with Engine(settings) as engine, Counting.open(catalogue_path(settings)) as counting:
        app = create_app(engine, ServerSettings(), "1", ["localhost"], Keyring(counting, TOKEN, True, 3600))
        with TestClient(app, base_url="http://localhost") as client:
            for _ in range(20):
                client.get("/v1/media", headers=bearer("ms_00000000_0"))
    assert asked == 1


def test_the_last_use_is_noted_once(door: Door, keys: Keys) -> None:
    made, other = keys.add_key("page", "read"), keys.add_key("other", "read")
    # Within one event loop: a client of its own for every request would end it with the note half written.
    with door() as client:
        for _ in range(3):
            assert client.get("/v1/media", headers=bearer(made.key)).status_code == 200
        deadline = time.monotonic() + 10
        while keys.list_keys()[0].last_used_at is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert [row.last_used_at is None for row in keys.list_keys()] == [False, True]
    assert other.row.last_used_at is None


# Browsers


def test_a_session_stands_for_a_key(door: Door, keys: Keys) -> None:
    key = keys.add_key("page", "read").key
    with door() as client:
        assert client.get("/v1/session").json() == {"key_needed": True, "name": None, "scope": None}
        wrong = client.post("/v1/session", json={"key": key + "x"})
        assert "one of this library's" in refused(wrong, 401, "api_key_invalid")
        assert "set-cookie" not in wrong.headers
        opened = client.post("/v1/session", json={"key": key})
        assert opened.json() == {"key_needed": True, "name": "page", "scope": "read"}
        [cookie] = opened.headers.get_list("set-cookie")
        value, *parts = re.split("; ", cookie)
        assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(parts) and "Secure" not in parts
        assert key not in cookie and len(value.partition("=")[2]) >= 40
        assert opened.headers["cache-control"] == "no-store"
        assert client.get("/v1/media").status_code == 200
        assert client.get("/v1/session").json()["name"] == "page"
        # A wrong key is not made good by a session.
        refused(client.get("/v1/media", headers=bearer("wrong")), 401, "api_key_invalid")
        assert client.delete("/v1/session").json()["name"] is None
        assert "momentseek_session" not in client.cookies
        # The cookie that somebody has copied is worth nothing now.
        client.cookies.set(*value.split("="))
        refused(client.get("/v1/media"), 401, "api_key_invalid")


def test_a_session_ends_with_its_key(door: Door, keys: Keys) -> None:
    key = keys.add_key("page", "read").key
    keys.add_key("other", "read")
    with door() as client:
        client.post("/v1/session", json={"key": key})
        assert client.get("/v1/media").status_code == 200
        keys.revoke_key("page")
        refused(client.get("/v1/media"), 401, "api_key_invalid")


def test_the_cookie_is_secure_over_https(door: Door, keys: Keys) -> None:
    key = keys.add_key("page", "read").key
    opened = door(base_url="https://localhost").post("/v1/session", json={"key": key})
    assert "Secure" in opened.headers["set-cookie"].split("; ")


def test_a_session_where_there_are_no_keys(door: Door) -> None:
    opened = door().post("/v1/session", json={"key": "whatever"})
    assert opened.json() == {"key_needed": False, "name": "anyone", "scope": "admin"}
    assert "set-cookie" not in opened.headers


def test_other_sites_cannot_log_a_browser_in_or_out(door: Door, keys: Keys) -> None:
    key = keys.add_key("page", "read").key
    client = door()
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
                    {"origin": "https://evil.example"}, {"origin": "http://localhost:9"}):  # fmt: skip
        refused(client.post("/v1/session", json={"key": key}, headers=headers), 403, "origin_not_allowed")
        refused(client.delete("/v1/session", headers=headers), 403, "origin_not_allowed")


def test_bodies_that_are_no_key(door: Door, keys: Keys) -> None:
    secret = keys.add_key("page", "read").key
    client = door()
    refused(client.post("/v1/session", json={}), 400, "parameter_not_provided")
    for body in ({"key": 7}, {"key": None}, {"key": [secret]}, [], secret):
        message = refused(client.post("/v1/session", json=body), 400, "parameter_invalid")
        assert secret not in message
    refused(client.post("/v1/session", content=b"{"), 400, "parameter_invalid")


# Hosts and headers


def test_hosts_with_a_key(door: Door, keys: Keys) -> None:
    """A key does not replace the check of the Host header."""
    headers = bearer(keys.add_key("page", "read").key)
    here = door()
    for host in ("evil.example", "192.168.1.5", "localhost.evil.example"):
        message = refused(here.get("/v1/media", headers={**headers, "host": host}), 400, "host_not_allowed")
        assert "server.allowed_hosts" in message
    elsewhere = door(hosts=("localhost", "nas.example", ANY_ADDRESS))
    for host in ("192.168.1.5", "192.168.1.5:8765", "[fd00::5]:8765", "nas.example", "NAS.example:80"):
        assert elsewhere.get("/v1/media", headers={**headers, "host": host}).status_code == 200, host
    for host in ("evil.example", "192.168.1.5.evil.example", "a.nas.example", "1", "", ANY_ADDRESS):
        refused(elsewhere.get("/v1/media", headers={**headers, "host": host}), 400, "host_not_allowed")


def test_headers_of_every_answer(door: Door) -> None:
    client = door()
    replies = [
        client.get("/v1/media"), client.get("/v1/nothing"), client.get("/v1/media", headers={"host": "evil"}),
        client.post("/v1/session", headers={"sec-fetch-site": "cross-site"}), client.get("/docs"),
        client.get("/static-offline-docs/swagger-ui.css"), client.get("/static-offline-docs/nothing"),
    ]  # fmt: skip
    for reply in replies:
        policy = reply.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';") and "frame-ancestors 'none'" in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert "camera=()" in reply.headers["permissions-policy"]
        assert ("unsafe-inline" in policy) == (reply.url.path == "/docs"), reply.url
        assert "unsafe-eval" not in policy


@pytest.mark.logs_errors
def test_what_nobody_has_foreseen(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    client = door(raise_server_exceptions=False)

    @client.app.get("/v1/broken")  # type: ignore[attr-defined]
    def broken() -> None:
        raise ZeroDivisionError("with /a/path/of/this/machine")

    reply = client.get("/v1/broken")
    message = refused(reply, 500, "internal_error")
    assert "path/of" not in message and "default-src" in reply.headers["content-security-policy"]
    assert "GET '/v1/broken' failed: ZeroDivisionError" in caplog.text


def test_there_are_no_websockets(door: Door) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect) as closed, door().websocket_connect("/v1/media"):
        pass
    assert closed.value.code == 1008


# Logs


def test_logs_hold_no_secrets_and_no_lines_of_others(keys: Keys) -> None:
    key = keys.add_key("page", "read").key
    secret = key.rpartition("_")[2]
    for said in (
        f"key {key} used", f"Authorization: Bearer {secret}", f"{{'x-api-key': '{secret}'}}",
        f"https://me:{secret}@nas.example/a?b", f"cookie: momentseek_session={secret}; a=b",
    ):  # fmt: skip
        assert secret not in redact(said), said
    assert redact("http://nas.example/a@b and me@nas.example") == "http://nas.example/a@b and me@nas.example"


def test_a_log_line_is_one_line() -> None:
    def line(message: str, *arguments: object, error: BaseException | None = None) -> str:
        info = None if error is None else (type(error), error, None)
        record = logging.LogRecord("api", logging.WARNING, "x.py", 1, message, arguments, info)
        return OneLine("%(levelname)s %(message)s").format(record)

    forged = "a.mp4\nWARNING all is well\r\x1b[2J\u2028"
    assert line("cannot read %s", forged) == r"WARNING cannot read a.mp4\nWARNING all is well\r\x1b[2J\u2028"
    assert line("plain, 100 %") == "WARNING plain, 100 %"
    shown = line("failed", error=ValueError(f"{forged} http://me:secret@nas/"))
    assert shown.splitlines()[1:] and all(part.startswith("  ") for part in shown.split("\n")[1:])
    assert "secret" not in shown and "\x1b" not in shown


# Examples in the text


@pytest.mark.parametrize("module", [api.auth, api.guard, api.redact, index.keys])
def test_examples(module: ModuleType) -> None:
    done = doctest.testmod(module)
    assert done.attempted and not done.failed
