"""What the routes need of the library; momentseek/engine.py provides it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from core.answer import Answer
from core.types import Image, MediaType
from index.catalogue import MediaRow
from search.query import Example, Query
from search.searcher import MediaCurve


class Library(Protocol):
    """Calls may block on a model, a decoder or the store: the routes run them on worker threads."""

    def search(self, query: Query) -> Answer:
        """Raises InvalidRequest and its kin, NotFound, StoreError."""

    def search_again(self, query_id: str, more: Sequence[Example], less: Sequence[Example]) -> Answer:
        """The same question after feedback. Raises QueryForgotten beside what ``search`` raises."""

    def page(self, token: str) -> Answer:
        """The page that ``next_page_token`` names. Raises InvalidRequest and QueryForgotten."""

    def curve(self, query_id: str, media_id: str) -> MediaCurve:
        """A query's score over time in one media file. Raises NotFound, QueryForgotten, StoreError."""

    def list_media(
        self, media_type: MediaType | None, status: str | None, limit: int, offset: int
    ) -> Sequence[MediaRow]:
        """The newest first. Raises InvalidRequest for a status that there is not."""

    def get_media(self, media_id: str) -> MediaRow:
        """Raises NotFound."""

    def media_path(self, media_id: str) -> Path:
        """Where the original lies. Raises NotFound when the id or the file is gone."""

    def frame(self, media_id: str, at_seconds: float, max_side_px: int | None) -> Image:
        """The frame shown at that time. Raises NotFound and TimeOutOfRange."""

    def facts(self) -> dict[str, Any]:
        """Sizes and the fingerprint, asked of catalogue and store. Raises StoreError."""
