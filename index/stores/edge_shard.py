"""One generation in an embedded Qdrant Edge shard. Runs in the store process only.

Vectors are kept as float16: half the memory and disk of float32, scores differ by less than 0.0001.
"""

from __future__ import annotations

import shutil
import time
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from core.errors import StoreDamaged, StoreError
from core.record import Points, VectorName
from core.types import Vectors
from index.store import Where
from index.stores.edge_about import FIRST_SHARD, About, Method, damaged
from index.stores.edge_rows import Rows
from index.stores.edge_samples import KeptSamples
from index.stores.schema import INDEXED, dimension_of, payloads, sets_nothing, unit
from index.stores.upgrades import NEWEST, upgrade

FLUSH_EVERY_POINTS = 20_000
_GROUPS_FROM_POINTS = 256
"""So many points are asked for at least where they are wanted by media."""
_EXACT = edge.SearchParams(exact=True)
_RESCORED = edge.SearchParams(
    quantization=edge.QuantizationSearchParams(rescore=True, oversampling=2.0)
)
"""Twice as many as are asked for are found in the small copy, and the best by their vectors are taken."""
_FIELD_TYPES = {"keyword": edge.PayloadSchemaType.Keyword, "float": edge.PayloadSchemaType.Float}


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy in the making: its folder, and what was written since in order, ids or what was deleted."""

    name: str
    changes: list[list[str] | Where]


class EdgeGeneration:
    """The directory of one generation, open. Not thread-safe: the process serves one call at a time."""

    def __init__(self, path: Path, dimensions: Mapping[str, int] | None = None, create: bool = False) -> None:
        """Open ``path``; make it when it does not exist and ``create`` allows.

        ``dimensions`` None takes those of the directory. Raises StoreDamaged for a directory that is
        missing or cannot be read, StoreError for other dimensions than asked.
        """
        if not path.exists():
            if not create or not dimensions:
                raise StoreDamaged(f"The index {path} is missing. Run `momentseek doctor` to make it again.")
            _create(path, dimensions)
        self.path = path
        self._about = About.read(path)
        self.dimensions = self._about.dimensions
        if dimensions is not None:
            self.check_dimensions(dimensions)
        self._copy: _Copy | None = None
        self._drop_copies()
        self._edge = _load(path, self._about.shard)
        self._rows = Rows()
        self._samples = KeptSamples(path)
        self._unflushed = 0
        self._upgrade()

    def check_dimensions(self, dimensions: Mapping[str, int]) -> None:
        if dict(dimensions) != self.dimensions:
            raise StoreError(
                f"The index {self.path} holds vectors of {_say(self.dimensions)}, not {_say(dimensions)}."
            )

    def upsert(self, points: Points) -> None:
        name = points.vector_name
        # An array of floats is read by the binding four times faster than a list of them.
        rows = [
            edge.Point(point_id, {name: array("f", vector.tobytes())}, payload)  # type: ignore[dict-item]
            for point_id, vector, payload in zip(
                points.id, points.vectors.astype(np.float32, copy=False), payloads(points), strict=True
            )
        ]
        self._samples.drop()
        self._rows.forget(UUID(point_id).int for point_id in points.id)
        self._edge.update(edge.UpdateOperation.upsert_points(rows))
        if self._copy is not None:
            self._copy.changes.append(list(points.id))
        self._unflushed += len(rows)
        if self._unflushed >= FLUSH_EVERY_POINTS:
            self.flush()

    def flush(self) -> None:
        self._edge.flush()
        self._unflushed = 0

    def query(
        self,
        vector_name: VectorName,
        vectors: Vectors,
        where: Where,
        limit: int,
        score_threshold: float | None,
        exact: bool = False,
    ) -> list[Points]:
        dimension_of(vector_name, self.dimensions)
        queries = [edge.Query.Nearest(vector.tolist(), using=vector_name) for vector in vectors]
        return self._ask(vector_name, queries, where, limit, score_threshold, exact)

    def query_groups(
        self,
        vector_name: VectorName,
        vectors: Vectors,
        where: Where,
        limit: int,
        group_size: int,
        score_threshold: float | None,
    ) -> list[Points]:
        return [
            self._groups(vector_name, vector[None], where, limit, group_size, score_threshold)
            for vector in vectors
        ]

    def _groups(
        self, vector_name: VectorName, vector: Vectors, where: Where, limit: int, group_size: int,
        score_threshold: float | None,
    ) -> Points:
        """A shard knows no groups: it is asked for more points until they are of enough media, then for what
        is lacking of those."""
        asked = max(_GROUPS_FROM_POINTS, 2 * limit * group_size)
        while True:
            [found] = self.query(vector_name, vector, where, asked, score_threshold)
            rows_of: dict[str, list[int]] = {}
            for row, media_id in enumerate(found.media_id):
                rows_of.setdefault(media_id, []).append(row)
            is_all = len(found) < asked
            if is_all or len(rows_of) >= limit:
                break
            asked *= 4
        parts = []
        for media_id in list(rows_of)[:limit]:
            own = rows_of[media_id][:group_size]
            part = found[np.array(own)]
            if len(own) < group_size and not is_all:
                within = replace(where, media_ids=(media_id,))
                [part] = self.query(vector_name, vector, within, group_size, score_threshold)
            parts.append(part)
        return Points.concatenate(parts) if parts else Points.empty(vector_name)

    def recommend(
        self,
        vector_name: VectorName,
        like: Vectors,
        unlike: Vectors,
        where: Where,
        limit: int,
        score_threshold: float | None,
    ) -> Points:
        dimension_of(vector_name, self.dimensions)
        examples = edge.RecommendQuery(like.tolist(), unlike.tolist())
        query = edge.Query.RecommendBestScore(examples, using=vector_name)
        least = None if score_threshold is None else _best_score(score_threshold)
        if len(unlike):
            # 0.5 is a cosine of 0 to what is liked; below it a point is nearer to something that is not.
            least = max(0.5, least or 0.5)
        found = self._ask(vector_name, [query], where, limit, least)[0]
        found.score[:] = _cosine_of(found.score)
        return found

    def _ask(
        self,
        vector_name: VectorName,
        queries: Sequence[edge.Query],
        where: Where,
        limit: int,
        score_threshold: float | None,
        exact: bool = False,
    ) -> list[Points]:
        # Of a few media every vector is looked at: they are found by an index of their own.
        exact = exact or self._about.method == "exact" or where.media_ids is not None
        params, condition = _EXACT if exact else _RESCORED, edge_filter(where)
        requests = [
            edge.QueryRequest(
                limit=limit, query=query, filter=condition, score_threshold=score_threshold,
                params=params, with_payload=False, with_vector=False,
            )
            for query in queries
        ]
        found = self._edge.query_batch(edge.QueryBatchRequest(requests))
        ids = [[_number(hit.id) for hit in hits] for hits in found]
        self._read_rows([number for numbers in ids for number in numbers])
        scores = [np.fromiter((hit.score for hit in hits), np.float32, len(hits)) for hits in found]
        return [self._rows.points(vector_name, *columns) for columns in zip(ids, scores, strict=True)]

    def sample(self, vector_name: VectorName, where: Where, limit: int) -> Points:
        dimension_of(vector_name, self.dimensions)
        points = self._edge.info().points_count
        sample = self._samples.find(vector_name, where, limit, points)
        if sample is None:
            sample = self._draw(vector_name, where, limit)
            self._samples.keep(sample, where, limit, points)
        return sample

    def _draw(self, vector_name: VectorName, where: Where, limit: int) -> Points:
        records, _ = self._scroll(vector_name, where, limit, None, with_vector=[vector_name])
        found = [(_number(record.id), _vector(record, vector_name)) for record in records]
        return self._with_vectors(vector_name, found)

    def get(self, ids: Sequence[str], vector_name: VectorName) -> Points:
        records = self._edge.retrieve(list(dict.fromkeys(ids)), False, [vector_name])
        stored = {_number(record.id): _vector(record, vector_name) for record in records}
        asked = [UUID(point_id).int for point_id in ids]
        found = [(number, stored[number]) for number in asked if stored.get(number)]
        return self._with_vectors(vector_name, found)

    def page(
        self, vector_name: VectorName, where: Where, limit: int, after: str | None
    ) -> tuple[Points, str | None]:
        """Up to ``limit`` points from id ``after`` on, in order of id, and the id that comes next."""
        records, following = self._scroll(vector_name, where, limit, after, with_vector=False)
        ids = [_number(record.id) for record in records]
        self._read_rows(ids)
        return self._rows.points(vector_name, ids), None if following is None else str(following)

    def count(self, where: Where) -> int:
        return self._edge.count(edge.CountRequest(exact=True, filter=edge_filter(where)))

    def counts(self, media_id: str) -> dict[str, int]:
        where = edge_filter(Where(media_ids=(media_id,)))
        hits = self._edge.facet(edge.FacetRequest("kind", limit=100, exact=True, filter=where)).hits
        return {str(hit.value): hit.count for hit in hits if hit.count}

    def delete(self, where: Where) -> None:
        if sets_nothing(where):
            raise ValueError("delete needs a condition; this one matches every point")
        condition = edge_filter(where)
        assert condition is not None
        self._samples.drop()
        self._rows.clear()
        self._edge.update(edge.UpdateOperation.delete_points_by_filter(condition))
        if self._copy is not None:
            self._copy.changes.append(where)
        self._unflushed += 1

    def info(self) -> dict[str, Any]:
        shard = self._edge.info()
        return {
            "points": shard.points_count, "segments": shard.segments_count, "path": str(self.path),
            "dimensions": self.dimensions,
        }

    def copy_out(self) -> tuple[str, int]:
        """Copy everything as it is now, to be put in order beside; what is written from now on is noted down.
        Returns the copy's folder and how many points are in it."""
        self.flush()
        self._copy = None
        self._drop_copies()
        name = f"{FIRST_SHARD}-{time.time_ns()}"
        shutil.copytree(self.path / self._about.shard, self.path / name)
        self._copy = _Copy(name, [])
        return str(self.path / name), self._edge.info().points_count

    def take_in(self, folder: str, method: Method) -> None:
        """Go on with a copy that was put in order, after what was written meanwhile is in it, too.

        Raises StoreError when it is not the last one made by this process: nobody knows then what it lacks.
        """
        if self._copy is None or folder != str(self.path / self._copy.name):
            raise StoreError("This copy of the index is out of date: the store was started anew. Try again.")
        name, changes = self._copy.name, self._copy.changes
        fresh = _load(self.path, name)
        for change in changes:
            self._repeat(change, fresh)
        fresh.flush()
        about = replace(self._about, shard=name, method=method)
        about.write(self.path)
        self._edge.close()
        self._edge, self._about, self._copy = fresh, about, None
        self._drop_copies()

    def _repeat(self, change: list[str] | Where, fresh: edge.EdgeShard) -> None:
        if isinstance(change, Where):
            condition = edge_filter(change)
            assert condition is not None  # delete refuses such
            fresh.update(edge.UpdateOperation.delete_points_by_filter(condition))
            return
        records = self._edge.retrieve(list(change), True, True)
        points = [
            edge.Point(record.id, _vectors(record), record.payload or {})  # type: ignore[arg-type]
            for record in records
        ]
        fresh.update(edge.UpdateOperation.upsert_points(points))

    def _drop_copies(self) -> None:
        """Folders that were in the making when a process ended, or have had their day."""
        for folder in self.path.glob(f"{FIRST_SHARD}*"):
            if folder.name != self._about.shard:
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        self._edge.flush()
        self._edge.close()

    def _scroll(
        self,
        vector_name: VectorName,
        where: Where,
        limit: int,
        after: str | None,
        with_vector: bool | list[str],
    ) -> tuple[list[edge.Record], edge.PointId | None]:
        dimension_of(vector_name, self.dimensions)
        return self._edge.scroll(edge.ScrollRequest(
            offset=after, limit=limit, filter=edge_filter(where, vector_name), with_payload=False,
            with_vector=with_vector,
        ))

    def _with_vectors(self, vector_name: VectorName, found: Sequence[tuple[int, array[float]]]) -> Points:
        ids = [number for number, _ in found]
        self._read_rows(ids)
        vectors = np.frombuffer(b"".join(vector.tobytes() for _, vector in found), np.float32)
        vectors = unit(vectors.reshape(len(ids), dimension_of(vector_name, self.dimensions)))
        return self._rows.points(vector_name, ids, vectors=vectors)

    def _read_rows(self, ids: Sequence[int]) -> None:
        ids = list(dict.fromkeys(ids))
        self._rows.make_room(ids)
        missing = self._rows.missing(ids)
        if not missing:
            return
        records = self._edge.retrieve([UUID(int=number) for number in missing], True, False)
        try:
            self._rows.add([_number(row.id) for row in records], [row.payload or {} for row in records])
        except KeyError as error:
            raise StoreDamaged(
                f"Points in {self.path} have lost their {error}. Run `momentseek doctor` to repair them."
            ) from None
        if len(records) != len(missing):
            raise StoreDamaged(
                f"{len(missing) - len(records)} points in {self.path} cannot be read. "
                "Run `momentseek doctor` to repair them."
            )

    def _upgrade(self) -> None:
        if upgrade(_OfShard(self._edge), self._about.record, f"The index {self.path}"):
            self.flush()
            self._about = replace(self._about, record=NEWEST)
            self._about.write(self.path)


