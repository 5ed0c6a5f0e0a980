"""A worker: one thread that indexes what waits, one media file, or one stretch of a long one, at a time.
Servers and ``momentseek worker`` have some of them, see momentseek/workers.py.

What is to do is in the catalogue alone, so nothing is lost with a process: a job whose worker has gone is
taken over by another.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from core.errors import MomentseekError, NotFound, StoreBusy
from index.catalogue import Catalogue, JobRow
from index.jobs import Ended, worker_name
from index.rows import StretchRow
from ingest.lease import new_owner, reserve, reserve_stretch, reserving_owner
from ingest.progress import OnProgress, Outcome, Progress
from ingest.stretches import MOST_LOST
from momentseek.rounds import Rounds

_log = logging.getLogger(__name__)

PAUSE_SECONDS = 30.0
"""After trouble that is not the file's own, such as a full disk."""
TRIES = 3
"""With such trouble, before a job fails."""
_CANCEL_SECONDS = 30.0

Index = Callable[[Path, OnProgress, threading.Event], Sequence[Outcome]]
"""Index one file until the event is set. Raises MomentseekError."""


@dataclass(frozen=True, slots=True)
class StretchWork:
    """Work on parts of files whose ingest jobs others have. ``generation`` says into which index;
    ``index`` works on one until the event is set, and says in the catalogue what came of it."""

    generation: Callable[[], str]
    index: Callable[[Path, StretchRow, threading.Event], None]


@dataclass(eq=False, slots=True)
class _Now:
    """What the worker is doing."""

    job_id: str
    stop: threading.Event = field(default_factory=threading.Event)
    share: float = 0.0
    cancelled: bool = False


