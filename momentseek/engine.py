"""The one place where implementations are chosen and wired."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from core.answer import Answer
from core.errors import NotFound, SettingsError
from core.settings import Settings
from core.types import Image, MediaType
from detect.detector import RegionDetector
from embed.embedder import Embedder
from index import fingerprint
from index.catalogue import Catalogue, MediaRow
from index.counts import check_counts, require_counts
from index.fingerprint import Fingerprint
from index.store import VectorStore, Where
from index.stores.edge import EdgeStore
from ingest.analyze import Analyzer, FaceParts
from ingest.decode import Decoder
from ingest.pipeline import Ingest, Parts
from ingest.progress import OnProgress, Outcome
from search.chance import Chance, Scale
from search.query import Query, Reference
from search.searcher import Calibration, FaceSearch, Searcher

_WAY_OUT = "Start a new library with --data-dir, or go back to the settings it was made with."
_VISUAL_SCALE = Scale(low=4.0, medium=4.8, high=6.3)
"""In robust deviations above chance. Of pictures that are not in a library, nine in ten stay below about 4.7
with their best hit (16 photographs and 64 random boxes against 47 s of footage)."""


@dataclass(frozen=True, slots=True)
class _FacePair:
    """Faces as ingest and as search use them."""

    indexing: FaceParts
    searching: FaceSearch


def _salient(settings: Settings) -> RegionDetector:
    from detect.detectors.salient import SalientRegions

    return SalientRegions(settings.detector.max_regions)


def _mobilenet(settings: Settings) -> Embedder:
    from embed.embedders.mobilenet import MobileNetEmbedder

    return MobileNetEmbedder(settings.model_dir, settings.embedder.precision)


def _dlib(settings: Settings) -> _FacePair:
    from detect.detectors.dlib_faces import DlibFaceDetector
    from embed.embedders.dlib_face import DlibFaceEmbedder

    embedder = DlibFaceEmbedder()
    centre, deviation = embedder.model.strangers
    low, medium, high = ((cosine - centre) / deviation for cosine in embedder.model.same_person)
    side = settings.ingest.max_side_px
    return _FacePair(
        indexing=FaceParts(DlibFaceDetector(side), embedder, settings.faces.min_side_px),
        searching=FaceSearch(
            # A query is one picture: a closer look costs little.
            DlibFaceDetector(side, upsample=1), embedder,
            Calibration(Chance(centre, deviation), Scale(low, medium, high), learns=False),
        ),
    )


_EMBEDDERS: dict[str, Callable[[Settings], Any]] = {"mobilenetv2": _mobilenet}
_DETECTORS: dict[str, Callable[[Settings], Any]] = {"salient": _salient}
_FACES: dict[str, Callable[[Settings], Any]] = {"dlib": _dlib, "none": lambda _: None}


def _choose(table: dict[str, Callable[[Settings], Any]], setting: str, name: str, settings: Settings) -> Any:
    if name not in table:
        raise SettingsError(f"{setting} is {name!r}; this build has {', '.join(sorted(table))}.")
    return table[name](settings)


class Engine:
    """One library: its catalogue, its store, its models. Parts are made when they are first needed.

    Raises FingerprintMismatch when the index was made with other models or another sampling and, with
    ``check``, StoreDamaged when points are missing.
    """

    def __init__(self, settings: Settings, check: bool = True):
        self.settings = settings
        self._check = check
        self._decoding = threading.Lock()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.catalogue = Catalogue.open(settings.data_dir / "catalogue.sqlite")
        self._close: list[Callable[[], None]] = [self.catalogue.close]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        while self._close:
            self._close.pop()()

    # Parts

    @cached_property
    def embedder(self) -> Embedder:
        embedder: Embedder = _choose(_EMBEDDERS, "embedder.model", self.settings.embedder.model, self.settings)
        return embedder

    @cached_property
    def detector(self) -> RegionDetector:
        detector: RegionDetector = _choose(_DETECTORS, "detector.model", self.settings.detector.model, self.settings)
        return detector

    @cached_property
    def _faces(self) -> _FacePair | None:
        pair: _FacePair | None = _choose(_FACES, "faces.model", self.settings.faces.model, self.settings)
        return pair

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """What the vectors and their times depend on."""
        ingest, faces = self.settings.ingest, self._faces
        return Fingerprint.of(
            embedder=self.embedder.fingerprint,
            detector={**self.detector.fingerprint, "tiles": str(self.settings.detector.tiles)},
            faces=None if faces is None else {
                **faces.indexing.detector.fingerprint, "descriptor": faces.indexing.embedder.fingerprint["weights"],
                "min_side_px": str(faces.indexing.min_side_px),
            },
            sampling={
                "samples_per_second": f"{ingest.samples_per_second:g}", "max_side_px": str(ingest.max_side_px),
                "shots": str(ingest.shots),
            },
        )

    @cached_property
    def store(self) -> VectorStore:
        active = self.catalogue.active_generation()
        if active is not None:
            fingerprint.check(Fingerprint(active.fingerprint), self.fingerprint, _WAY_OUT)
        name = self.fingerprint.name
        dimensions: dict[Any, int] = {"visual": self.embedder.dimension}
        if self._faces is not None:
            dimensions["face"] = self._faces.indexing.embedder.dimension
        store = EdgeStore(
            self.settings.data_dir, name, dimensions, min_free_disk_mb=self.settings.ingest.min_free_disk_mb
        )
        self._close.append(store.close)
        self.catalogue.add_generation(name, self.fingerprint.to_json())
        if self._check:
            require_counts(store, self.catalogue, name)
        return store

    @cached_property
    def _decoder(self) -> Decoder:
        decoder = Decoder(self.settings.decode, self.settings.ingest)
        self._close.append(decoder.close)
        return decoder

    @cached_property
    def searcher(self) -> Searcher:
        return Searcher(
            self.store, self.embedder, Calibration(Chance(*self._prior()), _VISUAL_SCALE),
            self._faces.searching if self._faces else None, self.media_name, self._open_frame,
            self.settings.index.null_sample,
        )

    def _prior(self) -> tuple[float, float]:
        from embed.models import EMBEDDERS

        return EMBEDDERS[self.settings.embedder.model].chance

    def warm_up(self) -> None:
        """Load everything a search needs."""
        self.searcher.search(Query(image=np.full((64, 64, 3), 127, np.uint8)))

    # Verbs

    def ingest(
        self, paths: Iterable[Path], on_progress: OnProgress = lambda _: None, again: bool = False
    ) -> list[Outcome]:
        """Index files and folders; see ingest.pipeline."""
        faces = self._faces
        analyzer = Analyzer(
            self.embedder, self.detector, self.settings.detector.tiles, faces.indexing if faces else None
        )
        with Decoder(self.settings.decode, self.settings.ingest) as decoder:
            parts = Parts(
                self.catalogue, self.store, analyzer, decoder, self.fingerprint.name, self.settings.ingest,
                self.storyboard_dir,
            )
            return Ingest(parts, on_progress, again).run(paths)

    def search(self, query: Query) -> Answer:
        return self.searcher.search(query)

    def list_media(
        self, media_type: MediaType | None, status: str | None, limit: int, offset: int
    ) -> Sequence[MediaRow]:
        from index.rows import MEDIA_STATUSES

        if status is not None and status not in MEDIA_STATUSES:
            raise SettingsError(f"There is no status {status!r}; they are {', '.join(MEDIA_STATUSES)}.")
        statuses = None if status is None else (status,)
        return self.catalogue.list_media(media_type, statuses, limit=limit, offset=offset)  # type: ignore[arg-type]

    def get_media(self, media_id: str) -> MediaRow:
        return self.catalogue.get_media(media_id)

    def media_name(self, media_id: str) -> str:
        row = self.catalogue.find_media(media_id)
        return row.name if row else media_id

    def media_path(self, media_id: str) -> Path:
        """Where the original lies. Raises NotFound."""
        row = self.get_media(media_id)
        for path in self.catalogue.paths_of(media_id):
            if path.is_file():
                return path
        raise NotFound(f"The original of {row.name} is no longer where it was; ingest it again from its new place.")

    def has_original(self, media_id: str) -> bool:
        return any(path.is_file() for path in self.catalogue.paths_of(media_id))

    def remove_media(self, media_id: str) -> None:
        """Points first: a catalogue that forgot them could never find them again."""
        self.get_media(media_id)
        self.store.delete(Where(media_ids=(media_id,)))
        self.store.flush()
        self.catalogue.remove_media(media_id)
        shutil.rmtree(self.storyboard_dir(media_id), ignore_errors=True)

    def frame(self, media_id: str, at_seconds: float, max_side_px: int | None = None) -> Image:
        """The frame shown at that time, full resolution. Raises NotFound and TimeOutOfRange."""
        path = self.media_path(media_id)
        with self._decoding:
            return self._decoder.frame_at(path, at_seconds, max_side_px)

    def _open_frame(self, reference: Reference) -> Image:
        return self.frame(reference.media_id, reference.at_seconds)

    def storyboard_dir(self, media_id: str) -> Path:
        return self.settings.data_dir / "storyboards" / media_id

    # Facts

    def facts(self) -> dict[str, Any]:
        library = self.catalogue.facts()
        return {
            "videos": library.videos, "stills": library.stills, "hours": round(library.hours, 3),
            "points": library.points, "index_bytes": self.store.size_bytes(), "fingerprint": self.fingerprint.to_json(),
        }

    def media_with_wrong_counts(self) -> list[str]:
        return check_counts(self.store, self.catalogue, self.fingerprint.name, detailed=True)

    def describe_models(self) -> str:
        faces = self.settings.faces.model
        return (
            f"embedder {self.settings.embedder.model} ({self.embedder.dimension}-d), "
            f"detector {self.settings.detector.model}, faces {faces}; converted models in {self.settings.model_dir}"
        )

