"""A whole catalogue from one database into another, whatever they are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, delete, func, insert, or_, select, text, update
from sqlalchemy.exc import DBAPIError

from core.errors import InvalidRequest, StoreError
from index.database import Database
from index.files import chunks
from index.paths import to_text
from index.rows import SEARCHABLE
from index.tables import STRETCH, Base, Generation, Job, Media, MediaFile

_ROWS_AT_A_TIME = 1_000


class Tables(Database):
    """Every table of the catalogue, parents before children."""

    def copy_to(self, other: Tables, replace: bool = False) -> dict[str, int]:
        """Make ``other`` hold what this one holds; rows by table. In one transaction: interrupted, ``other``
        is as it was.

        Raises InvalidRequest when ``other`` holds something else and is not to be replaced.
        """
        with self._at_once() as here, other._engine.execution_options(writes=True).begin() as there:
            if _alike(here, there):
                return {table.name: _count(here, table) for table in _tables()}
            if not replace and any(_count(there, table) for table in _tables()):
                raise InvalidRequest(
                    "The catalogue there holds another library, or an older state of this one. Name an empty "
                    "database, or give --replace to overwrite what it holds."
                )
            for table in reversed(_tables()):
                there.execute(delete(table))
            return {table.name: _copy(table, here, there) for table in _tables()}

    def is_empty(self) -> bool:
        with self._engine.connect() as here:
            return not any(_count(here, table) for table in _tables())

    def settle(self, generation: str) -> list[str]:
        """As if nobody worked on what this holds, and there were no other generation: media in work wait,
        and so do those of other generations. Returns their ids."""
        with self._write() as session:
            other = and_(Media.status.in_(SEARCHABLE), Media.generation.is_distinct_from(generation))
            unsettled = select(Media.id).where(or_(Media.status == "indexing", other)).order_by(Media.id)
            waiting = list(session.scalars(unsettled))
            for some in chunks(waiting):
                session.execute(update(Media).where(Media.id.in_(some)).values(
                    status="pending", reason=None, point_counts={}, indexed_at=None
                ))
            # What was indexed of a long file in stretches is not kept, and the file waits as a whole.
            session.execute(delete(Job).where(Job.kind == STRETCH))
            session.execute(update(Job).where(Job.state == "running").values(
                state="queued", progress=0.0, lease_owner=None, lease_until=None
            ))
            session.execute(delete(Generation).where(Generation.name != generation))
            return waiting

    def move_paths(self, old: Path, new: Path) -> None:
        """Files below the folder ``old`` lie below ``new`` from now on."""
        before, after = to_text(old).rstrip("/") + "/", to_text(new).rstrip("/") + "/"
        if before == after:
            return
        with self._write() as session:
            for column in (MediaFile.path, Job.path):
                moved = update(column.class_).where(column.startswith(before, autoescape=True))
                session.execute(moved.values(path=after + func.substr(column, len(before) + 1)))

    def revision(self) -> str:
        """Which tables these are: those of this version, as always once a catalogue has been opened."""
        with self._engine.connect() as here:
            return str(here.execute(text("SELECT version_num FROM alembic_version")).scalar_one())

    def _at_once(self) -> Connection:
        """What is read through it is of one moment, however long it takes."""
        connection = self._engine.connect()
        if connection.dialect.name == "postgresql":
            return connection.execution_options(isolation_level="REPEATABLE READ")
        return connection


def copy_catalogue(source: str | Path, target: str | Path, replace: bool = False) -> dict[str, int]:
    """Rows by table; both are URLs or paths of SQLite files. Raises InvalidRequest, SettingsError and
    StoreError."""
    with Tables.open(source) as here, Tables.open(target) as there:
        try:
            return here.copy_to(there, replace)
        except DBAPIError as error:
            reason = " ".join(str(error.orig).split())[:300]
            raise StoreError(f"The catalogue could not be copied, and nothing was: {reason}.") from None


def _tables() -> list[Table]:
    return Base.metadata.sorted_tables


def _copy(table: Table, here: Connection, there: Connection) -> int:
    copied = 0
    for rows in _rows(here, table).partitions(_ROWS_AT_A_TIME):
        there.execute(insert(table), [dict(row._mapping) for row in rows])
        copied += len(rows)
    _count_on_from_here(table, there)
    return copied


def _rows(connection: Connection, table: Table) -> Any:
    return connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(
        select(table).order_by(*table.primary_key.columns)
    )


def _alike(here: Connection, there: Connection) -> bool:
    counts_agree = all(_count(here, table) == _count(there, table) for table in _tables())
    return counts_agree and all(
        mine == theirs for table in _tables() for mine, theirs in _pairs(table, here, there)
    )


def _pairs(table: Table, here: Connection, there: Connection) -> Iterator[tuple[Row[Any], Row[Any]]]:
    """Rows that stand at the same place; databases may sort text differently, so they are paired by key."""
    keys = [column.name for column in table.primary_key.columns]

    def sorted_rows(connection: Connection) -> list[Row[Any]]:
        return sorted(_rows(connection, table), key=lambda row: tuple(row._mapping[key] for key in keys))

    return zip_longest(sorted_rows(here), sorted_rows(there))


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _count_on_from_here(table: Table, connection: Connection) -> None:
    """PostgreSQL hands out numbers of its own, and does not see those that were written."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != "postgresql":
        return
    last = connection.execute(select(func.max(column))).scalar()
    if last is not None:
        sequence = text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)")
        connection.execute(sequence, {"table": table.name, "column": column.name, "last": last})
