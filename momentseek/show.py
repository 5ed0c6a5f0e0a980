"""Tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.time import clock
from index.catalogue import MediaRow

_COLOURS = {
    "high": "green", "medium": "yellow", "low": "dim",
    "indexed": "green", "known": "dim", "partial": "yellow", "failed": "red",
    "refused": "red", "quarantined": "red", "skipped": "dim",
}


ID_SHOWN = 12
"""Letters of a media id in tables; commands take the first few of an id as well."""


def console() -> Console:
    """As wide as the terminal; a pipe or a file takes long lines."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=200)


def table(*columns: str, title: str | None = None) -> Table:
    """Names, reasons and details fold in a narrow terminal; all other columns stay on one line."""
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, show_edge=False)
    for column in columns:
        numeric = column in ("score", "points", "from", "to", "best at", "size", "length")
        folds = column in ("file", "media", "name", "reason", "detail", "value", "truth")
        made.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=not folds)
    return made


def word(text: str) -> Text:
    """A status or confidence in its colour; the word itself always stands there."""
    return Text(text, style=_COLOURS.get(text, ""))


def name(text: str) -> Text:
    """A file name as it is: no markup is read from it, control characters are shown."""
    return Text("".join(letter if letter.isprintable() else "\ufffd" for letter in text))


def print_segments(segments: Sequence[dict[str, Any]]) -> None:
    if not segments:
        return
    made = table("score", "sure", "media", *_WHERE)
    for segment in segments:
        made.add_row(
            f"{segment['score']:.1f}", word(segment["confidence"]), name(segment["media"]), *_where(segment)
        )
    console().print(made)


def print_groups(groups: Sequence[dict[str, Any]], segments: Sequence[dict[str, Any]]) -> None:
    """Segments that stand in the order of their groups: each media file is named once, its best score is
    that of its best row."""
    if not groups:
        return
    made = table("media", "score", "sure", *_WHERE)
    rows = iter(segments)
    for group in groups:
        own = list(islice(rows, group["segment_count"]))
        for number, segment in enumerate(own):
            made.add_row(
                name(group["media"]) if number == 0 else "", f"{segment['score']:.1f}",
                word(segment["confidence"]), *_where(segment), end_section=number == len(own) - 1,
            )  # fmt: skip
    console().print(made)


_WHERE = ("from", "to", "best at", "found as", "box")


def _where(segment: dict[str, Any]) -> list[str]:
    """The cells of ``_WHERE``. A still has no times."""
    times = [clock(segment[key]) for key in ("start_seconds", "end_seconds", "best_seconds")]
    found_as = segment["evidence"] + (f" ({segment['label']})" if segment["label"] else "")
    return [
        *(times if segment["media_type"] == "video" else ["still", "", ""]),
        found_as + (", refined" if segment["refined"] else ""),
        ",".join(f"{value:.2f}" for value in segment["box_xyxy"] or ()),
    ]


def print_media(rows: Sequence[MediaRow], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_plain(row) for row in rows], indent=2))
        return
    if not rows:
        typer.echo("There is nothing here; add something with: momentseek ingest PATH")
        return
    made = table("id", "name", "type", "length", "size", "status", "points", "reason")
    for row in rows:
        made.add_row(
            row.id[:ID_SHOWN], name(row.name), row.media_type or "",
            clock(row.duration_seconds) if row.duration_seconds else "",
            f"{row.width}x{row.height}" if row.width else "", word(row.status),
            str(sum(row.point_counts.values())), name(row.reason or ""),
        )  # fmt: skip
    console().print(made)


def print_one_media(row: MediaRow, paths: Sequence[Path], as_json: bool) -> None:
    facts = {**_plain(row), "paths": [str(path) for path in paths]}
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    made = table("what", "value")
    for key, value in facts.items():
        if value not in (None, [], {}):
            made.add_row(key, name(json.dumps(value) if isinstance(value, (dict, list)) else str(value)))
    console().print(made)


def _plain(row: MediaRow) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(row), default=str))  # type: ignore[no-any-return]
