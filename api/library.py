"""What the routes need of the library; momentseek/engine.py provides it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from prometheus_client.registry import Collector

from core.answer import Answer, Segment
from core.record import Points
from core.types import Image, Kind, MediaType
from index.catalogue import JobRow, MediaRow
from index.rows import Added, JobState
from index.saved_queries import SavedQueries as SavedQueryRows
from index.saved_queries import SavedQueryRow
from index.sets import MediaSets
from index.webhooks import DeliveryRow, NewWebhook
from index.webhooks import Webhooks as WebhookRows
from ingest.incoming import Incoming
from ingest.pictures import Pictures
from search.duplicates import Duplicates
from search.people import PeopleOfLibrary
from search.query import Example, Query
from search.searcher import MediaCurve
from search.similar import SimilarMedia


class SavedQueries(Protocol):
    @property
    def rows(self) -> SavedQueryRows:
        """What is kept."""

    def add(self, name: str, query: Query, webhook_id: str | None) -> SavedQueryRow:
        """Raises InvalidRequest and its kin, NotFound."""


class Webhooks(Protocol):
    @property
    def rows(self) -> WebhookRows:
        """What is kept."""

    def add(self, url: str, events: Sequence[str]) -> NewWebhook:
        """Raises InvalidRequest for an address that may not be asked."""

    def ping(self, webhook_id: str) -> DeliveryRow:
        """Waits for an answer. Raises NotFound."""


class Library(Protocol):
    """Calls may block on a model, a decoder or the store: the routes run them on worker threads."""

    def search(self, query: Query) -> Answer:
        """Raises InvalidRequest and its kin, NotFound, StoreError."""

    def search_again(self, query_id: str, more: Sequence[Example], less: Sequence[Example]) -> Answer:
        """The same question after feedback. Raises QueryForgotten beside what ``search`` raises."""

    def page(self, token: str) -> Answer:
        """The page that ``next_page_token`` names. Raises InvalidRequest and QueryForgotten."""

    def everything(self, query_id: str) -> tuple[Segment, ...]:
        """All segments of an earlier answer, in its order. Raises QueryForgotten."""

    def curve(self, query_id: str, media_id: str) -> MediaCurve:
        """A query's score over time in one media file. Raises NotFound, QueryForgotten, StoreError."""

    def list_media(
        self, media_type: MediaType | None, status: str | None, limit: int, offset: int,
        tag: str | None = None, name_contains: str | None = None, before: tuple[datetime, str] | None = None,
    ) -> Sequence[MediaRow]:
        """The newest first; ``before`` is ``created_at`` and id of the last one seen. Raises InvalidRequest
        for a status that there is not."""

    def count_media(self, media_type: MediaType | None = None, name_contains: str | None = None) -> int:
        """Of any status."""

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

    @property
    def pictures(self) -> Pictures:
        """Pictures that people ask with."""

    @property
    def sets(self) -> MediaSets:
        """Named sets of media."""

    @property
    def duplicates(self) -> Duplicates:
        """What is in the library more than once."""

    @property
    def similar(self) -> SimilarMedia:
        """Which media resemble one."""

    @property
    def people(self) -> PeopleOfLibrary:
        """Whose face is whose."""

    @property
    def saved_queries(self) -> SavedQueries:
        """Questions that are asked of whatever is new."""

    @property
    def webhooks(self) -> Webhooks:
        """Whom to tell."""

    @property
    def metrics(self) -> Collector:
        """What is counted, for Prometheus; to collect it may wait for catalogue and store."""

    def abilities(self) -> dict[str, Any]:
        """``profile``, ``models`` by part, and whether ``words`` and ``faces`` can be searched for."""

    def take_upload(self, draft: Path, name: str) -> Added:
        """A whole upload joins the library and is to be indexed. Raises MediaError."""

    def register(self, path: str, anywhere: bool = False) -> Added:
        """A file on the server joins the library. ``anywhere`` for its owner, others under a media root
        alone. Raises InvalidRequest, MediaError."""

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
