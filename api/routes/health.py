"""Is it up, and does it work?"""

from __future__ import annotations

from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter

from api.deps import LibraryDep

router = APIRouter(tags=["health"])

_threads = CapacityLimiter(4)
"""Its own: a server full of work still says how it is."""


@router.get("/health/live", summary="The process answers")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/health/ready", summary="The catalogue and the store answer")
async def ready(library: LibraryDep) -> dict[str, Any]:
    return {"status": "ok", **await to_thread.run_sync(library.facts, limiter=_threads)}
