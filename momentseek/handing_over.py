"""``momentseek ingest`` while a server runs on the library: the server indexes, the command watches.

Its models are loaded already, and two at once would take the memory of both and twice as long each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from core.errors import InvalidRequest, MediaError, NotFound
from index.catalogue import Catalogue
from index.rows import SEARCHABLE
from index.tables import now
from ingest.discover import discover
from ingest.progress import OnProgress, Outcome, Progress
from momentseek.client import Added, Client, Job, JobFailed

_LOOK_EVERY_SECONDS = 0.2


def hand_over(
    client: Client, catalogue: Catalogue, paths: Iterable[Path], on_progress: OnProgress,
    on_idle: Callable[[], None] = lambda: None, patience_seconds: float = 10.0,
) -> list[Outcome]:
    """What becomes of every file, in order, as ``ingest.pipeline`` says it. The client is the owner's, the
    catalogue the library's. Interrupted, the server goes on with what it has been told of. ``on_idle`` is
    told when files wait and nobody has worked for ``patience_seconds``: the server may leave that to
    others."""
    found = discover(paths)
    outcomes = [
        Outcome(path, "failed", f"{path} does not exist or cannot be read.") for path in found.unreadable
    ]
    told: list[tuple[Path, Added]] = []
    replaced: set[str] = set()
    for number, path in enumerate(found.files):
        on_progress(Progress(number, len(found.files), path, "looking", 0.0, 0.0))
        before = catalogue.find_file(path)
        try:
            told.append((path, client.media.register(path)))
        except MediaError as error:
            outcomes.append(Outcome(path, error.status, str(error)))
        except InvalidRequest as error:
            outcomes.append(Outcome(path, "failed", str(error)))
        else:
            if before is not None and before.media_id not in (None, told[-1][1].media.id):
                replaced.add(str(before.media_id))
    patience = _Patience(catalogue, on_idle, patience_seconds)
    outcomes += _watch(client, told, on_progress, patience)
    # Contents whose only file now holds another one; last, when one that was renamed is known again.
    for media_id in replaced - {file.media_id for file in catalogue.list_files()}:
        client.media.remove(media_id)
    return outcomes


class _Patience:
    """Waits until somebody begins with a file, and says once that nobody does."""

    def __init__(self, catalogue: Catalogue, on_idle: Callable[[], None], seconds: float) -> None:
        self._catalogue, self._on_idle, self._seconds = catalogue, on_idle, seconds
        self._said = False

    def wait(self, job_id: str) -> None:
        """Raises NotFound when its media is removed."""
        idle_since = time.monotonic()
        while not self._said and self._catalogue.get_job(job_id).state == "queued":
            if self._somebody_works():
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > self._seconds:
                self._said = True
                self._on_idle()
            time.sleep(_LOOK_EVERY_SECONDS)

    def _somebody_works(self) -> bool:
        leases = (job.lease_until for job in self._catalogue.running_jobs("ingest"))
        return any(until is not None and until > now() for until in leases)


def _watch(
    client: Client, told: list[tuple[Path, Added]], on_progress: OnProgress, patience: _Patience
) -> list[Outcome]:
    """The server does the oldest first, so we wait in that order."""
    outcomes: list[Outcome] = []
    seconds = 0.0
    for number, (path, added) in enumerate(told):
        step = Progress(number, len(told), path, "waiting", 0.0, seconds)
        if added.job is None or added.job.has_ended:
            status = "known" if added.media.status in SEARCHABLE else added.media.status
            outcomes.append(Outcome(path, status, added.media.reason, added.media.id))
            continue
        on_progress(step)
        try:
            patience.wait(added.job.id)
            media = client.media.wait(added, on_progress=partial(_show, on_progress, step))
        except JobFailed as error:
            outcomes.append(_ended_badly(client, path, error))
        except NotFound:
            outcomes.append(Outcome(path, "failed", "It was removed from the library meanwhile."))
        else:
            length = media.duration_seconds or 0.0
            seconds += length
            points = sum(media.points.values())
            outcomes.append(Outcome(path, media.status, media.reason, media.id, length, points))
    return outcomes


def _show(on_progress: OnProgress, step: Progress, job: Job) -> None:
    doing = "indexing" if job.state == "running" else "waiting"
    on_progress(replace(step, doing=doing, file_share=job.progress))


def _ended_badly(client: Client, path: Path, error: JobFailed) -> Outcome:
    """What the library says of the file; what the job says where it has left the file as it was."""
    job = error.job
    status = client.media.get(str(job.media_id)).status
    if status in ("pending", "indexing", *SEARCHABLE):
        status = "failed"
    return Outcome(path, status, job.reason or str(error), job.media_id)
