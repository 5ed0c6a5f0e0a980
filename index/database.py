"""The catalogue's database: opened, brought up to date, and written in short transactions."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session

from core.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from alembic.config import Config

_BUSY_SECONDS = 30
_MIGRATIONS = Path(__file__).with_name("migrations")
_ADVISORY_LOCK = 7_305_814_023
"""Any number, the same for every momentseek: who opens a PostgreSQL catalogue second waits."""


class Database:
    """SQLite by default, anything SQLAlchemy speaks by URL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url_or_path: str | Path) -> Self:
        """Open and upgrade to the newest tables.

        Raises StoreError for a database that cannot be opened or was written by a newer version, and
        SettingsError for a URL that makes no sense.
        """
        url = _url(url_or_path)
        try:
            engine = _engine(url)
            upgrade(engine)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise SettingsError(f"The catalogue cannot be at {url_or_path}: {_one_line(error)}.") from None
        except (DBAPIError, sqlite3.Error, OSError) as error:
            reason = _one_line(getattr(error, "orig", None) or error)
            raise StoreError(f"The catalogue {_shown(url)} cannot be opened: {reason}.") from None
        return cls(engine)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _read(self) -> Iterator[Session]:
        with Session(self._engine) as session:
            yield session

    @contextlib.contextmanager
    def _write(self) -> Iterator[Session]:
        """One transaction that takes the right to write at its start: SQLite cannot wait for it later."""
        with Session(self._engine.execution_options(writes=True)) as session, session.begin():
            yield session


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to ``revision``. Whoever comes second waits and finds the work done."""
    with engine.connect() as connection:
        if _revision(connection, engine.url) == _newest() and revision == "head":
            return
    from alembic import command

    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        _revision(connection, engine.url)
        command.upgrade(_alembic(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    from alembic import command

    with engine.execution_options(writes=True).begin() as connection:
        command.downgrade(_alembic(connection), revision)


def _revision(connection: Connection, url: URL) -> str | None:
    """What the database is at; read without alembic, which takes as long to import as all else here and is
    seldom needed. Raises StoreError when this version does not know it."""
    revision = None
    if inspect(connection).has_table("alembic_version"):
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision is not None and revision not in _known():
        raise StoreError(
            f"The catalogue {_shown(url)} was written by a newer momentseek: its tables are at {revision}, "
            f"this version knows up to {_newest()}. Update momentseek, or use another --data-dir."
        )
    return revision


def _known() -> list[str]:
    """Revisions, the oldest first: they are numbered, and files are named by them."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _newest() -> str:
    return _known()[-1]


def _alembic(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _url(url_or_path: str | Path) -> URL:
    try:
        if isinstance(url_or_path, str) and "://" in url_or_path:
            return make_url(url_or_path)
    except ArgumentError:
        raise SettingsError(f"{url_or_path!r} is not the URL of a database.") from None
    return URL.create("sqlite", database=str(Path(url_or_path).expanduser().resolve()))


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        _use_write_ahead_log(url.database)
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _use_write_ahead_log(path: str) -> None:
    """The mode stays with the file. Changing it does not wait for others as everything else does."""
    for attempt in range(100):
        with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or attempt == 99:
                    raise
        time.sleep(0.05)


def _prepare_sqlite(connection: Any, _: object) -> None:
    # SQLAlchemy begins transactions itself, below; the driver would begin them too late.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _shown(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300]
