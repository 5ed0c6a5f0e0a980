"""The one place where the parts are wired; momentseek/parts.py says which one a setting names."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from core.addresses import is_public, is_public_or_own
from core.answer import Answer, Segment
from core.errors import InvalidRequest, LeaseLost, MomentseekError, NotFound, SettingsError, StoreError
from core.record import LONGEST_RUN_SECONDS, Points, VectorName
from core.settings import Settings
from core.types import Image, Kind, MediaType
from detect.detector import RegionDetector
from embed.embedder import Embedder
from embed.joined import JoinedEmbedder
from index import fingerprint
from index.catalogue import Catalogue, JobRow, MediaRow, ingest_job_id
from index.counts import check_counts, require_counts
from index.database import place_of
from index.fingerprint import Fingerprint
from index.follow_up import FollowUps
from index.people import People
from index.rows import MEDIA_STATUSES, Added, JobState, StretchRow
from index.saved_queries import SavedQueries as SavedQueryRows
from index.sets import MediaSets
from index.store import VectorStore, Where
from index.stores.edge_wire import generation_dir
from index.tables import STRETCH
from index.webhooks import Webhooks as WebhookRows
from ingest.analyze import Analyzer
from ingest.clips import ClipLimits, Cutter
from ingest.decode import Decoder
from ingest.forget import forget_media
from ingest.incoming import Incoming
from ingest.lane import files_at_once
from ingest.lease import new_owner
from ingest.pictures import Pictures
from ingest.pipeline import Ingest, Parts
from ingest.progress import OnProgress, Outcome, Stopped
from ingest.stretches import index_stretch, stop_stretches
from momentseek import __version__
from momentseek.follow_up import FollowUp
from momentseek.intake import Intake
from momentseek.jobs import StretchWork, Together, Worker
from momentseek.parts import FacePart, VisualPart, face_part, region_detector, visual_part
from momentseek.saved_queries import SavedQueries
from momentseek.stores import open_store
from momentseek.switching import require_whole
from momentseek.webhooks import Webhooks
from momentseek.workers import Workers
from search.duplicates import Duplicates
from search.people import PeopleOfLibrary
from search.query import Example, Query, Reference
from search.refine import Refiner
from search.searcher import MediaCurve, Searcher
from search.segments import Growth
from search.similar import SimilarMedia

if TYPE_CHECKING:
    from momentseek.metrics import Metrics
    from momentseek.posting import Poster

_WAY_OUT = (
    "Run `momentseek reindex` to make it again with these settings, start a new library with --data-dir, "
    "or go back to the settings it was made with."
)
_SMALL_FRAME_PX = 160
"""Longer side of frames that are compared with others."""
SHORTEST_ID = 4
"""Letters of a media id that may stand for all of it."""


def catalogue_path(settings: Settings) -> Path:
    """The catalogue of a library that has no database of its own; see ``catalogue_place``."""
    return settings.data_dir / "catalogue.sqlite"


def catalogue_place(settings: Settings) -> str | Path:
    """The catalogue's file, or its URL. Raises SettingsError."""
    return place_of(settings.catalogue, settings.data_dir)


def has_library(settings: Settings) -> bool:
    """Whether there is one already; a database that is named in the settings is taken to be one."""
    return settings.catalogue.url is not None or catalogue_path(settings).is_file()


