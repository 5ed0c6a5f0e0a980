"""What a server has sent, kept: payloads as columns, so that hits come without theirs, and samples.

Many processes write to a server, so what was read once may have changed. Every hit carries the number of the
write that made it what it is (its version): a payload counts only while that has not changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np

from core.record import Points, VectorName
from core.types import Vectors
from index.store import Where
from index.stores.edge_rows import Rows

Payloads = Mapping[str, Mapping[str, Any]]
"""By id."""


class VersionedRows:
    """Thread-safe; ``read`` fetches the payloads of ids, and leaves out those that are gone."""

    def __init__(self, read: Callable[[Sequence[str]], Payloads], capacity: int = 500_000) -> None:
        self._read = read
        self._capacity = capacity
        self._lock = threading.Lock()
        self._rows = Rows(capacity)
        self._versions: dict[int, int] = {}

    def forget(self, ids: Sequence[str]) -> None:
        with self._lock:
            self._rows.forget(UUID(point_id).int for point_id in ids)

    def points(
        self, vector_name: VectorName, found: Sequence[Sequence[tuple[str, int, float]]]
    ) -> list[Points]:
        """For every list of (id, version, score) its points, in order; those removed meanwhile are left out.
        Raises KeyError for a payload that lacks a field."""
        hits = [[(UUID(point_id).int, version, score) for point_id, version, score in some] for some in found]
        wanted = {number: version for some in hits for number, version, _ in some}
        gone: set[int] = set()
        while True:
            with self._lock:
                missing = [number for number in self._outdated(wanted) if number not in gone]
                if not missing:
                    return [self._points(vector_name, some, gone) for some in hits]
            # Outside the lock: others need not wait for the network. What comes may be newer than the version
            # it is kept under; the next hit then has another one, and it is read again.
            payloads = self._read([str(UUID(int=number)) for number in missing])
            there = [(UUID(point_id).int, payload) for point_id, payload in payloads.items()]
            gone.update(set(missing) - {number for number, _ in there})
            with self._lock:
                self._rows.make_room([number for number, _ in there])
                self._rows.add([number for number, _ in there], [payload for _, payload in there])
                self._versions.update((number, wanted[number]) for number, _ in there)

    def _outdated(self, wanted: Mapping[int, int]) -> list[int]:
        if len(self._versions) > 2 * self._capacity:
            self._versions.clear()
            self._rows.clear()
        known = self._versions
        self._rows.forget(number for number, version in wanted.items() if known.get(number) != version)
        return self._rows.missing(wanted)

    def _points(
        self, vector_name: VectorName, hits: Sequence[tuple[int, int, float]], gone: set[int]
    ) -> Points:
        if gone:
            hits = [hit for hit in hits if hit[0] not in gone]
        scores = np.fromiter((score for *_, score in hits), np.float32, len(hits))
        return self._rows.points(vector_name, [number for number, *_ in hits], scores)


class Samples:
    """The points of questions that come again and again, with vectors: what chance is learned from is asked
    for every few seconds, weighs tens of MB on the wire, and hardly changes. Thread-safe.

    Which points there are is asked every time; a point that was read once is believed until this process
    writes it, for under one generation the same id has the same vector.
    """

    def __init__(self, read: Callable[[Sequence[str], VectorName], Points], questions: int = 16) -> None:
        """``read`` fetches points by id and leaves out those that are gone."""
        self._read = read
        self._questions = questions
        self._lock = threading.Lock()
        self._kept: dict[tuple[VectorName, Where], Points] = {}

    def forget(self, ids: Sequence[str]) -> None:
        written = set(ids)
        with self._lock:
            for question, points in self._kept.items():
                if written.isdisjoint(points.id):
                    continue
                keep = [row for row, point_id in enumerate(points.id) if point_id not in written]
                self._kept[question] = points[np.array(keep, np.intp)]

    def points(self, vector_name: VectorName, where: Where, ids: Sequence[str]) -> Points:
        """Those of these ids that are there, in this order."""
        with self._lock:
            kept = self._kept.get((vector_name, where), Points.empty(vector_name))
        known = set(kept.id)
        fresh = self._read([point_id for point_id in ids if point_id not in known], vector_name)
        points = Points.concatenate([part for part in (kept, fresh) if len(part)] or [fresh])
        row_of = {point_id: row for row, point_id in enumerate(points.id)}
        points = points[np.array([row_of[one] for one in ids if one in row_of], np.intp)]
        with self._lock:
            if len(self._kept) >= self._questions:
                self._kept.clear()
            self._kept[vector_name, where] = points
        return points


def points_of(
    vector_name: VectorName, ids: Sequence[str], payloads: Sequence[Mapping[str, Any]],
    vectors: Vectors | None = None,
) -> Points:
    """Points of payloads that were just read. Raises KeyError for one that lacks a field."""
    rows = Rows()
    numbers = [UUID(point_id).int for point_id in ids]
    rows.add(numbers, payloads)
    return rows.points(vector_name, numbers, vectors=vectors)