@dataclass(frozen=True, slots=True)
class _OfShard:
    """What upgrades change."""

    shard: edge.EdgeShard

    def fields_indexed(self) -> Collection[str]:
        return self.shard.info().payload_schema.keys()

    def index_field(self, field: str) -> None:
        self.shard.update(edge.UpdateOperation.create_field_index(field, _FIELD_TYPES[INDEXED[field]]))


def edge_filter(where: Where, vector_name: str | None = None) -> edge.Filter | None:
    """Every field that is set must hold; None when nothing is set."""
    must: list[edge.ConditionType] = []
    must_not: list[edge.ConditionType] = []
    wanted = {"media_id": where.media_ids, "kind": where.kinds, "label": where.labels}
    if where.media_type is not None:
        wanted["media_type"] = (where.media_type,)
    for field, values in wanted.items():
        if values is not None:
            must.append(edge.FieldCondition(field, match=edge.MatchAny(list(values))))
    if where.time_seconds is not None:
        within = edge.RangeFloat(gte=where.time_seconds[0], lt=where.time_seconds[1])
        must.append(edge.FieldCondition("time_seconds", range=within))
    if where.not_media_ids:
        must_not.append(edge.FieldCondition("media_id", match=edge.MatchAny(list(where.not_media_ids))))
    if vector_name is not None:
        must.append(edge.HasVectorCondition(vector_name))
    return edge.Filter(must=must, must_not=must_not) if must or must_not else None


