"""Work with leases: two workers never do the same thing at once, and a dead worker's lease runs out.

On PostgreSQL workers lock the rows they take and pass over rows that others are taking (SKIP LOCKED), and
leases run by the database's clock, not by those of a hundred machines. SQLite lets one write at a time.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import CursorResult, Select, and_, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import NotFound
from index.database import Database
from index.paths import from_text, to_text
from index.rows import JobRow, JobState
from index.tables import STRETCH, Job, Media, UtcDateTime, now

_log = logging.getLogger(__name__)

R = TypeVar("R")

Ended = Literal["done", "failed", "cancelled"]
_INGEST = "ingest"
_NO_LEASE = {"lease_owner": None, "lease_until": None}
_NOT_RUNNING: tuple[JobState, ...] = ("queued", "done", "failed", "cancelled")


def worker_name(owner: str) -> str:
    """The part of an owner's name that people know the worker by: its machine and process, where it has them.

    >>> worker_name("nas.example:4711:883311:1f0c-9a3b")
    'nas.example:4711'
    """
    return owner.rsplit(":", 2)[0] if owner.count(":") >= 3 else owner


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
        """The newest first. Stretches are parts of other jobs and come only when their kind is asked for."""
        query = select(Job).order_by(Job.created_at.desc(), Job.id).limit(limit).offset(offset)
        if media_id is not None:
            query = query.where(Job.media_id == media_id)
        if changed_since is not None:
            query = query.where(Job.updated_at >= changed_since)
        if states is not None:
            query = query.where(Job.state.in_(states))
        query = query.where(Job.kind != STRETCH if kind is None else Job.kind == kind)
        with self._read() as session:
            return [_row(job) for job in session.scalars(query)]

    def count_jobs(self) -> dict[JobState, int]:
        """By state, without stretches; states of no job are left out."""
        query = select(Job.state, func.count()).where(Job.kind != STRETCH).group_by(Job.state)
        with self._read() as session:
            return {cast(JobState, state): number for state, number in session.execute(query)}

    def running_jobs(self, kind: str) -> list[JobRow]:
        """Those at work, the oldest first."""
        query = select(Job).where(Job.state == "running", Job.kind == kind)
        with self._read() as session:
            return [_row(job) for job in session.scalars(query.order_by(Job.created_at, Job.id))]

    def queue_media(self, media_id: str) -> JobRow:
        """Have one media file indexed: its job waits from now on, unless it waits or runs already. Raises
        NotFound."""
        job_id = ingest_job_id(media_id)
        with self._write() as session:
            if session.get(Media, media_id) is None:
                raise NotFound(f"The library has no media {media_id}.")
            job = session.get(Job, job_id, with_for_update=True)
            if job is None:
                job = Job(
                    id=job_id, kind=_INGEST, media_id=media_id, state="queued", attempts=0, progress=0.0
                )
                session.add(job)
            elif job.state not in ("queued", "running"):
                job.state, job.attempts, job.progress, job.message = "queued", 0, 0.0, None
                job.started_at = job.ended_at = None
                job.followed_up, job.take_overs = False, 0
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
        with self._write(alone=False) as session:
            lost = _claim(session, job_id, owner, lease_seconds, ("queued",))
        return told(job_id, owner, lost)

    def claim_next(self, kinds: Sequence[str], owner: str, lease_seconds: float) -> JobRow | None:
        """Take a job whose worker let its lease run out, or the one that waits longest; None when there is
        nothing to do. What was lost twice comes last: if it is the reason, all else is done first."""

        def oldest_first(moment: datetime) -> Iterator[Select[Job]]:
            lost = and_(Job.state == "running", Job.lease_until < moment)
            for free in (and_(lost, Job.take_overs == 0), Job.state == "queued", lost):
                yield select(Job).where(free, Job.kind.in_(kinds)).order_by(Job.created_at, Job.id)

        return self._claim_first(oldest_first, owner, lease_seconds, _row)

    def _claim_first(
        self, queries: Callable[[datetime], Iterable[Select[Job]]], owner: str, lease_seconds: float,
        to_row: Callable[[Job], R],
    ) -> R | None:
        """Take the first job that one of these finds, asked in turn at this moment, and that nobody else is
        taking; None when there is none."""
        with self._write(alone=False) as session:
            moment = moment_of(session)
            free = (query.limit(1).with_for_update(skip_locked=True, of=Job) for query in queries(moment))
            job = next(filter(None, map(session.scalar, free)), None)
            if job is None:
                return None
            before = take(job, owner, moment, lease_seconds)
            session.flush()
            job_id, taken = job.id, to_row(job)
        told(job_id, owner, before)
        return taken

    def take_over(self, job_id: str, holder: str, owner: str, lease_seconds: float) -> bool:
        """Take a job from a worker that is gone, before its lease runs out. False when it is no longer that
        worker's."""
        with self._write(alone=False) as session:
            job = session.get(Job, job_id, with_for_update=True)
            if job is None or job.state != "running" or job.lease_owner != holder:
                return False
            take(job, owner, moment_of(session), lease_seconds)
        return told(job_id, owner, holder)

    def pass_on(self, job_id: str, holder: str, owner: str, lease_seconds: float) -> bool:
        """Give a job that is ``holder``'s to another owner of the same process. False when it is not."""
        with self._write(alone=False) as session:
            until = moment_of(session) + timedelta(seconds=lease_seconds)
            mine = and_(Job.state == "running", Job.lease_owner == holder)
            given = update(Job).where(Job.id == job_id, mine).values(lease_owner=owner, lease_until=until)
            return changed(session.execute(given))

    def renew(
        self, job_id: str, owner: str, lease_seconds: float, progress: float | None = None,
        message: str | None = None,
    ) -> bool:
        """Extend the lease and say how far the work is, in [0, 1]. False: the job is no longer this
        worker's (cancelled, or taken over after the lease ran out), who must stop writing."""
        values: dict[str, Any] = {}
        if progress is not None:
            values["progress"] = min(max(progress, 0.0), 1.0)
        if message is not None:
            values["message"] = message
        mine = and_(Job.state == "running", Job.lease_owner == owner)
        with self._write(alone=False) as session:
            until = moment_of(session) + timedelta(seconds=lease_seconds)
            kept = update(Job).where(Job.id == job_id, mine).values(lease_until=until, **values)
            return changed(session.execute(kept))

    def finish(self, job_id: str, owner: str, state: Ended = "done", message: str | None = None) -> bool:
        """End the job and its lease. False when it is no longer this worker's."""
        values: dict[str, Any] = {
            **_NO_LEASE, "state": state, "message": message, "ended_at": now(), "take_overs": 0,
        }  # fmt: skip
        if state == "done":
            values["progress"] = 1.0
        return self._change(job_id, owner, values)

    def release(self, job_id: str, owner: str) -> bool:
        """Give the job back unfinished, for anybody to take."""
        return self._change(job_id, owner, {**_NO_LEASE, "state": "queued"})

    def cancel(self, job_id: str) -> bool:
        """Whoever works on it, or on a stretch of it, learns it at the next ``renew``. False when it had
        already ended."""
        ended = {"state": "cancelled", "ended_at": now()}
        statement = update(Job).where(Job.id == job_id, Job.state.in_(("queued", "running")))
        with self._write(alone=False) as session:
            if not changed(session.execute(statement.values(**_NO_LEASE, **ended))):
                return False
            media_id = select(Job.media_id).where(Job.id == job_id, Job.kind == _INGEST).scalar_subquery()
            end_stretches(session, media_id)
        return True

    def claim_media(self, media_id: str, owner: str, lease_seconds: float) -> bool:
        """Take the right to (re)write the points of one media file. Raises NotFound."""
        job_id = ingest_job_id(media_id)
        try:
            with self._write(alone=False) as session:
                if session.get(Job, job_id) is None:
                    if session.get(Media, media_id) is None:
                        raise NotFound(f"The library has no media {media_id}.")
                    session.add(Job(id=job_id, kind=_INGEST, media_id=media_id, state="queued"))
                    session.flush()
                lost = _claim(session, job_id, owner, lease_seconds, _NOT_RUNNING)
        except IntegrityError:
            return False  # another worker added the same job between our look and our write
        return told(job_id, owner, lost)

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

    def _change(self, job_id: str, owner: str, values: dict[str, Any]) -> bool:
        mine = and_(Job.state == "running", Job.lease_owner == owner)
        statement = update(Job).where(Job.id == job_id, mine).values(**values)
        with self._write(alone=False) as session:
            return changed(session.execute(statement))

    def _change_waiting(self, job_id: str, values: dict[str, Any]) -> bool:
        statement = update(Job).where(Job.id == job_id, Job.state == "queued").values(**values)
        with self._write(alone=False) as session:
            return changed(session.execute(statement))


