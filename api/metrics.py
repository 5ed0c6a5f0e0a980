"""Requests, counted for Prometheus, beside what the library counts. Nothing here is global: every application
has a registry of its own."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import template_of

_NO_ROUTE = "none"
"""For what fits none: paths that strangers make up are no labels."""
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class HttpMetrics:
    """Requests by method, template of the route, and status; ``library`` gives what the library counts,
    ``searches`` how many there are now."""

    def __init__(self, library: Callable[[], Collector], searches: Callable[[], int]):
        self._library, self._registry = library, CollectorRegistry()
        self._requests = Counter(
            "momentseek_http_requests", "Requests that were answered", ["method", "route", "status"],
            registry=self._registry,
        )  # fmt: skip
        Gauge(
            "momentseek_searches_under_way", "Searches that are being answered or wait",
            registry=self._registry,
        ).set_function(searches)  # fmt: skip

    def count(self, method: str, route: str, status: int) -> None:
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()

    def text(self) -> bytes:
        """In Prometheus' text format. It may wait for catalogue and store."""
        return generate_latest(self._library()) + generate_latest(self._registry)


class CountRequests:
    """Outside of everything else, so that what the door refuses counts, too."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics):
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            # From our own table: the router's word for a route is not the same in every version of it.
            route = template_of(scope["method"], scope["path"]) or _NO_ROUTE
            self._metrics.count(scope["method"], route, status)