def _create(path: Path, dimensions: Mapping[str, int]) -> None:
    """Make the whole directory aside and move it into place: a killed process leaves no half of one."""
    aside = path.with_name(path.name + ".creating")
    shutil.rmtree(aside, ignore_errors=True)
    (aside / FIRST_SHARD).mkdir(parents=True)
    About(dict(dimensions)).write(aside)
    shard = edge.EdgeShard.create(str(aside / FIRST_SHARD), edge.EdgeConfig(vectors={
        name: edge.EdgeVectorParams(size, edge.Distance.Cosine, datatype=edge.VectorStorageDatatype.Float16)
        for name, size in dimensions.items()
    }))
    shard.flush()
    shard.close()
    aside.rename(path)


def _load(path: Path, shard: str) -> edge.EdgeShard:
    try:
        return edge.EdgeShard.load(str(path / shard))
    except BaseException as error:  # a panic in the binding derives from BaseException
        raise damaged(path, error) from None


def _best_score(cosine: float) -> float:
    """Qdrant's best-score recommendation maps the best cosine to (x / (1 + |x|) + 1) / 2."""
    return 0.5 * (cosine / (1 + abs(cosine)) + 1)


def _cosine_of(best_score: NDArray[np.float32]) -> NDArray[np.float32]:
    squashed = 2 * best_score - 1
    cosines: NDArray[np.float32] = (squashed / (1 - np.abs(squashed))).astype(np.float32)
    return cosines


def _say(dimensions: Mapping[str, int]) -> str:
    return ", ".join(f"{size} numbers ({name})" for name, size in sorted(dimensions.items()))


def _vectors(record: edge.Record) -> dict[str, array[float]]:
    stored: Any = record.vector or {}
    return {name: array("f", vector) for name, vector in stored.items()}


def _vector(record: edge.Record, vector_name: str) -> array[float]:
    """Empty when the point has no vector of that name."""
    vectors: Any = record.vector or {}
    return array("f", vectors.get(vector_name, ()))


def _number(point_id: edge.PointId) -> int:
    return point_id.int if isinstance(point_id, UUID) else UUID(str(point_id)).int
