"""A library with some thousand invented points: made in a moment, no model is needed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from core.settings import Settings, load
from index.catalogue import Catalogue, IndexedFacts
from index.store import VectorStore
from momentseek.engine import catalogue_path
from momentseek.stores import open_store
from tests.support.points import DIMENSIONS, make_points

FACTS = IndexedFacts("video", "mp4", "h264", 640, 360, 90.0)
FINGERPRINT = {"embedder": {"name": "tiny", "weights": "abc"}}
MEDIA = {"long": 2_100, "m1": 300, "m2": 60, "m3": 3}
"""The first is moved on its own, the others together."""
TOTAL = sum(points + points // 10 for points in MEDIA.values())


def make_library(data_dir: Path) -> Settings:
    made = load(overrides={"data_dir": data_dir, "ingest": {"min_free_disk_mb": 0}})
    made.data_dir.mkdir()
    with (
        Catalogue.open(catalogue_path(made)) as catalogue,
        open_store(made, "g1", DIMENSIONS) as store,
    ):
        catalogue.add_generation("g1", FINGERPRINT)
        for media_id, points in MEDIA.items():
            add_media(catalogue, store, media_id, points)
    return made


def add_media(
    catalogue: Catalogue, store: VectorStore, media_id: str, points: int, path: Path | None = None
) -> None:
    batches = [make_points(points, media_id), make_points(points // 10, media_id, "face")]
    catalogue.record_file(path or f"/{media_id}.mp4", 1, 1, media_id)
    for batch in batches:
        store.upsert(batch)
    store.flush()
    kinds = Counter(kind for batch in batches for kind in batch.kind)
    catalogue.mark_indexed(media_id, FACTS, kinds, "g1")
