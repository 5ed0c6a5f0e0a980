"""``momentseek eval``: a labelled set through the same code as the API, and how good the answers are.

The set is a folder with ``media/``, ``queries/`` and ``truth.json``; README, "Evaluation", has its form.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench.measures import (
    Calibration,
    Judged,
    Share,
    calibration,
    figures,
    group_figures,
    query_figures,
)
from bench.sets import Asked, read_set
from core.answer import Segment
from core.errors import InvalidRequest, MomentseekError
from core.pictures import encode_jpeg, read_picture, resize_to_fit
from core.settings import Settings
from index.rows import SEARCHABLE
from ingest.discover import discover
from momentseek.contact_sheet import Picture, Row, Shown, contact_sheet
from momentseek.engine import Engine
from momentseek.ingesting import ingest_with_progress
from momentseek.show import console, name, table, word
from search.query import Example, Filters, Query

SHOWN_SEGMENTS = 6
"""Segments of a query in the contact sheet."""
THUMBNAIL_PX = 360
"""The longer side of its pictures."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A media file of a set that could not be searched, or only in part."""

    media: str
    status: str
    reason: str


def evaluate(
    settings: Settings, folder: Path, as_json: bool, out: Path | None = None, refine: bool = False
) -> dict[str, Any]:
    """Index DIR/media into a scratch library, ask every query; print and return the figures.

    They go into the folder ``out`` as well, with the contact sheet: without JSON by default into
    ./eval-NAME. ``media_problems`` of the result says which media could not be read; with one of them the
    other figures are not those of the set. Raises InvalidRequest when no media can be read.
    """
    asked = read_set(folder)
    out = _writable(out if out is not None or as_json else Path(f"eval-{folder.resolve().name}"))
    scratch = Path(tempfile.mkdtemp(prefix="momentseek-eval-"))
    try:
        with Engine(settings.model_copy(update={"data_dir": scratch})) as engine:
            if as_json:
                engine.ingest([folder / "media"])
            else:
                ingest_with_progress(engine, [folder / "media"], again=False, as_json=False)
            problems = find_problems(engine, folder / "media", asked)
            rows = _ask_all(engine, asked, refine, quiet=as_json, with_pictures=out is not None)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    answers, made_with = [row.judged for row in rows], _made_with(settings, refine)
    calibrated = calibration(answers)
    result = _result(answers, calibrated, problems, made_with)
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        _print(answers, calibrated, result)
    _say_problems(problems)
    if out is not None:
        (out / "figures.json").write_text(json.dumps(result, indent=1), "utf-8")
        sheet = out / "contact_sheet.html"
        sheet.write_text(contact_sheet(folder.resolve().name, rows, calibrated, result), "utf-8")
        typer.echo(f"Contact sheet: {sheet.absolute()}", err=as_json)
    return result


def _writable(out: Path | None) -> Path | None:
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidRequest(
                f"{out} cannot be used for the contact sheet: {error.strerror}. Name another with --out."
            ) from None
    return out


def _made_with(settings: Settings, refine: bool) -> dict[str, Any]:
    return {
        "profile": settings.profile, "embedder": settings.embedder.model,
        "detector": settings.detector.model, "faces": settings.faces.model,
        "samples_per_second": settings.ingest.samples_per_second, "refine": refine,
    }  # fmt: skip


def _result(
    answers: Sequence[Judged], calibrated: Calibration, problems: Sequence[Problem], made_with: dict[str, Any]
) -> dict[str, Any]:
    groups = group_figures(answers)
    return {
        **figures(answers),
        "calibration": calibrated.to_json(),
        **({"groups": groups} if groups else {}),
        "made_with": made_with,
        "media_problems": [asdict(one) for one in problems],
        "queries": [
            {"id": one.query, "figures": query_figures(one), "groups": list(one.groups),
             "segments": [asdict(segment) for segment in one.segments]}
            for one in answers
        ],
    }  # fmt: skip


# Media


def find_problems(engine: Engine, media: Path, asked: Sequence[Asked]) -> list[Problem]:
    """Media that could not be read as a whole, and names in the truth that nothing can be found under.

    Raises InvalidRequest when there is nothing to search at all.
    """
    known = {file.path: file for file in engine.catalogue.list_files()}
    problems = []
    for path in discover([media]).files:
        file = known.get(path)
        if file is None:
            problems.append(Problem(path.name, "failed", "It cannot be opened."))
        elif file.status not in ("indexed", "skipped"):
            problems.append(Problem(path.name, file.status, file.reason or "It could not be indexed."))
    rows = engine.list_media(None, None, 1_000_000, 0)
    searchable = {row.name for row in rows if row.status in SEARCHABLE}
    if not searchable:
        reasons = "; ".join(f"{one.media}: {one.reason}" for one in problems[:3])
        raise InvalidRequest(f"No media of {media} can be searched: {reasons or 'there are none'}.")
    said = {one.media for one in problems}
    return problems + [
        Problem(missing, "missing", "The truth names it, but nothing can be found under this name: it is not "
                                    "in media, holds no pictures, or has the content of another file.")
        for missing in sorted(_named(asked) - searchable - said)
    ]  # fmt: skip


