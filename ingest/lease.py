"""Who may write the points of one media file: a lease in the catalogue, one holder at a time."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from index.catalogue import Catalogue, JobRow, ingest_job_id
from index.rows import StretchRow
from index.tables import STRETCH

LEASE_SECONDS, RENEW_SECONDS = 120.0, 5.0
_RESERVED = "reserved"


def new_owner() -> str:
    """A name for one run: the machine, the process, when that was born, and what no other run has."""
    return _owner(uuid.uuid4().hex[:8])


def reserving_owner(number: int = 0) -> str:
    """Who holds a job that a worker of this process has reserved, each under its own ``number``; the first
    ingest here that claims it has it."""
    return _owner(f"{_RESERVED}{number}")


def reserve(catalogue: Catalogue, owner: str) -> JobRow | None:
    """Take an ingest job for a ``reserving_owner``: one whose worker was killed on this machine or let its
    lease run out, else the one that waits longest. None when there is nothing to do."""

    def of_the_dead(jobs: Iterable[JobRow]) -> JobRow | None:
        for job in jobs:
            holder = job.lease_owner
            if holder and is_dead(holder) and catalogue.take_over(job.id, holder, owner, LEASE_SECONDS):
                return catalogue.get_job(job.id)
        return None

    running = catalogue.running_jobs("ingest")
    return (
        of_the_dead(job for job in running if job.take_overs == 0)
        or catalogue.claim_next(["ingest"], owner, LEASE_SECONDS)
        or of_the_dead(job for job in running if job.take_overs)
    )


def reserve_stretch(
    catalogue: Catalogue, owner: str, generation: str, media_id: str | None = None
) -> StretchRow | None:
    """Take a stretch of media that are indexed into this generation, of one media file or of any; None when
    there is none to take."""
    taken = catalogue.claim_stretch(owner, LEASE_SECONDS, generation, media_id)
    if taken is not None:
        return taken
    for job in catalogue.running_jobs(STRETCH):
        holder = job.lease_owner
        if holder is None or job.media_id is None or media_id not in (None, job.media_id):
            continue
        media = catalogue.find_media(job.media_id) if is_dead(holder) else None
        if media is None or (media.status, media.generation) != ("indexing", generation):
            continue
        if catalogue.take_over(job.id, holder, owner, LEASE_SECONDS):
            return catalogue.get_stretch(job.id)
    return None


def claim(catalogue: Catalogue, media_id: str, owner: str) -> bool:
    """Take the lease, also what this process has reserved, or from a holder that was killed on this machine.
    Raises NotFound."""
    if catalogue.claim_media(media_id, owner, LEASE_SECONDS):
        return True
    job_id = ingest_job_id(media_id)
    holder = catalogue.get_job(job_id).lease_owner
    if holder is None:
        return False
    if holder.startswith(_owner(_RESERVED)):
        return catalogue.pass_on(job_id, holder, owner, LEASE_SECONDS)
    return is_dead(holder) and catalogue.take_over(job_id, holder, owner, LEASE_SECONDS)


def is_dead(owner: str) -> bool:
    """Whether ``owner`` names a process of this machine that is gone. A container that starts again has
    the same host name and process number as before, so the time of birth counts too; two machines may have
    the same host name, so what they call this boot does, too."""
    host, pid, born, rest = (owner.rsplit(":", 3) + [""] * 3)[:4]
    here = host == socket.gethostname() and rest.rpartition("-")[0] == _boot()
    return here and pid.isdecimal() and _born(int(pid)) != born


def _owner(run: str) -> str:
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_born(pid)}:{_boot()}-{run}"


@cache
def _boot() -> str:
    """Of this machine, since it started; "" where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii")[:8]
    except (OSError, ValueError):
        return ""


def _born(pid: int) -> str:
    """When the process started, in ticks of the system; "" where the system does not tell, "dead" for
    a process that is gone or a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "dead"
    except PermissionError:
        pass  # somebody else's, and alive
    try:
        said = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    # The name in parentheses may hold anything; after it come the state and, 19 fields on, the start.
    state, *fields = said.rpartition(")")[2].split()
    return "dead" if state in "ZX" else fields[18]
