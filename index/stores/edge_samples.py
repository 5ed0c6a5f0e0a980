"""Samples of a generation, kept on disk from one start to the next: to draw one reads vectors and payloads
all over the shard, and every server asks for the same ones before it is ready.

They are dropped before the first write after they were drawn, by the one process that writes; so what lies
there is what would be drawn now. A file that is damaged, or is of another number of points, counts as none.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from core.errors import StoreDamaged
from core.record import Points, VectorName
from index.packing import pack, unpack
from index.store import Where

_FOLDER = "samples"
_DIGEST_BYTES = hashlib.sha256().digest_size


class KeptSamples:
    """Of the generation in ``folder``. For one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / _FOLDER
        self._are_there = True

    def find(self, vector_name: VectorName, where: Where, limit: int, points: int) -> Points | None:
        """What was kept when the store held that many ``points`` in all, or None."""
        path = self._path(vector_name, where, limit, points)
        if path is None or not self._are_there:
            return None
        with contextlib.suppress(OSError, StoreDamaged):
            kept = path.read_bytes()
            digest, packed = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
            if hashlib.sha256(packed).digest() == digest:
                return unpack(packed)
        return None

    def keep(self, sample: Points, where: Where, limit: int, points: int) -> None:
        """Only samples by kind alone are kept, and none where the disk does not take them."""
        path = self._path(sample.vector_name, where, limit, points)
        if path is None:
            return
        packed = pack(sample)
        self._are_there = True
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            draft = path.with_suffix(".new")
            draft.write_bytes(hashlib.sha256(packed).digest() + packed)
            draft.replace(path)

    def drop(self) -> None:
        """Before anything is written. Raises OSError: to write all the same would leave samples that lie."""
        if not self._are_there:
            return
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for path in list(self._folder.iterdir()):
                path.unlink()
        self._are_there = False

    def _path(self, vector_name: VectorName, where: Where, limit: int, points: int) -> Path | None:
        if where.kinds is None or where != Where(kinds=where.kinds):
            return None
        return self._folder / f"{vector_name}-{'-'.join(where.kinds)}-{limit}-of-{points}.sample"
