"""Stretches of media as files to take away: one clip, a zip of several, or one reel."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from api.exports.library import ExportsLibrary
from api.exports.results import safe_stem
from core.errors import InvalidRequest
from index.catalogue import MediaRow
from ingest.clips import ClipStopped, Cut, Cuts, How, Part

As = Literal["single", "zip", "reel"]
FORMS: tuple[As, ...] = get_args(As)
MOST_CLIPS = 100
MOST_SECONDS = 3600.0
"""Of all clips of one request together."""
_FORGOTTEN_AFTER_SECONDS = 24 * 3600
_PREFIX = "clips-"


@dataclass(frozen=True, slots=True)
class Order:
    """The half-open stretch [start_seconds, end_seconds) of a video; both 0 for a still."""

    media_id: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class Made:
    """A finished file and what to call it. ``cut`` is None for a zip and for a still's original."""

    path: Path
    name: str
    media_type: str
    cut: Cut | None = None


def check_orders(orders: Sequence[Order], how: How, form: As) -> None:
    """Raises InvalidRequest, before anything is looked up."""
    if not 1 <= len(orders) <= MOST_CLIPS:
        raise InvalidRequest(f"{len(orders)} clips were asked for; give 1 to {MOST_CLIPS}.")
    total = sum(max(0.0, one.end_seconds - one.start_seconds) for one in orders)
    if total > MOST_SECONDS:
        raise InvalidRequest(
            f"{total:g} s of clips were asked for; at most {MOST_SECONDS:g} s are cut at once. "
            "Ask again for the rest."
        )
    if form == "single" and len(orders) > 1:
        raise InvalidRequest(f"as=single takes one clip and {len(orders)} were given; use zip or reel.")
    if form == "reel" and how == "copy":
        raise InvalidRequest("A reel is always encoded: use how=exact with as=reel, or as=zip with how=copy.")


def new_folder(export_dir: Path) -> Path:
    """An empty folder for one request. Whoever asks for it removes it."""
    export_dir.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=export_dir))


def sweep(export_dir: Path) -> None:
    """Remove what a process that was killed left behind, once it is a day old."""
    for folder in export_dir.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _FORGOTTEN_AFTER_SECONDS:
                shutil.rmtree(folder)


def make_clips(
    library: ExportsLibrary, orders: Sequence[Order], how: How, form: As, folder: Path, stop: threading.Event
) -> Made:
    """Write into ``folder``. Raises InvalidRequest, NotFound, MediaError, DiskFull; ClipStopped once ``stop``
    is set. A still is its original file, except in a reel, where it is shown for some seconds."""
    check_orders(orders, how, form)
    found = [(library.get_media(one.media_id), library.media_path(one.media_id), one) for one in orders]
    parts = [_part(row, path, one) for row, path, one in found]
    with library.cutter() as cutter:
        if form == "reel":
            target = folder / "reel.mp4"
            return Made(target, "reel.mp4", "video/mp4", cutter.cut(parts, target, "exact", stop))
        if form == "single":
            return _clip(cutter, found[0][0], parts[0], how, folder, 1, stop)
        return _zip(cutter, [row for row, _, _ in found], parts, how, folder, stop)


def _part(row: MediaRow, path: Path, order: Order) -> Part:
    if row.media_type == "image":
        return Part(path, 0.0, 0.0)
    if order.end_seconds <= order.start_seconds:
        raise InvalidRequest(
            f"A clip of {row.name} from {order.start_seconds:g} to {order.end_seconds:g} s was asked for; "
            "its end must be after its start."
        )
    return Part(path, order.start_seconds, order.end_seconds)


def _clip(
    cutter: Cuts, row: MediaRow, part: Part, how: How, folder: Path, number: int, stop: threading.Event
) -> Made:
    stem = safe_stem(row.name)
    if row.media_type == "image":
        return Made(part.path, f"{stem}{part.path.suffix.lower()}", "application/octet-stream")
    target = folder / f"{number:03}.part"
    cut = cutter.cut([part], target, how, stop)
    name = f"{stem}_{_label(part.start_seconds)}-{_label(part.end_seconds)}{cut.suffix}"
    return Made(target, name, "video/mp4" if cut.suffix == ".mp4" else "video/x-matroska", cut)


def _zip(
    cutter: Cuts, rows: Sequence[MediaRow], parts: Sequence[Part], how: How, folder: Path,
    stop: threading.Event,
) -> Made:  # fmt: skip
    target, contents = folder / "clips.zip", []
    # Stored: films and photographs are compressed already.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for number, (row, part) in enumerate(zip(rows, parts, strict=True), 1):
            if stop.is_set():
                raise ClipStopped("The clips were given up: nobody waits for them any more.")
            made = _clip(cutter, row, part, how, folder, number, stop)
            name = f"{number:03}_{made.name}"
            archive.write(made.path, name)
            if made.cut is not None:
                made.path.unlink()
            contents.append(_described(name, row, part, made.cut))
        archive.writestr("clips.json", json.dumps(contents, indent=2, ensure_ascii=False))
    return Made(target, "clips.zip", "application/zip")


def _described(name: str, row: MediaRow, part: Part, cut: Cut | None) -> dict[str, Any]:
    """What was asked for, and what a clip really holds."""
    return {
        "file": name, "media_id": row.id, "media": row.name,
        "asked": {"start_seconds": part.start_seconds, "end_seconds": part.end_seconds},
        "got": None if cut is None else asdict(cut.pieces[0]),
    }  # fmt: skip


def _label(seconds: float) -> str:
    """For file names.

    >>> _label(12.4), _label(5025.0)
    ('00m12.400s', '83m45.000s')
    """
    return f"{int(seconds // 60):02}m{seconds % 60:06.3f}s"
