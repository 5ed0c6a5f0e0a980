"""Search by pictures, words or both, and the pages of an answer.

A page token holds all that the next page needs, so this server remembers nothing beyond what /v1/search does.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import IO, Annotated, Any, Literal

from fastapi import File, Form, HTTPException, Query, Request, UploadFile
from pydantic import TypeAdapter, ValidationError

from api.deps import FetchingDep, LibraryDep, PlacesDep, SettingsDep
from api.library import Library
from api.sent import sent_bytes
from api.twelvelabs.common import find_asset, looks_like_a_path, need_index, new_router, path_sent
from api.twelvelabs.errors import Refusal
from api.twelvelabs.filters import read_filter
from api.twelvelabs.shapes import (
    SearchClip,
    SearchGroup,
    SearchOut,
    SearchPageInfo,
    SearchPool,
    frame_url,
)
from core.answer import Confidence, Segment
from core.errors import InvalidImage
from core.pictures import read_picture
from core.settings import ServerSettings
from core.types import Image
from search.memory import page_token
from search.query import MOST_EXAMPLES, Example, Filters
from search.query import Query as Asked

router = new_router()

SUPPORTED = ("visual",)
_KEPT_SECONDS = 3600

Threshold = Literal["high", "medium", "low", "none"]
_BEGINS: dict[Confidence, float] = {"low": 0.0, "medium": 50.0, "high": 84.0}
_MOVES: dict[Confidence, float] = {"low": 30.0, "medium": 30.0, "high": 15.0}
"""Scores where the words begin, and how far ``adjust_confidence_level`` 0 and 1 move them down and up."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an answer. ``strictness`` is ``adjust_confidence_level``; ``limit`` and ``offset`` count
    clips, or videos when they are ``grouped``; ``by_count``: those with the most clips first."""

    query_id: str
    index_id: str
    asked_at: int
    limit: int
    offset: int = 0
    grouped: bool = False
    by_count: bool = False
    with_metadata: bool = False
    strictness: float = 0.5

    def token(self) -> str:
        """Of letters that need no quoting in an address: the SDK quotes nothing."""
        return base64.urlsafe_b64encode(json.dumps(list(asdict(self).values())).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, token: str) -> Page:
        """Raises Refusal."""
        try:
            values = json.loads(base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4)))
            page = _PAGE.validate_python(dict(zip(cls.__dataclass_fields__, values, strict=True)))
        except (ValueError, TypeError, RecursionError, ValidationError):
            raise _expired() from None
        if page.offset < 0 or not 1 <= page.limit <= 50:
            raise _expired()
        return page

    @property
    def expires_at(self) -> datetime:
        return datetime.fromtimestamp(self.asked_at + _KEPT_SECONDS, UTC)

    def confidence(self, score: float) -> Confidence:
        if score >= _begins("high", self.strictness):
            return "high"
        return "medium" if score >= _begins("medium", self.strictness) else "low"


_PAGE = TypeAdapter(Page)


@router.post("/search", response_model=SearchOut, summary="Where in an index does this appear?")
async def search(
    request: Request,
    library: LibraryDep,
    settings: SettingsDep,
    places: PlacesDep,
    fetching: FetchingDep,
    index_id: Annotated[str, Form()],
    search_options: Annotated[
        list[str], Form(description="`visual`; also all of them as one JSON array", examples=[["visual"]])
    ],
    query_media_type: Annotated[Literal["image"] | None, Form()] = None,
    query_media_file: Annotated[
        list[UploadFile] | None, File(description="up to 10 pictures of the same thing")
    ] = None,
    query_media_url: Annotated[
        list[str] | None, Form(description="instead of files; needs server.fetch_pictures")
    ] = None,
    query_text: Annotated[str | None, Form(description="alone, or beside pictures")] = None,
    operator: Annotated[Literal["or", "and"], Form()] = "or",
    group_by: Annotated[Literal["clip", "video"], Form()] = "clip",
    page_limit: Annotated[int, Form(ge=1, le=50)] = 10,
    filter: Annotated[
        str | None,
        Form(
            description="JSON: id, duration, width, height, size, filename, user metadata",
            examples=['{"duration": {"gte": 60}, "camera": "left"}'],
        ),
    ] = None,
    include_user_metadata: Annotated[bool, Form()] = False,
    threshold: Annotated[Threshold, Form(description="the least confidence")] = "none",
    adjust_confidence_level: Annotated[
        float, Form(ge=0, le=1, description="0 calls more things sure, 1 fewer")
    ] = 0.5,
    sort_option: Annotated[
        Literal["score", "clip_count"], Form(description="`clip_count` goes with `group_by=video`")
    ] = "score",
) -> SearchOut:
    """Several pictures are of the same thing: the one that fits best counts. With pictures and words, words
    bend what the pictures say. An answer without clips says that nothing matches."""
    _check_options(search_options, operator)
    if query_text is not None and "<@" in query_text:
        raise Refusal(400, "parameter_invalid", "query_text names an entity; there are none in this dialect.")
    urls = [url for url in query_media_url or () if url]
    if query_media_type and not query_media_file and not urls:
        raise Refusal(
            400, "parameter_not_provided", "query_media_type asks for query_media_file or query_media_url."
        )
    if len(urls or query_media_file or ()) > MOST_EXAMPLES:
        raise Refusal(400, "parameter_invalid", f"At most {MOST_EXAMPLES} pictures in one query.")
    if not query_text and not query_media_file and not urls:
        raise Refusal(400, "parameter_not_provided", "Give query_text, query_media_file or query_media_url.")

    def run(files: Sequence[IO[bytes]]) -> SearchOut:
        need_index(library, index_id)
        media, ids = read_filter(filter, index_id)
        if ids is not None:
            ids = tuple(one for one in ids if library.sets.find_member(index_id, one) is not None)
        page = Page(
            "", index_id, int(time.time()), page_limit, 0, group_by == "video",
            sort_option == "clip_count", include_user_metadata, adjust_confidence_level,
        )  # fmt: skip
        examples = tuple(Example(_read(one, settings)) for one in files)
        if ids == ():
            return _show(request, library, page, [], 0, 0)
        asked = Asked(
            examples, query_text,
            filters=Filters(
                media_ids=ids or (), media=media, limit=page_limit,
                min_score=0.0 if threshold == "none" else _begins(threshold, adjust_confidence_level),
            ),
            grouped=page.grouped,
        )  # fmt: skip
        return _page(request, library, replace(page, query_id=library.search(asked).query_id))

    async with fetching.files(urls) as fetched:
        # Where both are given, the dialect lets addresses win.
        files = fetched or [one.file for one in query_media_file or ()]
        return await places.run(lambda: run(files))


@router.get("/search/{token}", response_model=SearchOut, summary="Another page of an answer")
async def retrieve(
    request: Request,
    library: LibraryDep,
    places: PlacesDep,
    token: str,
    include_user_metadata: Annotated[bool | None, Query(description="default: as in the search")] = None,
) -> SearchOut:
    """`token` is `next_page_token` of the page before. Pages are those of the library as it was when it was
    asked; they are kept for an hour at most."""
    page = Page.read(token)
    if include_user_metadata is not None:
        page = replace(page, with_metadata=include_user_metadata)
    return await places.run(lambda: _page(request, library, page))


def _page(request: Request, library: Library, page: Page) -> SearchOut:
    if not page.grouped:
        answer = library.page(page_token(page.query_id, page.offset))
        units = [(segment,) for segment in answer.segments]
        total = page.offset + len(units) + answer.remaining
        return _show(request, library, page, units, page.offset, total)
    segments = library.everything(page.query_id)
    videos = [tuple(own) for _, own in groupby(segments, key=lambda segment: segment.media_id)]
    if page.by_count:
        videos.sort(key=lambda own: -len(own))
    before = sum(len(own) for own in videos[: page.offset])
    shown = videos[page.offset : page.offset + page.limit]
    return _show(request, library, page, shown, before, len(videos), len(segments))


def _show(
    request: Request,
    library: Library,
    page: Page,
    units: Sequence[tuple[Segment, ...]],
    before: int,
    total: int,
    inner: int | None = None,
) -> SearchOut:
    """``before`` counts the clips before this page, ``total`` the clips or videos of all pages."""
    index = need_index(library, page.index_id)
    noted: dict[str, dict[str, Any]] = {}
    if page.with_metadata:
        noted = {one.media_id: _metadata(library, one.media_id) for unit in units for one in unit}
    clips = [
        [_clip(request, page, one, noted.get(one.media_id)) for one in unit] for unit in units
    ]  # fmt: skip
    for rank, clip in enumerate((clip for unit in clips for clip in unit), before + 1):
        clip.rank = rank
    more = page.offset + page.limit
    return SearchOut(
        search_pool=SearchPool(
            total_count=index.media_count, total_duration=index.total_seconds, index_id=index.id
        ),
        data=(
            [SearchGroup(id=unit[0].video_id, clips=unit) for unit in clips] if page.grouped
            else [clip for unit in clips for clip in unit]
        ),
        page_info=SearchPageInfo(
            limit_per_page=page.limit, total_results=total, page_expires_at=page.expires_at,
            total_inner_matches=inner if page.grouped else None,
            next_page_token=replace(page, offset=more).token() if more < total else None,
            prev_page_token=(
                replace(page, offset=max(0, page.offset - page.limit)).token() if page.offset else None
            ),
        ),
    )  # fmt: skip


def _clip(request: Request, page: Page, segment: Segment, noted: dict[str, Any] | None) -> SearchClip:
    return SearchClip(
        video_id=segment.media_id, start=segment.start_seconds, end=segment.end_seconds, rank=0,
        score=segment.score, confidence=page.confidence(segment.score),
        thumbnail_url=frame_url(request, segment.media_id, segment.best_seconds), user_metadata=noted,
        filename=segment.media, is_still=segment.media_type == "image", best_seconds=segment.best_seconds,
        bbox=segment.box_xyxy, evidence=segment.evidence, label=segment.label,
    )  # fmt: skip


def _metadata(library: Library, media_id: str) -> dict[str, Any]:
    found = find_asset(library, media_id)
    return {} if found is None else found.metadata


def _read(file: IO[bytes], settings: ServerSettings) -> Image:
    # SDKs send raw bytes as application/octet-stream: only what is in it counts.
    try:
        data = sent_bytes(file, settings)
    except HTTPException as error:
        raise Refusal(400, "parameter_invalid", error.detail) from None
    try:
        return read_picture(data)
    except InvalidImage:
        if looks_like_a_path(data):
            raise path_sent("query_media_file") from None
        raise


def _check_options(given: Sequence[str], operator: str) -> None:
    """Sound is not indexed, so ``visual or audio`` is ``visual``, and ``visual and audio`` is nothing."""
    options = [one for text in given for one in _options_in(text)]
    unheard = [one for one in options if one not in SUPPORTED]
    if not options or (unheard and (operator == "and" or not set(options) & set(SUPPORTED))):
        raise Refusal(
            400, "search_option_not_supported",
            f"search_options {', '.join(unheard)[:200] or '(none)'} is not supported here: only what can be "
            f"seen is indexed. Supported: {', '.join(SUPPORTED)}.",
        )  # fmt: skip


def _options_in(text: str) -> list[str]:
    """
    >>> _options_in("visual"), _options_in('["visual", "audio"]')
    (['visual'], ['visual', 'audio'])
    """
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return [text] if text else []
    return [str(one) for one in read] if isinstance(read, list) else [text]


def _begins(name: Confidence, strictness: float) -> float:
    """The score from which a clip is called so.

    >>> _begins("medium", 0.5), _begins("high", 0.0), _begins("low", 1.0)
    (50.0, 69.0, 30.0)
    """
    moved = _BEGINS[name] + _MOVES[name] * (2 * strictness - 1)
    return min(max(moved, 0.0), 100.0)


def _expired() -> Refusal:
    return Refusal(
        400, "search_page_token_expired",
        "This page token is none of this server's, or not any more; search again.",
    )  # fmt: skip
