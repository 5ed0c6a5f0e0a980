"""What comes after a job has ended: jobs that nobody has followed up, whichever process worked on them.

The end of a job is in the catalogue, and so is that it was followed up: a process that dies in between leaves
it to the next. A job that is worked on again is followed up again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import select, update

from index.database import Database
from index.tables import STRETCH, Job
from index.webhooks import add_deliveries


@dataclass(frozen=True, slots=True)
class EndedJob:
    """An ingest job. ``first_done_at`` is when its media could be searched for the first time, None when it
    never could; ``ended_at`` is None for a job that ended before there were such times."""

    id: str
    media_id: str
    state: Literal["done", "failed"]
    message: str | None
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None
    first_done_at: datetime | None


class FollowUps(Database):
    """Thread-safe."""

    def ended_jobs(self, limit: int) -> Sequence[EndedJob]:
        """Those that nobody has followed up, the oldest first."""
        new = Job.followed_up.is_(False), Job.state.in_(("done", "failed")), Job.kind != STRETCH
        query = select(Job).where(*new, Job.media_id.is_not(None)).order_by(Job.ended_at, Job.id)
        with self._read() as session:
            return [_row(job) for job in session.scalars(query.limit(limit))]

    def followed_up(self, job: EndedJob, data: Mapping[str, Any]) -> bool:
        """That is done for this end of the job, and webhooks are to be told ``data`` of it. False when the
        job is at work again or gone: then they are not."""
        with self._write() as session:
            now = session.get(Job, job.id, with_for_update=True)
            if now is None or now.followed_up or (now.state, now.ended_at) != (job.state, job.ended_at):
                return False
            noted = {"followed_up": True, "first_done_at": now.first_done_at or job.first_done_at}
            # Nothing that people see of the job has changed: those who listen to jobs hear nothing.
            session.execute(update(Job).where(Job.id == job.id).values(**noted, updated_at=Job.updated_at))
            add_deliveries(session, "job.ready" if job.state == "done" else "job.failed", data)
            return True


def _row(job: Job) -> EndedJob:
    assert job.media_id is not None  # the query leaves the others out
    done_at = job.first_done_at or (job.ended_at if job.state == "done" else None)
    return EndedJob(
        job.id, job.media_id, cast(Literal["done", "failed"], job.state), job.message, job.attempts,
        job.started_at, job.ended_at, done_at,
    )
