"""Tasks: a file into the library and into an index, in one request. The work itself is a job."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.concurrency import run_in_threadpool

from api.deps import FetchingMediaDep, LibraryDep
from api.library import Library
from api.twelvelabs.common import (
    leave,
    merge_metadata,
    need_index,
    need_member,
    new_router,
    read_metadata,
    take,
)
from api.twelvelabs.errors import Refusal, unknown
from api.twelvelabs.forms import received
from api.twelvelabs.lists import AskedDep, ListingDep
from api.twelvelabs.shapes import TaskCreatedOut, TaskOut, TaskPage, TaskStatusOut, show_task, task_id
from index.sets import MEMBER_STATUSES, Member
from ingest.incoming import Upload

router = new_router()

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": {
            "type": "object", "required": ["index_id"],
            "properties": {
                "index_id": {"type": "string"},
                "video_file": {"type": "string", "format": "binary", "description": "a video or a still"},
                "video_url": {
                    "type": "string", "description": "instead; needs server.fetch_media"},
                "user_metadata": {"type": "string", "description": "a JSON object"},
            },
        }}},
    }
}  # fmt: skip


@router.post(
    "/tasks", status_code=201, response_model=TaskCreatedOut, openapi_extra=_BODY,
    summary="Upload a video into an index",
)  # fmt: skip
async def create(request: Request, library: LibraryDep, fetching: FetchingMediaDep) -> dict[str, Any]:
    """Answers when all of it is here and known to be media; ask `GET /tasks/{task_id}` until its status is
    `ready` or `failed`. The same content twice is one video."""
    async with received(request, library.incoming, "video_file") as form:
        index_id, url = form.need("index_id"), form.get("video_url")
        metadata = read_metadata(form.get("user_metadata"))

        def run(upload: Upload, from_url: bool) -> dict[str, Any]:
            added = take(library, upload, "video_file", kept=False, from_url=from_url)
            merge_metadata(library, added.media.id, metadata)
            library.sets.add_member(index_id, added.media.id)
            member = need_member(library, index_id, added.media.id, "video")
            return {"_id": task_id(member), "video_id": added.media.id}

        await run_in_threadpool(need_index, library, index_id)
        if url is not None:
            async with fetching.file(url, library.incoming) as fetched:
                return await run_in_threadpool(run, fetched, True)
        if form.upload is None:
            raise Refusal(
                400, "parameter_not_provided", "Give video_file with something in it, or video_url."
            )
        return await run_in_threadpool(run, form.upload, False)


@router.get("/tasks", response_model=TaskPage, summary="Tasks")
async def list_tasks(
    request: Request,
    library: LibraryDep,
    listing: ListingDep,
    asked: AskedDep,
    index_id: str | None = None,
    status: Annotated[list[str] | None, Query(description=f"any of {', '.join(MEMBER_STATUSES)}")] = None,
) -> TaskPage:
    def run() -> TaskPage:
        rows = [
            row for row in library.sets.members(index_id or None, asked.media)
            if (not status or row.status in status) and asked.has_fps(row.fps)
        ]  # fmt: skip
        shown, page_info = listing.of(rows, lambda row: row.added_at, lambda row: row.updated_at)
        data = [show_task(request, row, library.get_media(row.media_id)) for row in shown]
        return TaskPage(data=data, page_info=page_info)

    return await run_in_threadpool(run)


@router.get("/tasks/status", response_model=TaskStatusOut, summary="How many tasks of an index are where")
async def status(library: LibraryDep, index_id: str) -> TaskStatusOut:
    """For SDK 0.4."""

    def run() -> TaskStatusOut:
        need_index(library, index_id)
        count = Counter(row.status for row in library.sets.members(index_id))
        waiting = count["pending"] + count["queued"] + count["indexing"]
        return TaskStatusOut(
            index_id=index_id, ready=count["ready"], validating=0, pending=waiting, failed=count["failed"],
            total_result=count.total(),
        )  # fmt: skip

    return await run_in_threadpool(run)


@router.get("/tasks/{task_id}", response_model=TaskOut, summary="One task")
async def show(request: Request, library: LibraryDep, task_id: str) -> TaskOut:
    def run() -> TaskOut:
        member = _need_task(library, task_id)
        return show_task(request, member, library.get_media(member.media_id))

    return await run_in_threadpool(run)


@router.delete("/tasks/{task_id}", status_code=204, summary="Remove a task and its video")
async def remove(library: LibraryDep, task_id: str) -> None:
    """As removing the video from its index; work on it ends."""

    def run() -> None:
        member = _need_task(library, task_id)
        leave(library, member.set_id, member.media_id)

    await run_in_threadpool(run)


def _need_task(library: Library, given: str) -> Member:
    index_id, _, media_id = given.partition("-")
    found = library.sets.find_member(index_id, media_id)
    if found is None:
        raise unknown("task", given)
    return found
