"""Taking media out of the library: points, catalogue, storyboard. The file itself stays."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.errors import StoreBusy
from index.catalogue import Catalogue
from index.store import VectorStore, Where
from ingest.lease import claim
from ingest.stretches import stop_stretches


def forget_media(
    catalogue: Catalogue, store: VectorStore, storyboard_dir: Path, media_id: str, owner: str
) -> None:
    """Raises NotFound, and StoreBusy while another process indexes it.

    Killed half-way it leaves work to be done again, not an index with holes: the catalogue says
    ``indexing`` while points are missing, and forgets the media only when they are gone from the disk.
    """
    row = catalogue.get_media(media_id)
    if not claim(catalogue, media_id, owner):
        raise StoreBusy(f"{row.name} is being indexed right now; try again when that is done.")
    try:
        catalogue.mark_indexing(media_id)
        stop_stretches(catalogue, storyboard_dir, media_id)
        store.delete(Where(media_ids=(media_id,)))
        store.flush()
        catalogue.remove_media(media_id)
    finally:
        catalogue.release_media(media_id, owner)
    shutil.rmtree(storyboard_dir, ignore_errors=True)
