"""A throwaway PostgreSQL of the system's packages: a cluster in a temporary folder, reached by its socket."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

_USER = "postgres"


class NoPostgreSql(Exception):
    """It is not installed."""


@dataclass(frozen=True, slots=True)
class PostgreSql:
    """``socket_dir`` is the folder of its socket."""

    socket_dir: Path

    def url(self, database: str = _USER) -> str:
        return f"postgresql://{_USER}@/{database}?host={self.socket_dir}"

    def new_database(self, template: str | None = None) -> str:
        """The URL of an empty one, or of a copy of the one at the URL ``template``, which nobody uses."""
        name = f"momentseek_{uuid.uuid4().hex}"
        own = self.url().replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(own, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            copied = f" TEMPLATE {make_url(template).database}" if template else ""
            connection.execute(text(f"CREATE DATABASE {name}{copied}"))
        engine.dispose()
        return self.url(name)


@contextlib.contextmanager
def running() -> Iterator[PostgreSql]:
    """It is gone with all it held when the block ends. Raises NoPostgreSql."""
    programs = _programs()
    if programs is None:
        raise NoPostgreSql("There is no PostgreSQL here. Debian, Ubuntu: apt-get install postgresql")
    # A socket's path may have 107 letters, so not in a folder of the caller's.
    folder = Path(tempfile.mkdtemp(prefix="momentseek-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _USER, _USER)
        _run(
            programs / "initdb", "-D", folder / "data", "-U", _USER, "-A", "trust", "-E", "UTF8",
            "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        # Without fsync: this data need not survive the machine.
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        control = programs / "pg_ctl", "-D", folder / "data"
        _run(*control, "-l", folder / "log", "-w", "-o", options, "start")
        try:
            yield PostgreSql(folder)
        finally:
            _run(*control, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    """The folder with initdb and pg_ctl; Debian keeps them out of PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


def _run(*command: object) -> None:
    """As PostgreSQL's own user where we are root: it refuses to run as that."""
    user = _USER if os.geteuid() == 0 else None
    done = subprocess.run(
        [str(word) for word in command], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=60, check=False, user=user, group=user,
        extra_groups=None if user is None else [],
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{Path(str(command[0])).name}: {done.stdout}")
