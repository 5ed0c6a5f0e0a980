"""A stand-in for a Qdrant server: qdrant-client's local mode behind the addresses and replies of a real one.

It is what a client meets on the wire: JSON both ways, status codes, a key, failures on demand. It is not the
engine: no graph, no quantisation, no shards. MOMENTSEEK_TEST_QDRANT_URL names a real one for that.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from pydantic import TypeAdapter
from qdrant_client import QdrantClient, models
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Body = dict[str, Any]
_INSERT = TypeAdapter(models.PointInsertOperations)
_SELECT = TypeAdapter(models.PointsSelector)


class QdrantStandIn:
    """``asked`` holds (method, path, body) of every request, ``waits`` whether each upsert was waited for.
    ``refuse``: status codes for the next requests, which are not carried out. ``lose``: how many of the next
    ones are carried out but answered with 503."""

    def __init__(self, key: str | None = None) -> None:
        self.key = key
        self.asked: list[tuple[str, str, Body]] = []
        self.refuse: list[int] = []
        self.reason = "as the test wants it"
        self.lose = 0
        self.waits: list[bool] = []
        self.url = ""
        self.stop: Callable[[], None] = lambda: None
        self.writes = 0
        self.thresholds: dict[str, int] = {}
        self._client = QdrantClient(":memory:", force_disable_check_same_thread=True)
        self._turn = threading.Lock()
        self._routes: list[tuple[str, str, Callable[[str, Body], Any]]] = [
            ("GET", "/exists", lambda name, _: {"exists": self._client.collection_exists(name)}),
            ("GET", "", self._info),
            ("PUT", "", self._create),
            ("PATCH", "", self._change),
            ("DELETE", "", lambda name, _: self._client.delete_collection(name)),
            ("PUT", "/index", self._index),
            ("PUT", "/points", self._upsert),
            ("POST", "/points/delete", lambda name, body: self._client.delete(
                name, _SELECT.validate_python(body))),
            ("POST", "/points", lambda name, body: self._client.retrieve(
                name, body["ids"], body["with_payload"], body["with_vector"])),
            ("POST", "/points/query/batch", self._query),
            ("POST", "/points/query/groups", self._groups),
            ("POST", "/points/scroll", self._scroll),
            ("POST", "/points/count", lambda name, body: self._client.count(name, _filter(body))),
            ("POST", "/facet", lambda name, body: self._client.facet(
                name, body["key"], _filter(body), body["limit"])),
        ]  # fmt: skip

    @contextlib.contextmanager
    def serving(self) -> Iterator[QdrantStandIn]:
        methods = ["GET", "PUT", "POST", "PATCH", "DELETE"]
        app = Starlette(routes=[Route("/{path:path}", self._serve, methods=methods)])
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            while not server.started:
                time.sleep(0.01)
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

            def stop() -> None:
                server.should_exit = True
                thread.join()

            self.stop = stop
            try:
                yield self
            finally:
                stop()
                self._client.close()

    def forget_field(self, collection: str, field: str) -> None:
        """Every point loses this field of its payload."""
        self._client.delete_payload(collection, [field], models.FilterSelector(filter=models.Filter()))
        self.writes += 1

    def note(self, collection: str, metadata: Body) -> None:
        """What the collection says of itself."""
        self._client.update_collection(collection, metadata=metadata)

    async def _serve(self, request: Request) -> Response:
        body = await request.json() if await request.body() else {}
        self.asked.append((request.method, request.url.path, body))
        if self.key is not None and request.headers.get("api-key") != self.key:
            return _error(403, "Forbidden: Invalid API key or JWT")
        if self.refuse:
            return _error(self.refuse.pop(0), self.reason)
        if request.url.path == "/":
            return JSONResponse(self._client.info().model_dump())
        if request.method == "PUT" and request.url.path.endswith("/points"):
            self.waits.append(request.query_params["wait"] == "true")
        reply = await run_in_threadpool(self._answer, request.method, request.url.path, body)
        if self.lose:
            self.lose -= 1
            return _error(503, "the answer got lost")
        return reply

    def _answer(self, method: str, path: str, body: Body) -> Response:
        found = re.fullmatch(r"/collections/([^/]+)(.*)", path)
        assert found, f"no client of Qdrant asks for {path}"
        name, rest = found.groups()
        [answer] = [function for verb, end, function in self._routes if (verb, end) == (method, rest)]
        try:
            with self._turn:
                result = answer(name, body)
        except ValueError as error:
            return _error(404 if "not found" in str(error) else 400, str(error))
        return JSONResponse({"result": _plain(result), "status": "ok", "time": 0.0})

    def _create(self, name: str, body: Body) -> bool:
        asked = models.CreateCollection.model_validate(body)
        if self._client.collection_exists(name):
            raise ValueError(f"Collection `{name}` already exists!")
        assert asked.optimizers_config is not None
        self.thresholds[name] = asked.optimizers_config.indexing_threshold
        return self._client.create_collection(name, asked.vectors, metadata=asked.metadata)

    def _change(self, name: str, body: Body) -> bool:
        asked = models.UpdateCollection.model_validate(body)
        if asked.optimizers_config is not None:
            self.thresholds[name] = asked.optimizers_config.indexing_threshold
        return asked.metadata is None or self._client.update_collection(name, metadata=asked.metadata)

    def _info(self, name: str, _: Body) -> models.CollectionInfo:
        info = self._client.get_collection(name)
        info.config.optimizer_config.indexing_threshold = self.thresholds[name]
        return info

    def _index(self, name: str, body: Body) -> Any:
        asked = models.CreateFieldIndex.model_validate(body)
        return self._client.create_payload_index(name, asked.field_name, asked.field_schema)

    def _upsert(self, name: str, body: Body) -> Any:
        asked = _INSERT.validate_python(body)
        points = asked.batch if isinstance(asked, models.PointsBatch) else asked.points
        self.writes += 1
        return self._client.upsert(name, points)

    def _query(self, name: str, body: Body) -> Any:
        asked = models.QueryRequestBatch.model_validate(body)
        answers = self._client.query_batch_points(name, asked.searches)
        for hit in [hit for answer in answers for hit in answer.points]:
            hit.version = self.writes  # local mode counts none: here the last write has touched every point
        return answers

    def _groups(self, name: str, body: Body) -> models.GroupsResult:
        asked = models.QueryGroupsRequest.model_validate(body)
        answer = self._client.query_points_groups(
            name, asked.group_by, asked.query, asked.using, query_filter=asked.filter,
            search_params=asked.params, limit=asked.limit or 10, group_size=asked.group_size or 3,
            with_payload=asked.with_payload or False, score_threshold=asked.score_threshold,
        )  # fmt: skip
        for hit in [hit for group in answer.groups for hit in group.hits]:
            hit.version = self.writes
        return answer

    def _scroll(self, name: str, body: Body) -> Body:
        asked = models.ScrollRequest.model_validate(body)
        points, following = self._client.scroll(
            name, asked.filter, asked.limit or 10, offset=asked.offset, with_payload=asked.with_payload,
            with_vectors=asked.with_vector,
        )  # fmt: skip
        return {"points": _plain(points), "next_page_offset": following}


def _filter(body: Body) -> models.Filter | None:
    return models.Filter.model_validate(body["filter"]) if body.get("filter") else None


def _error(status: int, message: str) -> Response:
    return JSONResponse({"status": {"error": message}, "time": 0.0}, status)


def _plain(result: Any) -> Any:
    if isinstance(result, list):
        return [_plain(one) for one in result]
    return result.model_dump(mode="json") if hasattr(result, "model_dump") else result
