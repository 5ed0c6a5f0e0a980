"""The file of a snapshot: one tar archive, readable for its owner alone.

::

    points/000000.npz ...   the points with their vectors, some thousand in each (index/packing.py)
    storyboards/, pictures/, uploads/
    catalogue.sqlite        whatever database it was copied from
    manifest.json           last: what all of these are, with their checksums

It is written under another name and takes its own when all of it is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any, Self, cast

from core.errors import InvalidRequest, NotFound, StoreDamaged
from core.record import Points, VectorName
from core.types import Kind
from index.packing import pack, unpack
from momentseek.switching import CATALOGUE, FOLDERS

FORMAT = 1
_MANIFEST = "manifest.json"
_POINTS = "points"
_MANIFEST_BYTES = 2**30
_PIECE = 2**20
OnBytes = Callable[[int, int], None]
"""Bytes that were looked at, and all of them."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """``media``: points of every media file by kind; ``files``: bytes and SHA-256 by name. ``data_dir`` is
    where the library lay, ``waiting`` the media that were being indexed and have to be again."""

    momentseek: str
    created_at: str
    catalogue_revision: str
    generation: str
    dimensions: dict[VectorName, int]
    data_dir: str
    with_uploads: bool
    waiting: list[str]
    media: dict[str, dict[Kind, int]]
    files: dict[str, tuple[int, str]]

    @property
    def points(self) -> int:
        return sum(sum(counts.values()) for counts in self.media.values())

    @property
    def bytes(self) -> int:
        return sum(size for size, _ in self.files.values())


class SnapshotWriter:
    """Leaves nothing behind when its block ends with an error, or without ``finish``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f"{path.name}.part")
        self._files: dict[str, tuple[int, str]] = {}
        self._batches = 0
        try:
            self._draft.unlink(missing_ok=True)
            # Made with its mode: what signs webhooks and what is known of people is in it.
            descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise InvalidRequest(f"{path} cannot be written: {error.strerror}.") from None
        self._raw = os.fdopen(descriptor, "wb")
        self._tar = tarfile.open(fileobj=self._raw, mode="w")  # noqa: SIM115 - closed by the block

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()
        self._draft.unlink(missing_ok=True)

    def add_points(self, points: Points) -> None:
        self._add_bytes(f"{_POINTS}/{self._batches:06}.npz", pack(points))
        self._batches += 1

    def add_file(self, name: str, path: Path) -> bool:
        """False when there is none any more."""
        try:
            with path.open("rb") as file:
                self._add(name, file, os.fstat(file.fileno()).st_size)
        except FileNotFoundError:
            return False
        return True

    def finish(self, **manifest: Any) -> Manifest:
        """All is in; ``manifest`` is what is known but for the files."""
        made = Manifest(files=dict(self._files), **manifest)
        self._add_bytes(_MANIFEST, json.dumps({"format": FORMAT, **asdict(made)}, indent=1).encode())
        self._tar.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._draft.replace(self._path)
        _sync_folder(self._path.parent)
        return made

    def _add_bytes(self, name: str, data: bytes) -> None:
        self._add(name, io.BytesIO(data), len(data))

    def _add(self, name: str, file: IO[bytes], size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        hashed = _Hashed(file)
        self._tar.addfile(info, cast(IO[bytes], hashed))
        self._files[name] = (size, hashed.sha256.hexdigest())


class SnapshotReader:
    """A snapshot that was opened. Raises NotFound and InvalidRequest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with contextlib.ExitStack() as opened:
            try:
                file = opened.enter_context(path.open("rb"))
                self._tar = opened.enter_context(tarfile.open(fileobj=file, mode="r:"))
                self._members = {member.name: member for member in self._tar.getmembers()}
            except FileNotFoundError:
                raise NotFound(f"There is no snapshot {path}.") from None
            except (tarfile.TarError, OSError, EOFError) as error:
                raise InvalidRequest(f"{path} is no snapshot, or not all of one ({error}).") from None
            self.manifest = self._read_manifest()
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def identity(self) -> str:
        """The same for the same snapshot, wherever it lies."""
        with self._open(_MANIFEST) as file:
            return hashlib.file_digest(cast(Any, file), "sha256").hexdigest()

    def check(self, on_bytes: OnBytes = lambda done, all_of_them: None) -> None:
        """Every file is there as it was written, and the points are as many as the manifest says. Raises
        StoreDamaged."""
        done, total = 0, self.manifest.bytes
        counts: dict[str, dict[Kind, int]] = {}
        for name, (size, sha256) in self.manifest.files.items():
            with self._open(name) as file:
                hashed = _Hashed(file)
                kept = b"".join(self._kept(name, hashed))
            if hashed.bytes != size or hashed.sha256.hexdigest() != sha256:
                raise StoreDamaged(f"{self.path} is damaged: {name} is not what was written. Take another.")
            if kept:
                _count(self._wanted(unpack(kept)), counts)
            done += size
            on_bytes(done, total)
        if counts != {media_id: held for media_id, held in self.manifest.media.items() if held}:
            raise StoreDamaged(f"{self.path} does not hold the points that its manifest names. Take another.")

    def points(self) -> Iterator[Points]:
        """Batches, in the order in which they were written."""
        for name in self.manifest.files:
            if name.startswith(f"{_POINTS}/"):
                with self._open(name) as file:
                    yield self._wanted(unpack(file.read()))

    def names_in(self, folder: str) -> list[str]:
        return [name for name in self.manifest.files if name.startswith(f"{folder}/")]

    def extract(self, name: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._open(name) as file, target.open("wb") as out:
            for piece in iter(lambda: file.read(_PIECE), b""):
                out.write(piece)

    def _kept(self, name: str, file: _Hashed) -> Iterator[bytes]:
        """Reads all of it; hands on what will be looked at."""
        for piece in iter(lambda: file.read(_PIECE), b""):
            if name.startswith(f"{_POINTS}/"):
                yield piece

    def _wanted(self, points: Points) -> Points:
        """Without what was put back to waiting after its points had been written."""
        media = self.manifest.media
        if all(one in media for one in set(points.media_id)):
            return points
        import numpy as np

        return points[np.array([one in media for one in points.media_id])]

    def _open(self, name: str) -> IO[bytes]:
        member = self._members.get(name)
        file = None if member is None or not member.isreg() else self._tar.extractfile(member)
        if file is None:
            raise StoreDamaged(f"{self.path} is damaged: {name} is missing. Take another.")
        return file

    def _read_manifest(self) -> Manifest:
        if _MANIFEST not in self._members:
            raise InvalidRequest(f"{self.path} is no snapshot, or not all of one: it has no {_MANIFEST}.")
        with self._open(_MANIFEST) as file:
            try:
                said = json.loads(file.read(_MANIFEST_BYTES))
                if said.pop("format") > FORMAT:
                    raise InvalidRequest(
                        f"{self.path} was written by a newer momentseek ({said.get('momentseek')}). Update "
                        "momentseek, then restore it."
                    )
                said["files"] = {_safe(name): (int(size), sha) for name, (size, sha) in said["files"].items()}
                return Manifest(**said)
            except InvalidRequest:
                raise
            except (ValueError, TypeError, LookupError, AttributeError):
                raise InvalidRequest(f"{self.path} is no snapshot: its manifest makes no sense.") from None


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256, self.bytes = hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self.sha256.update(piece)
        self.bytes += len(piece)
        return piece


def _safe(name: str) -> str:
    """Names that lead nowhere else. Raises ValueError."""
    parts = PurePosixPath(name).parts
    known = name == CATALOGUE or (len(parts) > 1 and parts[0] in (_POINTS, *FOLDERS))
    if not known or ".." in parts or "\0" in name:
        raise ValueError(name)
    return name


def _count(points: Points, into: dict[str, dict[Kind, int]]) -> None:
    for media_id, kind in zip(points.media_id, points.kind, strict=True):
        held = into.setdefault(media_id, {})
        held[kind] = held.get(kind, 0) + 1


def _sync_folder(folder: Path) -> None:
    """So that the new name is on disk, too."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
