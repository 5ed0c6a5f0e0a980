"""The embedded store as its users hold it: Qdrant Edge in a process of its own, shared by all others."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from core.errors import DiskFull
from core.record import Points, VectorName
from core.types import Kind, Vectors
from index.store import Where
from index.stores import edge_wire as wire
from index.stores.edge_about import About, Method
from index.stores.edge_link import Link, run_compaction
from index.stores.schema import check_points, check_vectors, dimension_of, sets_nothing

_BATCH_POINTS = 2_000
_PAGE_POINTS = 20_000

QUANTISED_FROM_POINTS = 50_000
"""From here on a small copy of the vectors is looked at first; docs/speed.md has the figures."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """How many points were put in order, and how they are searched from now on."""

    points: int
    method: Method


class EdgeStore:
    """One generation of the index in ``data_dir``; any number of processes and threads at a time.

    The first user starts the process that owns the data; it ends ``linger_seconds`` after the last one has
    closed. Raises StoreBusy when somebody holds the index and does not answer, StoreDamaged when the
    generation cannot be read or, with ``create`` off, is missing.
    """

    def __init__(
        self,
        data_dir: Path,
        generation: str,
        dimensions: Mapping[VectorName, int],
        *,
        min_free_disk_mb: int = 500,
        create: bool = True,
        linger_seconds: float = 1.0,
        start_timeout_seconds: float = 30.0,
    ) -> None:
        self._data_dir = Path(data_dir).absolute()
        self._generation = generation
        self._path = wire.generation_dir(self._data_dir, generation)
        self._dimensions: dict[str, int] = {str(name): size for name, size in dimensions.items()}
        self._min_free_bytes = min_free_disk_mb * 1_000_000
        self._unflushed = False
        self._link = Link(self._data_dir, linger_seconds, start_timeout_seconds)
        try:
            self._call("open", self._dimensions, create)
        except BaseException:
            self._link.close()
            raise

    @classmethod
    def of_existing(cls, data_dir: Path, generation: str, *, min_free_disk_mb: int = 500) -> Self:
        """One that is there, whatever its dimensions. Raises StoreDamaged when it is not."""
        dimensions: dict[Any, int] = About.read(wire.generation_dir(Path(data_dir), generation)).dimensions
        return cls(data_dir, generation, dimensions, min_free_disk_mb=min_free_disk_mb, create=False)

    @staticmethod
    def owner(data_dir: Path) -> int | None:
        """The process that holds the index in ``data_dir``, or None (0 when it did not say)."""
        return wire.owner_pid(Path(data_dir))

    def upsert(self, points: Points) -> None:
        check_points(points, self._dimensions)
        for first in range(0, len(points), _BATCH_POINTS):
            batch = points[first : first + _BATCH_POINTS]
            self._check_disk(batch)
            self._unflushed = True
            self._call("upsert", batch)

    def flush(self) -> None:
        self._unflushed = False
        self._call("flush")

    def query(
        self,
        vector_name: VectorName,
        vectors: Vectors,
        where: Where,
        limit: int,
        score_threshold: float | None = None,
    ) -> list[Points]:
        check_vectors(vectors, vector_name, self._dimensions)
        if limit < 1 or not len(vectors):
            return [Points.empty(vector_name) for _ in vectors]
        found: list[Points] = self._call("query", vector_name, vectors, where, limit, score_threshold)
        return found

    def query_groups(
        self,
        vector_name: VectorName,
        vectors: Vectors,
        where: Where,
        limit: int,
        group_size: int = 1,
        score_threshold: float | None = None,
    ) -> list[Points]:
        check_vectors(vectors, vector_name, self._dimensions)
        if min(limit, group_size) < 1 or not len(vectors):
            return [Points.empty(vector_name) for _ in vectors]
        asked = vector_name, vectors, where, limit, group_size, score_threshold
        found: list[Points] = self._call("query_groups", *asked)
        return found

    def query_exactly(
        self,
        vector_name: VectorName,
        vectors: Vectors,
        where: Where,
        limit: int,
        score_threshold: float | None = None,
    ) -> list[Points]:
        """As ``query``, but every vector is looked at, however many there are."""
        check_vectors(vectors, vector_name, self._dimensions)
        asked = vector_name, vectors, where, limit, score_threshold
        found: list[Points] = self._call("query", *asked, True)
        return found

    def recommend(
        self,
        vector_name: VectorName,
        like: Vectors,
        unlike: Vectors,
        where: Where,
        limit: int,
        score_threshold: float | None = None,
    ) -> Points:
        check_vectors(like, vector_name, self._dimensions)
        check_vectors(unlike, vector_name, self._dimensions)
        if limit < 1 or not len(like):
            return Points.empty(vector_name)
        found: Points = self._call("recommend", vector_name, like, unlike, where, limit, score_threshold)
        return found

    def sample(self, vector_name: VectorName, where: Where, limit: int) -> Points:
        dimension = dimension_of(vector_name, self._dimensions)
        if limit < 1:
            return Points.empty(vector_name, dimension)
        found: Points = self._call("sample", vector_name, where, limit)
        return found

    def get(self, ids: Sequence[str], vector_name: VectorName) -> Points:
        dimension_of(vector_name, self._dimensions)
        found: Points = self._call("get", list(ids), vector_name)
        return found

    def scroll(self, vector_name: VectorName, where: Where, limit: int = 100_000) -> Points:
        pages = list(self._pages(vector_name, where, limit))
        if not pages:
            return Points.empty(vector_name)
        points = Points.concatenate(pages)
        return points[np.lexsort((np.arange(len(points)), points.time_seconds))]

    def count(self, where: Where) -> int:
        return int(self._call("count", where))

    def counts(self, media_id: str) -> dict[Kind, int]:
        found: dict[Kind, int] = self._call("counts", media_id)
        return found

    def delete(self, where: Where) -> None:
        if sets_nothing(where):
            raise ValueError("delete needs a condition; this one matches every point")
        self._unflushed = True
        self._call("delete", where)

    def compact(self, method: Method | None = None) -> Compacted:
        """Put the points in order, so that a large index is searched quickly: a copy is made, worked on by
        a process of its own and then taken for the original, with all that was written meanwhile. Searches
        go on; they wait while the copy is made and while it is taken in.

        Without ``method`` the number of points decides. Raises DiskFull, and StoreError when the store
        process has ended meanwhile.
        """
        self._check_room_for_a_copy()
        folder, points = self._call("copy_out")
        chosen = method or ("quantised" if points >= QUANTISED_FROM_POINTS else "exact")
        run_compaction(Path(folder), chosen)
        self._call("take_in", folder, chosen)
        return Compacted(points, chosen)

    def size_bytes(self) -> int:
        """Blocks in use: the store's files are sparse and look larger than they are."""
        total = 0
        for path in self._path.rglob("*"):
            try:
                total += path.stat().st_blocks * 512
            except FileNotFoundError:
                continue
        return total

    def info(self) -> dict[str, Any]:
        """points, segments, path, dimensions, and pid of the process that owns the data."""
        return {**self._call("info"), "pid": self.owner(self._data_dir)}

    def close(self) -> None:
        """Flush and let go; a second time does nothing."""
        try:
            if self._unflushed and not self._link.closed:
                self.flush()
        finally:
            self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, operation: str, *arguments: object) -> Any:
        return self._link.call(operation, self._generation, *arguments)

    def _pages(self, vector_name: VectorName, where: Where, limit: int) -> Iterator[Points]:
        after: str | None = None
        while limit > 0:
            page, after = self._call("page", vector_name, where, min(limit, _PAGE_POINTS), after)
            yield page
            limit -= len(page)
            if after is None:
                return

    def _check_room_for_a_copy(self) -> None:
        """The copy itself, and what it is rewritten into."""
        free, needed = shutil.disk_usage(self._data_dir).free, 3 * self.size_bytes()
        if free - needed < self._min_free_bytes:
            raise DiskFull(
                f"{free // 1_000_000} MB are free on the disk of {self._data_dir}; to compact this index "
                f"takes {needed // 1_000_000} MB for a while, and {self._min_free_bytes // 1_000_000} MB are "
                "kept free. Make room, or lower ingest.min_free_disk_mb."
            )

    def _check_disk(self, batch: Points) -> None:
        """A full disk kills the process that writes to a mapped file: stop well before."""
        free = shutil.disk_usage(self._data_dir).free
        # Once in the write-ahead log as float32, once in the store as float16, and the payload twice.
        needed = len(batch) * (6 * self._dimensions[batch.vector_name] + 1_000)
        if free - needed < self._min_free_bytes:
            raise DiskFull(
                f"{free // 1_000_000} MB are free on the disk of {self._data_dir} and "
                f"{self._min_free_bytes // 1_000_000} MB are kept free. Make room, or lower "
                "ingest.min_free_disk_mb."
            )
