"""Payloads of points seen so far, as columns.

Reading five thousand payloads out of the embedded store costs some 50 ms, finding the points 7 ms. The
process that owns the store is the only one that writes to it, so what it has read once stays true until it
writes the point again: a hit then costs one lookup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from core.record import Points, VectorName
from core.types import Vectors

_COLUMNS: dict[str, tuple[type, int]] = {
    "id": (object, 0),
    "media_id": (object, 0),
    "media_type": (object, 0),
    "kind": (object, 0),
    "label": (object, 0),
    "time_seconds": (np.float64, 0),
    "span_seconds": (np.float64, 2),
    "box_xyxy": (np.float32, 4),
    "label_score": (np.float32, 0),
    "track": (np.int64, 0),
    "shot": (np.int64, 0),
}


class Rows:
    """At most ``capacity`` points, about 300 bytes each; when full it starts again from nothing."""

    def __init__(self, capacity: int = 500_000) -> None:
        self._capacity = capacity
        self._same: dict[str, str] = {}
        self.clear()

    def clear(self) -> None:
        self._row_of: dict[int, int] = {}
        self._used = 0
        self._columns = _allocate(1024)

    def forget(self, ids: Iterable[int]) -> None:
        for number in ids:
            self._row_of.pop(number, None)

    def missing(self, ids: Iterable[int]) -> list[int]:
        return [number for number in ids if number not in self._row_of]

    def make_room(self, ids: Sequence[int]) -> None:
        """Start again when the unknown of ``ids`` do not fit; ask for what is missing after this."""
        if self._used + len(self.missing(ids)) > self._capacity:
            self.clear()

    def add(self, ids: Sequence[int], payloads: Sequence[Mapping[str, Any]]) -> None:
        """Remember payloads under the numbers of their ids."""
        first, last = self._used, self._used + len(ids)
        self._grow(last)
        for name, column in self._columns.items():
            if name == "id":
                column[first:last] = [str(UUID(int=number)) for number in ids]
            elif len(payloads):
                column[first:last] = self._values(name, payloads)
        self._row_of.update(zip(ids, range(first, last), strict=True))
        self._used = last

    def points(
        self, vector_name: VectorName, ids: Sequence[int], score: NDArray[np.float32] | None = None,
        vectors: Vectors | None = None,
    ) -> Points:
        """The points of these numbers, all of them known, in this order."""
        rows = np.fromiter((self._row_of[number] for number in ids), np.intp, len(ids))
        taken: dict[str, Any] = {
            name: column[rows].tolist() if column.dtype == object else column[rows]
            for name, column in self._columns.items()
        }
        return Points(
            vector_name,
            vectors=np.zeros((len(ids), 0), np.float32) if vectors is None else vectors,
            score=np.full(len(ids), np.nan, np.float32) if score is None else score,
            **taken,
        )

    def _values(self, name: str, payloads: Sequence[Mapping[str, Any]]) -> Any:
        if name in ("label", "media_id", "media_type", "kind"):
            # One object per word: the message to the client then carries it once.
            return [self._one(payload.get(name)) for payload in payloads]
        if name == "label_score":
            return [payload.get(name, np.nan) for payload in payloads]
        return [payload[name] for payload in payloads]

    def _one(self, text: str | None) -> str | None:
        return None if text is None else self._same.setdefault(text, text)

    def _grow(self, size: int) -> None:
        room = len(self._columns["id"])
        if size <= room:
            return
        larger = _allocate(max(size, 2 * room))
        for name, column in self._columns.items():
            larger[name][: self._used] = column[: self._used]
        self._columns = larger


def _allocate(size: int) -> dict[str, NDArray[Any]]:
    return {
        name: np.zeros((size, width) if width else size, dtype) for name, (dtype, width) in _COLUMNS.items()
    }