def end_stretches(session: Session, media_id: Any) -> None:
    """Whoever works on one keeps its lease until it has learnt that there is nothing to do any more: until
    then it may write."""
    open_ones = update(Job).where(Job.media_id == media_id, Job.kind == STRETCH)
    for state, values in (("queued", _NO_LEASE), ("running", {})):
        ended = {**values, "state": "cancelled", "ended_at": now()}
        session.execute(open_ones.where(Job.state == state).values(**ended))


def _claim(
    session: Session, job_id: str, owner: str, lease_seconds: float, takeable: Sequence[JobState]
) -> str | Literal[False] | None:
    """False when it cannot be taken; else who lost it, None when nobody did. The row is locked first: of two
    workers that try at once, the second sees what the first has made of it."""
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    moment = moment_of(session)
    if job is None:
        return False
    has_run_out = job.state == "running" and job.lease_until is not None and job.lease_until < moment
    if job.state not in takeable and not has_run_out:
        return False
    return take(job, owner, moment, lease_seconds)


def take(job: Job, owner: str, moment: datetime, lease_seconds: float) -> str | None:
    """Returns who loses it, None when nobody had it. The row is locked, and it is free."""
    lost = job.lease_owner if job.state == "running" else None
    job.state, job.lease_owner, job.lease_until = "running", owner, moment + timedelta(seconds=lease_seconds)
    job.attempts, job.progress, job.message = job.attempts + 1, 0.0, None
    job.started_at, job.ended_at, job.followed_up = moment, None, False
    if lost is not None:
        job.take_overs += 1
    return lost


def told(job_id: str, owner: str, lost: str | Literal[False] | None) -> bool:
    """Whether the job was taken; who took it from whom goes into the log."""
    if lost:
        _log.warning("%s took over %s from %s", worker_name(owner), job_id, worker_name(lost))
    return lost is not False


def moment_of(session: Session) -> datetime:
    """Now, by the clock that all who share the catalogue go by."""
    if session.get_bind().dialect.name != "postgresql":
        return now()
    return cast(datetime, session.scalar(select(func.clock_timestamp(type_=UtcDateTime()))))


def changed(result: Any) -> bool:
    return cast(CursorResult[Any], result).rowcount == 1


def _row(job: Job) -> JobRow:
    return JobRow(
        job.id, job.kind, job.media_id, None if job.path is None else from_text(job.path),
        cast(JobState, job.state), job.lease_owner, job.lease_until, job.attempts, job.progress, job.message,
        job.created_at, job.updated_at, job.started_at, job.ended_at, job.take_overs,
    )
