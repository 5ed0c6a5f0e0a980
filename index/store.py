"""The vector store as its users see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.record import Points, VectorName
from core.types import Kind, MediaType, Vectors


@dataclass(frozen=True, slots=True)
class Where:
    """Which points count; every field that is set must hold, None sets nothing.

    ``time_seconds`` is half-open [from, to) over the point's own time.
    """

    media_ids: tuple[str, ...] | None = None
    media_type: MediaType | None = None
    kinds: tuple[Kind, ...] | None = None
    labels: tuple[str, ...] | None = None
    time_seconds: tuple[float, float] | None = None
    not_media_ids: tuple[str, ...] | None = None


class VectorStore(Protocol):
    """One embedding generation: named vectors ``visual`` and ``face``, cosine, indexed payload.

    Every call may raise StoreLost when the process that owns the data is gone.
    """

    def upsert(self, points: Points) -> None:
        """Write or overwrite by id. Raises ValueError for NaN, infinite or zero vectors and for a wrong
        dimension (nothing of the batch is written then), DiskFull below the free-space floor."""

    def flush(self) -> None:
        """Return only when everything written so far is on disk."""

    def query(
        self,
        vector_name: VectorName,
        vectors: Vectors,
        where: Where,
        limit: int,
        score_threshold: float | None = None,
    ) -> list[Points]:
        """For each query vector the nearest points, best first, ``score`` filled, vectors left out."""

    def query_groups(
        self,
        vector_name: VectorName,
        vectors: Vectors,
        where: Where,
        limit: int,
        group_size: int = 1,
        score_threshold: float | None = None,
    ) -> list[Points]:
        """For each query vector the nearest ``limit`` media and of each its ``group_size`` nearest points:
        media by their best point, points of one media together, best first; otherwise as ``query``."""

    def recommend(
        self,
        vector_name: VectorName,
        like: Vectors,
        unlike: Vectors,
        where: Where,
        limit: int,
        score_threshold: float | None = None,
    ) -> Points:
        """Points nearer to one of ``like`` than to any of ``unlike``, best first, vectors left out; ``score``
        is the best cosine to ``like`` (Qdrant's best-score recommendation). With nothing unlike, all points
        may be among them: what ``query`` finds for the vectors of ``like``, each point once."""

    def sample(self, vector_name: VectorName, where: Where, limit: int) -> Points:
        """The ``limit`` points with the smallest ids, with vectors: ids are hashes, so this is a fixed
        random sample that barely changes while the library grows."""

    def get(self, ids: Sequence[str], vector_name: VectorName) -> Points:
        """The stored points, with vectors; ids that do not exist are left out."""

    def scroll(self, vector_name: VectorName, where: Where, limit: int = 100_000) -> Points:
        """Every point that matches, without vectors, in order of time (the first ``limit`` by id when
        there are more)."""

    def count(self, where: Where) -> int:
        """Exact number of points that match."""

    def counts(self, media_id: str) -> dict[Kind, int]:
        """Exact number of points of one media file per kind; kinds without points are left out."""

    def delete(self, where: Where) -> None:
        """Remove every point that matches. Raises ValueError for a ``where`` that sets nothing."""

    def size_bytes(self) -> int:
        """Bytes on disk."""

    def close(self) -> None:
        """Flush and let go."""