class Engine:
    """One library: its catalogue, its store, its models. Parts are made when they are first needed.

    Raises FingerprintMismatch when the index was made with other models or another sampling (unless it is
    ``building`` one beside it) and, with ``check``, StoreDamaged when points are missing.
    """

    def __init__(self, settings: Settings, check: bool = True, building: bool = False) -> None:
        self.settings = settings
        self._building = building
        self._check = check
        self._decoding, self._probing = threading.Lock(), threading.Lock()
        self._opened = ExitStack()
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"data_dir {settings.data_dir} cannot be used: {error.strerror}.") from None
        require_whole(settings.data_dir)
        self.catalogue = self._opened.enter_context(Catalogue.open(catalogue_place(settings)))

    @classmethod
    def of_existing(cls, settings: Settings, check: bool = True, building: bool = False) -> Self:
        """A library that is there already. Raises NotFound, so that a mistyped folder is not made."""
        if not has_library(settings):
            raise NotFound(
                f"There is no library in {settings.data_dir} yet; make one with: momentseek ingest PATH"
            )
        return cls(settings, check, building)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            # What went wrong first is what people must learn.
            with suppress(MomentseekError):
                self.close()

    def close(self) -> None:
        """Let go of everything, also when one part of it makes trouble."""
        self._opened.close()

    # Parts

    @cached_property
    def _visual(self) -> VisualPart:
        return visual_part(self.settings)

    @property
    def embedder(self) -> Embedder:
        return self._visual.embedder

    @cached_property
    def detector(self) -> RegionDetector:
        return region_detector(self.settings)

    @cached_property
    def _faces(self) -> FacePart | None:
        return face_part(self.settings)

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """What the vectors and their times depend on."""
        ingest, faces = self.settings.ingest, self._faces
        return Fingerprint.of(
            embedder=self.embedder.fingerprint,
            detector={**self.detector.fingerprint, "tiles": str(self.settings.detector.tiles)},
            faces=None if faces is None else {
                **faces.indexing.detector.fingerprint, **faces.indexing.gate,
                "descriptor": faces.indexing.embedder.fingerprint["weights"],
            },
            sampling={
                "samples_per_second": f"{ingest.samples_per_second:g}",
                "max_side_px": str(ingest.max_side_px), "shots": str(ingest.shots),
                "run_likeness": f"{ingest.run_likeness:g}",
            },
        )

    @cached_property
    def store(self) -> VectorStore:
        active = self.catalogue.active_generation()
        if active is not None and not self._building:
            fingerprint.check(Fingerprint(active.fingerprint), self.fingerprint, _WAY_OUT)
        name = self.fingerprint.name
        dimensions: dict[Any, int] = {"visual": self.embedder.dimension}
        if self._faces is not None:
            dimensions["face"] = self._faces.indexing.embedder.dimension
        store = open_store(self.settings, name, dimensions)
        self._opened.callback(store.close)
        self.catalogue.add_generation(name, self.fingerprint.to_json(), active=active is None)
        if self._check:
            require_counts(store, self.catalogue, name)
        return store

    @cached_property
    def _decoder(self) -> Decoder:
        decoder = Decoder(self.settings.decode, self.settings.ingest)
        self._opened.callback(decoder.close)
        return decoder

    @cached_property
    def _readers(self) -> tuple[Decoder, ...]:
        """The decoders of ingest, one for every file under way. They stay between files: a worker gets them
        one at a time, and to start a decoder's process takes longer than to index a still."""
        readers = tuple(
            Decoder(self.settings.decode, self.settings.ingest)
            for _ in range(files_at_once(self.settings.ingest))
        )
        for reader in readers:
            self._opened.callback(reader.close)
        return readers

    @cached_property
    def _prober(self) -> Decoder:
        """Another, so that whoever adds a file does not wait for those who look at frames."""
        decoder = Decoder(self.settings.decode, self.settings.ingest)
        self._opened.callback(decoder.close)
        return decoder

    @cached_property
    def searcher(self) -> Searcher:
        visual, growth = self._visual, Growth()
        # Ingest has another of its own (ingest/analyze.py): nobody is to wait for its batches.
        embedder = JoinedEmbedder(visual.embedder)
        faces = self._faces.searching if self._faces else None
        return Searcher(
            self.store, embedder, visual.calibration, faces,
            self.catalogue.names_of, self._open_frame, self.settings.index.null_sample, growth,
            words=visual.words,
            refiner=Refiner(
                embedder, self._frames_between, 1 / self.settings.ingest.samples_per_second,
                growth.share,
                (faces.detector, faces.embedder) if faces else None,
            ),
            media_where=self.catalogue.media_ids_where,
            longest_run_seconds=self._longest_run_seconds,
        )

    @cached_property
    def incoming(self) -> Incoming:
        """Uploads that are not finished."""
        return Incoming(
            self.uploads_dir / "incoming", self.settings.server.max_media_mb * 2**20,
            self.settings.ingest.min_free_disk_mb * 2**20,
        )  # fmt: skip

    @cached_property
    def sets(self) -> MediaSets:
        """Named sets of media."""
        return self._opened.enter_context(MediaSets.open(catalogue_place(self.settings)))

    @cached_property
    def pictures(self) -> Pictures:
        """Pictures that people ask with."""
        return Pictures(self.settings.data_dir / "pictures", self.settings.ingest.min_free_disk_mb * 2**20)

    @cached_property
    def _intake(self) -> Intake:
        return Intake(self.catalogue, self._probe, self.uploads_dir, self.settings.server.media_roots)

    @cached_property
    def people(self) -> PeopleOfLibrary:
        """Whose face is whose."""
        faces, store = self._faces, self.store  # the store is let go of after what uses it
        people = PeopleOfLibrary(
            People.open(catalogue_place(self.settings)), self.catalogue, store, self.fingerprint.name,
            None if faces is None else self.settings.faces.model, self.frame,
        )  # fmt: skip
        self._opened.callback(people.close)
        return people

    @cached_property
    def similar(self) -> SimilarMedia:
        """Which media resemble one."""
        return SimilarMedia(self.store, self._visual.calibration, self.settings.index.null_sample)

    @cached_property
    def duplicates(self) -> Duplicates:
        """What is in the library more than once."""
        store, calibration = self.store, self._visual.calibration
        decoder = self._opened.enter_context(Decoder(self.settings.decode, self.settings.ingest))

        def frames(media_id: str, start_seconds: float, end_seconds: float) -> list[tuple[float, Image]]:
            path = self.media_path(media_id)
            if self.get_media(media_id).media_type == "image":
                return [(0.0, decoder.frame_at(path, 0.0, _SMALL_FRAME_PX))]
            read = decoder.read_interval(path, start_seconds, end_seconds, _SMALL_FRAME_PX)
            return [(sample.time_seconds, sample.image) for sample in read]

        duplicates = Duplicates(
            store, self.catalogue, self.fingerprint.name, frames,
            calibration.prior.cosine(calibration.scale.high),
        )  # fmt: skip
        self._opened.callback(duplicates.close)
        return duplicates

    @cached_property
    def worker(self) -> Workers:
        """What indexes in the background; ``start_work`` has it begin."""
        return self.make_worker(self.metrics.note_ingest, on_end=lambda: self.follow_up.wake())

    def make_worker(
        self, on_outcomes: Callable[[Sequence[Outcome]], None], on_end: Callable[[], None] = lambda: None,
        on_stretch: Callable[[Path, StretchRow], None] = lambda *_: None,
    ) -> Workers:
        """Those that tell ``on_outcomes`` what became of every file, and ``on_stretch`` what they have
        indexed of those that others join."""
        def make(number: int, together: Together) -> Worker:
            reader = self._readers[number]

            def index(path: Path, report: OnProgress, stop: threading.Event) -> list[Outcome]:
                work = Ingest(self._ingest_parts(reader), report)
                work.stop = stop
                outcomes = work.run([path])
                on_outcomes(outcomes)
                return outcomes

            def stretch(path: Path, one: StretchRow, stop: threading.Event) -> None:
                if self._index_stretch(self._ingest_parts(reader), path, one, stop):
                    on_stretch(path, one)

            return Worker(
                self.catalogue, index, self._delete_points, on_end=on_end, together=together,
                stretches=StretchWork(lambda: self.fingerprint.name, stretch),
            )  # fmt: skip

        return Workers(len(self._readers), make)

    @cached_property
    def follow_up(self) -> FollowUp:
        """What comes after a job has ended; ``start_work`` has it begin."""
        rows = self._opened.enter_context(FollowUps.open(catalogue_place(self.settings)))
        return FollowUp(rows, self.catalogue, self.saved_queries.ask, lambda: self.webhooks.wake())

    @cached_property
    def saved_queries(self) -> SavedQueries:
        """Questions that are asked of whatever is new."""
        def find(query: Query) -> Sequence[Segment]:
            searcher = self.searcher.aside()
            return searcher.everything(searcher.search(query).query_id)

        rows = self._opened.enter_context(SavedQueryRows.open(catalogue_place(self.settings)))
        return SavedQueries(rows, find, lambda media_id, at: self.frame(self.resolve_media_id(media_id), at))

    @cached_property
    def webhooks(self) -> Webhooks:
        """Whom to tell; ``start_work`` has it begin."""
        server = self.settings.server
        rows = self._opened.enter_context(WebhookRows.open(catalogue_place(self.settings)))

        def make_poster() -> Poster:
            from core.outbound import Door
            from momentseek.posting import Poster

            allowed = is_public_or_own if server.webhook_private_addresses else is_public
            return Poster(Door(allowed), server.webhook_seconds)

        return Webhooks(rows, make_poster)

    @cached_property
    def metrics(self) -> Metrics:
        """What this process counts."""
        from momentseek.metrics import Metrics

        about = {
            "version": __version__, "fingerprint": self.fingerprint.name, "profile": self.settings.profile,
        }  # fmt: skip
        return Metrics(
            self.catalogue.count_jobs, lambda: self.store, self.settings.data_dir, lambda: about
        )

    def load_for_work(self) -> None:
        """Load everything indexing needs, before the first job is taken: a lease is no time to wait in."""
        _ = self.store, self._analyzer, self._readers

    def warm_up(self) -> None:
        """Load everything a search needs."""
        self.searcher.search(Query.of(np.full((64, 64, 3), 127, np.uint8)))

    # Verbs

    def ingest(
        self, paths: Iterable[Path], on_progress: OnProgress = lambda _: None, again: bool = False,
        stop: threading.Event | None = None,
    ) -> list[Outcome]:
        """Index files and folders, until ``stop`` is set; see ingest.pipeline. Not beside the worker."""
        first, *more = self._readers
        work = Ingest(self._ingest_parts(first), on_progress, again, more)
        work.stop = stop or work.stop
        return work.run(paths)

    def _index_stretch(self, parts: Parts, path: Path, stretch: StretchRow, stop: threading.Event) -> bool:
        """Whether all of it is indexed."""
        def go_on() -> None:
            if stop.is_set():
                raise Stopped

        assert stretch.lease_owner is not None  # or it would not have been reserved
        with suppress(Stopped, LeaseLost):
            return index_stretch(parts, path, stretch, stretch.lease_owner, go_on)
        return False

    @cached_property
    def _analyzer(self) -> Analyzer:
        """One for all files under way, so that they are described together."""
        faces = self._faces
        return Analyzer(
            self.embedder, self.detector, self.settings.detector.tiles, faces.indexing if faces else None
        )

    def _ingest_parts(self, reader: Decoder | None = None) -> Parts:
        return Parts(
            self.catalogue, self.store, self._analyzer, reader or self._readers[0], self.fingerprint.name,
            self.settings.ingest, self.storyboard_dir,
        )

    def search(self, query: Query) -> Answer:
        """Media ids may be shortened; see ``resolve_media_id``."""
        media_ids = tuple(self.resolve_media_id(one) for one in query.filters.media_ids)
        return self._timed(self.searcher.search(replace(
            query,
            examples=tuple(self._resolved(one) for one in query.examples),
            unlike=tuple(self._resolved(one) for one in query.unlike),
            filters=replace(query.filters, media_ids=media_ids),
        )))

    def search_again(self, query_id: str, more: Sequence[Example], less: Sequence[Example]) -> Answer:
        """The same question after feedback. Media ids may be shortened. Raises QueryForgotten."""
        liked, disliked = [self._resolved(one) for one in more], [self._resolved(one) for one in less]
        return self._timed(self.searcher.search_again(query_id, liked, disliked))

    def _timed(self, answer: Answer) -> Answer:
        self.metrics.note_search(answer.timings_ms)
        return answer

    def page(self, token: str) -> Answer:
        """The page that an answer's ``next_page_token`` names. Raises QueryForgotten."""
        return self.searcher.page(token)

    def curve(self, query_id: str, media_id: str) -> MediaCurve:
        """A query's score over time in one media file, whose id may be shortened. Raises QueryForgotten."""
        return self.searcher.curve(query_id, self.resolve_media_id(media_id))

    def everything(self, query_id: str) -> tuple[Segment, ...]:
        """All segments of an earlier answer, in its order. Raises QueryForgotten."""
        return self.searcher.everything(query_id)

    def cutter(self) -> Cutter:
        """What cuts clips out of originals, in a process of its own."""
        return Cutter(self.settings.decode, ClipLimits(free_disk_mb=self.settings.ingest.min_free_disk_mb))

    def export_dir(self) -> Path:
        """Where files lie while they are on their way out."""
        return self.settings.data_dir / "exports"

    def _resolved(self, example: Example) -> Example:
        if example.reference is None:
            return example
        media_id = self.resolve_media_id(example.reference.media_id)
        return replace(example, reference=replace(example.reference, media_id=media_id))

    def list_media(
        self, media_type: MediaType | None, status: str | None, limit: int, offset: int,
        tag: str | None = None, name_contains: str | None = None, before: tuple[datetime, str] | None = None,
    ) -> Sequence[MediaRow]:
        if status is not None and status not in MEDIA_STATUSES:
            raise InvalidRequest(f"There is no status {status!r}; they are {', '.join(MEDIA_STATUSES)}.")
        statuses = None if status is None else (status,)
        return self.catalogue.list_media(
            media_type, statuses, name_contains, limit, offset, tag=tag, before=before
        )

    def count_media(self, media_type: MediaType | None = None, name_contains: str | None = None) -> int:
        return self.catalogue.count_media(media_type, None, name_contains)

    def get_media(self, media_id: str) -> MediaRow:
        return self.catalogue.get_media(media_id)

    def resolve_media_id(self, given: str) -> str:
        """The one media id that is ``given`` or begins with it; at least four letters are needed.

        Raises NotFound for none and InvalidRequest for several.
        """
        if self.catalogue.find_media(given) is not None:
            return given
        found = self.catalogue.media_ids_beginning(given, 2) if len(given) >= SHORTEST_ID else []
        if len(found) > 1:
            raise InvalidRequest(f"More than one media id begins with {given!r}; give more letters.")
        if not found:
            raise NotFound(
                f"The library has no media {given!r}. Give an id, or at least its first {SHORTEST_ID} "
                "letters; momentseek media list shows them."
            )
        return found[0]

    def media_name(self, media_id: str) -> str:
        row = self.catalogue.find_media(media_id)
        return row.name if row else media_id

    def media_path(self, media_id: str) -> Path:
        """Where the original lies. Raises NotFound."""
        row = self.get_media(media_id)
        for path in self.catalogue.paths_of(media_id):
            if path.is_file():
                return path
        raise NotFound(
            f"The original of {row.name} is no longer where it was; ingest it again from its new place."
        )

    def has_original(self, media_id: str) -> bool:
        return any(path.is_file() for path in self.catalogue.paths_of(media_id))

    def remove_media(self, media_id: str, with_upload: bool = False) -> None:
        """Forget one media; its file stays. ``with_upload``: one that was uploaded goes, too, and work on it
        in this process ends. Raises NotFound, and StoreBusy while another process indexes it or work on it
        takes long to end."""
        paths = self.catalogue.paths_of(media_id)
        if with_upload:
            with suppress(NotFound):
                self.worker.cancel(ingest_job_id(media_id), elsewhere=False)
        forget_media(self.catalogue, self.store, self.storyboard_dir(media_id), media_id, new_owner())
        if with_upload:
            self._intake.remove_uploads(paths)

    def describe_media(
        self, media_id: str, tags: Iterable[str] | None, metadata: Mapping[str, Any] | None
    ) -> MediaRow:
        """Note down what people say of it; None leaves things as they are. Raises NotFound."""
        if tags is not None:
            self.catalogue.set_tags(media_id, tags)
        if metadata is not None:
            self.catalogue.set_metadata(media_id, metadata)
        return self.get_media(media_id)

    def points_between(
        self, media_id: str, kinds: Sequence[Kind], start_seconds: float, end_seconds: float
    ) -> list[Points]:
        """What is stored of the half-open [start, end), without vectors. Raises NotFound, StoreError."""
        still = self.get_media(media_id).media_type == "image"
        times = None if still else (start_seconds - self._longest_run_seconds, end_seconds)
        names: dict[VectorName, tuple[Kind, ...]] = {
            "visual": tuple(kind for kind in kinds if kind != "face"),
            "face": tuple(kind for kind in kinds if kind == "face"),
        }
        if self._faces is None:
            del names["face"]
        found = [
            self.store.scroll(name, Where(media_ids=(media_id,), kinds=asked, time_seconds=times))
            for name, asked in names.items() if asked
        ]  # fmt: skip
        if still:
            return found
        return [
            some[(some.span_seconds[:, 0] < end_seconds) & (some.span_seconds[:, 1] > start_seconds)]
            for some in found
        ]

    @property
    def _longest_run_seconds(self) -> float:
        """A point stands for what follows it, for as long as this at most."""
        return max(LONGEST_RUN_SECONDS, 2 / self.settings.ingest.samples_per_second)

    # Files in, and the work that comes of it

    @property
    def uploads_dir(self) -> Path:
        """Where uploaded originals lie."""
        return self.settings.data_dir / "uploads"

    def take_upload(self, draft: Path, name: str) -> Added:
        """A whole upload joins the library, and its job waits. Raises MediaError for what is no media."""
        return self._told(self._intake.take(draft, name))

    def register(self, path: str, anywhere: bool = False) -> Added:
        """A file under one of server.media_roots, or ``anywhere``, joins the library. Raises InvalidRequest,
        MediaError."""
        return self._told(self._intake.register(path, anywhere))

    def _told(self, added: Added) -> Added:
        self.worker.wake()
        return added

    def start_work(self) -> None:
        """From now on, until this is closed, threads do what comes after a media file is indexed and, with
        ``server.works``, index what waits, what was interrupted included."""
        self._intake.find_lost()
        if self.settings.server.works:
            self.load_for_work()  # what is opened first is closed last: after the worker
        worker = (self.worker,) if self.settings.server.works else ()
        for thread in (self.webhooks, self.follow_up, *worker):
            self._opened.callback(thread.stop)
            thread.start()

    def ask_to_stop(self) -> None:
        """Work in the background comes to its end from now on; ``close`` waits for that."""
        for thread in (self.worker, self.follow_up, self.webhooks):
            thread.ask_to_stop()

    def list_jobs(
        self, states: Sequence[JobState] | None = None, media_id: str | None = None, limit: int = 100,
        offset: int = 0, changed_since: datetime | None = None,
    ) -> list[JobRow]:  # fmt: skip
        """The newest first."""
        rows = self.catalogue.list_jobs(
            states, None, limit, offset, media_id=media_id, changed_since=changed_since
        )
        return [self._fresh(row) for row in rows]

    def get_job(self, job_id: str) -> JobRow:
        """Raises NotFound."""
        return self._fresh(self._job(job_id))

    def _job(self, job_id: str) -> JobRow:
        """Not a part of one: those are nobody's but the workers'. Raises NotFound."""
        job = self.catalogue.get_job(job_id)
        if job.kind == STRETCH:
            raise NotFound(f"There is no job {job_id}.")
        return job

    def cancel_job(self, job_id: str) -> JobRow:
        """Raises NotFound, InvalidRequest when it has ended already, StoreBusy when it takes long to end."""
        job = self._job(job_id)
        if job.state not in ("queued", "running"):
            raise InvalidRequest(f"This job is {job.state}; only one that waits or runs can be cancelled.")
        self.worker.cancel(job_id)
        return self.get_job(job_id)

    def retry_job(self, job_id: str) -> JobRow:
        """Raises NotFound, and InvalidRequest unless it has failed or was cancelled."""
        job = self._job(job_id)
        if job.state not in ("failed", "cancelled") or job.media_id is None:
            raise InvalidRequest(
                f"This job is {job.state}; only one that failed or was cancelled can be retried."
            )
        self.catalogue.reset_media(job.media_id)
        queued = self.catalogue.queue_media(job.media_id)
        self.worker.wake()
        return queued

    def media_names(self, media_ids: Sequence[str]) -> dict[str, str]:
        return self.catalogue.names_of(media_ids)

    def _fresh(self, job: JobRow) -> JobRow:
        return replace(job, progress=self.worker.share_of(job))

    def _delete_points(self, media_id: str) -> None:
        """For who holds the lease of that media file."""
        stop_stretches(self.catalogue, self.storyboard_dir(media_id), media_id)
        self.store.delete(Where(media_ids=(media_id,)))
        self.store.flush()

    def _probe(self, path: Path) -> None:
        with self._probing:
            self._prober.probe(path)

    def frame(self, media_id: str, at_seconds: float, max_side_px: int | None = None) -> Image:
        """The frame shown at that time, full resolution. Raises NotFound and TimeOutOfRange."""
        path = self.media_path(media_id)
        with self._decoding:
            return self._decoder.frame_at(path, at_seconds, max_side_px)

    def _frames_between(
        self, media_id: str, start_seconds: float, end_seconds: float
    ) -> Iterator[tuple[float, Image]]:
        """Every frame shown within [start, end), full resolution. Raises NotFound, TimeOutOfRange and
        MediaError."""
        path = self.media_path(media_id)
        with self._decoding:
            for sample in self._decoder.read_interval(path, start_seconds, end_seconds):
                yield sample.time_seconds, sample.image

    def _open_frame(self, reference: Reference) -> Image:
        return self.frame(reference.media_id, reference.at_seconds)

    def storyboard_dir(self, media_id: str) -> Path:
        return self.settings.data_dir / "storyboards" / media_id

    # Facts

    def facts(self) -> dict[str, Any]:
        """Of the catalogue: videos, stills, hours; of the store: points and bytes; the fingerprint."""
        library = self.catalogue.facts()
        return {
            "videos": library.videos, "stills": library.stills, "hours": round(library.hours, 3),
            "points": self.store.count(Where()), "index_bytes": self.store.size_bytes(),
            "fingerprint": self.fingerprint.to_json(),
        }  # fmt: skip

    def abilities(self) -> dict[str, Any]:
        """Which models there are, and which ways of asking."""
        settings = self.settings
        return {
            "profile": settings.profile,
            "models": {
                "embedder": settings.embedder.model, "detector": settings.detector.model,
                "faces": settings.faces.model if self._faces else None,
            },
            "words": self._visual.words is not None, "faces": self._faces is not None,
        }  # fmt: skip

    def media_with_wrong_counts(self) -> list[str]:
        return check_counts(self.store, self.catalogue, self.fingerprint.name, detailed=True)

    def unfinished_media(self) -> list[str]:
        """Media that an interrupted ingest left behind and nobody works on."""
        return self.catalogue.media_to_index(self.fingerprint.name)

    def set_index_aside(self) -> Path:
        """Move an index that cannot be opened out of the way; the next use of the store makes another.
        Returns where it lies now. Raises StoreError on a server: there somebody has to look."""
        if self.settings.store.url is not None:
            raise StoreError(
                f"The index on the server {self.settings.store.url} cannot be opened, and not be moved from "
                "here. Look at the server's own log."
            )
        folder = generation_dir(self.settings.data_dir, self.fingerprint.name)
        aside = folder.with_name(f".damaged-{folder.name}-{time.time_ns()}")
        folder.rename(aside)
        return aside

    def describe_models(self) -> str:
        faces = self.settings.faces.model
        return (
            f"embedder {self.settings.embedder.model} ({self.embedder.dimension}-d), "
            f"detector {self.settings.detector.model}, faces {faces}; "
            f"converted models in {self.settings.model_dir}"
        )

