"""Who may write the points of one media file: a lease in the catalogue, one holder at a time."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

from index.catalogue import Catalogue, ingest_job_id

LEASE_SECONDS, RENEW_SECONDS = 120.0, 5.0


def new_owner() -> str:
    """A name for one run: the machine, the process, when that was born, and what no other run has."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_born(pid)}:{uuid.uuid4().hex[:8]}"


def claim(catalogue: Catalogue, media_id: str, owner: str) -> bool:
    """Take the lease, also from a holder that was killed on this machine. Raises NotFound."""
    if catalogue.claim_media(media_id, owner, LEASE_SECONDS):
        return True
    holder = catalogue.get_job(ingest_job_id(media_id)).lease_owner
    if holder is None or not is_dead(holder):
        return False
    catalogue.release_media(media_id, holder)
    return catalogue.claim_media(media_id, owner, LEASE_SECONDS)


def is_dead(owner: str) -> bool:
    """Whether ``owner`` names a process of this machine that is gone. A container that starts again has
    the same host name and process number as before, so the time of birth counts too."""
    host, pid, born, _ = (owner.rsplit(":", 3) + [""] * 3)[:4]
    return host == socket.gethostname() and pid.isdecimal() and _born(int(pid)) != born


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
