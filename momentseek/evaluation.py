"""``momentseek eval``: a labelled set through the same code as the API, and how good the answers are.

The set is a folder with ``media/``, ``queries/`` and ``truth.json``; README, "Evaluation", has its form.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from bench.measures import (
    Expected,
    Judged,
    Stretch,
    average_precision,
    boundary_errors,
    figures,
    first_is_right,
    still_recall,
)
from core.errors import InvalidRequest
from core.pictures import read_picture
from core.settings import Settings
from momentseek.engine import Engine
from momentseek.ingesting import ingest_with_progress
from momentseek.show import console, name, table, word
from search.query import Filters, Query


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a set."""

    id: str
    image: Path
    box_xyxy: tuple[float, float, float, float] | None
    expected: Expected


def read_set(folder: Path) -> list[Asked]:
    """Raises InvalidRequest when the folder is not an evaluation set."""
    try:
        truth = json.loads((folder / "truth.json").read_text("utf-8"))
        return [_asked(folder, entry) for entry in truth["queries"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(
            f"{folder} is not an evaluation set (truth.json, media, queries): {error}."
        ) from None


def _asked(folder: Path, entry: dict[str, Any]) -> Asked:
    expected = Expected(
        tuple(_stretch(one) for one in entry["segments"]), tuple(entry["stills"]),
        tuple(_stretch(one) for one in entry.get("ignore", ())),
    )
    box = entry.get("box_xyxy")
    return Asked(entry["id"], folder / entry["image"], None if box is None else tuple(box), expected)


def _stretch(entry: dict[str, Any]) -> Stretch:
    return Stretch(entry["media"], float(entry["start"]), float(entry["end"]))


def evaluate(settings: Settings, folder: Path, as_json: bool) -> dict[str, Any]:
    """Index DIR/media into a scratch library, ask every query, print and return the figures."""
    asked = read_set(folder)
    scratch = Path(tempfile.mkdtemp(prefix="momentseek-eval-"))
    try:
        with Engine(settings.model_copy(update={"data_dir": scratch})) as engine:
            if as_json:
                engine.ingest([folder / "media"])
            else:
                ingest_with_progress(engine, [folder / "media"], again=False, as_json=False)
            answers = [_judge(engine, one) for one in asked]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    result = {**figures(answers), "queries": [
        {"id": one.query, "segments": [asdict(segment) for segment in one.segments]} for one in answers
    ]}
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        _print(answers, result)
    return result


def _judge(engine: Engine, asked: Asked) -> Judged:
    query = Query.of(read_picture(asked.image), box_xyxy=asked.box_xyxy, filters=Filters(limit=1000))
    return Judged(asked.id, asked.expected, engine.search(query).segments)


def _print(answers: list[Judged], result: dict[str, Any]) -> None:
    made = table("query", "first segment", "sure", "truth", "right", "AP@.5", "AP@.75", "off (s)", "stills")
    for one in answers:
        errors = boundary_errors(one)
        made.add_row(
            name(one.query), *_first(one), _truth(one),
            ("yes" if first_is_right(one) else "no") if one.expected.stretches else "",
            *(f"{average_precision(one, at):.2f}" if one.expected.stretches else "" for at in (0.5, 0.75)),
            f"{sum(errors) / len(errors):.2f}" if errors else "",
            f"{still_recall(one):.2f}" if one.expected.stills else "",
        )  # fmt: skip
    console().print(made)
    for key, value in result.items():
        if key != "queries":
            typer.echo(f"{key}: {value}")


def _first(judged: Judged) -> tuple[Text, Text]:
    if not judged.segments:
        return Text("nothing"), Text("")
    best = judged.videos[0] if judged.videos else judged.segments[0]
    where = f"{best.media} {best.start_seconds:.2f}-{best.end_seconds:.2f} ({best.score:.0f})"
    return Text(where), word(best.confidence)


def _truth(judged: Judged) -> str:
    places = [f"{one.media} {one.start_seconds:g}-{one.end_seconds:g}" for one in judged.expected.stretches]
    return ", ".join([*places, *judged.expected.stills]) or "nothing"
