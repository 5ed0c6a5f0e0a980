"""Is it up, and does it work?"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep

router = APIRouter(tags=["health"])


@router.get("/health/live", summary="The process answers")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/health/ready", summary="The catalogue and the store answer")
async def ready(library: LibraryDep) -> dict[str, Any]:
    return {"status": "ok", **await run_in_threadpool(library.facts)}
