"""Stretches of long videos: jobs that are parts of one ingest job, so that several workers share it.

They are there while the ingest job is at work, and go when it has ended. Whoever holds the ingest job's lease
plans them and joins what came of them; anybody of the same generation works on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, cast

from sqlalchemy import Select, delete, or_, select, update

from core.errors import NotFound
from index.jobs import Jobs, changed, end_stretches, ingest_job_id, moment_of
from index.rows import JobState, StretchRow
from index.tables import STRETCH, Job, Media, now

_NO_LEASE = {"lease_owner": None, "lease_until": None}


class Stretches(Jobs):
    """Leases of stretches are renewed and taken over as those of other jobs are."""

    def add_stretches(self, media_id: str, starts_seconds: Sequence[float]) -> list[StretchRow]:
        """One from each start to the next, the last one to the end of the file. Remove older ones first."""
        ends = [*(end for _, end in pairwise(starts_seconds)), None]
        moment = now()
        with self._write() as session:
            for number, (start, end) in enumerate(zip(starts_seconds, ends, strict=True)):
                session.add(Job(
                    id=f"{STRETCH}-{media_id}-{number:05}", kind=STRETCH, media_id=media_id, state="queued",
                    attempts=0, progress=0.0, start_seconds=start, end_seconds=end, created_at=moment,
                ))  # fmt: skip
        return self.stretches_of(media_id)

    def stretches_of(self, media_id: str) -> list[StretchRow]:
        """In order of time."""
        query = select(Job).where(Job.media_id == media_id, Job.kind == STRETCH).order_by(Job.start_seconds)
        with self._read() as session:
            return [_row(job) for job in session.scalars(query)]

    def get_stretch(self, stretch_id: str) -> StretchRow:
        """Raises NotFound."""
        with self._read() as session:
            job = session.get(Job, stretch_id)
            if job is None or job.kind != STRETCH:
                raise NotFound(f"There is no stretch {stretch_id}.")
            return _row(job)

    def has_open_stretches(self) -> bool:
        query = select(Job.id).where(Job.kind == STRETCH, Job.state.in_(("queued", "running"))).limit(1)
        with self._read() as session:
            return session.scalar(query) is not None

    def claim_stretch(
        self, owner: str, lease_seconds: float, generation: str, media_id: str | None = None
    ) -> StretchRow | None:
        """Take one that waits or whose worker let its lease run out, of media that are being indexed into
        this generation; what was lost most often comes last."""

        def lost_least_first(moment: datetime) -> Iterator[Select[Job]]:
            lost = (Job.state == "running") & (Job.lease_until < moment)
            query = select(Job).join(Media, Media.id == Job.media_id).where(
                Job.kind == STRETCH, or_(Job.state == "queued", lost),
                Media.status == "indexing", Media.generation == generation,
            )  # fmt: skip
            if media_id is not None:
                query = query.where(Job.media_id == media_id)
            yield query.order_by(Job.take_overs, Job.created_at, Job.start_seconds, Job.id)

        return self._claim_first(lost_least_first, owner, lease_seconds, _row)

    def end_stretch(
        self, stretch: StretchRow, owner: str, done: bool, result: Mapping[str, Any]
    ) -> bool:
        """Say what came of it. False when it is no longer this worker's."""
        values: dict[str, Any] = {
            **_NO_LEASE, "state": "done" if done else "failed", "result": dict(result), "ended_at": now(),
        }  # fmt: skip
        mine = Job.id == stretch.id, Job.state == "running", Job.lease_owner == owner
        with self._write(alone=False) as session:
            ended = update(Job).where(*mine).values(**values, **({"progress": 1.0} if done else {}))
            if not changed(session.execute(ended)):
                return False
            if done:
                # Workers that are lost from now on are lost over something else.
                whole = update(Job).where(Job.id == ingest_job_id(stretch.media_id))
                session.execute(whole.values(take_overs=0))
        return True

    def leave_stretch(self, stretch_id: str, owner: str) -> None:
        """Nothing is written any more by ``owner``. One that has not ended is for anybody to take."""
        its = update(Job).where(Job.id == stretch_id, Job.lease_owner == owner)
        with self._write(alone=False) as session:
            session.execute(its.where(Job.state == "running").values(**_NO_LEASE, state="queued"))
            session.execute(its.where(Job.state != "running").values(**_NO_LEASE))

    def end_stretches(self, media_id: str) -> list[str]:
        """Nobody begins with one any more. Returns who may still be writing: those who hold one, until they
        learn of it or their leases run out."""
        with self._write(alone=False) as session:
            end_stretches(session, media_id)
            held = select(Job.lease_owner).where(
                Job.media_id == media_id, Job.kind == STRETCH, Job.lease_until >= moment_of(session)
            )
            return [owner for owner in session.scalars(held) if owner is not None]

    def remove_stretches(self, media_id: str) -> None:
        with self._write() as session:
            session.execute(delete(Job).where(Job.media_id == media_id, Job.kind == STRETCH))


def _row(job: Job) -> StretchRow:
    assert job.media_id is not None and job.start_seconds is not None  # stretches have them
    return StretchRow(
        job.id, job.media_id, int(job.id.rpartition("-")[2]), job.start_seconds, job.end_seconds,
        cast(JobState, job.state), job.lease_owner, job.progress, job.message, job.take_overs, job.result,
    )
