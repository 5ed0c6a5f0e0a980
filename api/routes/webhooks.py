"""Webhooks: addresses that are told when something has happened; docs/webhooks.md is for who receives it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from anyio import CapacityLimiter, to_thread
from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.deps import LibraryDep
from api.rooms import room
from core.addresses import LONGEST_URL
from index.webhooks import EVENTS, Event, NewWebhook

router = room("webhooks", "/webhooks")

_threads = CapacityLimiter(2)
"""Its own: whoever waits for an address to answer must not keep the threads that everything shares."""


class WebhookIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        max_length=LONGEST_URL, examples=["https://cuts.example/momentseek"],
        description="http or https, without name and password; on the public Internet unless the server's "
        "owner has set `server.webhook_private_addresses`",
    )  # fmt: skip
    events: list[Event] = Field(
        list(EVENTS), min_length=1, max_length=len(EVENTS), description="what it is told; default: all"
    )


class WebhookOut(BaseModel):
    id: str = Field(examples=["6f1d2c3b4a596877"])
    url: str = Field(examples=["https://cuts.example/momentseek"])
    events: list[Event]
    created_at: datetime


class NewWebhookOut(WebhookOut):
    secret: str = Field(
        description="what is sent is signed with it. It is shown here and never again",
        examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
    )


class WebhookList(BaseModel):
    data: list[WebhookOut]


class DeliveryOut(BaseModel):
    id: str = Field(
        description="`webhook-id` of the request", examples=["msg_5f0c6b1d2e3a4f7a8b9c0d1e2f3a4b5c"]
    )
    event: str = Field(examples=["job.ready"])
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    status: int | None = Field(description="of the last answer", examples=[204])
    message: str | None = Field(description="what went wrong last", examples=["It answered 500."])
    next_at: datetime | None = Field(description="when it is tried next")
    created_at: datetime
    ended_at: datetime | None


class DeliveryPage(BaseModel):
    data: list[DeliveryOut]
    next_offset: int | None


@router.post("", status_code=201, response_model=NewWebhookOut, summary="Have an address told")
async def add(library: LibraryDep, given: WebhookIn) -> dict[str, Any]:
    """What is sent there is signed as the Standard Webhooks specification has it. It is told of what happens
    from now on."""
    made = await to_thread.run_sync(lambda: library.webhooks.add(given.url, given.events), limiter=_threads)
    return _new(made)


@router.get("", response_model=WebhookList, summary="Webhooks, the oldest first")
async def list_all(library: LibraryDep) -> dict[str, Any]:
    rows = await run_in_threadpool(lambda: library.webhooks.rows.list_all())
    return {"data": [asdict(row) for row in rows]}


@router.get("/{webhook_id}", response_model=WebhookOut, summary="One webhook")
async def show(library: LibraryDep, webhook_id: str) -> dict[str, Any]:
    return asdict(await run_in_threadpool(lambda: library.webhooks.rows.get(webhook_id)))


@router.delete("/{webhook_id}", status_code=204, response_class=Response, summary="Tell it nothing any more")
async def remove(library: LibraryDep, webhook_id: str) -> Response:
    """What waits to be sent there is forgotten; saved queries that use it stay, and tell nobody."""
    await run_in_threadpool(lambda: library.webhooks.rows.remove(webhook_id))
    return Response(status_code=204)


@router.post("/{webhook_id}/test", response_model=DeliveryOut, summary="Send something there now")
async def test(library: LibraryDep, webhook_id: str) -> dict[str, Any]:
    """An event `ping`, tried once. `state` says whether it arrived."""
    return asdict(await to_thread.run_sync(lambda: library.webhooks.ping(webhook_id), limiter=_threads))


@router.get(
    "/{webhook_id}/deliveries", response_model=DeliveryPage, summary="What was sent, or waits to be"
)
async def deliveries(
    library: LibraryDep,
    webhook_id: str,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> dict[str, Any]:
    """The newest first. The last thousand that have ended are kept."""
    rows = await run_in_threadpool(lambda: library.webhooks.rows.deliveries(webhook_id, limit + 1, offset))
    more = offset + limit if len(rows) > limit else None
    return {"data": [asdict(row) for row in rows[:limit]], "next_offset": more}


def _new(made: NewWebhook) -> dict[str, Any]:
    return {**asdict(made.row), "secret": made.secret}
