"""What the store process and its clients agree on: the lock, the address, the messages.

``<data_dir>/store.lock`` is locked (flock) by the one process that owns the store and holds its pid.
``<data_dir>/store.address`` (mode 0600) says where that process listens and the token that opens the door.
The socket lies in a private folder under the temporary directory: socket paths are limited to about 100
bytes and data folders are not.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pickle
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from core.errors import DiskFull, StoreBusy, StoreDamaged, StoreError

PROTOCOL = 2
SOCKET_DIR_PREFIX = "momentseek-store-"
ERRORS: dict[str, type[Exception]] = {
    error.__name__: error for error in (ValueError, StoreError, StoreBusy, StoreDamaged, DiskFull)
}


@dataclass(frozen=True, slots=True)
class Address:
    socket: str
    token: str
    pid: int
    protocol: int = PROTOCOL


def address_path(data_dir: Path) -> Path:
    return data_dir / "store.address"


def log_path(data_dir: Path) -> Path:
    return data_dir / "store.log"


def generation_dir(data_dir: Path, generation: str) -> Path:
    """Raises ValueError for a name that could lead out of the index folder."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", generation):
        raise ValueError(f"{generation!r} is no name for a generation: use letters, digits, '.', '_' and '-'")
    return data_dir / "index" / generation


def only_generation(data_dir: Path) -> str | None:
    """The one that lies in ``data_dir``; None where there are several, or none."""
    try:
        found = [path.name for path in (data_dir / "index").iterdir() if not path.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found[0] if len(found) == 1 else None


def write_address(data_dir: Path, address: Address) -> None:
    path = address_path(data_dir)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(address), file)
    fresh.replace(path)


def read_address(data_dir: Path) -> Address | None:
    try:
        return Address(**json.loads(address_path(data_dir).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@contextlib.contextmanager
def owning(data_dir: Path) -> Iterator[bool]:
    """Hold the store's lock inside the block; False when somebody else has it."""
    with (data_dir / "store.lock").open("a+") as file:
        if not _lock(file):
            yield False
            return
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield True


def _lock(file: IO[str]) -> bool:
    # Those who ask who the owner is hold the lock for a moment: try more than once.
    for _ in range(10):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.03)
    return False


def owner_pid(data_dir: Path) -> int | None:
    """Who holds the store: None for nobody, 0 for a process that did not say its number."""
    try:
        with (data_dir / "store.lock").open("r") as file:
            try:
                # A shared lock: two who only ask do not see each other.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read().strip()
                return int(text) if text.isdigit() else 0
    except (FileNotFoundError, NotADirectoryError):
        pass
    return None


def send(connection: Connection, message: object) -> None:
    connection.send_bytes(pickle.dumps(message, protocol=5))


def receive(connection: Connection) -> Any:
    return pickle.loads(connection.recv_bytes())
