"""``momentseek ingest`` and ``momentseek jobs`` beside a server: it does the work."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from index.catalogue import Catalogue
from momentseek.cli import app
from momentseek.client import Client
from momentseek.handing_over import hand_over
from momentseek.remote import running_server
from tests.support.library import Library, command, copies, environment, write_bad_files
from tests.support.media_factory import textured, write_video
from tests.support.server import serving


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, what was printed, what was complained about."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def statuses(printed: str) -> dict[str, str]:
    rows: list[dict[str, Any]] = json.loads(printed)
    return {Path(row["path"]).name: row["status"] for row in rows}


def test_the_server_indexes_and_the_command_says_what_became_of_it(
    own_library: Library, cup_picture: Path, tmp_path: Path
) -> None:
    where = ["--data-dir", own_library.data_dir]
    folder = tmp_path / "new"
    expected = write_bad_files(folder, own_library.media / "kitchen.mp4")
    shutil.copy(cup_picture, folder / "query.jpg")
    write_video(folder / "short.mp4", [textured(41)] * 10, fps=10)
    copies(own_library.media, folder, ["cup.webp"])
    with serving(own_library) as server:
        # With these settings this process could index nothing: it is the server that does.
        config = tmp_path / "other.yaml"
        config.write_text("embedder: {model: nonsense}")
        words = ["ingest", folder, folder / "gone.mp4", "--config", config, "--json", *where]
        code, printed, said = run(*words)
        assert code == 2, said
        assert statuses(printed) == {
            **expected, "query.jpg": "indexed", "short.mp4": "indexed", "cup.webp": "known",
            "gone.mp4": "failed",
        }  # fmt: skip
        short = next(row for row in json.loads(printed) if row["path"].endswith("short.mp4"))
        assert short["media_seconds"] == 1.0 and short["points"] > 0
        with Client(server.url) as client:
            [row] = client.media.list(name_contains="text.mp4")
            assert (row.status, row.reason is None) == ("failed", False), "the library keeps the reason"
            assert {one.media for one in client.search(cup_picture)} >= {"query.jpg", "kitchen.mp4"}
            assert client.media.file(short["media_id"], tmp_path / "back.mp4").stat().st_size > 0
        # Again: known by now. One holds something else: what it held before is gone.
        for name in expected:
            (folder / name).unlink()
        write_video(folder / "short.mp4", [textured(42)] * 10, fps=10)
        code, printed, said = run("ingest", folder, "--json", *where)
        assert (code, statuses(printed)) == (
            0, {"query.jpg": "known", "short.mp4": "indexed", "cup.webp": "known"}
        ), said  # fmt: skip
        with Client(server.url) as client:
            [now] = client.media.list(name_contains="short.mp4")
            assert now.id != short["media_id"]
        code, printed, _ = run("jobs", "list", "--state", "done", "--limit", 1, *where)
        assert code == 0 and "short.mp4" in printed and "query.jpg" not in printed
        listed = json.loads(run("jobs", "list", "--json", *where)[1])
        assert listed[0]["media"] == "short.mp4" and listed[0]["state"] == "done"
        code, _, said = run("jobs", "cancel", listed[0]["id"], *where)
        assert code == 1 and "only one that waits or runs can be cancelled" in said and said.count("\n") == 1
        assert run("jobs", "retry", "nothing", *where)[0] == 1
    code, _, said = run("jobs", "list", *where)
    assert code == 1 and "momentseek serve" in said and said.count("\n") == 1


@pytest.mark.long
def test_it_says_that_nobody_works(own_library: Library, cup_picture: Path) -> None:
    """The server leaves indexing to workers, and there is none yet."""
    data_dir = own_library.data_dir
    told: list[str] = []

    def start_worker() -> None:
        told.append("nobody")
        worker = command("worker", "--once", "--data-dir", data_dir)
        started.append(subprocess.Popen(worker, env=environment(own_library.model_dir), cwd="/"))

    started: list[subprocess.Popen[bytes]] = []
    with serving(own_library, server__works="false"), Catalogue.open(data_dir / "catalogue.sqlite") as rows:
        server = running_server(data_dir)
        assert server is not None
        with Client(server.url, server.token) as client:
            outcomes = hand_over(client, rows, [cup_picture], lambda step: None, start_worker, 0.5)
        assert told == ["nobody"] and [one.status for one in outcomes] == ["indexed"]
        assert started[0].wait(60) == 0
