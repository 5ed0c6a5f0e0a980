"""The workers of one process, as many as ``ingest.files_at_once``: each has a file of its own under way, and
what they describe at the same time goes through the models together (ingest/analyze.py)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from index.catalogue import JobRow
from momentseek.jobs import Together, Worker


class Workers:
    """As one worker to whoever starts, stops and asks them. ``make`` gives the worker of a number that counts
    from 0, with what they share."""

    def __init__(self, number: int, make: Callable[[int, Together], Worker]) -> None:
        self._together = Together()
        self._workers: Sequence[Worker] = [make(one, self._together) for one in range(number)]

    def start(self, once: bool = False) -> None:
        """``once``: each until there is nothing to do any more."""
        for one in self._workers:
            one.start(once)

    @property
    def is_at_work(self) -> bool:
        return any(one.is_at_work for one in self._workers)

    def wake(self) -> None:
        """There is something to do."""
        for one in self._workers:
            one.wake()

    def ask_to_stop(self) -> None:
        """The files under way are left for the next start."""
        for one in self._workers:
            one.ask_to_stop()

    def stop(self) -> None:
        """Returns when all have ended."""
        self.ask_to_stop()
        for one in self._workers:
            one.stop()

    def finish(self, seconds: float) -> None:
        """Begin nothing new; files under way that take longer than that are handed back."""
        deadline = time.monotonic() + seconds
        for one in self._workers:
            one.begin_nothing_new()
        for one in self._workers:
            one.wait(max(0.0, deadline - time.monotonic()))
        self.stop()

    def is_doing(self, job_id: str) -> bool:
        return any(one.is_doing(job_id) for one in self._workers)

    def share_of(self, job: JobRow) -> float:
        """How far a job is, in [0, 1]: newer than what the catalogue knows, for those at work here."""
        return max(one.share_of(job) for one in self._workers)

    def cancel(self, job_id: str, elsewhere: bool = True) -> None:
        """As ``Worker.cancel``; without ``elsewhere``, what another process works on goes on. Raises
        NotFound and StoreBusy."""
        with self._together.changed:
            # Nobody begins with it meanwhile; any of them will do where nobody has.
            its = next((one for one in self._workers if one.is_doing(job_id)), self._workers[0])
            its.cancel(job_id, elsewhere)
