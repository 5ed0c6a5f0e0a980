"""Keys as people type them, and a server that asks for them."""

from __future__ import annotations

import json
import os
import re
import stat
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from core.settings import load
from momentseek.cli import app
from momentseek.client import Client, NotAllowed
from momentseek.keys import has_keys
from momentseek.remote import announce, running_server, withdraw
from tests.support.library import Library, until
from tests.support.server import serving


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, what was printed, what was said beside it."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def printed(*arguments: object) -> str:
    code, shown, said = run(*arguments)
    assert code == 0, said
    return shown


def refused(*arguments: object) -> str:
    code, _, said = run(*arguments)
    assert code == 1 and said.startswith("momentseek: ") and said.count("\n") == 1, said
    return said


def listed(*where: object) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(printed("keys", "list", "--json", *where))
    return rows


def test_added_listed_revoked(tmp_path: Path) -> None:
    where = ["--data-dir", tmp_path / "new" / "library"]
    settings = load(None, {"data_dir": where[1]})
    assert "momentseek keys add" in printed("keys", "list", *where)
    assert not has_keys(settings) and not (tmp_path / "new").exists()
    code, key, said = run("keys", "add", "the page", "--scope", "read", *where)
    # The key alone, for a script to take; the rest is said beside it.
    assert code == 0 and re.fullmatch(r"ms_[0-9a-f]{8}_[0-9a-f]{40}\n", key)
    assert "once" in said and "the first one" in said and key.strip() not in said
    assert "the first one" not in run("keys", "add", "robot", "--scope", "ingest", *where)[2]
    assert has_keys(settings)
    rows = listed(*where)
    assert [(row["name"], row["scope"], row["last_used_at"]) for row in rows] == [
        ("the page", "read", None), ("robot", "ingest", None),
    ]  # fmt: skip
    table = printed("keys", "list", *where)
    assert "the page" in table and "never" in table and key.strip() not in table
    assert "robot" in printed("keys", "revoke", rows[1]["id"], *where)
    code, _, said = run("keys", "revoke", "the page", *where)
    assert code == 0 and "the last one" in said
    assert listed(*where) == []


def test_what_makes_no_sense(tmp_path: Path) -> None:
    where = ["--data-dir", tmp_path]
    assert "read, ingest, admin" in refused("keys", "add", "page", "--scope", "write", *where)
    assert run("keys", "add", "page", *where)[0] == 2
    printed("keys", "add", "page", "--scope", "read", *where)
    assert "already" in refused("keys", "add", "page", "--scope", "read", *where)
    assert "keys list" in refused("keys", "revoke", "nobody", *where)
    (tmp_path / "file").write_text("")
    below = ["--data-dir", tmp_path / "file" / "library"]
    assert "cannot be used" in refused("keys", "add", "page", "--scope", "read", *below)


def test_the_announcement_is_for_its_owner_alone(tmp_path: Path) -> None:
    # What somebody else has left there, open to all, is not written into.
    (tmp_path / f"server.json.{os.getpid()}").write_text("left")
    (tmp_path / "server.json").write_text("left")
    announce(tmp_path, "http://127.0.0.1:1", "the token")
    [file] = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["token"] == "the token"
    assert running_server(tmp_path) is None  # nobody listens there
    withdraw(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_asks_for_keys(own_library: Library, cup_picture: Path) -> None:
    where = ["--data-dir", own_library.data_dir]
    with serving(own_library) as server:
        mode = stat.S_IMODE((own_library.data_dir / "server.json").stat().st_mode)
        assert mode == 0o600
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
            assert client.get("/v1/media").status_code == 200
            key = printed("keys", "add", "page", "--scope", "read", *where).strip()
            until(lambda: client.get("/v1/media").status_code == 401, what="the server to learn of the key")
            assert client.get("/v1/media", headers={"x-api-key": key}).status_code == 200
            assert client.get("/v1/health/live").status_code == 200
            # Commands of the owner go on as before, without a key.
            found = json.loads(printed("search", "--image", cup_picture, "--json", *where))
            assert {segment["media"] for segment in found["segments"]} == {"kitchen.mp4", "cup.webp"}
            assert server.url in printed("doctor", *where)
            with pytest.raises(NotAllowed, match="key"), Client(server.url, "of another run") as other:
                other.facts()
            # A page's own pictures: the cookie goes with them, nothing of the key is in an address.
            client.post("/v1/session", json={"key": key}).raise_for_status()
            frame = client.get(f"/v1/media/{own_library.ids['cup.webp']}/frame")
            assert (frame.status_code, frame.headers["content-type"]) == (200, "image/jpeg")
            until(lambda: listed(*where)[0]["last_used_at"] is not None, what="the use to be noted")
            printed("keys", "revoke", "page", *where)
            printed("keys", "add", "other", "--scope", "read", *where)
            until(lambda: client.get("/v1/media").status_code == 401, what="the session to end")
            wrong = client.get("/v1/media", headers={"authorization": f"Bearer {key}"})
            assert wrong.json()["code"] == "api_key_invalid"
        code, said = server.stop()
    assert code == 0 and key not in said


def test_where_others_reach_it_a_key_is_needed(own_library: Library) -> None:
    where = ["--data-dir", own_library.data_dir]
    said = refused("serve", "--host", "0.0.0.0", "--port", 0, *where)
    assert "momentseek keys add NAME --scope read" in said and "--insecure" in said
    key = printed("keys", "add", "page", "--scope", "read", *where).strip()
    with serving(
        own_library, server__host="0.0.0.0", server__allowed_hosts='["nas.example"]'
    ) as server, httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        headers = {"x-api-key": key}
        assert client.get("/v1/media").status_code == 401
        for host in ("nas.example", "192.168.1.5:8765", "localhost"):
            assert client.get("/v1/media", headers={**headers, "host": host}).status_code == 200, host
        assert client.get("/v1/media", headers={**headers, "host": "evil.example"}).status_code == 400
        # The last key goes: nobody gets in, rather than everybody.
        printed("keys", "revoke", "page", *where)
        time.sleep(1.2)
        assert client.get("/v1/media", headers=headers).status_code == 401
        assert client.get("/v1/media").status_code == 401
