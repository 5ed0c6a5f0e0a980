"""A whole catalogue from one database into another, whatever they are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from core.errors import InvalidRequest, StoreError
from index.database import Database
from index.tables import Base

_ROWS_AT_A_TIME = 1_000


class Tables(Database):
    """Every table of the catalogue, parents before children."""

    def copy_to(self, other: Tables, replace: bool = False) -> dict[str, int]:
        """Make ``other`` hold what this one holds; rows by table. In one transaction: interrupted, ``other``
        is as it was.

        Raises InvalidRequest when ``other`` holds something else and is not to be replaced.
        """
        with self._engine.connect() as here, other._engine.execution_options(writes=True).begin() as there:
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
