"""Whether the store still holds what the catalogue says was written."""

from __future__ import annotations

from core.errors import StoreDamaged
from index.catalogue import Catalogue
from index.store import VectorStore, Where


def check_counts(
    store: VectorStore, catalogue: Catalogue, generation: str, detailed: bool = False
) -> list[str]:
    """Ids of media with more or fewer points in the store than the catalogue expects.

    A damaged store opens with fewer points and no error: look before trusting it. Media in work do not
    count. Unless ``detailed``, equal totals are believed; when they differ every media file is compared.
    """
    expected = catalogue.expected_counts_by_media(generation)
    if not detailed:
        unsettled = catalogue.unsettled_media(generation)
        found = store.count(Where(not_media_ids=tuple(unsettled)) if unsettled else Where())
        if found == sum(sum(counts.values()) for counts in expected.values()):
            return []
    differing = [media_id for media_id, counts in expected.items() if store.counts(media_id) != counts]
    if not differing:
        return []
    # Another process may have written one of them meanwhile: only what differs from a fresh look counts.
    now = catalogue.expected_counts_by_media(generation)
    return [media_id for media_id in differing if media_id in now and store.counts(media_id) != now[media_id]]


def require_counts(store: VectorStore, catalogue: Catalogue, generation: str) -> None:
    """Raises StoreDamaged when ``check_counts`` finds a difference."""
    differing = check_counts(store, catalogue, generation)
    if differing:
        what = "1 media file has" if len(differing) == 1 else f"{len(differing)} media files have"
        raise StoreDamaged(
            f"The index is not complete: {what} another number of points than was written. "
            "Run `momentseek doctor` to see and repair them."
        )
