"""``client.saved_queries``: questions that are asked of every media file that comes in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Unpack
from urllib.parse import quote

from core.answer import Segment
from momentseek.client.connection import Connection
from momentseek.client.questions import Mode, Pictures, question
from momentseek.client.records import Box, Filters, Moment, known, segment_of

_PAGE = 200


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """``matches`` are segments found; ``last_error`` says why the last run found nothing out."""

    id: str
    name: str
    words: str | None
    pictures: int
    webhook_id: str | None
    paused: bool
    matches: int
    created_at: datetime
    last_run_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Match:
    found_at: datetime
    segment: Segment


class SavedQueries:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self, name: str, images: Pictures = (), words: str | None = None, *,
        at: Moment | Segment | None = None, box: Box | None = None, unlike: Pictures = (),
        mode: Mode | None = None, words_weight: float = 0.5, picture_ids: Sequence[str] = (),
        webhook_id: str | None = None, **filters: Unpack[Filters],
    ) -> SavedQuery:
        """As ``client.search``. ``webhook_id`` is told of matches."""
        form, files = question(images, words, at, box, unlike, mode, words_weight, picture_ids, filters)
        form |= {"name": name, "webhook_id": webhook_id}
        body = self._connection.json("POST", "/v1/saved-queries", form=form, files=files)
        return SavedQuery(**known(SavedQuery, body))

    def list(self) -> Sequence[SavedQuery]:
        """The oldest first."""
        rows = self._connection.json("GET", "/v1/saved-queries")["data"]
        return [SavedQuery(**known(SavedQuery, one)) for one in rows]

    def pause(self, saved_query_id: str, paused: bool = True) -> SavedQuery:
        body = self._connection.json("PATCH", _path(saved_query_id), body={"paused": paused})
        return SavedQuery(**known(SavedQuery, body))

    def remove(self, saved_query_id: str) -> None:
        self._connection.json("DELETE", _path(saved_query_id))

    def matches(self, saved_query_id: str) -> Iterator[Match]:
        """What it has found, page by page as they are asked for."""
        token: str | None = None
        while True:
            query = {"limit": _PAGE, "page_token": token}
            page = self._connection.json("GET", f"{_path(saved_query_id)}/matches", query=query)
            for one in page["data"]:
                yield Match(datetime.fromisoformat(one["found_at"]), segment_of(one["segment"]))
            token = page["next_page_token"]
            if token is None:
                return


def _path(saved_query_id: str) -> str:
    return f"/v1/saved-queries/{quote(saved_query_id, safe='')}"
