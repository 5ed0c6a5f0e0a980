"""``momentseek snapshot``: a consistent copy of a library in one file, while a server runs and indexes.

The catalogue is copied first, as it is at one moment. Then come the points that it names, read from the store
whatever that is; what changed meanwhile is put back to waiting in the copy, as is what was being indexed, so
that the two agree. Originals that were uploaded are in it; others stay where they are, and only their paths
are.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.errors import DiskFull, InvalidRequest, NotFound, StoreDamaged
from core.record import Points, VectorName
from core.settings import Settings
from core.types import Kind
from index.catalogue import Catalogue
from index.copying import Tables, copy_catalogue
from index.store import VectorStore, Where
from momentseek import __version__
from momentseek.migrating import groups_of_media
from momentseek.snapshot_file import Manifest, SnapshotWriter
from momentseek.stores import held_dimensions, open_store
from momentseek.switching import CATALOGUE, FOLDERS

_POINTS_AT_A_TIME = 2_000
_EVERY = 2**31
_POINT_BYTES = 200
"""Of one point beside its vector."""
OnStep = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and all of it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The file, its size, and what it says of itself."""

    path: Path
    bytes: int
    manifest: Manifest


def take_snapshot(
    settings: Settings, target: Path, with_uploads: bool = True,
    on_step: OnStep = lambda what, done, all_of_it: None,
) -> Taken:
    """Copy the active generation, the catalogue and the files of the library into ``target``: a file that is
    not there yet, or a folder to make one in.

    Raises NotFound for a library without an index, InvalidRequest for a target that is none, DiskFull, and
    StoreDamaged when points are missing.
    """
    from momentseek.engine import catalogue_place, has_library

    path = _place(target)
    if not has_library(settings):
        raise NotFound(
            f"There is no library in {settings.data_dir} yet; make one with: momentseek ingest PATH"
        )
    with (
        Catalogue.open(catalogue_place(settings)) as live,
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".momentseek-snapshot-") as scratch,
    ):
        active = live.active_generation()
        if active is None:
            raise NotFound("The library is empty; there is nothing to keep.")
        dimensions = held_dimensions(settings, active.name)
        copied = Path(scratch) / CATALOGUE
        copy_catalogue(catalogue_place(settings), copied)
        with Tables.open(copied) as tables:
            waiting, revision = tables.settle(active.name), tables.revision()
        files = list(_files(settings.data_dir, with_uploads))
        with Catalogue.open(copied) as rows:
            _check_room(path, settings, rows, active.name, dimensions, files)
        with SnapshotWriter(path) as writer:
            with (
                Catalogue.open(copied) as rows,
                closing(open_store(settings, active.name, dimensions, create=False)) as store,
            ):
                copier = _Copier(live, rows, store, active.name, list(dimensions), writer)
                waiting += copier.copy_points(on_step)
                for media_id in waiting:
                    rows.queue_media(media_id)
                media = rows.expected_counts_by_media(active.name)
            for number, (name, file) in enumerate(files):
                on_step("files", number, len(files))
                writer.add_file(name, file)
            writer.add_file(CATALOGUE, copied)
            manifest = writer.finish(
                momentseek=__version__, created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                catalogue_revision=revision, generation=active.name, dimensions=dimensions,
                data_dir=os.fspath(settings.data_dir.absolute()), with_uploads=with_uploads,
                waiting=sorted(waiting), media=media,
            )  # fmt: skip
    return Taken(path, path.stat().st_size, manifest)


