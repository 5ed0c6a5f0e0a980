"""Is it up, and does it work? What is in it, and what can be asked?"""

from __future__ import annotations

from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from pydantic import BaseModel, Field

from api.deps import LibraryDep, SettingsDep
from api.rooms import room

router = room("health")

_threads = CapacityLimiter(4)
"""Its own: a server full of work still says how it is."""


class ModelsOut(BaseModel):
    embedder: str = Field(examples=["ViT-B-32-256"])
    detector: str = Field(examples=["yolo11n"])
    faces: str | None = Field(description="null: there are none", examples=["yunet"])


class OffersOut(BaseModel):
    """What this server takes."""

    words: bool = Field(description="words can be searched for")
    faces: bool = Field(description="faces can be searched for")
    image_urls: bool = Field(description="query pictures may be given by address")
    paths: bool = Field(description="files on the server may be registered by path")
    max_upload_mb: int = Field(description="largest query picture", examples=[25])
    max_media_mb: int = Field(description="largest media file that may be uploaded", examples=[20480])


class LibraryOut(BaseModel):
    version: str = Field(examples=["0.1.0"])
    profile: str = Field(examples=["default"])
    videos: int = Field(description="that can be searched", examples=[120])
    stills: int = Field(description="that can be searched", examples=[3400])
    hours: float = Field(description="of video", examples=[41.5])
    points: int = Field(description="vectors in the index", examples=[512000])
    index_bytes: int = Field(description="on disk", examples=[1_300_000_000])
    models: ModelsOut
    offers: OffersOut
    fingerprint: dict[str, dict[str, str]] = Field(description="what vectors and times depend on")


@router.get("/health/live", summary="The process answers")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/health/ready", summary="The catalogue and the store answer")
async def ready(library: LibraryDep) -> dict[str, Any]:
    return {"status": "ok", **await to_thread.run_sync(library.facts, limiter=_threads)}


@router.get("/library", response_model=LibraryOut, summary="What is in it, and what can be asked")
async def library_facts(request: Request, library: LibraryDep, settings: SettingsDep) -> dict[str, Any]:
    facts = await to_thread.run_sync(library.facts, limiter=_threads)
    abilities = await to_thread.run_sync(library.abilities, limiter=_threads)
    return {
        **facts, "version": request.app.version, "profile": abilities["profile"],
        "models": abilities["models"],
        "offers": {
            "words": abilities["words"], "faces": abilities["faces"],
            "image_urls": settings.fetch_pictures, "paths": bool(settings.media_roots),
            "max_upload_mb": settings.max_upload_mb, "max_media_mb": settings.max_media_mb,
        },
    }  # fmt: skip
