"""The library of a labelled set: made by the product's own command, searched by the product's own code.

It is wired here a second time, for the packaged models alone: ``bench`` knows nothing of ``momentseek``.
tests/bench/test_quality.py holds its answers against the product's.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from core.answer import Answer
from core.errors import InvalidRequest, NotFound
from core.record import Points, VectorName
from core.settings import Settings
from core.types import Image, Kind, Vectors
from detect.detectors.dlib_faces import DlibFaceDetector
from embed.embedders.dlib_face import DlibFaceEmbedder
from embed.embedders.mobilenet import MobileNetEmbedder
from index.catalogue import Catalogue
from index.store import Where
from index.stores.edge import EdgeStore
from ingest.decode import Decoder
from search.chance import Calibration, Chance, Scale
from search.describe import FaceSearch
from search.evidence import Wanted
from search.query import Query, Reference, Terms
from search.refine import Refiner
from search.searcher import Searcher, _Stopwatch
from search.segments import Growth

CATALOGUE = "catalogue.sqlite"


class PartialStore(EdgeStore):
    """A store as if points of the kinds ``hidden`` had never been written. For reading alone."""

    hidden: frozenset[Kind] = frozenset()

    def query(
        self, vector_name: VectorName, vectors: Vectors, where: Where, limit: int,
        score_threshold: float | None = None,
    ) -> list[Points]:
        where, limit = self._visible(where, limit)
        return super().query(vector_name, vectors, where, limit, score_threshold)

    def recommend(
        self, vector_name: VectorName, like: Vectors, unlike: Vectors, where: Where, limit: int,
        score_threshold: float | None = None,
    ) -> Points:
        where, limit = self._visible(where, limit)
        return super().recommend(vector_name, like, unlike, where, limit, score_threshold)

    def sample(self, vector_name: VectorName, where: Where, limit: int) -> Points:
        where, limit = self._visible(where, limit)
        return super().sample(vector_name, where, limit)

    def count(self, where: Where) -> int:
        where, some = self._visible(where, 1)
        return super().count(where) if some else 0

    def _visible(self, where: Where, limit: int) -> tuple[Where, int]:
        """The condition without what is hidden; a limit of 0 where nothing is left to be found."""
        if not self.hidden:
            return where, limit
        every: tuple[Kind, ...] = get_args(Kind) if where.kinds is None else where.kinds
        kinds = tuple(kind for kind in every if kind not in self.hidden)
        return (replace(where, kinds=kinds), limit) if kinds else (where, 0)


@dataclass(slots=True)
class Library:
    """An open library and all that searching it takes. ``media`` is the folder its files came from."""

    settings: Settings
    media: Path
    generation: str
    names: dict[str, str]
    embedder: MobileNetEmbedder
    calibration: Calibration
    face_embedder: DlibFaceEmbedder
    faces: FaceSearch
    decoder: Decoder
    _closing: ExitStack
    _searchers: dict[frozenset[Kind], Searcher] = field(default_factory=dict)

    def searcher(self, hidden: frozenset[Kind] = frozenset()) -> Searcher:
        """What searches the library as if it had no points of the kinds ``hidden``."""
        if hidden not in self._searchers:
            store = self.store()
            store.hidden = hidden
            self._searchers[hidden] = self.searcher_of(store)
        return self._searchers[hidden]

    def store(self) -> PartialStore:
        """Another connection to the library's points."""
        dimensions: dict[VectorName, int] = {
            "visual": self.embedder.dimension, "face": self.face_embedder.dimension,
        }  # fmt: skip
        return self._closing.enter_context(
            PartialStore(self.settings.data_dir, self.generation, dimensions, create=False)
        )

    def searcher_of(self, store: EdgeStore) -> Searcher:
        """As momentseek/engine.py makes it, on any store of these models."""
        growth = Growth()
        refiner = Refiner(
            self.embedder, self._frames_between, 1 / self.settings.ingest.samples_per_second, growth.share,
            (self.faces.detector, self.faces.embedder),
        )  # fmt: skip
        return Searcher(
            store, self.embedder, self.calibration, self.faces,
            lambda media_ids: self.names, _open_frame,
            self.settings.index.null_sample, growth, refiner=refiner,
        )  # fmt: skip

    def _frames_between(
        self, media_id: str, start_seconds: float, end_seconds: float
    ) -> Iterator[tuple[float, Image]]:
        path = self.media / self.names[media_id]
        for sample in self.decoder.read_interval(path, start_seconds, end_seconds):
            yield sample.time_seconds, sample.image


def _open_frame(reference: Reference) -> Image:
    raise NotFound(f"The queries of a labelled set are pictures; {reference} is none.")


def index_media(media: Path, data_dir: Path, config: Path | None) -> None:
    """Raises CalledProcessError when not all of it could be indexed."""
    command = [str(Path(sys.executable).with_name("momentseek")), "ingest", str(media), "--json"]
    command += ["--data-dir", str(data_dir), *(["--config", str(config)] if config else [])]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def opened(settings: Settings, media: Path) -> Iterator[Library]:
    """The library in ``settings.data_dir``. Raises InvalidRequest for models that are not packaged."""
    models = settings.embedder.model, settings.faces.model
    if models != ("mobilenetv2", "dlib"):
        raise InvalidRequest(
            f"The models are {' and '.join(models)}; part by part only the packaged ones can be measured, "
            "mobilenetv2 and dlib. momentseek eval takes all."
        )
    side = settings.ingest.max_side_px
    embedder = MobileNetEmbedder(settings.model_dir, settings.embedder.precision)
    face_embedder = DlibFaceEmbedder()
    with ExitStack() as closing:
        with Catalogue.open(settings.data_dir / CATALOGUE) as catalogue:
            generation = catalogue.active_generation()
            names = {row.id: row.name for row in catalogue.list_media(limit=1_000_000)}
        if generation is None:
            raise NotFound(f"The library in {settings.data_dir} has no index.")
        yield Library(
            settings, media, generation.name, names, embedder, pictures_calibration(embedder, settings),
            face_embedder,
            FaceSearch(DlibFaceDetector(side, upsample=1), face_embedder, _people_calibration(face_embedder)),
            closing.enter_context(Decoder(settings.decode, settings.ingest)), closing,
        )  # fmt: skip


def pictures_calibration(embedder: MobileNetEmbedder, settings: Settings) -> Calibration:
    model = embedder.model
    scale = Scale(*(settings.search.thresholds or model.thresholds))
    return Calibration(Chance(*model.chance), scale, measured=model.chance_measured)


def _people_calibration(embedder: DlibFaceEmbedder) -> Calibration:
    chance = Chance(*embedder.model.strangers)
    low, medium, high = ((cosine - chance.centre) / chance.deviation for cosine in embedder.model.same_person)
    return Calibration(chance, Scale(low, medium, high), learns=False)


# The two halves of a search, apart: a query is described once and asked many times.


def describe(searcher: Searcher, query: Query) -> Wanted:
    """Raises InvalidRequest when a face is asked for and there is none."""
    return searcher._describer.wanted(query)


def answer(searcher: Searcher, terms: Terms, wanted: Wanted) -> Answer:
    return searcher._answer(terms, wanted, _Stopwatch())

