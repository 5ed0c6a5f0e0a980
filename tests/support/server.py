"""A real ``momentseek serve`` in a process of its own, on a free port; or the application alone."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from fastapi.testclient import TestClient

from api.app import create_app
from api.keyring import Keyring
from core.settings import Settings
from index.keys import Keys
from momentseek.engine import Engine, catalogue_path
from tests.support.library import Library, command, environment


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    process: subprocess.Popen[str]
    library: Library

    def stop(self) -> tuple[int, str]:
        """Ask it to end; its exit code and everything it said."""
        if self.process.poll() is None:
            self.process.terminate()
        said, _ = self.process.communicate(timeout=30)
        return self.process.returncode, said


@contextmanager
def serving(library: Library, **settings: object) -> Iterator[Server]:
    """It answers when the block begins and is gone when the block ends."""
    process = subprocess.Popen(
        command("serve", "--port", 0, "--data-dir", library.data_dir),
        env=environment(library.model_dir, **settings), cwd="/", text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline()
    found = re.search(r"at (http://\S+)", first)
    if found is None:
        process.kill()
        raise AssertionError(f"the server did not start: {first}{process.communicate()[0]}")
    try:
        yield Server(found.group(1), process, library)
    finally:
        process.kill()
        process.communicate()


@contextmanager
def connected(library: Library, **settings: object) -> Iterator[tuple[Server, httpx.Client]]:
    """As ``serving``, with somebody who asks it."""
    with (
        serving(library, **settings) as server,
        httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client,
    ):
        yield server, client


@contextmanager
def in_process(settings: Settings) -> Iterator[tuple[Engine, TestClient]]:
    """The application on a real library, for what needs no process of its own to be started or killed. No
    work is done in the background."""
    with Engine(settings) as engine, Keys.open(catalogue_path(settings)) as keys:
        ring = Keyring(keys, "token", open_without_keys=True)
        app = create_app(engine, settings.server, "1", ("localhost",), ring)
        yield engine, TestClient(app, base_url="http://localhost")
