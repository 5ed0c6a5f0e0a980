"""``client.jobs``: work in the background."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

from momentseek.client.connection import Connection
from momentseek.client.errors import JobFailed, StillRunning
from momentseek.client.records import Job

_FIRST_LOOK_SECONDS, _LOOK_EVERY_SECONDS = 0.1, 1.0
_PAGE = 200

OnJob = Callable[[Job], None]


class Jobs:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, states: Sequence[str] = (), media_id: str | None = None) -> Iterator[Job]:
        """The newest first, page by page as they are asked for."""
        offset: int | None = 0
        while offset is not None:
            query = {"state": list(states), "media_id": media_id, "limit": _PAGE, "offset": offset}
            page = self._connection.json("GET", "/v1/jobs", query=query)
            yield from map(Job.of_json, page["data"])
            offset = page["next_offset"]

    def get(self, job_id: str) -> Job:
        """Raises NotFound."""
        return Job.of_json(self._connection.json("GET", _path(job_id)))

    def wait(
        self, job: Job | str, timeout_seconds: float | None = None, on_progress: OnJob | None = None
    ) -> Job:
        """The job once it is done. ``on_progress`` is told whenever something about it has changed.

        Raises JobFailed (also for a cancelled one), StillRunning, NotFound when its media is removed.
        """
        job_id = job if isinstance(job, str) else job.id
        until = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        pause, told = _FIRST_LOOK_SECONDS, None
        while True:
            now = self.get(job_id)
            if on_progress is not None and now != told:
                on_progress(now)
                told = now
            if now.state == "done":
                return now
            if now.has_ended:
                raise JobFailed(now)
            if until is not None and time.monotonic() + pause > until:
                raise StillRunning(
                    f"The job for {now.media or job_id} is {now.state} at {now.progress:.0%} after "
                    f"{timeout_seconds:g} s; wait for it again, or cancel it."
                )
            time.sleep(pause)
            pause = min(pause * 1.5, _LOOK_EVERY_SECONDS)

    def cancel(self, job: Job | str) -> Job:
        """Raises InvalidRequest for one that has ended."""
        return self._post(job, "cancel")

    def retry(self, job: Job | str) -> Job:
        """Raises InvalidRequest unless it failed or was cancelled."""
        return self._post(job, "retry")

    def events(self) -> Iterator[Job]:
        """First those that wait or run, then each whenever something about it changes, until the server
        ends."""
        for line in self._connection.lines("/v1/jobs/events"):
            if line.startswith("data:"):
                yield Job.of_json(json.loads(line.removeprefix("data:")))

    def _post(self, job: Job | str, verb: str) -> Job:
        job_id = job if isinstance(job, str) else job.id
        return Job.of_json(self._connection.json("POST", f"{_path(job_id)}/{verb}"))


def _path(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"
