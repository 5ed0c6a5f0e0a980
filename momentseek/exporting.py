"""``momentseek export``: an answer as a file for other programs, or its stretches as clips."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from api.exports.clips import FORMS, As, Order, make_clips, new_folder
from api.exports.library import ExportsLibrary
from api.exports.moments import Moment
from api.exports.results import FORMATS, Format, export
from core.answer import BoxAt, Segment
from core.errors import InvalidRequest, QueryForgotten
from core.settings import Settings
from index.catalogue import MediaRow
from ingest.clips import ClipLimits, Cutter, How
from momentseek.engine import Engine


class EngineExports:
    """What exports need, of an engine. Only its catalogue is used: a server may be running beside it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def everything(self, query_id: str) -> tuple[Segment, ...]:
        raise QueryForgotten("Only a running server remembers queries; give the answer that --json printed.")

    def get_media(self, media_id: str) -> MediaRow:
        return self._engine.get_media(self._engine.resolve_media_id(media_id))

    def media_path(self, media_id: str) -> Path:
        return self._engine.media_path(self._engine.resolve_media_id(media_id))

    def cutter(self) -> Cutter:
        settings = self._engine.settings
        return Cutter(settings.decode, ClipLimits(free_disk_mb=settings.ingest.min_free_disk_mb))

    def export_dir(self) -> Path:
        return self._engine.settings.data_dir / "exports"


def export_to_file(
    settings: Settings, answer: Path | None, stretch: tuple[str, float, float] | None, kind: str,
    output: Path, copy: bool,
) -> None:  # fmt: skip
    """Write ``output`` from an answer (``-`` for standard input) or one stretch of one media file.

    Raises InvalidRequest, NotFound, MediaError, DiskFull.
    """
    if kind not in (*FORMATS, *FORMS):
        raise InvalidRequest(f"--as is {kind!r}; it may be {', '.join((*FORMATS, *FORMS))}.")
    if (answer is None) == (stretch is None):
        raise InvalidRequest("Give either ANSWER, or --media ID with --from and --to, and not both.")
    if not output.parent.is_dir():
        raise InvalidRequest(f"There is no folder {output.parent}; make it first.")
    given = _segments(answer) if answer is not None else []
    if stretch is not None:
        given = [{"media_id": stretch[0], "start_seconds": stretch[1], "end_seconds": stretch[2]}]
    with Engine.of_existing(settings) as engine:
        library = EngineExports(engine)
        if kind in FORMATS:
            _write_result(library, given, _format(kind), output)
        else:
            _write_clips(library, given, "copy" if copy else "exact", _form(kind), output)


def _write_result(
    library: ExportsLibrary, given: Sequence[Mapping[str, Any]], kind: Format, output: Path
) -> None:
    made = export(library, [_moment(library, one) for one in given], kind, None, "full")
    draft = output.with_name(f".{output.name}.part")
    try:
        draft.write_bytes(made.content)
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)


def _write_clips(
    library: ExportsLibrary, given: Sequence[Mapping[str, Any]], how: How, form: As, output: Path
) -> None:
    orders = [Order(one["media_id"], one["start_seconds"], one["end_seconds"]) for one in given]
    folder = new_folder(output.parent)
    try:
        made = make_clips(library, orders, how, form, folder, threading.Event())
        if made.path.parent == folder:
            made.path.replace(output)
        else:
            shutil.copyfile(made.path, output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _segments(answer: Path) -> list[dict[str, Any]]:
    """Raises InvalidRequest for what is no answer."""
    try:
        text = sys.stdin.read() if str(answer) == "-" else answer.read_text("utf-8")
        segments = json.loads(text)["segments"]
        for one in segments:
            one["start_seconds"], one["end_seconds"] = float(one["start_seconds"]), float(one["end_seconds"])
            one["media_id"] = str(one["media_id"])
        return list(segments)
    except OSError as error:
        raise InvalidRequest(f"{answer} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise InvalidRequest(f"{answer} is no answer; give what momentseek search --json printed.") from None


def _moment(library: ExportsLibrary, given: Mapping[str, Any]) -> Moment:
    row = library.get_media(given["media_id"])
    known = {name: given[name] for name in Moment.__dataclass_fields__ if name in given}
    known |= {"media_id": row.id, "media": row.name, "media_type": row.media_type or "video"}
    known["path"] = tuple(BoxAt(one["seconds"], tuple(one["box_xyxy"])) for one in given.get("path", ()))
    return Moment(**known)


def _format(kind: str) -> Format:
    return next(one for one in get_args(Format) if one == kind)


def _form(kind: str) -> As:
    return next(one for one in get_args(As) if one == kind)
