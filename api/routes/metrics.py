"""For Prometheus; docs/metrics.md says what each figure is."""

from __future__ import annotations

from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from api.metrics import HttpMetrics
from api.rooms import room

router = room("health")

_threads = CapacityLimiter(1)
"""Its own, and one alone: a server full of work still says how it is, and more askers wait for each other."""
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus' text format", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response, responses=_TEXT)
async def metrics(request: Request) -> Response:
    """Counters are of this run of the server. Cheap, whatever the size of the library."""
    counted: HttpMetrics = request.app.state.metrics
    text = await to_thread.run_sync(counted.text, limiter=_threads)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
