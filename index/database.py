"""The catalogue's database: opened, brought up to date, and written in short transactions."""

from __future__ import annotations

import contextlib
import sqlite3
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.orm import Session

from core.errors import InvalidRequest, SettingsError, StoreError
from core.settings import CatalogueSettings

if TYPE_CHECKING:
    from alembic.config import Config

_BUSY_SECONDS = 30
_MIGRATIONS = Path(__file__).with_name("migrations")
_ADVISORY_LOCK = 7_305_814_023
"""Any number, the same for every momentseek: who opens a PostgreSQL catalogue second waits."""
_WRITERS = 7_305_815
_LEADERS = 7_305_816
"""Two more, each with a number beside it for who writes and who leads."""
_IDLE_CONNECTIONS, _MORE_CONNECTIONS = 2, 13
"""Of one process to a server. A hundred workers must leave room for others."""


def place_of(settings: CatalogueSettings, data_dir: Path) -> str | Path:
    """Where the catalogue is: the file in ``data_dir``, or the URL of the settings, with its password. Raises
    SettingsError."""
    if settings.url is None:
        return data_dir / "catalogue.sqlite"
    url = _url(settings.url.get_secret_value())
    if settings.password_file is not None:
        try:
            password = settings.password_file.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise SettingsError(
                f"catalogue.password_file {settings.password_file} cannot be read: {reason}."
            ) from None
        url = url.set(password=password)
    return url.render_as_string(hide_password=False)


class Database:
    """SQLite by default, anything SQLAlchemy speaks by URL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._leading: dict[str, Connection] = {}

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
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"A catalogue at {_shown(url)} needs a package that is not here ({error.name}): "
                "pip install 'momentseek[postgres]'"
            ) from None
        except (ArgumentError, NoSuchModuleError) as error:
            raise SettingsError(f"The catalogue cannot be at {_shown(url)}: {_one_line(error)}.") from None
        except (DBAPIError, sqlite3.Error, OSError) as error:
            reason = _one_line(getattr(error, "orig", None) or error)
            raise StoreError(f"The catalogue {_shown(url)} cannot be opened: {reason}.") from None
        return cls(engine)

    def close(self) -> None:
        for name in list(self._leading):
            self._stop_leading(name)
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _read(self) -> Iterator[Session]:
        with self._plainly(), Session(self._engine) as session:
            yield session

    @contextlib.contextmanager
    def _write(self, alone: bool = True) -> Iterator[Session]:
        """One transaction that takes the right to write at its start: SQLite cannot wait for it later.

        What is read in it holds until its end. PostgreSQL lets others write meanwhile: there a transaction
        is ``alone`` among those of its class, unless it says that it locks what it reads.
        """
        engine = self._engine.execution_options(writes=True)
        with self._plainly(), Session(engine) as session, session.begin():
            if alone and _is_postgresql(self._engine):
                key = zlib.crc32(type(self).__name__.encode()) - 2**31
                session.execute(select(func.pg_advisory_xact_lock(_WRITERS, key)))
            yield session

    @contextlib.contextmanager
    def _plainly(self) -> Iterator[None]:
        """Raises StoreError for a server that is away, InvalidRequest for text that it does not take."""
        try:
            yield
        except DBAPIError as error:
            if not _is_postgresql(self._engine):
                raise
            if isinstance(error, DataError) and "NUL" in str(error.orig):
                raise InvalidRequest("A text may not hold the character NUL (\\0).") from None
            if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
                where = _shown(self._engine.url)
                reason = _one_line(error.orig or error)
                raise StoreError(f"The catalogue {where} does not answer: {reason}. Try again.") from None
            raise

    def leads(self, what: str) -> bool:
        """Whether this process is the one that does ``what``, of all that share the catalogue. Once it is, it
        stays so until it closes, ends, or loses its connection. SQLite has one server: that one leads.

        For one thread per ``what``.
        """
        if not _is_postgresql(self._engine):
            return True
        try:
            if what in self._leading:
                self._leading[what].execute(text("SELECT 1"))
                return True
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._leading[what] = connection
            key = zlib.crc32(what.encode()) - 2**31
            if connection.scalar(select(func.pg_try_advisory_lock(_LEADERS, key))):
                return True
        except DBAPIError:
            self._stop_leading(what)
            return False
        self._stop_leading(what)
        return False

    def _stop_leading(self, what: str) -> None:
        connection = self._leading.pop(what, None)
        if connection is not None:
            # Closed for good and not given back: the lock is the connection's.
            with contextlib.suppress(DBAPIError):
                connection.invalidate()
            connection.close()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to ``revision``. Whoever comes second waits and finds the work done."""
    with engine.connect() as connection:
        if _revision(connection, engine.url) == _newest() and revision == "head":
            return
    from alembic import command

    with engine.execution_options(writes=True).begin() as connection:
        if _is_postgresql(engine):
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
            url = make_url(url_or_path)
            # SQLAlchemy's first choice for this name is a driver that we do not use.
            plain = url.drivername in ("postgresql", "postgres")
            return url.set(drivername="postgresql+psycopg") if plain else url
    except ArgumentError:
        raise SettingsError("The catalogue's address is not the URL of a database.") from None
    return URL.create("sqlite", database=str(Path(url_or_path).expanduser().resolve()))


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(
            url, pool_pre_ping=True, pool_size=_IDLE_CONNECTIONS, max_overflow=_MORE_CONNECTIONS
        )
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


def _is_postgresql(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


def _shown(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300]
