"""The same stand-in for a Qdrant server over gRPC, in the client's own messages."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc as rpc
from qdrant_client import QdrantClient, grpc, models
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc

Context = Any


@contextlib.contextmanager
def serving_grpc(client: QdrantClient) -> Iterator[int]:
    """The port at which ``client``, in local mode, can be asked while the block runs."""
    server = rpc.server(ThreadPoolExecutor(1))  # one at a time: local mode is not thread-safe
    grpc.add_PointsServicer_to_server(_Points(client), server)
    grpc.add_CollectionsServicer_to_server(_Collections(client), server)
    grpc.add_QdrantServicer_to_server(_Health(client), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


class _Health(grpc.QdrantServicer):
    def __init__(self, client: QdrantClient) -> None:
        self._client = client

    def HealthCheck(self, asked: Any, context: Context) -> Any:
        return grpc.HealthCheckReply(title="stand-in", version=self._client.info().version)


class _Collections(grpc.CollectionsServicer):
    def __init__(self, client: QdrantClient) -> None:
        self._client = client

    def CollectionExists(self, asked: Any, context: Context) -> Any:
        exists = self._client.collection_exists(asked.collection_name)
        return grpc.CollectionExistsResponse(result=grpc.CollectionExists(exists=exists))

    def Create(self, asked: Any, context: Context) -> Any:
        vectors = GrpcToRest.convert_vectors_config(asked.vectors_config)
        metadata = GrpcToRest.convert_payload(asked.metadata)
        done = self._client.create_collection(asked.collection_name, vectors, metadata=metadata)
        return grpc.CollectionOperationResponse(result=done)

    def Get(self, asked: Any, context: Context) -> Any:
        info = _or_abort(context, self._client.get_collection, asked.collection_name)
        return grpc.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))

    def Update(self, asked: Any, context: Context) -> Any:
        if asked.metadata:
            metadata = GrpcToRest.convert_payload(asked.metadata)
            self._client.update_collection(asked.collection_name, metadata=metadata)
        return grpc.CollectionOperationResponse(result=True)

    def Delete(self, asked: Any, context: Context) -> Any:
        done = self._client.delete_collection(asked.collection_name)
        return grpc.CollectionOperationResponse(result=done)


class _Points(grpc.PointsServicer):
    def __init__(self, client: QdrantClient) -> None:
        self._client = client

    def CreateFieldIndex(self, asked: Any, context: Context) -> Any:
        return _done()

    def Upsert(self, asked: Any, context: Context) -> Any:
        points = [GrpcToRest.convert_point_struct(point) for point in asked.points]
        _or_abort(context, self._client.upsert, asked.collection_name, points)
        return _done()

    def Delete(self, asked: Any, context: Context) -> Any:
        _or_abort(
            context, self._client.delete, asked.collection_name,
            GrpcToRest.convert_points_selector(asked.points),
        )  # fmt: skip
        return _done()

    def Get(self, asked: Any, context: Context) -> Any:
        ids = [GrpcToRest.convert_point_id(one) for one in asked.ids]
        records = _or_abort(
            context, self._client.retrieve, asked.collection_name, ids, *_with(asked)
        )
        return grpc.GetResponse(result=[_record(one) for one in records])

    def Scroll(self, asked: Any, context: Context) -> Any:
        records, following = _or_abort(
            context, self._client.scroll, asked.collection_name, _filter(asked, "filter"), asked.limit, None,
            GrpcToRest.convert_point_id(asked.offset) if asked.HasField("offset") else None, *_with(asked),
        )  # fmt: skip
        return grpc.ScrollResponse(
            result=[_record(one) for one in records],
            next_page_offset=None if following is None else RestToGrpc.convert_extended_point_id(following),
        )

    def QueryBatch(self, asked: Any, context: Context) -> Any:
        requests = [GrpcToRest.convert_query_points(one) for one in asked.query_points]
        answers = _or_abort(context, self._client.query_batch_points, asked.collection_name, requests)
        return grpc.QueryBatchResponse(result=[
            grpc.BatchResult(result=[RestToGrpc.convert_scored_point(hit) for hit in answer.points])
            for answer in answers
        ])

    def QueryGroups(self, asked: Any, context: Context) -> Any:
        answer = _or_abort(
            context, self._client.query_points_groups, asked.collection_name, asked.group_by,
            GrpcToRest.convert_query(asked.query), asked.using, None, _filter(asked, "filter"),
            GrpcToRest.convert_search_params(asked.params), asked.limit, asked.group_size, False, False,
            asked.score_threshold if asked.HasField("score_threshold") else None,
        )  # fmt: skip
        groups = [
            grpc.PointGroup(
                id=grpc.GroupId(string_value=str(group.id)),
                hits=[RestToGrpc.convert_scored_point(hit) for hit in group.hits],
            )
            for group in answer.groups
        ]
        return grpc.QueryGroupsResponse(result=grpc.GroupsResult(groups=groups))

    def Count(self, asked: Any, context: Context) -> Any:
        found = _or_abort(context, self._client.count, asked.collection_name, _filter(asked, "filter"))
        return grpc.CountResponse(result=grpc.CountResult(count=found.count))

    def Facet(self, asked: Any, context: Context) -> Any:
        found = self._client.facet(asked.collection_name, asked.key, _filter(asked, "filter"), asked.limit)
        return grpc.FacetResponse(hits=[RestToGrpc.convert_facet_value_hit(hit) for hit in found.hits])


def _or_abort(context: Context, call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except ValueError as error:
        status = rpc.StatusCode.NOT_FOUND if "not found" in str(error) else rpc.StatusCode.INVALID_ARGUMENT
        context.abort(status, str(error))


def _filter(asked: Any, field: str) -> models.Filter | None:
    return GrpcToRest.convert_filter(getattr(asked, field)) if asked.HasField(field) else None


def _with(asked: Any) -> tuple[Any, Any]:
    payload = GrpcToRest.convert_with_payload_selector(asked.with_payload)
    if not asked.HasField("with_vectors"):
        return payload, False
    return payload, GrpcToRest.convert_with_vectors_selector(asked.with_vectors)


def _record(record: models.Record) -> Any:
    record.payload = record.payload or {}  # the conversion knows no record without one
    return RestToGrpc.convert_retrieved_point(record)


def _done() -> Any:
    status = grpc.UpdateStatus.Completed
    return grpc.PointsOperationResponse(result=grpc.UpdateResult(operation_id=0, status=status))
