"""The index on a Qdrant server or cluster: the same record and the same answers as the embedded store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from qdrant_client import models

from core.errors import StoreDamaged
from core.record import Points, VectorName
from core.settings import StoreSettings
from core.types import Kind, Vectors
from index.store import Where
from index.stores import server_collection as collection
from index.stores.schema import check_points, check_vectors, dimension_of, payloads, sets_nothing, unit
from index.stores.server_collection import server_filter
from index.stores.server_link import Link, check_version, connect
from index.stores.server_rows import Samples, VersionedRows, points_of

_PAGE_POINTS = 5_000
_PAGE_IDS = 20_000
_PAGE_VECTORS = 1_000
_SAMPLE_KEPT = 50_000
"""Larger samples are not kept: they are no samples."""
_PAYLOADS_AT_A_TIME = 5_000
_PAYLOAD_BYTES = 600
"""Of one point with its indexes, about."""


class ServerStore:
    """One generation as a collection; any number of processes, machines and threads at a time.

    A write has happened when it returns; ``flush`` waits until all shards show it. Raises StoreLost when
    nobody answers, StoreError for a refused key or for another collection of that name, StoreDamaged when,
    with ``create`` off, it is missing.
    """

    def __init__(
        self,
        link: Link,
        generation: str,
        dimensions: Mapping[VectorName, int],
        settings: StoreSettings | None = None,
        *,
        create: bool = True,
    ) -> None:
        """Takes the link over: it is closed with the store."""
        self._link = link
        self._settings = settings or StoreSettings()
        self._dimensions: dict[str, int] = {str(name): size for name, size in dimensions.items()}
        self.name = collection_name(self._settings, generation)
        self._search = collection.search_params(self._settings)
        self._rows = VersionedRows(self._payloads)
        self._samples = Samples(self.get)
        self._unflushed = False
        self._closed = False
        try:
            check_version(link)
            collection.open_collection(link, self.name, self._dimensions, self._settings, create)
        except BaseException:
            link.client.close()
            raise

    @classmethod
    def of(
        cls, settings: StoreSettings, generation: str, dimensions: Mapping[VectorName, int],
        create: bool = True,
    ) -> Self:
        """The store at ``settings.url``. Raises SettingsError."""
        return cls(connect(settings), generation, dimensions, settings, create=create)

    def upsert(self, points: Points) -> None:
        """Batches of one size: with every shard in the last one, the wait for it is a wait for all."""
        check_points(points, self._dimensions)
        if not len(points):
            return
        self._unflushed = True
        self._rows.forget(points.id)
        self._samples.forget(points.id)
        batches = -(-len(points) // self._settings.batch_points)
        for number, rows in enumerate(np.array_split(np.arange(len(points)), batches), 1):
            self._write(points[rows], wait=number == batches)

    def _write(self, points: Points, wait: bool) -> None:
        # Seven places: a tenth of what float16 keeps of the smallest numbers that count, and half the text of
        # float32 written out.
        vectors = np.round(unit(points.vectors).astype(np.float64), 7).tolist()
        batch = models.Batch(ids=points.id, vectors={points.vector_name: vectors}, payloads=payloads(points))
        self._call("upsert", points=batch, wait=wait)

    def flush(self) -> None:
        """A removal that matches nothing goes through the queue of every shard: whatever was sent before it
        has been applied when it returns. The server has had it on disk, in its log, since it said yes."""
        nothing = models.FieldCondition(key="media_id", match=models.MatchValue(value=""))
        self._delete(models.Filter(must=[nothing]))
        self._unflushed = False

    def query(
        self,
        vector_name: VectorName,
        vectors: Vectors,
        where: Where,
        limit: int,
        score_threshold: float | None = None,
    ) -> list[Points]:
        check_vectors(vectors, vector_name, self._dimensions)
        if limit < 1 or not len(vectors):
            return [Points.empty(vector_name) for _ in vectors]
        queries = vectors.astype(np.float64).tolist()
        return self._ask(vector_name, queries, where, limit, score_threshold)

    def query_groups(
        self,
        vector_name: VectorName,
        vectors: Vectors,
        where: Where,
        limit: int,
        group_size: int = 1,
        score_threshold: float | None = None,
    ) -> list[Points]:
        """A round trip for each vector: Qdrant groups one question at a time. It looks at so many candidates
        as it thinks are enough, and may return fewer media than there are."""
        check_vectors(vectors, vector_name, self._dimensions)
        if min(limit, group_size) < 1 or not len(vectors):
            return [Points.empty(vector_name) for _ in vectors]
        found = []
        for vector in vectors.astype(np.float64).tolist():
            answer = self._call(
                "query_points_groups", group_by="media_id", query=vector, using=vector_name,
                query_filter=server_filter(where), search_params=self._search, limit=limit,
                group_size=group_size, score_threshold=score_threshold, with_payload=False,
            )  # fmt: skip
            hits = [hit for group in answer.groups for hit in group.hits]
            found.append([(str(hit.id), hit.version, hit.score) for hit in hits])
        with self._whole_payloads():
            return self._rows.points(vector_name, found)

    def recommend(
        self,
        vector_name: VectorName,
        like: Vectors,
        unlike: Vectors,
        where: Where,
        limit: int,
        score_threshold: float | None = None,
    ) -> Points:
        check_vectors(like, vector_name, self._dimensions)
        check_vectors(unlike, vector_name, self._dimensions)
        if limit < 1 or not len(like):
            return Points.empty(vector_name)
        if not len(unlike):
            return Points.each_once(self.query(vector_name, like, where, limit, score_threshold))[:limit]
        query = models.RecommendQuery(recommend=models.RecommendInput(
            positive=like.tolist(), negative=unlike.tolist(), strategy=models.RecommendStrategy.BEST_SCORE
        ))
        # 0.5 is a cosine of 0 to what is liked; below it a point is nearer to something that is not.
        least = 0.5 if score_threshold is None else max(0.5, _best_score(score_threshold))
        [found] = self._ask(vector_name, [query], where, limit, least)
        squashed = 2 * found.score - 1
        found.score[:] = squashed / (1 - np.abs(squashed))
        return found

    def _ask(
        self, vector_name: VectorName, queries: Sequence[Any], where: Where, limit: int,
        score_threshold: float | None,
    ) -> list[Points]:
        """All queries in one round trip; a second one for payloads that are not known yet."""
        condition = server_filter(where)
        requests = [
            models.QueryRequest(
                query=query, using=vector_name, filter=condition, params=self._search, limit=limit,
                score_threshold=score_threshold, with_payload=False, with_vector=False,
            )
            for query in queries
        ]
        answers = self._call("query_batch_points", requests=requests)
        found = [[(str(hit.id), hit.version, hit.score) for hit in answer.points] for answer in answers]
        with self._whole_payloads():
            return self._rows.points(vector_name, found)

    def sample(self, vector_name: VectorName, where: Where, limit: int) -> Points:
        dimension = dimension_of(vector_name, self._dimensions)
        ids = list(self._ids(vector_name, where, limit))
        if not ids:
            return Points.empty(vector_name, dimension)
        if limit > _SAMPLE_KEPT:
            return self.get(ids, vector_name)
        return self._samples.points(vector_name, where, ids)

    def get(self, ids: Sequence[str], vector_name: VectorName) -> Points:
        dimension = dimension_of(vector_name, self._dimensions)
        unique = list(dict.fromkeys(ids))
        stored = {}
        for first in range(0, len(unique), _PAGE_VECTORS):
            some = unique[first : first + _PAGE_VECTORS]
            for record in self._call(
                "retrieve", ids=some, with_payload=True, with_vectors=[vector_name]
            ):
                if _vector(record, vector_name):
                    stored[str(record.id)] = record
        found = [stored[point_id] for point_id in ids if point_id in stored]
        return self._points(vector_name, found, True) if found else Points.empty(vector_name, dimension)

    def scroll(self, vector_name: VectorName, where: Where, limit: int = 100_000) -> Points:
        dimension_of(vector_name, self._dimensions)
        records = self._records(vector_name, where, limit, _PAGE_POINTS, with_payload=True)
        pages = [self._points(vector_name, some, with_vectors=False) for some in records]
        if not pages:
            return Points.empty(vector_name)
        points = Points.concatenate(pages)
        return points[np.lexsort((np.arange(len(points)), points.time_seconds))]

    def count(self, where: Where) -> int:
        return int(self._call("count", count_filter=server_filter(where), exact=True).count)

    def counts(self, media_id: str) -> dict[Kind, int]:
        found = self._call(
            "facet", key="kind", facet_filter=server_filter(Where(media_ids=(media_id,))), limit=100,
            exact=True,
        )  # fmt: skip
        return {hit.value: int(hit.count) for hit in found.hits if hit.count}

    def delete(self, where: Where) -> None:
        if sets_nothing(where):
            raise ValueError("delete needs a condition; this one matches every point")
        condition = server_filter(where)
        assert condition is not None
        self._delete(condition)

    def size_bytes(self) -> int:
        """An estimate, for one copy of every shard: the server does not say."""
        total = 0
        for name, dimension in self._dimensions.items():
            held = self._call("count", count_filter=server_filter(Where(), name), exact=False).count
            total += held * (2 * dimension + _PAYLOAD_BYTES)
        return total

    def info(self) -> dict[str, Any]:
        """points, indexed (points in graphs), segments, status, dimensions; whether it is being loaded."""
        told = self._call("get_collection")
        return {
            "points": told.points_count, "indexed": told.indexed_vectors_count,
            "segments": told.segments_count, "status": str(told.status.value), "collection": self.name,
            "dimensions": dict(self._dimensions),
            "loading": told.config.optimizer_config.indexing_threshold == collection.NO_GRAPH,
        }  # fmt: skip

    @contextlib.contextmanager
    def loading(self) -> Iterator[None]:
        """Bulk load: inside the block no graph is made; after it the server makes it once, and searches that
        come meanwhile compare with every vector. A block that was killed leaves the server without graphs:
        another one ends that, and so does ``end_loading``."""
        self.begin_loading()
        try:
            yield
        finally:
            self.end_loading()

    def begin_loading(self) -> None:
        self._set_threshold(collection.NO_GRAPH)

    def end_loading(self) -> None:
        self._set_threshold(self._settings.indexing_threshold_kb)

    def drop(self) -> None:
        """Remove the whole collection, and close."""
        self._call("delete_collection")
        self._unflushed = False
        self.close()

    def close(self) -> None:
        """Flush and let go; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._unflushed:
                self.flush()
        finally:
            self._link.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, operation: str, **named: Any) -> Any:
        return self._link.call(getattr(self._link.client, operation), self.name, **named)

    def _delete(self, condition: models.Filter) -> None:
        self._call("delete", points_selector=models.FilterSelector(filter=condition), wait=True)

    def _set_threshold(self, kilobytes: int) -> None:
        optimizers = models.OptimizersConfigDiff(indexing_threshold=kilobytes)
        self._call("update_collection", optimizers_config=optimizers)

    def _ids(self, vector_name: VectorName, where: Where, limit: int) -> Iterator[str]:
        for records in self._records(vector_name, where, limit, _PAGE_IDS, with_payload=False):
            yield from (str(record.id) for record in records)

    def _records(
        self, vector_name: VectorName, where: Where, limit: int, page: int, with_payload: bool
    ) -> Iterator[list[models.Record]]:
        """In order of id."""
        condition = server_filter(where, vector_name)
        after: str | None = None
        while limit > 0:
            records, after = self._call(
                "scroll", scroll_filter=condition, limit=min(limit, page), offset=after,
                with_payload=with_payload, with_vectors=False,
            )  # fmt: skip
            if records:
                yield records
            limit -= len(records)
            if after is None:
                return

    def _points(
        self, vector_name: VectorName, records: Sequence[models.Record], with_vectors: bool
    ) -> Points:
        vectors = None
        if with_vectors:
            vectors = unit(np.array([_vector(record, vector_name) for record in records], np.float32))
        ids = [str(record.id) for record in records]
        with self._whole_payloads():
            return points_of(vector_name, ids, [record.payload or {} for record in records], vectors)

    def _payloads(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        read: dict[str, Mapping[str, Any]] = {}
        for first in range(0, len(ids), _PAYLOADS_AT_A_TIME):
            some = ids[first : first + _PAYLOADS_AT_A_TIME]
            for record in self._call("retrieve", ids=some, with_payload=True, with_vectors=False):
                read[str(record.id)] = record.payload or {}
        return read

    @contextlib.contextmanager
    def _whole_payloads(self) -> Iterator[None]:
        try:
            yield
        except KeyError as error:
            raise StoreDamaged(
                f"Points in the collection {self.name} at {self._link.url} have lost their {error}. "
                "Run `momentseek doctor` to repair them."
            ) from None


def collection_dimensions(settings: StoreSettings, generation: str) -> dict[VectorName, int]:
    """Numbers of a vector by its name. Raises StoreDamaged when there is no such generation."""
    link = connect(settings)
    with contextlib.closing(link.client):
        return collection.sizes(link.call(link.client.get_collection, collection_name(settings, generation)))


def drop_collection(settings: StoreSettings, generation: str) -> None:
    """Remove a generation; nothing happens when there is none. Raises StoreError."""
    link = connect(settings)
    with contextlib.closing(link.client):
        name = collection_name(settings, generation)
        if link.call(link.client.collection_exists, name):
            link.call(link.client.delete_collection, name)


def collection_name(settings: StoreSettings, generation: str) -> str:
    return f"{settings.collection_prefix}-{generation}"


def _vector(record: models.Record, vector_name: str) -> list[float]:
    """Empty when the point has no vector of that name."""
    vectors: Any = record.vector or {}
    return list(vectors.get(vector_name) or ())


def _best_score(cosine: float) -> float:
    """Qdrant's best-score recommendation maps the best cosine to (x / (1 + |x|) + 1) / 2."""
    return 0.5 * (cosine / (1 + abs(cosine)) + 1)
