"""Versions of what stores keep, and how an older store becomes one of today.

Every store says which version its points are of: the embedded one in ``about.json``, a collection in its
metadata. One that says nothing is of the first. A new store is made as of the first version, too, and then
goes the same way: whoever is killed in between has made an older one.

====== =======================================================
 1     the record as README has it
 2     payload indexes for every field that filters use
====== =======================================================
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from core.errors import StoreError
from index.stores.schema import INDEXED

FIRST = 1


class Upgradable(Protocol):
    """A store that is being opened; nobody else needs to be kept out."""

    def fields_indexed(self) -> Collection[str]: ...

    def index_field(self, field: str) -> None:
        """Return when it is indexed; a second time changes nothing."""


def _index_all_fields(store: Upgradable) -> None:
    there = store.fields_indexed()
    for field in INDEXED:
        if field not in there:
            store.index_field(field)


STEPS: Mapping[int, Callable[[Upgradable], None]] = {2: _index_all_fields}
"""By the version that they lead to. Every step may be repeated, and be run by two at once."""
NEWEST = max(STEPS)


def upgrade(store: Upgradable, version: int, what: str) -> bool:
    """Run what is missing, in order; whether there was anything, so that the caller notes down ``NEWEST``.

    ``what`` is the store as people know it. Raises StoreError for one of a newer momentseek.
    """
    require_known(version, what)
    missing = [step for step in sorted(STEPS) if step > version]
    for step in missing:
        STEPS[step](store)
    return bool(missing)


def require_known(version: int, what: str) -> None:
    if version > NEWEST:
        raise StoreError(
            f"{what} was written by a newer momentseek: its points are of version {version}, this one knows "
            f"up to {NEWEST}. Update momentseek, or use another --data-dir."
        )