def _named(asked: Iterable[Asked]) -> set[str]:
    """All media names in the truth."""
    named: set[str] = set()
    for one in asked:
        expected = one.expected
        named |= {stretch.media for stretch in (*expected.stretches, *expected.ignore)}
        named |= set(expected.stills)
    return named


def _say_problems(problems: Sequence[Problem]) -> None:
    for one in problems:
        typer.echo(f"{name(one.media).plain} ({one.status}): {one.reason}", err=True)
    if problems:
        typer.echo("Because of these media the figures are not those of the whole set.", err=True)


# Queries


def _ask_all(
    engine: Engine, asked: Sequence[Asked], refine: bool, quiet: bool, with_pictures: bool
) -> list[Row]:
    shown_on = console()
    bar = Progress(
        TextColumn("asking"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(),
        console=shown_on, transient=True, disable=quiet or not shown_on.is_terminal,
    )  # fmt: skip
    with bar:
        return [_ask(engine, one, refine, with_pictures) for one in bar.track(asked)]


def _ask(engine: Engine, asked: Asked, refine: bool, with_pictures: bool) -> Row:
    image = read_picture(asked.image)
    query = Query((Example(image, box_xyxy=asked.box_xyxy),), filters=Filters(limit=1000), refine=refine)
    judged = Judged(asked.id, asked.expected, engine.search(query).segments, asked.groups)
    if not with_pictures:
        return Row(judged)
    picture = Picture(encode_jpeg(resize_to_fit(image, THUMBNAIL_PX), 80), asked.box_xyxy)
    return Row(judged, picture, tuple(_show(engine, one) for one in judged.returned[:SHOWN_SEGMENTS]))


def _show(engine: Engine, segment: Segment) -> Shown:
    try:
        frame = engine.frame(segment.media_id, segment.best_seconds, THUMBNAIL_PX)
    except MomentseekError as error:
        return Shown(segment, str(error))
    return Shown(segment, Picture(encode_jpeg(resize_to_fit(frame, THUMBNAIL_PX), 80), segment.box_xyxy))


# In the terminal


def _print(answers: Sequence[Judged], calibrated: Calibration, result: dict[str, Any]) -> None:
    _print_queries(answers)
    if "groups" in result:
        _print_groups(result["groups"])
    _print_calibration(calibrated)
    for key, value in result.items():
        if key not in ("queries", "calibration", "groups", "made_with", "media_problems"):
            typer.echo(f"{key}: {value}")
    typer.echo(f"expected_calibration_error: {calibrated.segments.expected_calibration_error}")


def _print_queries(answers: Sequence[Judged]) -> None:
    made = table("query", "first segment", "sure", "truth", "right", "AP@.5", "AP@.75", "off (s)", "stills")
    for one in answers:
        own: dict[str, Any] = query_figures(one)
        made.add_row(
            name(one.query), *_first(one), name(_truth(one)),
            {True: "yes", False: "no", None: ""}[own["first_is_right"]],
            *(_cell(own["average_precision"][at]) for at in ("0.5", "0.75")),
            _cell(own["boundary_error_seconds"]), _cell(own["still_recall_at_5"]),
        )  # fmt: skip
    console().print(made)


def _first(judged: Judged) -> tuple[Text, Text]:
    if not judged.segments:
        return Text("nothing"), Text("")
    best = judged.videos[0] if judged.videos else judged.segments[0]
    where = f"{best.media} {best.start_seconds:.2f}-{best.end_seconds:.2f} ({best.score:.0f})"
    return name(where), word(best.confidence)


def _truth(judged: Judged) -> str:
    places = [f"{one.media} {one.start_seconds:g}-{one.end_seconds:g}" for one in judged.expected.stretches]
    return ", ".join([*places, *judged.expected.stills]) or "nothing"


def _print_groups(groups: dict[str, dict[str, Any]]) -> None:
    made = table(
        "group", "queries", "R1@.5", "mAP@.5", "mAP@.75", "off (s)", "stills", "answered", "false alarms",
        "AUROC", "ECE",
    )
    for group, own in groups.items():
        values = (
            own["r1_at_0.5"], own["map"]["0.5"], own["map"]["0.75"], own["boundary_error_seconds"],
            own["still_recall_at_5"], own["answered"], own["false_alarms"], own["auroc"],
            own["expected_calibration_error"],
        )  # fmt: skip
        made.add_row(name(group), str(own["queries"]), *(_cell(value) for value in values))
    typer.echo()
    console().print(made)


def _print_calibration(calibrated: Calibration) -> None:
    """A line for every bin of scores and every confidence that anything came back with."""
    every, best = calibrated.segments, calibrated.best_segment
    made = table("score, sure", "segments", "mean score", "share right", "best of a query", "share right")
    pairs: list[tuple[Text, Share, Share]] = [
        (Text(f"{one.from_score}-{one.to_score}"), one, other)
        for one, other in zip(every.bins, best.bins, strict=True)
    ]
    pairs += [(word(level), every.by_confidence[level], best.by_confidence[level])
              for level in every.by_confidence]  # fmt: skip
    for label, one, other in pairs:
        if one.count:
            made.add_row(
                label, str(one.count), _cell(one.mean_score), _cell(one.right),
                str(other.count), _cell(other.right),
            )  # fmt: skip
    typer.echo()
    console().print(made)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
