"""Which vector store a setting names: the embedded one, or a Qdrant server where ``store.url`` is set."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from core.errors import SettingsError
from core.record import VectorName
from core.settings import Settings
from index.store import VectorStore
from index.stores.edge import EdgeStore
from index.stores.edge_about import About
from index.stores.edge_wire import generation_dir


def open_store(
    settings: Settings, generation: str, dimensions: Mapping[VectorName, int], create: bool = True,
    linger_seconds: float = 1.0,
) -> VectorStore:
    """``linger_seconds``: how long the process of an embedded one outlives its last user.

    Raises StoreError, and SettingsError for a server without the package that talks to it.
    """
    if settings.store.url is None:
        return EdgeStore(
            settings.data_dir, generation, dimensions, min_free_disk_mb=settings.ingest.min_free_disk_mb,
            create=create, linger_seconds=linger_seconds,
        )  # fmt: skip
    opened: VectorStore = _server().ServerStore.of(settings.store, generation, dimensions, create)
    return opened


def held_dimensions(settings: Settings, generation: str) -> dict[VectorName, int]:
    """Numbers of a vector by its name, asked of what is there: no model needs to be loaded for that.
    Raises StoreDamaged when there is none."""
    if settings.store.url is None:
        held: dict[Any, int] = About.read(generation_dir(settings.data_dir, generation)).dimensions
        return held
    on_server: dict[VectorName, int] = _server().collection_dimensions(settings.store, generation)
    return on_server


def drop_generation(settings: Settings, generation: str) -> None:
    """Remove the points of a generation that nobody uses any more; nothing happens when they are gone."""
    if settings.store.url is None:
        shutil.rmtree(generation_dir(settings.data_dir, generation), ignore_errors=True)
        return
    _server().drop_collection(settings.store, generation)


def _server() -> ModuleType:
    """Loaded when it is needed: most libraries have no server, nor the package that talks to one."""
    try:
        from index.stores import server
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"store.url needs a package that is not here ({error.name}): pip install 'momentseek[qdrant]'"
        ) from None
    return server
