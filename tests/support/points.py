"""Points of small invented libraries."""

from __future__ import annotations

import numpy as np

from core.record import Points, VectorName, point_id
from core.types import Kind

DIMENSIONS: dict[VectorName, int] = {"visual": 32, "face": 8}


def make_points(
    count: int, media_id: str = "m1", vector_name: VectorName = "visual", seed: int = 0, first_second: int = 0
) -> Points:
    """One point a second; kinds, labels and boxes take turns."""
    random = np.random.default_rng([seed, *media_id.encode()])
    vectors = random.standard_normal((count, DIMENSIONS[vector_name])).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    turn: tuple[Kind, ...] = ("face",) if vector_name == "face" else ("frame", "region", "tile")
    kinds = [turn[i % len(turn)] for i in range(count)]
    labels = [("cup", "dog", None)[i % 3] for i in range(count)]
    times = np.arange(first_second, first_second + count, dtype=np.float64)
    boxes = np.tile(np.float32([0.1, 0.2, 0.5, 0.9]), (count, 1))
    return Points(
        vector_name,
        id=[point_id(media_id, kinds[i], times[i], boxes[i]) for i in range(count)],
        media_id=[media_id] * count,
        media_type=["image" if media_id.startswith("still") else "video"] * count,
        kind=kinds,
        time_seconds=times,
        span_seconds=np.stack([times, times + 1], axis=1),
        box_xyxy=boxes,
        label=labels,
        label_score=np.float32([np.nan if label is None else 0.75 for label in labels]),
        track=np.arange(count, dtype=np.int64) % 5 - 1,
        shot=np.arange(count, dtype=np.int64) // 10,
        vectors=vectors,
    )
