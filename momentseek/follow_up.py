"""After a media file is indexed: one thread that asks saved queries of it and has webhooks told.

Jobs that have ended are taken from the catalogue, whichever process worked on them, several at a time: one
search then serves all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from core.errors import MomentseekError
from index.catalogue import Catalogue
from index.follow_up import EndedJob, FollowUps
from index.rows import SEARCHABLE
from momentseek.rounds import Rounds

_log = logging.getLogger(__name__)

_AT_A_TIME = 20
PAUSE_SECONDS = 30.0
TRIES = 3
"""With a store that makes trouble, before jobs are told of without having been searched."""

Ask = Callable[[Mapping[str, datetime | None], bool], None]
"""Ask saved queries of these media; whether it is the last try. Raises MomentseekError for another one."""


class FollowUp(Rounds):
    """``tell`` says that there is something for webhooks."""

    def __init__(
        self, rows: FollowUps, catalogue: Catalogue, ask: Ask, tell: Callable[[], None],
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        super().__init__("momentseek-follow-up", pause_seconds)
        self._rows, self._catalogue, self._ask, self._tell = rows, catalogue, ask, tell
        self._troubles = 0

    def _complain(self, error: Exception) -> None:
        if isinstance(error, MomentseekError):
            _log.warning("What has been indexed waits for its saved queries: %s", error)
        else:
            _log.error("Jobs that have ended cannot be followed up.", exc_info=error)

    def _round(self) -> bool:
        # Several servers may share the catalogue: one of them does this.
        jobs = self._rows.ended_jobs(_AT_A_TIME) if self._rows.leads("follow-up") else ()
        if not jobs:
            return False
        self._ask_about(jobs)
        for job in jobs:
            self._rows.followed_up(job, self._news(job))
        self._tell()
        return True

    def _ask_about(self, jobs: Sequence[EndedJob]) -> None:
        media = {job.media_id: self._catalogue.find_media(job.media_id) for job in jobs}
        searchable = {
            job.media_id: job.first_done_at for job in jobs
            if (row := media[job.media_id]) is not None and row.status in SEARCHABLE
        }  # fmt: skip
        try:
            self._ask(searchable, self._troubles + 1 >= TRIES)
        except MomentseekError:
            self._troubles += 1
            raise
        self._troubles = 0

    def _news(self, job: EndedJob) -> dict[str, Any]:
        media = self._catalogue.find_media(job.media_id)
        return {
            "job_id": job.id, "state": job.state, "reason": job.message, "attempts": job.attempts,
            "started_at": _shown(job.started_at), "ended_at": _shown(job.ended_at),
            "media_id": job.media_id, "media": media.name if media else None,
            "media_type": media.media_type if media else None, "status": media.status if media else None,
            "duration_seconds": media.duration_seconds if media else None,
        }  # fmt: skip


def _shown(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
