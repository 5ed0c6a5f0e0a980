"""The record as every store keeps it: payload fields, their indexes, and what may be written at all."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Literal

import numpy as np

from core.record import Points
from core.types import Vectors
from index.store import Where

INDEXED: dict[str, Literal["keyword", "float"]] = {
    "media_id": "keyword",
    "media_type": "keyword",
    "kind": "keyword",
    "label": "keyword",
    "time_seconds": "float",
}
"""Fields that filters use. Their indexes are made before the first point: an unindexed filter is slow."""


def payloads(points: Points) -> list[dict[str, Any]]:
    """One dict per row; ``label`` and ``label_score`` are left out where there is none."""
    columns = zip(
        points.media_id, points.media_type, points.kind, points.time_seconds.tolist(),
        points.span_seconds.tolist(), points.box_xyxy.tolist(), points.label, points.label_score.tolist(),
        points.track.tolist(), points.shot.tolist(), strict=True,
    )
    return [_payload(*row) for row in columns]


def _payload(
    media_id: str, media_type: str, kind: str, time_seconds: float, span_seconds: list[float],
    box_xyxy: list[float], label: str | None, label_score: float, track: int, shot: int,
) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "media_id": media_id, "media_type": media_type, "kind": kind, "time_seconds": time_seconds,
        "span_seconds": span_seconds, "box_xyxy": box_xyxy, "track": track, "shot": shot,
    }
    if label is not None:
        payload["label"] = label
    if isfinite(label_score):
        payload["label_score"] = label_score
    return payload


def check_points(points: Points, dimensions: Mapping[str, int]) -> None:
    """Raises ValueError for what a store must never hold: it would answer nonsense from then on."""
    check_vectors(points.vectors, points.vector_name, dimensions)
    if not len(points):
        return
    for name in ("time_seconds", "span_seconds", "box_xyxy"):
        bad = np.flatnonzero(~np.isfinite(getattr(points, name)).reshape(len(points), -1).all(axis=1))
        if len(bad):
            raise ValueError(f"{name} of point {points.id[bad[0]]} is not finite; nothing was written")


def check_vectors(vectors: Vectors, vector_name: str, dimensions: Mapping[str, int]) -> None:
    """Raises ValueError for a wrong dimension and for NaN, infinite or zero vectors, naming the row."""
    dimension = dimension_of(vector_name, dimensions)
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise ValueError(f"{vector_name} vectors have shape (n, {dimension}) here, {vectors.shape} was given")
    lengths = np.linalg.norm(vectors.astype(np.float32, copy=False), axis=1)
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths < 1e-6))
    if len(bad):
        what = "is zero" if np.isfinite(lengths[bad[0]]) else "holds NaN or infinity"
        raise ValueError(f"{vector_name} vector {bad[0]} of {len(vectors)} {what}; nothing was done")


def dimension_of(vector_name: str, dimensions: Mapping[str, int]) -> int:
    if vector_name not in dimensions:
        raise ValueError(f"this index has no {vector_name} vectors, only {', '.join(sorted(dimensions))}")
    return dimensions[vector_name]


def unit(vectors: Vectors) -> Vectors:
    """Rows (n, d) at length 1: a store may keep fewer digits than were written."""
    lengths: Vectors = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
    return np.divide(vectors, lengths, dtype=np.float32)


def sets_nothing(where: Where) -> bool:
    """Whether every point there is matches."""
    return where == Where() or where == Where(not_media_ids=())
