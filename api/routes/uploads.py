"""Media files into the library: in one request, in pieces that can be taken up again, or by their path."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.deps import KeyringDep, LibraryDep
from api.errors import RESPONSES, Problem
from api.library import Library
from api.rooms import room
from api.routes.jobs import JobOut, show_jobs
from api.routes.media import MediaOut, show_media
from core.errors import InvalidRequest, MediaError
from index.rows import Added
from ingest.incoming import BeingWritten, OffsetWrong, TooLarge, TooMany, Upload, Writer

router = room("media")

_WRITE_BYTES = 1 << 20
"""Collected before they are written: a thread for every piece off the network would cost too much."""
_STATUS = {TooLarge: 413, OffsetWrong: 409, BeingWritten: 409, TooMany: 429}

CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "Not where the last bytes ended, or another request sends them"}
}
_REFUSED: dict[int | str, dict[str, Any]] = {
    status: RESPONSES[status] for status in (413, 422, 429, 503)
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True, "description": "The bytes of the file, as they are",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}  # fmt: skip

_PIECE: dict[str, Any] = {
    "requestBody": {
        **_BODY["requestBody"], "required": False,
        "description": "The bytes from `offset` on, as many as you like; none at all does nothing",
    }
}  # fmt: skip


class AddedOut(BaseModel):
    media: MediaOut
    job: JobOut | None = Field(description="null: there was nothing to do for it when it came")
    known: bool = Field(description="the same content was in the library before, maybe under another name")


class UploadIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=1000, examples=["holiday.mp4"])
    size_bytes: int = Field(ge=1, examples=[2_147_483_648])


class UploadOut(BaseModel):
    id: str
    name: str
    size_bytes: int | None
    offset: int = Field(description="how many bytes are here: go on from this one")
    added: AddedOut | None = Field(None, description="once the last byte has come")


class RegisterIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: str = Field(
        min_length=1, max_length=4096, examples=["/films/holiday.mp4"],
        description="absolute, of a file on the server, under one of the folders in server.media_roots",
    )  # fmt: skip


def takes_files(method: str, path: str) -> bool:
    """Whether bodies sent there are media files, with a limit of their own."""
    return (method, path) == ("POST", "/v1/media") or (method == "PATCH" and path.startswith("/v1/uploads/"))


@router.post(
    "/media", status_code=202, response_model=AddedOut, responses=_REFUSED, openapi_extra=_BODY,
    summary="Upload a file in one request",
)  # fmt: skip
async def upload(
    request: Request,
    library: LibraryDep,
    name: Annotated[str, Query(min_length=1, max_length=1000, examples=["holiday.mp4"])],
) -> dict[str, Any]:
    """The body is the file itself: `curl -X POST -T holiday.mp4 'http://.../v1/media?name=holiday.mp4'`.

    Answers when all of it is on disk and known to be media; a job indexes it then. The same content twice is
    one media. For large files, or bad connections, see `POST /v1/uploads`.
    """
    length = request.headers.get("content-length", "")
    incoming = library.incoming
    with _refusals():
        begun = await run_in_threadpool(incoming.start, name, int(length) if length.isdecimal() else None)
        try:
            whole = await _receive(request, library, begun, 0)
            if begun.size_bytes not in (None, whole) or not whole:
                raise InvalidRequest(f"{whole} bytes have come of {begun.name}; the file was not sent whole.")
            return await run_in_threadpool(_add, library, begun)
        finally:
            incoming.finished(begun.id)


@router.post("/media/register", status_code=202, response_model=AddedOut, summary="Add a file on the server")
async def register(
    request: Request, library: LibraryDep, ring: KeyringDep, body: RegisterIn
) -> dict[str, Any]:
    """The file stays where it is, and must stay there to be shown. A job indexes it."""
    # ``momentseek ingest`` on this machine: its user could open any of these files without us.
    anywhere = ring.is_owner(request)
    return await run_in_threadpool(lambda: _show_added(library, library.register(body.path, anywhere)))


@router.post(
    "/uploads", status_code=201, response_model=UploadOut, responses=_REFUSED,
    summary="Begin an upload in pieces",
)  # fmt: skip
async def begin(library: LibraryDep, body: UploadIn) -> dict[str, Any]:
    """Then `PATCH /v1/uploads/{id}?offset=0` with as much of the file as you like, and so on from the
    `offset` of the answer. After an interruption ask `GET /v1/uploads/{id}` where to go on; the server may
    have been started anew meanwhile. Nothing for a day, and the upload is removed."""
    with _refusals():
        await run_in_threadpool(library.incoming.sweep)
        return _show_upload(await run_in_threadpool(library.incoming.start, body.name, body.size_bytes))


@router.get("/uploads/{upload_id}", response_model=UploadOut, summary="How far an upload is")
@router.head("/uploads/{upload_id}", include_in_schema=False)
async def look(library: LibraryDep, upload_id: str, response: Response) -> dict[str, Any]:
    """HEAD has it in the header `Upload-Offset`."""
    found = await run_in_threadpool(library.incoming.find, upload_id)
    response.headers["Upload-Offset"] = str(found.offset)
    response.headers["Cache-Control"] = "no-store"
    return _show_upload(found)


@router.patch(
    "/uploads/{upload_id}", response_model=UploadOut, responses={**_REFUSED, **CONFLICT},
    openapi_extra=_PIECE, summary="The next piece of an upload",
)  # fmt: skip
async def go_on(
    request: Request,
    library: LibraryDep,
    upload_id: str,
    offset: Annotated[int, Query(ge=0, description="where this piece begins; must be where the last ended")],
) -> dict[str, Any]:
    """With the last piece, `added` says what has become of the file. Where that is no media the upload is
    removed."""
    incoming = library.incoming
    with _refusals():
        found = await run_in_threadpool(incoming.find, upload_id)
        await _receive(request, library, found, offset)
        now = await run_in_threadpool(incoming.find, upload_id)
        if not now.is_whole:
            return _show_upload(now)
        try:
            added = await run_in_threadpool(_add, library, now)
        except MediaError:
            incoming.finished(upload_id)
            raise
        incoming.finished(upload_id)
        return {**_show_upload(now), "added": added}


@router.delete("/uploads/{upload_id}", status_code=204, responses=CONFLICT, summary="Give an upload up")
async def give_up(library: LibraryDep, upload_id: str) -> None:
    with _refusals():
        await run_in_threadpool(library.incoming.drop, upload_id)


async def _receive(request: Request, library: Library, upload: Upload, offset: int) -> int:
    """The body behind what is here already; how many bytes that makes. What has come before a break stays."""
    with library.incoming.writing(upload.id, offset) as writer:
        waiting = bytearray()
        try:
            async for piece in request.stream():
                waiting += piece
                if len(waiting) >= _WRITE_BYTES:
                    await _write(writer, waiting)
        except (ClientDisconnect, asyncio.CancelledError) as ended:
            # Not on a thread: whoever is cancelled cannot wait for one.
            writer.write(bytes(waiting))
            if isinstance(ended, asyncio.CancelledError):
                raise
            raise InvalidRequest(f"Only {writer.offset} bytes of {upload.name} have come.") from None
        await _write(writer, waiting)
        await run_in_threadpool(writer.sync)
        return writer.offset


async def _write(writer: Writer, waiting: bytearray) -> None:
    await run_in_threadpool(writer.write, bytes(waiting))
    waiting.clear()


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (TooLarge, OffsetWrong, BeingWritten, TooMany) as error:
        headers = {"Retry-After": "5"} if isinstance(error, TooMany) else None
        raise HTTPException(_STATUS[type(error)], str(error), headers) from None


def _add(library: Library, upload: Upload) -> dict[str, Any]:
    try:
        return _show_added(library, library.take_upload(upload.path, upload.name))
    except MediaError as error:
        # It was looked at under the name that it has on the way.
        raise type(error)(str(error).replace(upload.path.name, upload.name)) from None


def _show_added(library: Library, added: Added) -> dict[str, Any]:
    job = show_jobs(library, [added.job])[0] if added.job else None
    return {"media": show_media(added.media), "job": job, "known": added.known}


def _show_upload(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.id, "name": upload.name, "size_bytes": upload.size_bytes, "offset": upload.offset,
    }  # fmt: skip
