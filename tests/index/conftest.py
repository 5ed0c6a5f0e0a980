"""Other processes, for what must hold between them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.postgresql import PostgreSql
from index.database import Database
from tests.support.postgresql import available
from tests.support.processes import REPOSITORY, StartPython


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSql]:
    with available() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgreSql) -> str:
    """An empty catalogue, to be copied: that takes less time than to make one."""
    url = postgresql_server.new_database()
    Database.open(url).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue_place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a test has its catalogue, in every database there is."""
    if request.param == "sqlite":
        return tmp_path / "catalogue.db"
    server: PostgreSql = request.getfixturevalue("postgresql_server")
    return server.new_database(request.getfixturevalue("postgresql_template"))


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where there is none yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalogue.db"
    server: PostgreSql = request.getfixturevalue("postgresql_server")
    return server.new_database()


@pytest.fixture
def start_python() -> Iterator[StartPython]:
    """Start real processes of this code that talk through stdin and stdout; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        code = f"import sys; sys.path.insert(0, '.')\n{code}"
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
