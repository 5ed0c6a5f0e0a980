"""``momentseek search``: through a running server when there is one, else with an engine of its own."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import typer

from core.boxes import parse_box
from core.errors import InvalidImage, InvalidRequest
from core.settings import Settings
from core.types import MediaType
from momentseek.remote import Server, running_server


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The command line, checked."""

    image: Path | None
    media: str | None
    at_seconds: float
    box_xyxy: tuple[float, float, float, float] | None
    mode: str | None
    only: MediaType | None
    within: tuple[str, ...]
    labels: tuple[str, ...]
    min_confidence: str
    limit: int


def build_request(
    image: Path | None, media: str | None, at: float | None, box: str | None, face: bool, only: str | None,
    within: list[str] | None, label: list[str] | None, min_confidence: str, limit: int,
) -> SearchRequest:
    """Raises InvalidRequest and its kin, before anything heavy is loaded."""
    if (image is None) == (media is None):
        raise InvalidRequest("Give either --image FILE or --media ID (with --at SECONDS).")
    if image is not None and not image.is_file():
        raise InvalidImage(f"There is no picture at {image}.")
    if at is not None and media is None:
        raise InvalidRequest("--at says when in a media file: give --media ID with it.")
    if at is not None and not 0 <= at < math.inf:
        raise InvalidRequest(f"--at is {at:g}; times are seconds from 0 on.")
    media_type = check_only(only)
    if min_confidence not in ("low", "medium", "high"):
        raise InvalidRequest(f"--min-confidence is {min_confidence!r}; it may be low, medium or high.")
    return SearchRequest(
        image, media, at or 0.0, None if box is None else parse_box(box), "face" if face else None,
        media_type, tuple(within or ()), tuple(label or ()), min_confidence, limit,
    )  # fmt: skip


def check_only(only: str | None) -> MediaType | None:
    """Raises InvalidRequest."""
    if only not in (None, "video", "image"):
        raise InvalidRequest(f"--only is {only!r}; it may be video or image.")
    return cast(MediaType | None, only)


def ask(settings: Settings, request: SearchRequest) -> dict[str, Any]:
    """The answer as JSON."""
    server = running_server(settings.data_dir)
    return _ask_server(server, request) if server else _ask_engine(settings, request)


def _ask_server(server: Server, request: SearchRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "media_id": request.media, "at_seconds": request.at_seconds if request.media else None,
        "box": ",".join(map(str, request.box_xyxy)) if request.box_xyxy else None, "mode": request.mode,
        "only": request.only, "in_media": list(request.within) or None, "label": list(request.labels) or None,
        "min_confidence": request.min_confidence, "limit": request.limit,
    }
    with ExitStack() as stack:
        files = {"image": stack.enter_context(request.image.open("rb"))} if request.image else None
        answer: dict[str, Any] = server.post(
            "/v1/search", {key: value for key, value in fields.items() if value is not None}, files
        )
    return answer


def _ask_engine(settings: Settings, request: SearchRequest) -> dict[str, Any]:
    from core.pictures import read_picture
    from momentseek.engine import Engine
    from search.query import Filters, Query, Reference

    image = read_picture(request.image) if request.image else None
    filters = Filters(
        request.only, request.within, request.labels, request.min_confidence, request.limit  # type: ignore[arg-type]
    )
    reference = Reference(request.media, request.at_seconds) if request.media else None
    query = Query.of(image, reference, request.box_xyxy, request.mode, filters)  # type: ignore[arg-type]
    with Engine.of_existing(settings) as engine:
        return engine.search(query).to_json()


def print_answer(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    from momentseek.show import print_segments

    print_segments(answer["segments"])
    typer.echo(answer["message"])
