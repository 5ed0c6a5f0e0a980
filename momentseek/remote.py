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
    """A running ``momentseek serve``. ``token`` lets commands of its owner in, whatever keys there are."""

    def __init__(self, url: str, token: str):
        self.url, self._token = url, token

    def post(
        self, path: str, fields: Mapping[str, Any], files: Sequence[tuple[str, Any]] | None = None
    ) -> Any:
        """The JSON of the answer. Raises what the server reports as our own errors."""
        # An empty files= would make httpx send an urlencoded form, which the API takes as well.
        try:
            reply = httpx.post(
                self.url + path, data=fields, files=files, timeout=120, trust_env=False,
                headers={"Authorization": f"Bearer {self._token}"},
            )
        except httpx.HTTPError as error:
            raise MomentseekError(f"The server at {self.url} does not answer: {error}.") from None
        try:
            body = reply.json()
        except ValueError:
            raise MomentseekError(f"What answers at {self.url} is not momentseek.") from None
        if reply.is_error:
            raise _ERRORS.get(reply.status_code, MomentseekError)(body["message"])
        return body


def announce(data_dir: Path, url: str, token: str) -> None:
    """Leave the address, and this run's secret, for the commands; readable by this user alone."""
    draft = data_dir / f"{_FILE}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    # Made with its mode: changed afterwards, it could be read before.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"url": url, "pid": os.getpid(), "token": token}, file)
    draft.replace(data_dir / _FILE)


def withdraw(data_dir: Path) -> None:
    (data_dir / _FILE).unlink(missing_ok=True)


def running_server(data_dir: Path) -> Server | None:
    """The server that owns this library, or None. A file left by one that died is ignored."""
    try:
        left = json.loads((data_dir / _FILE).read_text())
        os.kill(left["pid"], 0)
        _ = left["token"]
        httpx.get(left["url"] + "/v1/health/live", timeout=2, trust_env=False).raise_for_status()
    except (OSError, ValueError, KeyError, httpx.HTTPError):
        return None
    return Server(left["url"], left["token"])
