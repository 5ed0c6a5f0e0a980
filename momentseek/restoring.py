"""``momentseek restore``: a library from its snapshot, whatever store and database the settings name.

The snapshot is looked through before anything is touched. What lies in the data folder is made ready beside
what is there and takes its place at the end. A Qdrant server gets its points before the catalogue names them,
and a database its rows in one transaction. Interrupted anywhere, the same command goes on or begins again
(with --replace where a server or a database holds something by then).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import DiskFull, InvalidRequest, StoreBusy, StoreDamaged
from core.settings import Settings
from core.types import KINDS
from index.catalogue import Catalogue
from index.copying import Tables, copy_catalogue
from index.counts import require_counts
from index.store import VectorStore, Where
from index.stores.edge import EdgeStore
from index.stores.edge_wire import owning
from momentseek import switching
from momentseek.migrating import loading
from momentseek.remote import running_server
from momentseek.snapshot_file import Manifest, SnapshotReader
from momentseek.snapshots import OnStep
from momentseek.stores import drop_generation, open_store
from momentseek.switching import CATALOGUE, FOLDERS

_MEDIA_AT_A_TIME = 500
_STORE_ENDS_SECONDS, _OTHERS_END_SECONDS = 60.0, 3.0
"""The process that owns the points ends a little after its last user."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What is in place now. ``begun_before``: an interrupted run had brought it, and this one has only
    finished that."""

    manifest: Manifest
    begun_before: bool = False


def restore(
    settings: Settings, path: Path, replace: bool = False,
    on_step: OnStep = lambda what, done, all_of_it: None,
) -> Restored:
    """Make the library of ``settings`` that of the snapshot ``path``.

    Raises NotFound and InvalidRequest for what is no snapshot, InvalidRequest for a place that holds
    something else unless ``replace``, StoreDamaged for a damaged snapshot, StoreBusy while somebody works on
    the library there, DiskFull, and StoreError. What was there is as it was then.
    """
    data_dir = settings.data_dir
    with SnapshotReader(path) as snapshot:
        data_dir.mkdir(parents=True, exist_ok=True)
        if running_server(data_dir) is not None:
            raise StoreBusy("A server runs on this library; stop it first.")
        _until_nobody_owns(data_dir, _OTHERS_END_SECONDS)
        with owning(data_dir) as mine:
            if not mine:
                raise StoreBusy(f"Somebody works on the library in {data_dir}; stop that first.")
            if switching.finish(data_dir) == snapshot.identity:
                return Restored(snapshot.manifest, begun_before=True)
            work = _Restoring(settings, snapshot, on_step)
            if not replace:
                work.require_empty_place()
            work.require_nobody_works()
            work.check_room()
            snapshot.check(lambda done, all_of_them: on_step("checking", done, all_of_them))
            work.run()
    return Restored(snapshot.manifest)


class _Restoring:
    def __init__(self, settings: Settings, snapshot: SnapshotReader, on_step: OnStep) -> None:
        self._settings, self._snapshot, self._on_step = settings, snapshot, on_step
        self._data_dir, self._manifest = settings.data_dir, snapshot.manifest
        self._generation = snapshot.manifest.generation

    def require_empty_place(self) -> None:
        """Raises InvalidRequest."""
        from momentseek.engine import catalogue_place

        there = [name for name in switching.parts_there(self._data_dir) if name not in self._spared()]
        holds = [name for name in there if not name.startswith(CATALOGUE)]
        where = str(self._data_dir)
        if self._settings.catalogue.url is not None or (self._data_dir / CATALOGUE).is_file():
            with Tables.open(catalogue_place(self._settings)) as tables:
                if not tables.is_empty():
                    holds.append("a catalogue")
        if not holds and self._settings.store.url is not None:
            where = self._settings.store.url
            holds += ["points"] if self._has_points() else []
        if holds:
            raise InvalidRequest(
                f"There is a library already ({where}: {', '.join(holds)}), or a part of one that was being "
                "restored. Name another --data-dir, or give --replace to have the snapshot in its place."
            )

    def _has_points(self) -> bool:
        try:
            store = open_store(self._settings, self._generation, self._manifest.dimensions, create=False)
        except StoreDamaged:
            return False
        with closing(store):
            return store.count(Where()) > 0

    def require_nobody_works(self) -> None:
        """Workers on other machines have leases. Raises StoreBusy."""
        from index.tables import now
        from momentseek.engine import catalogue_place

        if self._settings.catalogue.url is None:
            return
        with Catalogue.open(catalogue_place(self._settings)) as rows:
            at_work = [
                job for job in rows.running_jobs("ingest")
                if job.lease_until is not None and job.lease_until > now()
            ]
        if at_work:
            raise StoreBusy(f"{at_work[0].lease_owner} works on this library; stop the workers first.")

    def check_room(self) -> None:
        free, needed = shutil.disk_usage(self._data_dir).free, 2 * self._manifest.bytes
        if free < needed:
            raise DiskFull(
                f"To restore takes up to {needed // 1_000_000} MB for a while; {free // 1_000_000} MB are "
                f"free on the disk of {self._data_dir}."
            )

    def run(self) -> None:
        aside = switching.clear(self._data_dir)
        catalogue = aside / CATALOGUE
        self._snapshot.extract(CATALOGUE, catalogue)
        with Tables.open(catalogue) as tables:
            before, after = Path(self._manifest.data_dir), self._data_dir.absolute()
            tables.move_paths(before / "uploads", after / "uploads")
        with Catalogue.open(catalogue) as rows:
            if rows.expected_counts_by_media(self._generation) != self._manifest.media:
                raise StoreDamaged(
                    f"{self._snapshot.path} is damaged: its catalogue names other points than its manifest. "
                    "Take another."
                )
            self._bring_points(self._settings.model_copy(update={"data_dir": aside}), rows)
        self._bring_files(aside)
        others = self._other_generations()
        self._bring_catalogue(catalogue)
        switching.switch(self._data_dir, self._snapshot.identity, self._spared())
        self._clear_server(others)

    def _spared(self) -> list[str]:
        """Parts of the data folder that nothing takes the place of: an index or a catalogue that lies there
        while the settings name others is not this library's."""
        spared = [] if self._manifest.with_uploads else ["uploads"]
        if self._settings.store.url is not None:
            spared.append("index")
        if self._settings.catalogue.url is not None:
            spared += [CATALOGUE, f"{CATALOGUE}-wal", f"{CATALOGUE}-shm"]
        return spared

    def _bring_points(self, settings: Settings, rows: Catalogue) -> None:
        with closing(self._open_store(settings)) as store:
            missing = self._missing(store)
            total = sum(sum(self._manifest.media[media_id].values()) for media_id in missing)
            done = 0
            self._on_step("points", done, total)
            with loading(store):
                _delete(store, sorted(missing) if store.count(Where()) else ())
                for points in self._snapshot.points():
                    wanted = points[np.array([one in missing for one in points.media_id], bool)]
                    store.upsert(wanted)
                    done += len(wanted)
                    self._on_step("points", done, total)
                store.flush()
            require_counts(store, rows, self._generation)
        if settings.store.url is None:
            _until_nobody_owns(settings.data_dir, _STORE_ENDS_SECONDS)

    def _missing(self, store: VectorStore) -> set[str]:
        """Media of which the store does not hold what it is to hold. Under one generation the same points
        have the same vectors, so that their number tells."""
        media = self._manifest.media
        if not store.count(Where()):
            return set(media)
        return {media_id for media_id, counts in media.items() if store.counts(media_id) != counts}

    def _bring_files(self, aside: Path) -> None:
        names = [name for folder in FOLDERS for name in self._snapshot.names_in(folder)]
        for number, name in enumerate(names):
            self._on_step("files", number, len(names))
            self._snapshot.extract(name, aside / name)

    def _other_generations(self) -> list[str]:
        from momentseek.engine import catalogue_place, has_library

        if self._settings.store.url is None or not has_library(self._settings):
            return []
        with Catalogue.open(catalogue_place(self._settings)) as rows:
            return [row.name for row in rows.list_generations() if row.name != self._generation]

    def _bring_catalogue(self, catalogue: Path) -> None:
        from momentseek.engine import catalogue_place

        if self._settings.catalogue.url is not None:
            copy_catalogue(catalogue, catalogue_place(self._settings), replace=True)
            catalogue.unlink()

    def _clear_server(self, others: Sequence[str]) -> None:
        """Nobody names these points any more."""
        if self._settings.store.url is None:
            return
        for name in others:
            drop_generation(self._settings, name)
        with closing(self._open_store(self._settings)) as store:
            if store.count(Where()) != self._manifest.points:
                known = tuple(self._manifest.media)
                store.delete(Where(not_media_ids=known) if known else Where(kinds=KINDS))
                store.flush()

    def _open_store(self, settings: Settings) -> VectorStore:
        return open_store(settings, self._generation, self._manifest.dimensions, linger_seconds=0.0)


def _delete(store: VectorStore, media_ids: Sequence[str]) -> None:
    for first in range(0, len(media_ids), _MEDIA_AT_A_TIME):
        store.delete(Where(media_ids=tuple(media_ids[first : first + _MEDIA_AT_A_TIME])))


def _until_nobody_owns(data_dir: Path, seconds: float) -> None:
    """Raises StoreBusy."""
    deadline = time.monotonic() + seconds
    while (owner := EdgeStore.owner(data_dir)) is not None:
        if time.monotonic() > deadline:
            raise StoreBusy(f"Process {owner} works on the library in {data_dir}; stop what uses it first.")
        time.sleep(0.05)
