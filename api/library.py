"""What the routes need of the library; momentseek/engine.py provides it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from core.answer import Answer
from core.record import Points
from core.types import Image, Kind, MediaType
from index.catalogue import JobRow, MediaRow
from index.rows import Added, JobState
from ingest.incoming import Incoming
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
        self, media_type: MediaType | None, status: str | None, limit: int, offset: int,
        tag: str | None = None, name_contains: str | None = None, before: tuple[datetime, str] | None = None,
    ) -> Sequence[MediaRow]:
        """The newest first; ``before`` is ``created_at`` and id of the last one seen. Raises InvalidRequest
        for a status that there is not."""

    def get_media(self, media_id: str) -> MediaRow:
        """Raises NotFound."""

    def media_path(self, media_id: str) -> Path:
        """Where the original lies. Raises NotFound when the id or the file is gone."""

    def frame(self, media_id: str, at_seconds: float, max_side_px: int | None) -> Image:
        """The frame shown at that time. Raises NotFound and TimeOutOfRange."""

    def storyboard_dir(self, media_id: str) -> Path:
        """Where sprites and track of a video lie, if there are any."""

    def points_between(
        self, media_id: str, kinds: Sequence[Kind], start_seconds: float, end_seconds: float
    ) -> list[Points]:
        """What is stored of the half-open [start, end), of a still always. Raises NotFound, StoreError."""

    def describe_media(
        self, media_id: str, tags: Iterable[str] | None, metadata: Mapping[str, Any] | None
    ) -> MediaRow:
        """None leaves tags or metadata as they are. Raises NotFound."""

    def remove_media(self, media_id: str, with_upload: bool = False) -> None:
        """``with_upload``: an original that was uploaded goes, too. Raises NotFound, StoreBusy."""

    @property
    def incoming(self) -> Incoming:
        """Uploads that are not finished."""

    def take_upload(self, draft: Path, name: str) -> Added:
        """A whole upload joins the library and is to be indexed. Raises MediaError."""

    def register(self, path: str) -> Added:
        """A file on the server joins the library. Raises InvalidRequest, MediaError."""

    def list_jobs(
        self, states: Sequence[JobState] | None = None, media_id: str | None = None, limit: int = 100,
        offset: int = 0, changed_since: datetime | None = None,
    ) -> list[JobRow]:  # fmt: skip
        """The newest first."""

    def get_job(self, job_id: str) -> JobRow:
        """Raises NotFound."""

    def cancel_job(self, job_id: str) -> JobRow:
        """Raises NotFound, and InvalidRequest when it has ended already."""

    def retry_job(self, job_id: str) -> JobRow:
        """Raises NotFound, and InvalidRequest unless it has failed or was cancelled."""

    def media_names(self, media_ids: Sequence[str]) -> dict[str, str]:
        """File names by media id."""

    def facts(self) -> dict[str, Any]:
        """Sizes and the fingerprint, asked of catalogue and store. Raises StoreError."""
