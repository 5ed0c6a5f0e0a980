"""One generation as a collection on a Qdrant server: how it is made, and what is asked of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from qdrant_client import models

from core.errors import StoreError
from core.settings import StoreSettings
from index.store import Where
from index.stores.schema import INDEXED
from index.stores.server_link import Link
from index.stores.upgrades import FIRST, NEWEST, require_known, upgrade

_VERSION = "momentseek_schema"
"""In the metadata of a collection: of which version its points are (index/stores/upgrades.py)."""

NO_GRAPH = 0
"""As indexing threshold: no graph is made while points come in."""

_BITS = {
    "1": models.TurboQuantBitSize.BITS1, "1.5": models.TurboQuantBitSize.BITS1_5,
    "2": models.TurboQuantBitSize.BITS2, "4": models.TurboQuantBitSize.BITS4,
    "8": models.TurboQuantBitSize.BITS8,
}  # fmt: skip


def open_collection(
    link: Link, name: str, dimensions: Mapping[str, int], settings: StoreSettings, create: bool
) -> models.CollectionInfo:
    """The collection, made with its payload indexes when there is none and ``create`` allows.

    Raises StoreDamaged when there is none, StoreError for one of other dimensions or of a newer version.
    """
    if create and not link.call(link.client.collection_exists, name):
        _create(link, name, dimensions, settings)
    info = link.call(link.client.get_collection, name)
    version = int((info.config.metadata or {}).get(_VERSION, FIRST))
    what = f"The collection {name} at {link.url}"
    require_known(version, what)
    _check(link, name, info, dimensions)
    if upgrade(_OfCollection(link, name, info, settings), version, what):
        link.call(link.client.update_collection, name, metadata={_VERSION: NEWEST})
    return info


@dataclass(frozen=True, slots=True)
class _OfCollection:
    """What upgrades change."""

    link: Link
    name: str
    info: models.CollectionInfo
    settings: StoreSettings

    def fields_indexed(self) -> Collection[str]:
        return list(self.info.payload_schema)

    def index_field(self, field: str) -> None:
        schema = payload_indexes(self.settings)[field]
        make = self.link.client.create_payload_index
        self.link.call(make, self.name, field, field_schema=schema, wait=True)


def _create(link: Link, name: str, dimensions: Mapping[str, int], settings: StoreSettings) -> None:
    try:
        link.call(
            link.client.create_collection, name,
            vectors_config=vectors(dimensions, settings),
            shard_number=settings.shard_number,
            replication_factor=settings.replication_factor,
            write_consistency_factor=settings.write_consistency_factor,
            on_disk_payload=settings.payload_on_disk,
            hnsw_config=models.HnswConfigDiff(
                m=settings.hnsw_m, ef_construct=settings.hnsw_ef_construct, on_disk=settings.hnsw_on_disk
            ),
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=settings.indexing_threshold_kb),
            quantization_config=quantization(settings),
            metadata={_VERSION: FIRST},
        )  # fmt: skip
    except StoreError:
        # Another process may have made it in the same moment.
        if not link.call(link.client.collection_exists, name):
            raise


def vectors(dimensions: Mapping[str, int], settings: StoreSettings) -> dict[str, models.VectorParams]:
    """float16 on the server too: half the disk of float32, scores differ by less than 0.0001."""
    # ``on_disk`` and ``always_ram`` are the old names of ``memory``, which older servers do not know.
    return {
        name: models.VectorParams(
            size=size, distance=models.Distance.COSINE, datatype=models.Datatype.FLOAT16,
            on_disk=settings.on_disk,
        )
        for name, size in dimensions.items()
    }  # fmt: skip


def quantization(settings: StoreSettings) -> models.QuantizationConfig | None:
    """The small copy in memory that finds candidates; the vectors on disk score them."""
    if settings.quantization == "scalar":
        return models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(
            type=models.ScalarType.INT8, quantile=0.99, always_ram=True
        ))
    if settings.quantization == "turbo":
        bits = _BITS[settings.turbo_bits]
        return models.TurboQuantization(turbo=models.TurboQuantQuantizationConfig(bits=bits, always_ram=True))
    return None


def payload_indexes(settings: StoreSettings) -> dict[str, Any]:
    """The fields that filters use: made before the first point, or the graph knows nothing of them."""
    made: dict[str, Any] = {}
    for field, kind in INDEXED.items():
        if kind == "float":
            made[field] = models.FloatIndexParams(type=models.FloatIndexType.FLOAT)
        else:
            tenant = True if field == "media_id" and settings.media_is_tenant else None
            made[field] = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=tenant)
    return made


def search_params(settings: StoreSettings) -> models.SearchParams:
    rescoring = models.QuantizationSearchParams(rescore=True, oversampling=settings.oversampling)
    return models.SearchParams(
        exact=settings.exact, hnsw_ef=None if settings.exact else settings.hnsw_ef,
        quantization=None if settings.quantization == "none" else rescoring,
    )  # fmt: skip


def _check(link: Link, name: str, info: models.CollectionInfo, dimensions: Mapping[str, int]) -> None:
    held = sizes(info)
    if held != dict(dimensions):
        raise StoreError(
            f"The collection {name} at {link.url} holds vectors of {_say(held)}, not {_say(dimensions)}. "
            "Set store.collection_prefix to a name of your own."
        )


def sizes(info: models.CollectionInfo) -> dict[Any, int]:
    """Numbers of a vector by its name; none for a collection of somebody else."""
    held = info.config.params.vectors
    return {name: params.size for name, params in held.items()} if isinstance(held, dict) else {}


def _say(dimensions: Mapping[str, int]) -> str:
    return ", ".join(f"{size} numbers ({name})" for name, size in sorted(dimensions.items())) or "no name"


def server_filter(where: Where, vector_name: str | None = None) -> models.Filter | None:
    """Every field that is set must hold; None when nothing is set."""
    must: list[models.Condition] = []
    wanted = {"media_id": where.media_ids, "kind": where.kinds, "label": where.labels}
    if where.media_type is not None:
        wanted["media_type"] = (where.media_type,)
    for field, values in wanted.items():
        if values is not None:
            must.append(models.FieldCondition(key=field, match=models.MatchAny(any=list(values))))
    if where.time_seconds is not None:
        within = models.Range(gte=where.time_seconds[0], lt=where.time_seconds[1])
        must.append(models.FieldCondition(key="time_seconds", range=within))
    if vector_name is not None:
        must.append(models.HasVectorCondition(has_vector=vector_name))
    must_not: list[models.Condition] = []
    if where.not_media_ids:
        others = models.MatchAny(any=list(where.not_media_ids))
        must_not.append(models.FieldCondition(key="media_id", match=others))
    return models.Filter(must=must, must_not=must_not) if must or must_not else None
