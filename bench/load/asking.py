"""Many who search at once, one who looks whether the server still listens, and one who adds films."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.scenes import write_questions

BOX_XYXY = (0.35, 0.35, 0.65, 0.65)
"""What is asked for where a picture has no box of its own."""

_PATIENCE_SECONDS = 300.0
_LISTENS_EVERY_SECONDS = 0.1
_ASKS_JOB_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Question:
    """A picture to ask with; ``box`` as the API takes it, None for the whole."""

    picture: bytes
    box: str | None


@dataclass(slots=True)
class Seen:
    """What happened in one phase. Seconds a search took, with and without a box; ``statuses`` of everything
    that was asked (0: no answer at all); ``live_seconds`` are those of /v1/health/live, asked meanwhile."""

    seconds: float = 0.0
    boxed_seconds: list[float] = field(default_factory=list)
    whole_seconds: list[float] = field(default_factory=list)
    live_seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    segments: int = 0
    first_error: str | None = None
    videos_added: int = 0
    jobs_failed: int = 0


def questions(folder: Path) -> list[Question]:
    """The demo's pictures, each with a box and without: its own, or the middle."""
    asked = []
    for question, path in write_questions(folder):
        box = question.box_xyxy or BOX_XYXY
        picture = path.read_bytes()
        asked += [Question(picture, None), Question(picture, ",".join(f"{edge:.4f}" for edge in box))]
    return asked


async def run_phase(
    url: str, asked: Sequence[Question], searchers: int, seconds: float, film: Path | None
) -> Seen:
    """``searchers`` ask one thing after the other for so long, each as soon as it has an answer, while
    ``film`` (if there is one) is indexed again and again as other content. What has begun is waited for."""
    seen = Seen()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with (
        httpx.AsyncClient(base_url=url, timeout=_PATIENCE_SECONDS, trust_env=False, limits=limits) as client,
        _beside(_listen(client, seen)),
    ):
        adding = None if film is None else asyncio.create_task(_add_films(client, film, seen))
        try:
            if adding is not None:
                await _until_a_job_runs(client)
            started = time.perf_counter()
            end = started + seconds
            await asyncio.gather(*(
                _search(client, asked, number, end, seen) for number in range(searchers)
            ))  # fmt: skip
            seen.seconds = time.perf_counter() - started
        finally:
            if adding is not None:
                adding.cancel()
                await asyncio.gather(adding, return_exceptions=True)
                await _cancel_jobs(client)
    return seen


async def _search(
    client: httpx.AsyncClient, asked: Sequence[Question], number: int, end: float, seen: Seen
) -> None:
    while time.perf_counter() < end:
        question = asked[number % len(asked)]
        number += 1
        started = time.perf_counter()
        status = await _ask(client, question, seen)
        took = time.perf_counter() - started
        seen.statuses[status] += 1
        if status == 200:
            (seen.whole_seconds if question.box is None else seen.boxed_seconds).append(took)
        elif status == 429:
            await asyncio.sleep(1)


async def _ask(client: httpx.AsyncClient, question: Question, seen: Seen) -> int:
    fields = {} if question.box is None else {"box": question.box}
    try:
        reply = await client.post("/v1/search", data=fields, files={"image": question.picture})
    except httpx.HTTPError as error:
        seen.first_error = seen.first_error or f"{type(error).__name__}: {error}"
        return 0
    if reply.status_code == 200:
        answer = reply.json()
        seen.segments += len(answer["segments"]) + answer["remaining"]
    else:
        seen.first_error = seen.first_error or reply.text[:300]
    return reply.status_code


async def _listen(client: httpx.AsyncClient, seen: Seen) -> None:
    while True:
        started = time.perf_counter()
        reply = await client.get("/v1/health/live")
        seen.live_seconds.append(time.perf_counter() - started)
        seen.statuses[reply.status_code] += reply.status_code != 200
        await asyncio.sleep(_LISTENS_EVERY_SECONDS)


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _add_films(client: httpx.AsyncClient, film: Path, seen: Seen) -> None:
    content = film.read_bytes()
    while True:
        # A box that players pass over makes it another content.
        other = content + (24).to_bytes(4) + b"free" + secrets.token_bytes(16)
        name = f"added-{secrets.token_hex(4)}{film.suffix}"
        added = (await client.post("/v1/media", params={"name": name}, content=other)).json()
        job = added["job"]
        while job["state"] in ("queued", "running"):
            await asyncio.sleep(_ASKS_JOB_EVERY_SECONDS)
            job = (await client.get(f"/v1/jobs/{job['id']}")).json()
        seen.videos_added += job["state"] == "done"
        seen.jobs_failed += job["state"] == "failed"


async def _until_a_job_runs(client: httpx.AsyncClient) -> None:
    while not (await client.get("/v1/jobs", params={"state": "running"})).json()["data"]:
        await asyncio.sleep(_ASKS_JOB_EVERY_SECONDS)


async def _cancel_jobs(client: httpx.AsyncClient) -> None:
    for state in ("queued", "running"):
        for job in (await client.get("/v1/jobs", params={"state": state})).json()["data"]:
            await client.post(f"/v1/jobs/{job['id']}/cancel")
