"""Pictures to ask with, sent once: an address can name them, and a box drawn anew needs no new upload."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import File, UploadFile
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep, PlacesDep, SettingsDep
from api.rooms import room
from api.sent import sent_bytes
from ingest.pictures import LONGEST_SIDE_PX, MOST_PICTURES

router = room("search", "/pictures")


class PictureOut(BaseModel):
    id: str = Field(
        description="for `picture_id` of POST /v1/search", examples=["9f86d081884c7d659a2feaa0c55ad015"]
    )
    width: int = Field(description="pixels, upright, as the picture is kept", examples=[1536])
    height: int = Field(examples=[2048])


@router.post(
    "", status_code=201, response_model=PictureOut, summary="Keep a picture to ask with",
    description=f"It is written anew as a JPEG of at most {LONGEST_SIDE_PX} pixels a side, upright, without "
    "whatever else was in the file. The same picture gets the same id. The "
    f"{MOST_PICTURES} that were used last are kept.",
)  # fmt: skip
async def keep(
    library: LibraryDep,
    settings: SettingsDep,
    places: PlacesDep,
    image: Annotated[
        UploadFile, File(description="JPEG, PNG, WebP, AVIF, HEIC or GIF (first frame)")
    ],
) -> dict[str, Any]:
    return await places.run(lambda: asdict(library.pictures.keep(sent_bytes(image.file, settings))))


@router.get(
    "/{picture_id}", response_class=FileResponse, summary="A picture that was kept",
    responses={200: {"content": {"image/jpeg": {}}}},
)  # fmt: skip
async def show(library: LibraryDep, picture_id: str) -> FileResponse:
    path = await run_in_threadpool(library.pictures.path, picture_id)
    # An id names a content.
    headers = {"Cache-Control": "private, max-age=86400, immutable"}
    return FileResponse(path, media_type="image/jpeg", headers=headers)
