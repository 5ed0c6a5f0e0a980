"""The record: what ingest writes and search reads. Its fields are fixed in README, "The record"."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from core.boxes import Boxes
from core.types import Kind, MediaType, Vectors

VectorName = Literal["visual", "face"]

LONGEST_RUN_SECONDS = 10.0
"""A point stands for no more samples than fit in this: whoever looks for what was there at a time need hardly
look further back."""

_NAMESPACE = uuid.UUID("5b0a3a3e-6f0f-5c52-9b39-6d6f6d656e74")


def point_id(media_id: str, kind: Kind, time_seconds: float, box_xyxy: Sequence[float]) -> str:
    """UUIDv5 of media id, kind, time in ms and box in 1/10000: ingesting twice changes nothing.

    Being a hash, ids are spread evenly: the points with the smallest ids are a fixed random sample.
    """
    box = ",".join(str(round(float(value) * 10000)) for value in box_xyxy)
    return str(uuid.uuid5(_NAMESPACE, f"{media_id}/{kind}/{round(time_seconds * 1000)}/{box}"))


@dataclass(slots=True)
class Points:
    """Points of one named vector as parallel arrays, n rows.

    ``id`` n strings; ``media_id`` n; ``media_type`` n; ``kind`` n; ``time_seconds`` (n,) float64;
    ``span_seconds`` (n, 2) float64, half-open; ``box_xyxy`` (n, 4); ``label`` n; ``label_score`` (n,);
    ``track`` (n,) int, -1 for none; ``shot`` (n,) int; ``vectors`` (n, d) float32, or (n, 0) when they
    were not asked for; ``score`` (n,) float32 cosine to the query, or NaN outside a query.
    """

    vector_name: VectorName
    id: list[str]
    media_id: list[str]
    media_type: list[MediaType]
    kind: list[Kind]
    time_seconds: NDArray[np.float64]
    span_seconds: NDArray[np.float64]
    box_xyxy: Boxes
    label: list[str | None]
    label_score: NDArray[np.float32]
    track: NDArray[np.int64]
    shot: NDArray[np.int64]
    vectors: Vectors
    score: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        n = len(self.id)
        if not len(self.score):
            self.score = np.full(n, np.nan, np.float32)
        for column in fields(self):
            if column.name == "vector_name":
                continue
            rows = len(getattr(self, column.name))
            if rows != n:
                raise ValueError(f"{column.name} has {rows} rows where id has {n}")

    def __len__(self) -> int:
        return len(self.id)

    def __getitem__(self, keep: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Self:
        rows = np.arange(len(self))[keep]
        taken: dict[str, object] = {"vector_name": self.vector_name}
        for column in fields(self):
            if column.name == "vector_name":
                continue
            value = getattr(self, column.name)
            taken[column.name] = [value[i] for i in rows] if isinstance(value, list) else value[rows]
        return type(self)(**taken)  # type: ignore[arg-type]

    @classmethod
    def empty(cls, vector_name: VectorName, dimension: int = 0) -> Self:
        none = np.zeros(0)
        return cls(
            vector_name, [], [], [], [], none, np.zeros((0, 2)), np.zeros((0, 4), np.float32), [],
            none.astype(np.float32), none.astype(np.int64), none.astype(np.int64),
            np.zeros((0, dimension), np.float32),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """All rows of ``parts`` in order; the parts share one vector name. Raises ValueError for none."""
        if not parts:
            raise ValueError("no points to concatenate; use Points.empty(name)")
        joined: dict[str, object] = {"vector_name": parts[0].vector_name}
        for column in fields(cls):
            if column.name == "vector_name":
                continue
            values = [getattr(part, column.name) for part in parts]
            rows_are_lists = isinstance(values[0], list)
            joined[column.name] = list(chain(*values)) if rows_are_lists else np.concatenate(values)
        return cls(**joined)  # type: ignore[arg-type]

    @classmethod
    def each_once(cls, parts: Sequence[Self]) -> Self:
        """The rows of ``parts``, best score first; a point that is in several stands where it is best."""
        points = cls.concatenate(parts)
        seen: dict[str, int] = {}
        for row in np.argsort(-points.score, kind="stable").tolist():
            seen.setdefault(points.id[row], row)
        return points[np.array(list(seen.values()), np.intp)]
