"""Exports that are text: JSON, CSV, SRT, WebVTT."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict

from api.exports.moments import Moment, one_line

_BOX_COLUMNS = tuple(f"box_{side}_share_of_frame" for side in ("x1", "y1", "x2", "y2"))
CSV_COLUMNS = (
    "media_id", "media", "media_type", "start_seconds", "end_seconds", "duration_seconds", "score_0_to_100",
    "confidence", "best_seconds", *_BOX_COLUMNS, "evidence", "label",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a cell of text a formula, full-width forms included (OWASP, "CSV Injection")."""
_LEAST_CUE_MS = 1


def to_json(moments: Sequence[Moment], query_id: str | None, message: str) -> bytes:
    """In the shape of an answer, all pages in one."""
    body = {
        "query_id": query_id, "message": message, "segments": [asdict(one) for one in moments],
        "next_page_token": None,
    }  # fmt: skip
    return (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode()


def to_csv(moments: Sequence[Moment]) -> bytes:
    """RFC 4180 in UTF-8 with a byte order mark, by which spreadsheets know it. Text that a spreadsheet would
    take for a formula gets an apostrophe in front, which it shows as text."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(CSV_COLUMNS)
    for one in moments:
        box = one.box_xyxy or (None,) * 4
        writer.writerow([
            _guarded(one.media_id), _guarded(one.media), one.media_type, one.start_seconds, one.end_seconds,
            round(one.end_seconds - one.start_seconds, 3), one.score, one.confidence, one.best_seconds, *box,
            one.evidence, _guarded(one.label),
        ])  # fmt: skip
    return file.getvalue().encode("utf-8-sig")


def to_srt(moments: Sequence[Moment]) -> bytes:
    """Cues of one video, in order of time."""
    blocks = [
        f"{number}\n{_stamp(begin, ',')} --> {_stamp(end, ',')}\n{_plain(one.title)}\n"
        for number, (begin, end, one) in enumerate(_cues(moments), 1)
    ]
    return "\n".join(blocks).encode()


def to_vtt(moments: Sequence[Moment]) -> bytes:
    """Cues of one video, in order of time."""
    blocks = [
        f"{number}\n{_stamp(begin, '.')} --> {_stamp(end, '.')}\n{_escaped(one.title)}\n"
        for number, (begin, end, one) in enumerate(_cues(moments), 1)
    ]
    return "\n".join(["WEBVTT\n", *blocks]).encode()


def _cues(moments: Sequence[Moment]) -> list[tuple[int, int, Moment]]:
    """Begin and end in milliseconds; a cue must last."""
    cues = []
    for one in sorted(moments, key=lambda one: (one.start_seconds, one.end_seconds)):
        begin = round(one.start_seconds * 1000)
        cues.append((begin, max(round(one.end_seconds * 1000), begin + _LEAST_CUE_MS), one))
    return cues


def _stamp(milliseconds: int, point: str) -> str:
    """
    >>> _stamp(3723004, ",")
    '01:02:03,004'
    """
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def _plain(text: str) -> str:
    """SRT has no escapes and players read tags in it: angle brackets become their typographic likes."""
    return one_line(text).replace("<", "‹").replace(">", "›").replace("{", "(").replace("}", ")") or "match"


def _escaped(text: str) -> str:
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") or "match"


def _guarded(text: str | None) -> str | None:
    return f"'{text}" if text and text.lstrip(" ").startswith(_FORMULA) else text
