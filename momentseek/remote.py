"""A server that already runs on this library: found, and talked to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from core.errors import InvalidRequest, MediaError, MomentseekError, NotFound, StoreError

_FILE = "server.json"
_ERRORS: dict[int, type[MomentseekError]] = {
    400: InvalidRequest, 404: NotFound, 413: InvalidRequest, 422: MediaError, 503: StoreError
}


class Server:
    """A running ``momentseek serve``."""

    def __init__(self, url: str):
        self.url = url

    def post(
        self, path: str, fields: Mapping[str, Any], files: Sequence[tuple[str, Any]] | None = None
    ) -> Any:
        """The JSON of the answer. Raises what the server reports as our own errors."""
        # An empty files= would make httpx send an urlencoded form, which the API takes as well.
        try:
            reply = httpx.post(self.url + path, data=fields, files=files, timeout=120, trust_env=False)
        except httpx.HTTPError as error:
            raise MomentseekError(f"The server at {self.url} does not answer: {error}.") from None
        try:
            body = reply.json()
        except ValueError:
            raise MomentseekError(f"What answers at {self.url} is not momentseek.") from None
        if reply.is_error:
            raise _ERRORS.get(reply.status_code, MomentseekError)(body["message"])
        return body


def announce(data_dir: Path, url: str) -> None:
    """Leave the address for the commands; readable by this user alone."""
    draft = data_dir / f"{_FILE}.{os.getpid()}"
    draft.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    draft.chmod(0o600)
    draft.replace(data_dir / _FILE)


def withdraw(data_dir: Path) -> None:
    (data_dir / _FILE).unlink(missing_ok=True)


def running_server(data_dir: Path) -> Server | None:
    """The server that owns this library, or None. A file left by one that died is ignored."""
    try:
        left = json.loads((data_dir / _FILE).read_text())
        os.kill(left["pid"], 0)
        httpx.get(left["url"] + "/v1/health/live", timeout=2, trust_env=False).raise_for_status()
    except (OSError, ValueError, KeyError, httpx.HTTPError):
        return None
    return Server(left["url"])
