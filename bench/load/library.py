"""A library of so many points: the demo's, indexed by the product, then made-up copies of its videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np

from bench.quality.library import CATALOGUE, index_media
from bench.quality.times import grown
from bench.scenes import build_demo_library
from core.errors import InvalidRequest, NotFound
from core.record import Points, VectorName
from core.types import Kind
from index.catalogue import Catalogue, IndexedFacts, MediaRow
from index.store import Where
from index.stores.edge import EdgeStore

_DIMENSIONS: dict[VectorName, int] = {"visual": 256, "face": 128}
"""Of the packaged models."""


def make_library(folder: Path, points: int) -> int:
    """Write a library into ``folder``, for the packaged models; a copy has other vectors than its original,
    near to it. One that is there is used as it is. Returns how many points it has.

    Raises InvalidRequest for one that is there and has fewer.
    """
    media, data_dir = folder / "media", folder / "data"
    made = not (data_dir / CATALOGUE).is_file()
    if made:
        build_demo_library(media)
        index_media(media, data_dir, None)
    with Catalogue.open(data_dir / CATALOGUE) as catalogue:
        generation = catalogue.active_generation()
        if generation is None:
            raise NotFound(f"The library in {data_dir} has no index.")
        with EdgeStore(data_dir, generation.name, _DIMENSIONS, create=False) as store:
            missing = points - store.count(Where())
            if missing > 0 and not made:
                raise InvalidRequest(f"{folder} has {store.count(Where())} points; make another library.")
            if missing > 0:
                grow(catalogue, store, generation.name, missing)
            return store.count(Where())


def grow(catalogue: Catalogue, store: EdgeStore, generation: str, missing: int) -> None:
    """Add so many points, as copies of what is there, with media of their own."""
    known = {row.id: row for row in catalogue.list_media(limit=1_000_000)}
    real = store.sample("visual", Where(), 10_000_000)
    copies = grown(real, missing + len(real))
    next(copies)  # the real ones themselves
    for number, points in enumerate(copies, start=1):
        for media_id, own in _by_media(points):
            original = known[media_id.removeprefix(f"copy{number}-")]
            _note(catalogue, media_id, f"copy-{number}-{original.name}", original, own, generation)
        store.upsert(points)
    store.flush()


def _by_media(points: Points) -> Iterator[tuple[str, Points]]:
    media = np.array(points.media_id)
    for media_id in dict.fromkeys(points.media_id):
        yield media_id, points[np.flatnonzero(media == media_id)]


def _note(
    catalogue: Catalogue, media_id: str, name: str, original: MediaRow, points: Points, generation: str
) -> None:
    """The catalogue knows it as if it had been indexed; there is no file."""
    catalogue.record_file(Path("/nowhere") / name, original.size_bytes, 0, media_id)
    facts = IndexedFacts(
        original.media_type or "video", original.container or "", original.codec or "", original.width or 0,
        original.height or 0, original.duration_seconds, original.duration_from_header_seconds, original.fps,
        original.sample_count, original.shot_starts_seconds,
    )  # fmt: skip
    catalogue.mark_indexed(media_id, facts, cast(dict[Kind, int], Counter(points.kind)), generation)
