"""Pictures that came with a request, read only when they are wanted: large ones lie on disk until then."""

from __future__ import annotations

from typing import IO

from fastapi import HTTPException

from core.pictures import read_picture
from core.settings import ServerSettings
from core.types import Image


def sent_picture(file: IO[bytes], settings: ServerSettings) -> Image:
    """RGB (height, width, 3). Raises InvalidImage for what is no picture, and as ``sent_bytes``."""
    return read_picture(sent_bytes(file, settings))


def sent_bytes(file: IO[bytes], settings: ServerSettings) -> bytes:
    """Raises HTTPException 413 above ``server.max_upload_mb``."""
    limit = settings.max_upload_mb * 2**20
    data = file.read(limit + 1)
    if len(data) > limit:
        raise HTTPException(
            413, f"The picture is above {settings.max_upload_mb} MB (server.max_upload_mb); make it smaller."
        )
    return data
