"""The process that owns the embedded store: ``python -m index.stores.edge_process DATA_DIR``.

Started by the first client, it serves any number of them, one thread each, one call at a time, and ends by
itself shortly after the last one is gone, however that one ended.
"""

from __future__ import annotations

import argparse
import contextlib
import hmac
import os
import secrets
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from index.stores import edge_wire as wire
from index.stores.edge_shard import EdgeGeneration

_FIRST_CLIENT_SECONDS = 10.0
_CALLS = (
    "upsert", "flush", "query", "query_groups", "recommend", "sample", "get", "page", "count", "counts",
    "delete", "info", "copy_out", "take_in",
)  # fmt: skip


class StoreProcess:
    def __init__(self, data_dir: Path, linger_seconds: float) -> None:
        self._data_dir = data_dir
        self._linger_seconds = linger_seconds
        self._token = secrets.token_hex(32)
        self._generations: dict[str, EdgeGeneration] = {}
        self._store_lock = threading.Lock()
        self._clients = 0
        self._clients_lock = threading.Lock()
        self._stopping = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def run(self) -> None:
        """Serve until there is nobody to serve or a signal says stop; then flush and close."""
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        _remove_stale_socket(self._data_dir)
        with _listening() as listener:
            wire.write_address(
                self._data_dir, wire.Address(listener.getsockname(), self._token, os.getpid())
            )
            try:
                self._accept_until_idle(listener)
            finally:
                wire.address_path(self._data_dir).unlink(missing_ok=True)
        # Never given back: a call that starts now would meet a closed store.
        self._store_lock.acquire()
        for generation in self._generations.values():
            generation.close()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _accept_until_idle(self, listener: socket.socket) -> None:
        # Whoever started this process has yet to knock, on a busy machine not at once.
        idle_until = time.monotonic() + max(self._linger_seconds, _FIRST_CLIENT_SECONDS)
        while not self._stopping:
            with self._clients_lock:
                busy = self._clients > 0
            left = idle_until - time.monotonic()
            if not busy and left <= 0:
                return
            sources: list[Any] = [listener, self._wake_read]
            ready, _, _ = select.select(sources, [], [], None if busy else left)
            if self._wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                idle_until = time.monotonic() + self._linger_seconds
            if listener in ready:
                self._welcome(listener.accept()[0])

    def _welcome(self, client: socket.socket) -> None:
        with self._clients_lock:
            self._clients += 1
        connection = Connection(client.detach())
        threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            with connection:
                if not hmac.compare_digest(connection.recv_bytes(256), self._token.encode()):
                    return
                wire.send(connection, os.getpid())
                while True:
                    operation, generation, arguments = wire.receive(connection)
                    wire.send(connection, self._answer(operation, generation, arguments))
        except (EOFError, OSError):
            pass  # the client is gone, by its own will or killed
        finally:
            with self._clients_lock:
                self._clients -= 1
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake_write, b"x")

    def _answer(self, operation: str, generation: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
        try:
            with self._store_lock:
                return "", self._run(operation, generation, arguments)
        except tuple(wire.ERRORS.values()) as error:
            return type(error).__name__, str(error)
        except BaseException as error:  # a panic in the binding derives from BaseException
            traceback.print_exc()
            reason = " ".join(str(error).split())[:300]
            return "StoreError", f"The vector store failed at {operation}: {type(error).__name__}: {reason}"

    def _run(self, operation: str, generation: str, arguments: tuple[Any, ...]) -> Any:
        if operation == "open":
            self._open(generation, *arguments)
            return None
        if operation not in _CALLS:
            raise ValueError(f"{operation!r} is no operation of the store")
        self._open(generation, None, False)
        return getattr(self._generations[generation], operation)(*arguments)

    def _open(self, generation: str, dimensions: Mapping[str, int] | None, create: bool) -> None:
        opened = self._generations.get(generation)
        if opened is None:
            path = wire.generation_dir(self._data_dir, generation)
            self._generations[generation] = EdgeGeneration(path, dimensions, create)
        elif dimensions is not None:
            opened.check_dimensions(dimensions)


@contextlib.contextmanager
def _listening() -> Iterator[socket.socket]:
    folder = tempfile.mkdtemp(prefix=wire.SOCKET_DIR_PREFIX)
    if len(folder) > 90:
        shutil.rmtree(folder)
        folder = tempfile.mkdtemp(prefix=wire.SOCKET_DIR_PREFIX, dir="/tmp")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(f"{folder}/socket")
            listener.listen(64)
            yield listener
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_stale_socket(data_dir: Path) -> None:
    """A killed predecessor leaves its folder; this process holds the lock, so nobody listens there."""
    stale = wire.read_address(data_dir)
    if stale is not None and Path(stale.socket).parent.name.startswith(wire.SOCKET_DIR_PREFIX):
        shutil.rmtree(Path(stale.socket).parent, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="index.stores.edge_process")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--linger-seconds", type=float, default=1.0)
    given = parser.parse_args()
    with wire.owning(given.data_dir) as mine:
        if mine:
            StoreProcess(given.data_dir, given.linger_seconds).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
