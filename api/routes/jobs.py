"""Work in the background: what is being indexed, how far it is, what became of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep
from api.errors import RESPONSES
from api.library import Library
from api.rooms import room
from index.catalogue import JobRow
from index.rows import JobState

router = room("jobs", "/jobs")

_LOOK_EVERY_SECONDS = 0.5
_STILL_HERE_SECONDS = 15.0
"""Between comments in a stream where nothing happens: proxies close silent ones."""
_MOST_LISTENERS = 50
_MOST_EVENTS = 500


class JobOut(BaseModel):
    id: str
    kind: str = Field(examples=["ingest"])
    state: JobState
    progress: float = Field(description="0 to 1", examples=[0.42])
    eta_seconds: float | None = Field(description="null: it is not known, or there is nothing left to do")
    reason: str | None = Field(description="why it failed, waits, or has nothing to do")
    media_id: str | None
    media: str | None = Field(description="file name", examples=["holiday.mp4"])
    attempts: int
    created_at: datetime
    started_at: datetime | None = Field(description="of its last attempt, as ended_at")
    ended_at: datetime | None


class JobPage(BaseModel):
    data: list[JobOut]
    next_offset: int | None


@router.get("", response_model=JobPage, summary="Jobs, the newest first")
async def list_jobs(
    library: LibraryDep,
    state: Annotated[list[JobState] | None, Query(description="any of these")] = None,
    media_id: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        rows = library.list_jobs(state, media_id, limit + 1, offset)
        more = offset + limit if len(rows) > limit else None
        return {"data": show_jobs(library, rows[:limit]), "next_offset": more}

    return await run_in_threadpool(run)


@router.get(
    "/events", response_class=StreamingResponse, summary="Jobs as they go on, as server-sent events",
    responses={
        200: {"description": "Each event is `job`, its data a job as JSON",
              "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        429: RESPONSES[429],
    },
)  # fmt: skip
async def events(request: Request, library: LibraryDep) -> StreamingResponse:
    """First those that wait or run, then every job whenever something about it changes. A stream that breaks
    can be opened anew: `EventSource` in a browser does so by itself. It ends when the server stops."""
    state = request.app.state
    listeners = getattr(state, "job_listeners", 0)
    if listeners >= _MOST_LISTENERS:
        raise HTTPException(429, f"{listeners} listen already; ask GET /v1/jobs now and then.")
    is_stopping: Callable[[], bool] = getattr(state, "is_stopping", lambda: False)

    async def stream() -> AsyncIterator[str]:
        state.job_listeners = getattr(state, "job_listeners", 0) + 1
        try:
            async for event in _events(library, is_stopping):
                yield event
        finally:
            state.job_listeners -= 1

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)


@router.get("/{job_id}", response_model=JobOut, summary="One job")
async def show(library: LibraryDep, job_id: str) -> dict[str, Any]:
    return await run_in_threadpool(lambda: show_jobs(library, [library.get_job(job_id)])[0])


@router.post("/{job_id}/cancel", response_model=JobOut, summary="End a job")
async def cancel(library: LibraryDep, job_id: str) -> dict[str, Any]:
    """Its media stays in the library, without anything to find in it, until the job is retried."""
    return await run_in_threadpool(lambda: show_jobs(library, [library.cancel_job(job_id)])[0])


@router.post("/{job_id}/retry", response_model=JobOut, summary="Once more")
async def retry(library: LibraryDep, job_id: str) -> dict[str, Any]:
    """For a job that failed or was cancelled: from the beginning, whatever happened before."""
    return await run_in_threadpool(lambda: show_jobs(library, [library.retry_job(job_id)])[0])


def show_jobs(library: Library, rows: Sequence[JobRow]) -> list[dict[str, Any]]:
    names = library.media_names([row.media_id for row in rows if row.media_id])
    return [
        {
            "id": row.id, "kind": row.kind, "state": row.state, "progress": round(row.progress, 4),
            "eta_seconds": eta_seconds(row, datetime.now(UTC)), "reason": row.message,
            "media_id": row.media_id, "media": names.get(row.media_id or ""), "attempts": row.attempts,
            "created_at": row.created_at, "started_at": row.started_at, "ended_at": row.ended_at,
        }
        for row in rows
    ]  # fmt: skip


def eta_seconds(row: JobRow, now: datetime) -> float | None:
    """As long again as it took to get here, by the share that is left."""
    if row.state != "running" or row.started_at is None or not 0 < row.progress <= 1:
        return None
    elapsed = max(0.0, (now - row.started_at).total_seconds())
    return round(elapsed * (1 - row.progress) / row.progress, 1)


async def _events(library: Library, is_stopping: Callable[[], bool]) -> AsyncIterator[str]:
    said: dict[str, str] = {}
    opened, since = datetime.now(UTC), None
    silent_seconds = 0.0
    yield "retry: 2000\n\n"
    while not is_stopping():
        began = datetime.now(UTC)
        jobs = await run_in_threadpool(_look, library, since)
        # Some of the last look's are seen again: another process's clock, or a write of the same moment.
        since = max(opened, began - timedelta(seconds=5))
        news = [(str(job["id"]), _event(job)) for job in jobs]
        for job_id, event in news:
            if said.get(job_id) != event:
                said[job_id] = event
                silent_seconds = 0.0
                yield event
        seen = {job_id for job_id, _ in news}
        said = {job_id: event for job_id, event in said.items() if job_id in seen}
        if silent_seconds >= _STILL_HERE_SECONDS:
            silent_seconds = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        silent_seconds += _LOOK_EVERY_SECONDS


def _look(library: Library, since: datetime | None) -> list[dict[str, Any]]:
    """What waits or runs, and what has changed since; the oldest first."""
    rows = {row.id: row for row in library.list_jobs(("queued", "running"), limit=_MOST_EVENTS)}
    if since is not None:
        # Asked second, so that one that ends between the two questions is not missed.
        rows |= {row.id: row for row in library.list_jobs(changed_since=since, limit=_MOST_EVENTS)}
    return list(reversed(show_jobs(library, list(rows.values()))))


def _event(job: dict[str, Any]) -> str:
    data = JobOut.model_validate(job).model_dump(mode="json")
    return f"event: job\ndata: {json.dumps(data)}\n\n"
