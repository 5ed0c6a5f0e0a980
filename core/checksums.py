"""``checksums.json``: what each file of a folder was when it was last read in full."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import ModelUnavailable


def file_sha256(path: Path) -> str:
    """sha256 of a file, hex. Raises ModelUnavailable when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailable(f"The weights {path} cannot be read: {error.strerror}.") from None


class Checksums:
    """The record of one model folder. An unreadable record counts as an empty one: files are read again."""

    def __init__(self, model_dir: Path):
        self._file = model_dir / "checksums.json"

    def recorded(self, key: str) -> str | None:
        """The checksum that the first fetch of this file wrote down."""
        entry = self._read().get(key)
        return str(entry["sha256"]) if isinstance(entry, dict) and "sha256" in entry else None

    def current(self, key: str, path: Path) -> str:
        """The checksum of ``path`` as it is now, without reading it when size and time are as recorded.

        Raises ModelUnavailable when it cannot be read.
        """
        entry = self._read().get(key)
        if isinstance(entry, dict) and path.is_file() and entry.get("stat") == _stat(path):
            return str(entry["sha256"])
        return file_sha256(path)

    def record(self, key: str, path: Path) -> str:
        """Read the file and write down what it is."""
        sha256 = file_sha256(path)
        self._write(key, {"sha256": sha256, "stat": _stat(path)})
        return sha256

    def remember(self, key: str, path: Path, sha256: str) -> None:
        """The file was just read and is what it should be: spare the next one the reading.

        In a folder that cannot be written to, every process reads for itself.
        """
        entry = {"sha256": sha256, "stat": _stat(path)}
        if self._read().get(key) != entry:
            with suppress(OSError):
                self._write(key, entry)

    def _write(self, key: str, entry: dict[str, Any]) -> None:
        with self._file.with_name(f".{self._file.name}.lock").open("w") as lock:
            # Two processes that each add a line would otherwise lose one.
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = {**self._read(), key: entry}
            draft = self._file.with_name(f"{self._file.name}.{os.getpid()}")
            draft.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", "utf-8")
            draft.replace(self._file)

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def _stat(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
