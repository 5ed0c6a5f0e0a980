"""Saved queries: questions that are asked again of every new media file.

What is kept is the question itself, its pictures as JPEG, not its vectors: so it outlives a restart, another
model, and the media that it was taken from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from core.answer import Segment
from core.errors import InvalidRequest, MomentseekError, StoreError
from core.pictures import encode_jpeg, read_picture, resize_to_fit
from core.types import Image
from index.saved_queries import MOST_OF_ONE_MEDIA, Found, SavedPicture, SavedQueryRow
from index.saved_queries import SavedQueries as SavedQueryRows
from search.query import Example, Filters, Query

_log = logging.getLogger(__name__)

_LONGER_SIDE_PX, _JPEG_QUALITY = 4096, 92
_TOLD_SEGMENTS = 50
"""Of one media file, in what a webhook is sent."""
_NO_MEDIA = "-"
_filters = TypeAdapter(Filters)


class SavedQueries:
    """``rows`` keeps them; ``find`` gives everything that a query finds, the best first; ``frame`` the
    picture at a time of a media file."""

    def __init__(
        self, rows: SavedQueryRows, find: Callable[[Query], Sequence[Segment]],
        frame: Callable[[str, float], Image],
    ) -> None:
        self.rows = rows
        self._find, self._frame = find, frame

    def add(self, name: str, query: Query, webhook_id: str | None) -> SavedQueryRow:
        """Raises InvalidRequest, and NotFound for a moment or a webhook that there is not."""
        if query.filters.media_ids:
            raise InvalidRequest("A saved query is asked of media that are new; leave in_media out.")
        # What cannot be asked now (words that no model knows, a face where there is none) is said now.
        self._find(_within(query, [_NO_MEDIA]))
        pictures = [self._picture(one, False) for one in query.examples]
        pictures += [self._picture(one, True) for one in query.unlike]
        return self.rows.add(name, question_of(query), pictures, webhook_id)

    def ask(self, first_done_at: Mapping[str, datetime | None], last_try: bool = False) -> None:
        """Ask every saved query of those of the media, given with the time when they could be searched first,
        that it has not been asked of. Raises StoreError, unless this is the ``last_try``."""
        for saved_query_id, media_ids in self.rows.to_ask(first_done_at).items():
            try:
                found, error = self._run(self.rows.get(saved_query_id), media_ids), None
            except StoreError as trouble:
                if not last_try:
                    raise
                found, error = [], str(trouble)
            except MomentseekError as trouble:
                found, error = [], str(trouble)
            except Exception:
                _log.exception("The saved query %s failed in a way that nobody has foreseen.", saved_query_id)
                found, error = [], "Something went wrong; the server's log says what."
            self.rows.note_run(saved_query_id, media_ids, found, error)

    def _run(self, row: SavedQueryRow, media_ids: Sequence[str]) -> list[Found]:
        query = query_of(row.question, self.rows.pictures(row.id))
        by_media: dict[str, list[Segment]] = {}
        for segment in self._find(_within(query, media_ids)):
            by_media.setdefault(segment.media_id, []).append(segment)
        return [self._found(row, segments) for segments in by_media.values()]

    def _found(self, row: SavedQueryRow, segments: Sequence[Segment]) -> Found:
        first = segments[0]
        shown = [_shown(segment) for segment in segments[:MOST_OF_ONE_MEDIA]]
        news = {
            "saved_query": {"id": row.id, "name": row.name}, "media_id": first.media_id,
            "media": first.media, "media_type": first.media_type, "segment_count": len(segments),
            "segments": shown[:_TOLD_SEGMENTS],
        }  # fmt: skip
        return Found(first.media_id, shown, news)

    def _picture(self, example: Example, unlike: bool) -> SavedPicture:
        image = example.image
        if image is None:
            if example.reference is None:
                raise InvalidRequest("A saved query asks with pictures, moments of the library, or words.")
            # The moment's own picture: its media may leave the library before the question does.
            image = self._frame(example.reference.media_id, example.reference.at_seconds)
        jpeg = encode_jpeg(resize_to_fit(image, _LONGER_SIDE_PX), _JPEG_QUALITY)
        return SavedPicture(jpeg, example.box_xyxy, unlike)


def question_of(query: Query) -> dict[str, Any]:
    """All of it but the pictures, as JSON."""
    return {
        "words": query.words, "words_weight": query.words_weight, "mode": query.mode,
        "filters": _filters.dump_python(query.filters, mode="json"),
    }  # fmt: skip


def query_of(question: Mapping[str, Any], pictures: Sequence[SavedPicture]) -> Query:
    """Raises InvalidRequest."""
    like, unlike = (
        tuple(Example(read_picture(one.jpeg), None, one.box_xyxy) for one in pictures if one.unlike == wanted)
        for wanted in (False, True)
    )
    return Query(
        like, question["words"], question["words_weight"], unlike, question["mode"],
        _filters.validate_python(question["filters"]),
    )  # fmt: skip


def _within(query: Query, media_ids: Sequence[str]) -> Query:
    return replace(query, filters=replace(query.filters, media_ids=tuple(media_ids)))


def _shown(segment: Segment) -> dict[str, Any]:
    """Without its path, which is as long as the segment."""
    return {key: value for key, value in asdict(segment).items() if key != "path"}
