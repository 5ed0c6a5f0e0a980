"""Labelled sets as they are read: a folder with ``media/``, ``queries/`` and ``truth.json``.

README, "Evaluation", has their form.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measures import Expected, Stretch
from core.boxes import check_box
from core.errors import InvalidRequest
from core.pictures import MAX_PIXELS, open_picture

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a set; ``groups`` names what its figures count in, such as "size=0.03"."""

    id: str
    image: Path
    box_xyxy: Box | None
    expected: Expected
    groups: tuple[str, ...] = ()


def read_set(folder: Path) -> list[Asked]:
    """Raises InvalidRequest when the folder is not an evaluation set or a query of it cannot be asked."""
    try:
        asked = [_asked(folder, entry) for entry in _truth(folder)["queries"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidRequest(
            f"{folder} is not an evaluation set (truth.json, media, queries): {error}."
        ) from None
    for one in asked:
        _check_askable(one)
    return asked


def made_by(folder: Path) -> dict[str, Any]:
    """What a generated set says of its making (``seed``, ``fold``); empty for a set that was not."""
    found: dict[str, Any] = _truth(folder).get("made_by", {})
    return found


def _truth(folder: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text("utf-8"))
    return truth


def _asked(folder: Path, entry: dict[str, Any]) -> Asked:
    expected = Expected(
        tuple(_stretch(one) for one in entry["segments"]), tuple(entry["stills"]),
        tuple(_stretch(one) for one in entry.get("ignore", ())),
    )
    box = entry.get("box_xyxy")
    groups = tuple(
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in entry.get("group", {}).items()
    )
    return Asked(entry["id"], folder / entry["image"], None if box is None else tuple(box), expected, groups)


def _stretch(entry: dict[str, Any]) -> Stretch:
    return Stretch(entry["media"], float(entry["start"]), float(entry["end"]))


def _check_askable(asked: Asked) -> None:
    """Now, and not after the media have been indexed for an hour."""
    try:
        open_picture(asked.image, MAX_PIXELS).close()
        if asked.box_xyxy is not None:
            check_box(asked.box_xyxy)
    except InvalidRequest as error:
        raise InvalidRequest(f"Query {asked.id!r} cannot be asked ({asked.image}): {error}") from None