@dataclass(eq=False, slots=True)
class Together:
    """What the workers of one process share. ``changed`` is held by who takes a job and by who cancels one,
    and while somebody is ``cancelling`` nobody takes any: it might be the one that was just let go.
    ``troubles`` says when there was some with a job, and before ``not_before`` nobody begins with anything,
    both by the monotonic clock."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    cancelling: int = 0
    troubles: dict[str, list[float]] = field(default_factory=dict)
    not_before: float = 0.0
    numbers: Iterator[int] = field(default_factory=count)


class Worker(Rounds):
    """``delete_points`` removes everything of one media file from the store, for good when it returns;
    ``on_end`` is called when work on a job has ended, however it did."""

    def __init__(
        self, catalogue: Catalogue, index: Index, delete_points: Callable[[str], None],
        pause_seconds: float = PAUSE_SECONDS, on_end: Callable[[], None] = lambda: None,
        stretches: StretchWork | None = None, together: Together | None = None,
    ) -> None:
        self._together = together or Together()
        number = next(self._together.numbers)
        super().__init__(f"momentseek-jobs-{number}", pause_seconds)
        self._catalogue, self._index, self._delete_points = catalogue, index, delete_points
        self._on_end, self._stretches = on_end, stretches
        self._changed, self._owner = self._together.changed, reserving_owner(number)
        self._now: _Now | None = None

    def ask_to_stop(self) -> None:
        """The file under way is left for the next start."""
        with self._changed:
            super().ask_to_stop()
            if self._now is not None:
                self._now.stop.set()

    def begin_nothing_new(self) -> None:
        """The file under way is the last."""
        super().ask_to_stop()

    def wait(self, seconds: float) -> None:
        """Until it has ended, so long at most."""
        self._join(seconds)

    def is_doing(self, job_id: str) -> bool:
        now = self._now
        return now is not None and now.job_id == job_id

    def share_of(self, job: JobRow) -> float:
        """How far a job is, in [0, 1]: newer than what the catalogue knows, for the one at work here."""
        now = self._now
        at_work = now is not None and now.job_id == job.id and job.state == "running"
        return max(job.progress, now.share) if at_work and now is not None else job.progress

    def cancel(self, job_id: str, elsewhere: bool = True) -> None:
        """Returns when it has ended and its points are gone; a job of another process ends when that
        process asks the catalogue next, within seconds, and goes on without ``elsewhere``. Raises
        NotFound, and StoreBusy when it takes long to end."""
        with self._changed:
            job = self._catalogue.get_job(job_id)
            now = self._now
            if now is not None and now.job_id == job_id:
                self._cancel_now(now)
                return
            # Held, so that the worker here does not begin with it meanwhile.
            if job.state == "queued":
                self._put_away(job)
        if elsewhere:
            self._catalogue.cancel(job_id)

    def _cancel_now(self, now: _Now) -> None:
        now.cancelled = True
        now.stop.set()
        self._together.cancelling += 1
        try:
            if not self._changed.wait_for(lambda: self._now is not now, _CANCEL_SECONDS):
                raise StoreBusy("The job is being cancelled and has not ended yet; try again in a while.")
        finally:
            self._together.cancelling -= 1
            self._changed.notify_all()

    def _complain(self, error: Exception) -> None:
        if isinstance(error, MomentseekError):
            _log.warning("The worker cannot see what is to do: %s", error)
        else:
            _log.error("The worker cannot see what is to do.", exc_info=error)

    def _round(self) -> bool:
        with self._changed:
            # Held, so that nobody cancels here what is taken already but not yet known to be at work.
            self._changed.wait_for(lambda: not self._together.cancelling or self._ending.is_set())
            pause_seconds = self._together.not_before - time.monotonic()
            job = None if self._ending.is_set() or pause_seconds > 0 else self._reserve()
            if job is not None:
                now = self._now = _Now(job.id)
        if job is None:
            self._ending.wait(max(0.0, pause_seconds))
            return pause_seconds > 0
        try:
            if isinstance(job, StretchRow):
                self._do_stretch(job, now)
            else:
                self._do(job, now)
        except NotFound:
            pass  # the media was removed meanwhile
        except MomentseekError as error:
            self._have_trouble(job, now, str(error))
        except Exception:
            _log.exception("Indexing failed in a way that nobody has foreseen: job %s", job.id)
            self._end(job, "failed", "Something went wrong; the log of the worker says what.")
        finally:
            try:
                # What has been neither indexed nor ended by now is for the next.
                self._catalogue.release(job.id, self._owner)
                if (
                    now.cancelled and isinstance(job, JobRow) and self._state(job.id) == "queued"
                    and not self._put_away(job)
                ):  # fmt: skip
                    self._catalogue.cancel(job.id)
            finally:
                with self._changed:
                    self._now = None
                    self._changed.notify_all()
                self._on_end()
        return True

    def _reserve(self) -> JobRow | StretchRow | None:
        """Parts of what is begun come before what is not: it can be searched the sooner."""
        if self._stretches is not None and self._catalogue.has_open_stretches():
            taken = reserve_stretch(self._catalogue, self._owner, self._stretches.generation())
            if taken is not None:
                return taken
        return reserve(self._catalogue, self._owner)

    def _do_stretch(self, stretch: StretchRow, now: _Now) -> None:
        assert self._stretches is not None  # or it would not have been reserved
        path, problem = self._find(stretch.media_id)
        if path is None:
            result = {"status": "failed", "reason": problem}
            self._catalogue.end_stretch(stretch, self._owner, False, result)
            return
        self._stretches.index(path, stretch, now.stop)

    def _find(self, media_id: str) -> tuple[Path | None, str]:
        """A file of that content that can be read, or why there is none."""
        paths = self._catalogue.paths_of(media_id)
        path = next((path for path in paths if path.is_file()), None)
        if path is not None and os.access(path, os.R_OK):
            return path, ""
        return None, _unreadable(path, paths)

    def _do(self, job: JobRow, now: _Now) -> None:
        assert job.media_id is not None  # ingest jobs have one
        if job.take_overs > MOST_LOST:
            self._quarantine(job, job.media_id)
            return
        path, problem = self._find(job.media_id)
        if path is None:
            self._end(job, "failed", problem)
            return

        def report(progress: Progress) -> None:
            now.share = progress.file_share

        outcomes = self._index(path, report, now.stop)
        if now.stop.is_set() or not outcomes:
            return
        if outcomes[0].status == "busy":
            if self._state(job.id) == "cancelled":
                self._put_away(job)  # another process cancelled it
            return
        # Most have ended by now, with their lease. This is for those where there was nothing to do.
        self._end(job, "done" if outcomes[0].ok else "failed", outcomes[0].reason)

    def _quarantine(self, job: JobRow, media_id: str) -> None:
        reason = (
            f"{job.take_overs} workers were lost while they indexed this file. Look at their logs; to try it "
            "again: momentseek jobs retry."
        )
        self._delete_points(media_id)
        self._catalogue.mark_failed(media_id, "quarantined", reason)
        self._end(job, "failed", reason)

    def _end(self, job: JobRow | StretchRow, state: Ended, message: str | None) -> None:
        if not self._catalogue.finish(job.id, self._owner, state, message):
            self._catalogue.end_waiting(job.id, state, message)
        self._together.troubles.pop(job.id, None)

    def _have_trouble(self, job: JobRow | StretchRow, now: _Now, message: str) -> None:
        if now.stop.is_set():
            return
        _log.warning("Job %s waits: %s", job.id, message)
        with self._changed:
            moment = time.monotonic()
            times = self._together.troubles.setdefault(job.id, [])
            # Another worker may have tried the same before there was a pause: that counts once.
            if not times or moment - times[-1] >= self._trouble_seconds:
                times.append(moment)
            is_last = len(times) >= TRIES
            if not is_last:
                self._together.not_before = moment + self._trouble_seconds
        if is_last:
            self._end(job, "failed", message)
            return
        self._catalogue.release(job.id, self._owner)
        self._catalogue.note(job.id, message)

    def _put_away(self, job: JobRow) -> bool:
        """End a job that is cancelled: whatever it has written so far goes. False when another process has
        begun with it, who will put it away."""
        assert job.media_id is not None
        owner = new_owner()
        try:
            if not self._catalogue.claim_media(job.media_id, owner, 120):
                return False
            try:
                if self._catalogue.get_media(job.media_id).status == "indexing":
                    self._delete_points(job.media_id)
                    self._catalogue.put_back(job.media_id, "Its job was cancelled.")
            finally:
                self._catalogue.finish_media(job.media_id, owner, "cancelled", "Cancelled.")
        except MomentseekError as error:
            _log.warning("Job %s is cancelled, but left points behind: %s", job.id, error)
        return True

    def _state(self, job_id: str) -> str | None:
        try:
            return self._catalogue.get_job(job_id).state
        except NotFound:
            return None


def _unreadable(path: Path | None, paths: Sequence[Path]) -> str:
    me = worker_name(reserving_owner())
    if path is not None:
        return f"The worker {me} may not read {path}; change its permissions."
    where = f": the worker {me} finds nothing at {paths[0]}" if paths else ""
    return (
        f"The original is no longer where it was{where}. A worker on another machine needs the folder at the "
        "same place; then retry the job."
    )
