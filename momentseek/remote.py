"""A server that already runs on this library: how the commands find it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import SettingsError

_FILE, _LOCK = "server.json", "server.lock"


@dataclass(frozen=True, slots=True)
class Server:
    """A running ``momentseek serve``. ``token`` lets commands of its owner in, whatever keys there are."""

    url: str
    token: str = field(repr=False)


@contextmanager
def first_server(data_dir: Path) -> Iterator[bool]:
    """Whether this is the first of the servers that run on this library now; it alone leaves its address.

    Said by a lock, which goes with the process, however that ends: the first may be starting yet, or too busy
    to answer. Raises SettingsError for a folder that cannot be used.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        opened = (data_dir / _LOCK).open("a")
    except OSError as error:
        raise SettingsError(f"data_dir {data_dir} cannot be used: {error.strerror}.") from None
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


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
        server = Server(left["url"], left["token"])
    except (OSError, ValueError, KeyError):
        return None
    # It takes long to import, and mostly there is nobody to ask.
    import httpx

    try:
        httpx.get(server.url + "/v1/health/live", timeout=2, trust_env=False).raise_for_status()
    except httpx.ReadTimeout:
        return server  # it is there, and has much to do
    except (OSError, ValueError, httpx.HTTPError):
        return None
    return server
