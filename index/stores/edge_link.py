"""The client's end of the store process: find it or start it, call it, notice when it is gone."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import IO, Any

from core.errors import StoreBusy, StoreError, StoreLost
from index.stores import edge_wire as wire

_HANDSHAKE_SECONDS = 5.0
_LOG_BYTES = 1_000_000


class Link:
    """Calls to the store process of ``data_dir`` from any thread; a connection for each call at a time."""

    def __init__(self, data_dir: Path, linger_seconds: float, start_timeout_seconds: float) -> None:
        self._data_dir = data_dir
        self._linger_seconds = linger_seconds
        self._start_timeout_seconds = start_timeout_seconds
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._era = 0
        self._closed = False

    def call(self, operation: str, generation: str, *arguments: object) -> Any:
        """The answer of the store process.

        Raises what the store raised, StoreLost when the process goes away meanwhile, StoreBusy when
        somebody holds the store and does not answer. After StoreLost the next call starts a new process.
        """
        era, connection = self._take()
        try:
            wire.send(connection, (operation, generation, arguments))
            failed, value = wire.receive(connection)
        except (EOFError, OSError):
            connection.close()
            self._lose(era)
            raise StoreLost(
                f"The process that owns the index in {self._data_dir} is gone (during {operation}). What was "
                f"flushed is safe; try again. Its last words are in {wire.log_path(self._data_dir)}."
            ) from None
        except BaseException:
            # The answer to this call must not be read by the next one.
            connection.close()
            raise
        self._give(era, connection)
        if failed:
            raise wire.ERRORS[failed](value)
        return value

    def reach(self) -> None:
        """Have a process, before the first call needs it. Raises as ``call``."""
        self._give(*self._take())

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        with self._lock:
            self._closed = True
            era = self._era
        self._lose(era)

    def _take(self) -> tuple[int, Connection]:
        with self._lock:
            self._require_open()
            era = self._era
            if self._idle:
                return era, self._idle.pop()
        timeout_seconds = self._start_timeout_seconds
        return era, connect(self._data_dir, self._linger_seconds, timeout_seconds, self._require_open)

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError("This store was closed; open it again.")

    def _give(self, era: int, connection: Connection) -> None:
        with self._lock:
            if era == self._era and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _lose(self, era: int) -> None:
        """Drop every connection of that era: they all lead to the same dead process."""
        with self._lock:
            if era != self._era:
                return
            self._era += 1
            dropped, self._idle = self._idle, []
        for connection in dropped:
            connection.close()


def connect(
    data_dir: Path, linger_seconds: float, timeout_seconds: float, go_on: Callable[[], None] = lambda: None
) -> Connection:
    """A connection to the store process of ``data_dir``, which is started when there is none.

    ``go_on`` is called now and then while that takes, and may raise what ends it.
    """
    deadline = time.monotonic() + timeout_seconds
    started: subprocess.Popen[bytes] | None = None
    while True:
        connection = _knock(data_dir)
        if connection is not None:
            return connection
        owner = wire.owner_pid(data_dir)
        ended = None if started is None else started.poll()
        if time.monotonic() > deadline or ended:
            raise _no_answer(data_dir, owner, timeout_seconds)
        # One that ended well has only met another that was faster.
        if owner is None and (started is None or ended == 0):
            started = _start(data_dir, linger_seconds)
        time.sleep(0.02)
        go_on()


def _knock(data_dir: Path) -> Connection | None:
    address = wire.read_address(data_dir)
    if address is None:
        return None
    try:
        connection = Client(address.socket, family="AF_UNIX")
    except OSError:
        return None
    with contextlib.suppress(EOFError, OSError):
        if address.protocol != wire.PROTOCOL:
            connection.close()
            raise StoreBusy(
                f"Process {address.pid} holds the index in {data_dir} and is of another version of "
                "momentseek. Stop it and try again."
            )
        connection.send_bytes(address.token.encode())
        if connection.poll(_HANDSHAKE_SECONDS):
            wire.receive(connection)
            return connection
    connection.close()
    return None


def run_compaction(shard_dir: Path, method: str) -> None:
    """Raises StoreError with the last words of the process when it fails."""
    command = [sys.executable, "-P", "-m", "index.stores.edge_compact", str(shard_dir.resolve()), method]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", env=_environment(),
        check=False,
    )  # fmt: skip
    if ended.returncode:
        said = " ".join(ended.stderr.split())[-300:] or f"exit code {ended.returncode}"
        raise StoreError(f"The copy of the index could not be put in order ({said}). The index is as it was.")


def _environment() -> dict[str, str]:
    """A process of ours finds this very code."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _start(data_dir: Path, linger_seconds: float) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C in a terminal stops the command and not the store."""
    log = wire.log_path(data_dir)
    with _open_log(log) as words:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "index.stores.edge_process", str(data_dir.resolve()),
             "--linger-seconds", str(linger_seconds)],
            stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True, cwd="/",
            env=_environment(),
        )
    # Somebody has to wait for it in the end, or it stays as a zombie for as long as this process lives.
    threading.Thread(target=process.wait, name="store-process", daemon=True).start()
    return process


def _open_log(log: Path) -> IO[bytes]:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("wb" if log.exists() and log.stat().st_size > _LOG_BYTES else "ab")
    except OSError as error:
        raise StoreError(f"The folder {log.parent} cannot be written to: {error.strerror}.") from None


def _no_answer(data_dir: Path, owner: int | None, timeout_seconds: float) -> StoreError:
    if owner is not None:
        who = f"Process {owner}" if owner else "Another process"
        return StoreBusy(
            f"{who} holds the index in {data_dir} and did not answer for {timeout_seconds:g} seconds. "
            "Stop it, or use another --data-dir."
        )
    return StoreError(f"The store process does not start; the reason is in {wire.log_path(data_dir)}.")
