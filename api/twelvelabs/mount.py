"""The dialect in an application."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from api.twelvelabs import assets, indexed_assets, indexes, later, search, tasks, videos
from api.twelvelabs.access import PREFIXES, SHOWN

_UPLOADS = {prefix + path for prefix in PREFIXES for path in ("/tasks", "/assets")}


def add_dialect(app: FastAPI) -> None:
    """Only the paths in access.py are taken: at / there are other things beside it."""
    router = APIRouter()
    # What has a fixed name comes before what takes any id.
    for room in (later, indexes, tasks, videos, indexed_assets, assets, search):
        router.include_router(room.router)
    for prefix in PREFIXES:
        app.include_router(router, prefix=prefix, include_in_schema=prefix == SHOWN)


def takes_files(method: str, path: str) -> bool:
    """Whether bodies sent there are media files, with a limit of their own."""
    return method == "POST" and path in _UPLOADS
