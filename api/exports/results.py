"""An answer, or segments of it, as one file in the format that was asked for."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import Literal, get_args
from urllib.parse import quote

from api.exports.formats import to_csv, to_json, to_srt, to_vtt
from api.exports.library import ExportsLibrary
from api.exports.moments import MediaFile, Moment, check_count
from api.exports.timeline import WRITERS, build
from core.answer import say_how_many
from core.errors import InvalidRequest

Format = Literal["json", "csv", "srt", "vtt", "edl", "fcp7", "fcpxml", "otio"]
FORMATS: tuple[Format, ...] = get_args(Format)
Paths = Literal["names", "full"]
_SUFFIXES = {"fcp7": "xml"}
MEDIA_TYPES = {
    "json": "application/json", "csv": "text/csv; charset=utf-8", "srt": "application/x-subrip",
    "vtt": "text/vtt; charset=utf-8", "edl": "text/plain; charset=utf-8", "fcp7": "application/xml",
    "fcpxml": "application/xml", "otio": "application/json",
}  # fmt: skip
_SUBTITLES: dict[str, Callable[[Sequence[Moment]], bytes]] = {"srt": to_srt, "vtt": to_vtt}
_LONGEST_STEM = 60


@dataclass(frozen=True, slots=True)
class Exported:
    content: bytes
    name: str
    media_type: str


def export(
    library: ExportsLibrary, moments: Sequence[Moment], kind: Format, query_id: str | None, paths: Paths
) -> Exported:
    """``paths``: whether timelines name the originals where they lie, or by file name only.

    Subtitles of several videos are a zip of one file for each. Raises InvalidRequest, NotFound.
    """
    check_count(moments)
    name = f"momentseek-{query_id[:8]}" if query_id else "momentseek"
    if kind in _SUBTITLES:
        return _subtitles(moments, kind, name)
    if kind == "json":
        message = say_how_many([(one.media_id, one.media_type) for one in moments])
        content = to_json(moments, query_id, message)
    elif kind == "csv":
        content = to_csv(moments)
    else:
        files = {media_id: _file(library, media_id, paths) for media_id in {one.media_id for one in moments}}
        content = WRITERS[kind](build(moments, files, name), files)
    return Exported(content, f"{name}.{_SUFFIXES.get(kind, kind)}", MEDIA_TYPES[kind])


def safe_stem(name: str) -> str:
    """A file name without its ending that every system takes, inside a zip too.

    >>> safe_stem("../../My film: part 1?.mp4"), safe_stem("...")
    ('My film_ part 1_', 'media')
    """
    stem = PurePosixPath(name.replace("\\", "/")).stem
    return re.sub(r"[^\w .()-]", "_", stem)[:_LONGEST_STEM].strip(" .") or "media"


def _subtitles(moments: Sequence[Moment], kind: str, name: str) -> Exported:
    of_media: dict[str, list[Moment]] = {}
    for one in moments:
        if one.media_type == "video":
            of_media.setdefault(one.media_id, []).append(one)
    if not of_media:
        raise InvalidRequest("There is no segment of a video in it, and subtitles go with a video.")
    write = _SUBTITLES[kind]
    if len(of_media) == 1:
        [(_, own)] = of_media.items()
        return Exported(write(own), f"{safe_stem(own[0].media)}.{kind}", MEDIA_TYPES[kind])
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, own in enumerate(of_media.values(), 1):
            archive.writestr(f"{number:03}_{safe_stem(own[0].media)}.{kind}", write(own))
    return Exported(file.getvalue(), f"{name}-{kind}.zip", "application/zip")


def _file(library: ExportsLibrary, media_id: str, paths: Paths) -> MediaFile:
    row = library.get_media(media_id)
    url = library.media_path(media_id).as_uri() if paths == "full" else f"file:///{quote(row.name)}"
    return MediaFile(url, row.fps, row.duration_seconds, row.width, row.height)
