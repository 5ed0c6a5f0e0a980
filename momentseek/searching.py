"""``momentseek search``: through a running server when there is one, else with an engine of its own."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import typer

from core.answer import CONFIDENCES
from core.boxes import parse_box
from core.errors import InvalidImage, InvalidRequest
from core.settings import Settings
from core.types import MediaType
from index.media_filter import MediaFilter, Range
from momentseek.client import Client, Moment
from momentseek.client.records import Filters as ClientFilters
from momentseek.remote import Server, running_server
from search.query import Filters, Sort


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for, as it stands on the command line."""

    words: str | None
    words_weight: float
    images: tuple[Path, ...]
    unlike: tuple[Path, ...]
    media: str | None
    at: float | None
    box: str | None
    face: bool


@dataclass(frozen=True, slots=True)
class AskedOf:
    """Which media and times are asked for, as it stands on the command line."""

    only: str | None = None
    within: tuple[str, ...] = ()
    start: float | None = None
    end: float | None = None
    duration: tuple[float | None, float | None] = (None, None)
    size: tuple[int | None, int | None] = (None, None)
    least_side: tuple[int | None, int | None] = (None, None)
    name: str | None = None
    tags: tuple[str, ...] = ()
    metadata: str | None = None


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The command line, checked."""

    words: str | None
    words_weight: float
    images: tuple[Path, ...]
    unlike: tuple[Path, ...]
    media: str | None
    at_seconds: float
    box_xyxy: tuple[float, float, float, float] | None
    mode: Literal["face"] | None
    filters: Filters
    metadata: str | None
    refine: bool
    sort: Sort
    grouped: bool


def build_request(
    asked: Asked, of: AskedOf, label: list[str] | None, min_confidence: str, min_score: float, limit: int, *,
    refine: bool = False, sort: str = "score", grouped: bool = False,
) -> SearchRequest:
    """Raises InvalidRequest and its kin, before anything heavy is loaded."""
    if asked.images and asked.media is not None:
        raise InvalidRequest("Give either --image FILE or --media ID (with --at SECONDS), not both.")
    if not asked.images and asked.media is None and not asked.words:
        raise InvalidRequest("Give --image FILE, or --media ID (with --at SECONDS), or words.")
    for picture in (*asked.images, *asked.unlike):
        if not picture.is_file():
            raise InvalidImage(f"There is no picture at {picture}.")
    if asked.at is not None and asked.media is None:
        raise InvalidRequest("--at says when in a media file: give --media ID with it.")
    if asked.at is not None and not 0 <= asked.at < math.inf:
        raise InvalidRequest(f"--at is {asked.at:g}; times are seconds from 0 on.")
    if asked.box is not None and len(asked.images) != 1 and asked.media is None:
        raise InvalidRequest(f"--box goes with one picture; {len(asked.images)} were given.")
    if min_confidence not in CONFIDENCES:
        raise InvalidRequest(f"--min-confidence is {min_confidence!r}; it may be low, medium or high.")
    if sort not in ("score", "time"):
        raise InvalidRequest(f"--sort is {sort!r}; it may be score or time.")
    filters = Filters(
        check_only(of.only), of.within, tuple(label or ()), min_confidence, limit, min_score, of.start,
        of.end,
        MediaFilter(
            name_contains=of.name, tags=of.tags, duration_seconds=Range(*of.duration),
            size_bytes=Range(*of.size), width=Range(of.least_side[0]), height=Range(of.least_side[1]),
            metadata={} if of.metadata is None else MediaFilter.parse_metadata(of.metadata),
        ),
    )  # fmt: skip
    return SearchRequest(
        asked.words, asked.words_weight, asked.images, asked.unlike, asked.media, asked.at or 0.0,
        None if asked.box is None else parse_box(asked.box), "face" if asked.face else None, filters,
        of.metadata, refine, cast(Sort, sort), grouped,
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
    moment = None
    if request.media is not None:
        moment = Moment(request.media, request.at_seconds, request.box_xyxy)
    with Client(server.url, server.token) as client:
        answer = client.search(
            request.images, request.words, at=moment, box=None if moment else request.box_xyxy,
            unlike=request.unlike, mode=request.mode, words_weight=request.words_weight,
            refine=request.refine, sort=request.sort, group=request.grouped, limit=request.filters.limit,
            **_filter_fields(request.filters, request.metadata),
        )
    return answer.to_json()


def _filter_fields(filters: Filters, metadata: str | None) -> ClientFilters:
    media = filters.media
    return {
        "only": filters.media_type, "in_media": list(filters.media_ids) or None,
        "label": list(filters.labels) or None, "min_confidence": filters.min_confidence,
        "min_score": filters.min_score,
        "from_seconds": filters.from_seconds, "to_seconds": filters.to_seconds,
        "min_duration_seconds": media.duration_seconds.least,
        "max_duration_seconds": media.duration_seconds.most,
        "min_size_bytes": media.size_bytes.least, "max_size_bytes": media.size_bytes.most,
        "min_width": media.width.least, "min_height": media.height.least,
        "name_contains": media.name_contains, "tag": list(media.tags) or None,
        "metadata": metadata,
    }  # fmt: skip


def _ask_engine(settings: Settings, request: SearchRequest) -> dict[str, Any]:
    from core.pictures import read_picture
    from momentseek.engine import Engine
    from search.query import Example, Query, Reference

    examples = [Example(read_picture(path), None, request.box_xyxy) for path in request.images]
    if request.media:
        examples.append(Example(None, Reference(request.media, request.at_seconds), request.box_xyxy))
    unlike = tuple(Example(read_picture(path)) for path in request.unlike)
    query = Query(
        tuple(examples), request.words, request.words_weight, unlike, request.mode, request.filters,
        request.refine, request.sort, request.grouped,
    )  # fmt: skip
    with Engine.of_existing(settings) as engine:
        # Only a running server remembers a query: a token of this process would open nothing.
        return {**engine.search(query).to_json(), "next_page_token": None}


def print_answer(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    from momentseek.show import print_groups, print_segments

    if answer["groups"] is None:
        print_segments(answer["segments"])
    else:
        print_groups(answer["groups"], answer["segments"])
    typer.echo(answer["message"])
    if answer["remaining"]:
        typer.echo(_say_more(answer))


def _say_more(answer: dict[str, Any]) -> str:
    remaining = answer["remaining"]
    what = "" if answer["groups"] is None else " media file" if remaining == 1 else " media files"
    said = f"{remaining} more{what}; a larger --limit shows {'it' if remaining == 1 else 'them'}"
    token = answer["next_page_token"]
    return f"{said}." if token is None else f"{said}; next page of the server: /v1/search/pages/{token}"
