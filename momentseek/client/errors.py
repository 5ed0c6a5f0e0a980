"""What goes wrong between a program and a server, beside what core/errors.py has.

::

    MomentseekError
    ├── ServerUnreachable                  nobody answers there, or somebody else
    │   └── UploadInterrupted              the first bytes of a file are there: it can be taken up
    ├── NotAllowed                         no key, a wrong one, or one with too small a scope
    ├── ServerBusy                         still too many requests after having waited
    ├── JobFailed                          what was waited for has failed or was cancelled
    └── StillRunning (TimeoutError)        ... or has not ended in time
"""

from __future__ import annotations

import httpx

from core import errors
from core.errors import InvalidRequest, MediaError, MomentseekError, NotFound, StoreError
from momentseek.client.records import Job


class ServerUnreachable(MomentseekError):
    code = "server_unreachable"


class UploadInterrupted(ServerUnreachable):
    """``upload_id`` goes on: give it to ``media.upload``."""

    def __init__(self, message: str, upload_id: str) -> None:
        super().__init__(message)
        self.upload_id = upload_id


class NotAllowed(MomentseekError):
    code = "unauthorized"


class ServerBusy(MomentseekError):
    code = "too_many_requests"


class JobFailed(MomentseekError):
    """``job`` as it ended, its reason included."""

    code = "job_failed"

    def __init__(self, job: Job) -> None:
        super().__init__(f"The job for {job.media or job.id} {job.state}: {job.reason or 'no reason given'}")
        self.job = job


class StillRunning(MomentseekError, TimeoutError):
    code = "still_running"


_BY_STATUS: dict[int, type[MomentseekError]] = {
    401: NotAllowed, 403: NotAllowed, 404: NotFound, 422: MediaError, 429: ServerBusy, 503: StoreError,
}  # fmt: skip


def error_of(reply: httpx.Response) -> MomentseekError:
    """What a reply with an error status says, as the error that has its code; its status is
    ``http_status``."""
    try:
        code, message = str(reply.json()["code"]), str(reply.json()["message"])
    except (ValueError, KeyError, TypeError):
        return ServerUnreachable(f"What answers at {reply.url.copy_with(path='/', query=None)} with "
                                 f"{reply.status_code} is not momentseek.")  # fmt: skip
    status = reply.status_code
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status, InvalidRequest if status < 500 else MomentseekError)
    error = kind(message)
    error.code, error.http_status = code, status
    return error


def _by_code() -> dict[str, type[MomentseekError]]:
    """Where a class has its parent's code, the parent stands for both."""
    found: dict[str, type[MomentseekError]] = {}
    for kind in (*vars(errors).values(), NotAllowed, ServerBusy):
        if isinstance(kind, type) and issubclass(kind, MomentseekError):
            found.setdefault(kind.code, kind)
    return found


_BY_CODE = _by_code()
