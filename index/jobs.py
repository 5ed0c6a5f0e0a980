"""Work with leases: two workers never do the same thing at once, and a dead worker's lease runs out."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import CursorResult, and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import NotFound
from index.database import Database
from index.paths import from_text, to_text
from index.rows import JobRow, JobState
from index.tables import Job, Media, now

Ended = Literal["done", "failed", "cancelled"]
_INGEST = "ingest"
_NO_LEASE = {"lease_owner": None, "lease_until": None}
_NOT_RUNNING: tuple[JobState, ...] = ("queued", "done", "failed", "cancelled")


def ingest_job_id(media_id: str) -> str:
    """Every media file has at most one ingest job: its lease is the lock on the file's points."""
    return f"{_INGEST}-{media_id}"


class Jobs(Database):
    """The table of jobs. ``owner`` names one worker: use another for every process and thread that works."""

    def add_job(self, kind: str, media_id: str | None = None, path: Path | str | None = None) -> JobRow:
        job = Job(
            id=uuid.uuid4().hex, kind=kind, media_id=media_id, path=None if path is None else to_text(path),
            state="queued", attempts=0, progress=0.0,
        )
        with self._write() as session:
            session.add(job)
            session.flush()
            return _row(job)

    def get_job(self, job_id: str) -> JobRow:
        """Raises NotFound."""
        with self._read() as session:
            job = session.get(Job, job_id)
            if job is None:
                raise NotFound(f"There is no job {job_id}.")
            return _row(job)

    def list_jobs(
        self, states: Sequence[JobState] | None = None, kind: str | None = None, limit: int = 100,
        offset: int = 0, media_id: str | None = None, changed_since: datetime | None = None,
    ) -> list[JobRow]:
        """The newest first."""
        query = select(Job).order_by(Job.created_at.desc(), Job.id).limit(limit).offset(offset)
        if media_id is not None:
            query = query.where(Job.media_id == media_id)
        if changed_since is not None:
            query = query.where(Job.updated_at >= changed_since)
        if states is not None:
            query = query.where(Job.state.in_(states))
        if kind is not None:
            query = query.where(Job.kind == kind)
        with self._read() as session:
            return [_row(job) for job in session.scalars(query)]

    def count_jobs(self) -> dict[JobState, int]:
        """By state; states of no job are left out."""
        query = select(Job.state, func.count()).group_by(Job.state)
        with self._read() as session:
            return {cast(JobState, state): number for state, number in session.execute(query)}

    def media_jobs_to_do(self) -> list[JobRow]:
        """Ingest jobs that wait or are at work, the oldest first."""
        open_ones = and_(Job.kind == _INGEST, Job.state.in_(("queued", "running")))
        query = select(Job).where(open_ones).order_by(Job.created_at, Job.id)
        with self._read() as session:
            return [_row(job) for job in session.scalars(query)]

    def queue_media(self, media_id: str) -> JobRow:
        """Have one media file indexed: its job waits from now on, unless it waits or runs already. Raises
        NotFound."""
        job_id = ingest_job_id(media_id)
        with self._write() as session:
            if session.get(Media, media_id) is None:
                raise NotFound(f"The library has no media {media_id}.")
            job = session.get(Job, job_id)
            if job is None:
                job = Job(
                    id=job_id, kind=_INGEST, media_id=media_id, state="queued", attempts=0, progress=0.0
                )
                session.add(job)
            elif job.state not in ("queued", "running"):
                job.state, job.attempts, job.progress, job.message = "queued", 0, 0.0, None
                job.started_at = job.ended_at = None
                job.followed_up = False
            session.flush()
            return _row(job)

    def note(self, job_id: str, message: str) -> bool:
        """Say something about a job that waits. False when it does not."""
        return self._change_waiting(job_id, {"message": message})

    def end_waiting(self, job_id: str, state: Ended, message: str | None = None) -> bool:
        """End a job without having worked on it. False when it does not wait."""
        values: dict[str, Any] = {"state": state, "message": message, "ended_at": now()}
        return self._change_waiting(job_id, {**values, "progress": 1.0} if state == "done" else values)

    def claim(self, job_id: str, owner: str, lease_seconds: float) -> bool:
        """Take a job that waits, or whose worker let its lease run out; False when there is none to take."""
        with self._write() as session:
            return _claim(session, job_id, owner, lease_seconds, ("queued",))

    def claim_next(self, kinds: Sequence[str], owner: str, lease_seconds: float) -> JobRow | None:
        """Take the job that waits longest; None when there is nothing to do."""
        with self._write() as session:
            free = or_(Job.state == "queued", and_(Job.state == "running", Job.lease_until < now()))
            oldest = select(Job.id).where(free, Job.kind.in_(kinds)).order_by(Job.created_at, Job.id)
            for job_id in session.scalars(oldest.limit(20)).all():
                if _claim(session, job_id, owner, lease_seconds, ("queued",)):
                    return _row(session.get_one(Job, job_id))
        return None

    def renew(
        self, job_id: str, owner: str, lease_seconds: float, progress: float | None = None,
        message: str | None = None,
    ) -> bool:
        """Extend the lease and say how far the work is, in [0, 1]. False: the job is no longer this
        worker's (cancelled, or taken over after the lease ran out), who must stop writing."""
        values: dict[str, Any] = {"lease_until": now() + timedelta(seconds=lease_seconds)}
        if progress is not None:
            values["progress"] = min(max(progress, 0.0), 1.0)
        if message is not None:
            values["message"] = message
        return self._change(job_id, owner, values)

    def finish(self, job_id: str, owner: str, state: Ended = "done", message: str | None = None) -> bool:
        """End the job and its lease. False when it is no longer this worker's."""
        values: dict[str, Any] = {**_NO_LEASE, "state": state, "message": message, "ended_at": now()}
        if state == "done":
            values["progress"] = 1.0
        return self._change(job_id, owner, values)

    def release(self, job_id: str, owner: str) -> bool:
        """Give the job back unfinished, for anybody to take."""
        return self._change(job_id, owner, {**_NO_LEASE, "state": "queued"})

    def cancel(self, job_id: str) -> bool:
        """Whoever works on it learns it at the next ``renew``. False when it had already ended."""
        return self._change(job_id, None, {**_NO_LEASE, "state": "cancelled", "ended_at": now()})

    def claim_media(self, media_id: str, owner: str, lease_seconds: float) -> bool:
        """Take the right to (re)write the points of one media file. Raises NotFound."""
        job_id = ingest_job_id(media_id)
        try:
            with self._write() as session:
                if session.get(Job, job_id) is None:
                    if session.get(Media, media_id) is None:
                        raise NotFound(f"The library has no media {media_id}.")
                    session.add(Job(id=job_id, kind=_INGEST, media_id=media_id, state="queued"))
                    session.flush()
                return _claim(session, job_id, owner, lease_seconds, _NOT_RUNNING)
        except IntegrityError:
            return False  # another worker added the same job between our look and our write

    def renew_media(
        self, media_id: str, owner: str, lease_seconds: float, progress: float | None = None,
        message: str | None = None,
    ) -> bool:
        return self.renew(ingest_job_id(media_id), owner, lease_seconds, progress, message)

    def finish_media(
        self, media_id: str, owner: str, state: Ended = "done", message: str | None = None
    ) -> bool:
        return self.finish(ingest_job_id(media_id), owner, state, message)

    def release_media(self, media_id: str, owner: str) -> bool:
        return self.release(ingest_job_id(media_id), owner)

    def _change(self, job_id: str, owner: str | None, values: dict[str, Any]) -> bool:
        mine = and_(Job.state == "running", Job.lease_owner == owner)
        condition = Job.state.in_(("queued", "running")) if owner is None else mine
        statement = update(Job).where(Job.id == job_id, condition).values(**values)
        with self._write() as session:
            return _changed(session.execute(statement))

    def _change_waiting(self, job_id: str, values: dict[str, Any]) -> bool:
        statement = update(Job).where(Job.id == job_id, Job.state == "queued").values(**values)
        with self._write() as session:
            return _changed(session.execute(statement))


def _claim(
    session: Session, job_id: str, owner: str, lease_seconds: float, takeable: Sequence[JobState]
) -> bool:
    """One conditional statement: of two workers that try at once, the database lets one win."""
    moment = now()
    free = or_(Job.state.in_(takeable), and_(Job.state == "running", Job.lease_until < moment))
    taken = session.execute(update(Job).where(Job.id == job_id, free).values(
        state="running", lease_owner=owner, lease_until=moment + timedelta(seconds=lease_seconds),
        attempts=Job.attempts + 1, progress=0.0, message=None, started_at=moment, ended_at=None,
        followed_up=False,
    ))
    return _changed(taken)


def _changed(result: Any) -> bool:
    return cast(CursorResult[Any], result).rowcount == 1


def _row(job: Job) -> JobRow:
    return JobRow(
        job.id, job.kind, job.media_id, None if job.path is None else from_text(job.path),
        cast(JobState, job.state), job.lease_owner, job.lease_until, job.attempts, job.progress, job.message,
        job.created_at, job.updated_at, job.started_at, job.ended_at,
    )