@dataclass(frozen=True, slots=True)
class _Copier:
    """``live`` is the catalogue as it changes, ``rows`` the copy of it that the points must agree with."""

    live: Catalogue
    rows: Catalogue
    store: VectorStore
    generation: str
    names: Sequence[VectorName]
    writer: SnapshotWriter

    def copy_points(self, on_step: OnStep) -> list[str]:
        """Returns the ids of media that had to be put back to waiting in the copy."""
        expected = self.rows.expected_counts_by_media(self.generation)
        total = sum(sum(counts.values()) for counts in expected.values())
        done, put_back = 0, []
        on_step("points", done, total)
        for media_ids, number in groups_of_media(expected):
            found: dict[str, Counter[Kind]] = {media_id: Counter() for media_id in media_ids}
            for points in self._points_of(media_ids):
                self.writer.add_points(points)
                for media_id, kind in zip(points.media_id, points.kind, strict=True):
                    found[media_id][kind] += 1
            wrong = [media_id for media_id in media_ids if dict(found[media_id]) != expected[media_id]]
            if wrong:
                put_back += self._put_back(wrong, expected)
            done += number
            on_step("points", done, total)
        return put_back

    def _points_of(self, media_ids: tuple[str, ...]) -> Iterator[Points]:
        for name in self.names:
            ids = self.store.scroll(name, Where(media_ids=media_ids), limit=_EVERY).id
            for first in range(0, len(ids), _POINTS_AT_A_TIME):
                points = self.store.get(ids[first : first + _POINTS_AT_A_TIME], name)
                if len(points):
                    yield points

    def _put_back(self, media_ids: Sequence[str], expected: Mapping[str, Mapping[Kind, int]]) -> list[str]:
        """What was changed while it was copied waits in the copy; what was removed is not in it. Raises
        StoreDamaged for what nobody has changed."""
        now = self.live.expected_counts_by_media(self.generation)
        back = []
        for media_id in media_ids:
            if now.get(media_id) == expected[media_id] and self.store.counts(media_id) != expected[media_id]:
                raise StoreDamaged(
                    f"The index is not complete: {self.rows.get_media(media_id).name} has another number of "
                    "points than was written. Run `momentseek doctor` to see and repair it."
                )
            if self.live.find_media(media_id) is None:
                self.rows.remove_media(media_id)
            else:
                self.rows.put_back(media_id, "It was changed while a snapshot was taken.")
                back.append(media_id)
        return back


def _place(target: Path) -> Path:
    """Raises InvalidRequest."""
    target = target.expanduser().absolute()
    if target.is_dir():
        target /= f"momentseek-{datetime.now().strftime('%Y%m%d-%H%M%S')}.tar"
    if target.exists():
        raise InvalidRequest(f"{target} is there already; name another file, or a folder.")
    if not target.parent.is_dir():
        raise InvalidRequest(f"There is no folder {target.parent}; make it, or name another file.")
    return target


def _files(data_dir: Path, with_uploads: bool) -> Iterator[tuple[str, Path]]:
    """What lies in the library's folders, by its name in the snapshot; uploads that are not finished do not
    count."""
    for folder in FOLDERS:
        if folder == "uploads" and not with_uploads:
            continue
        for path in sorted((data_dir / folder).rglob("*")):
            name = path.relative_to(data_dir)
            if path.is_file() and name.parts[:2] != ("uploads", "incoming"):
                yield name.as_posix(), path


def _check_room(
    path: Path, settings: Settings, rows: Catalogue, generation: str,
    dimensions: Mapping[VectorName, int], files: Sequence[tuple[str, Path]],
) -> None:
    points = sum(rows.expected_counts(generation).values())
    sizes = (file.stat().st_size for _, file in files if file.exists())
    needed = points * (2 * max(dimensions.values()) + _POINT_BYTES) + sum(sizes)
    free, kept = shutil.disk_usage(path.parent).free, settings.ingest.min_free_disk_mb * 1_000_000
    if free - needed < kept:
        raise DiskFull(
            f"The snapshot takes about {needed // 1_000_000} MB; {free // 1_000_000} MB are free on the disk "
            f"of {path.parent}, and {kept // 1_000_000} MB are kept free. Name a place on another disk, or "
            "lower ingest.min_free_disk_mb."
        )
