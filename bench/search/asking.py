"""Questions that were never asked before, and how long a server takes to answer them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image as Pillow

from bench.load.asking import Question, questions

_MOST_CUT = 40
"""Pixels: what is cut off the edges of a picture makes it another one, of the same thing."""


@dataclass(slots=True)
class Asked:
    """Milliseconds of one way of asking: from question to answer, by stage as the server says, and what of it
    is neither: HTTP, forms, the picture's JPEG."""

    total_ms: list[float] = field(default_factory=list)
    stages_ms: dict[str, list[float]] = field(default_factory=dict)
    http_ms: list[float] = field(default_factory=list)
    segments: int = 0


def new_questions(folder: Path, count: int, first: int = 0) -> list[Question]:
    """``count`` of each form, whole and with a box, in turns: the demo's pictures, each time cut a little
    smaller, so that no server knows them. ``first`` tells one set from another."""
    asked = questions(folder)
    kinds = [[one for one in asked if one.box is None], [one for one in asked if one.box is not None]]
    return [
        Question(_cut(own[number % len(own)].picture, number // len(own)), own[number % len(own)].box)
        for number in range(first, first + count) for own in kinds
    ]  # fmt: skip


def _cut(picture: bytes, number: int) -> bytes:
    right, bottom = number % _MOST_CUT, number // _MOST_CUT
    with Pillow.open(BytesIO(picture)) as image:
        made = BytesIO()
        image.crop((0, 0, image.width - right, image.height - bottom)).save(made, "JPEG", quality=85)
    return made.getvalue()


def ask_one_by_one(url: str, asked: Sequence[Question]) -> dict[str, Asked]:
    """One searcher, who waits for each answer. By form: ``picture``, ``picture and box``."""
    taken = {"picture and box": Asked(), "picture": Asked()}
    with httpx.Client(base_url=url, timeout=300, trust_env=False) as client:
        for question in asked:
            own = taken["picture" if question.box is None else "picture and box"]
            fields = {} if question.box is None else {"box": question.box}
            started = time.perf_counter()
            reply = client.post("/v1/search", data=fields, files={"image": question.picture})
            total = (time.perf_counter() - started) * 1000
            answer = reply.raise_for_status().json()
            own.total_ms.append(total)
            for stage, milliseconds in answer["timings_ms"].items():
                own.stages_ms.setdefault(stage, []).append(milliseconds)
            own.http_ms.append(total - sum(answer["timings_ms"].values()))
            own.segments += len(answer["segments"]) + answer["remaining"]
    return taken
