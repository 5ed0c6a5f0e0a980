"""Our pipeline with the models of a profile, and random weights where the profile's must be fetched.

Time does not depend on the values of weights. What is found does, so the detectors are real ones where this
machine has them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.settings import FaceSettings, Settings, load
from core.types import Faces, Image, Vectors
from detect.detector import RegionDetector
from embed.embedder import Embedder
from index.catalogue import Catalogue
from index.stores.edge import EdgeStore
from ingest.analyze import Analyzer, FaceParts
from ingest.decode import Decoder
from ingest.pipeline import Ingest, Parts
from ingest.progress import Outcome

PROFILES = ("offline", "default")
SAMPLES_PER_SECOND = {"offline": 2.0, "default": 1.0}
"""What each profile is measured with."""

_SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
YOLO, YUNET = _SHARED / "yolo11n_int8_openvino_model", _SHARED / "face_detection_yunet_2026may.onnx"
ARCHITECTURE = "ViT-B-32-256"


@dataclass(frozen=True, slots=True)
class Models:
    """``notes`` say what stands in for something that is not here."""

    embedder: Embedder
    detector: RegionDetector
    faces: FaceParts | None
    notes: tuple[str, ...] = ()


def settings_of(profile: str, rate: float | None = None, **changes: Any) -> Settings:
    ingest = {"samples_per_second": rate or SAMPLES_PER_SECOND[profile]}
    return load(overrides={"profile": profile, "ingest": ingest, **changes})


def models_of(settings: Settings) -> Models:
    """Raises ImportError where the extra ``models`` is missing and the profile needs it."""
    return {"offline": _offline_models, "default": _default_models}[settings.profile](settings)


def _offline_models(settings: Settings) -> Models:
    from detect.detectors.dlib_faces import DlibFaceDetector
    from detect.detectors.salient import SalientRegions
    from embed.embedders.dlib_face import DlibFaceEmbedder
    from embed.embedders.mobilenet import MobileNetEmbedder

    faces = FaceParts(DlibFaceDetector(settings.ingest.max_side_px), DlibFaceEmbedder(), settings.faces)
    embedder = MobileNetEmbedder(settings.model_dir, settings.embedder.precision)
    return Models(embedder, SalientRegions(settings.detector.max_regions), faces)


def _default_models(settings: Settings) -> Models:
    from embed.embedders.openclip import OpenClipEmbedder

    embedder = OpenClipEmbedder.untrained(ARCHITECTURE, settings.model_dir)
    detector, note = _yolo(settings)
    faces = _faces(settings.faces)
    notes = [f"{ARCHITECTURE} has random weights ({embedder.engine} {embedder.precision}).", note]
    notes.append(
        "Faces: YuNet; a convolution stands in for SFace." if faces else "Faces: none, YuNet is not here."
    )
    return Models(embedder, detector, faces, tuple(notes))


def _yolo(settings: Settings) -> tuple[RegionDetector, str]:
    from detect.detectors.yolo import load_yolo

    if YOLO.exists():
        chosen = settings.detector.model_copy(update={"model": str(YOLO)})
        return load_yolo(chosen, settings.model_dir), "Regions: YOLO11n, int8, 640 x 640."
    path = _random_yolo(settings.model_dir)
    changes = {"model": str(path), "trust_local_pickle": True}
    chosen = settings.detector.model_copy(update=changes)
    return load_yolo(chosen, settings.model_dir), "Regions: YOLO11n with random weights, which finds little."


def _random_yolo(folder: Path) -> Path:
    from detect.quiet_ultralytics import load_ultralytics

    path = folder / "yolo11n-random.pt"
    if not path.exists():
        load_ultralytics(folder)
        from ultralytics import YOLO as Network

        Network("yolo11n.yaml", task="detect").save(path)
    return path


def _faces(settings: FaceSettings) -> FaceParts | None:
    if not YUNET.exists():
        return None
    from detect.detectors.yunet import YuNetFaceDetector

    detector = YuNetFaceDetector(YUNET, settings.detect_side_px, settings.min_score)
    return FaceParts(detector, StandInFaces(), settings)


class StandInFaces:
    """In the place of SFace, whose weights cannot be had here: a face's pixels, 8 x 8 and two colours.

    It takes next to no time; SFace takes some 10 ms a face.
    """

    dimension = 128
    fingerprint = {"name": "stand-in", "weights": "none"}  # noqa: RUF012

    def describe(self, image: Image, faces: Faces) -> Vectors:
        import cv2

        from core.boxes import to_pixels
        from embed.pooling import unit

        height, width = image.shape[:2]
        rows = np.zeros((len(faces), self.dimension), np.float32)
        for row, box in enumerate(faces.box_xyxy.tolist()):
            left, top, right, bottom = to_pixels(box, width, height)
            small = cv2.resize(image[top:bottom, left:right], (8, 8), interpolation=cv2.INTER_AREA)
            rows[row] = np.asarray(small[..., :2], np.float32).ravel() + 1
        return unit(rows)


class Pipeline:
    """Indexes one video after the other, each into an empty library; with several decoders, as many files of
    a folder at a time."""

    def __init__(self, settings: Settings, models: Models, decoders: Sequence[Decoder]) -> None:
        self._settings, self.decoders = settings, decoders
        self.decoder = decoders[0]
        self._analyzer = Analyzer(models.embedder, models.detector, settings.detector.tiles, models.faces)
        self._dimensions: dict[Any, int] = {"visual": models.embedder.dimension}
        if models.faces:
            self._dimensions["face"] = models.faces.embedder.dimension

    @contextmanager
    def library(self) -> Iterator[Library]:
        """An empty one; what opening and closing it takes is no part of an ingest."""
        folder = Path(tempfile.mkdtemp(prefix="momentseek-bench-"))
        try:
            with (
                Catalogue.open(folder / "catalogue.sqlite") as catalogue,
                EdgeStore(folder, "bench", self._dimensions) as store,
            ):
                catalogue.add_generation("bench", {}, active=True)
                parts = Parts(
                    catalogue, store, self._analyzer, self.decoder, "bench", self._settings.ingest,
                    lambda media_id: folder / "storyboards" / media_id,
                )  # fmt: skip
                yield Library(Ingest(parts, more=self.decoders[1:]), store, folder, self.decoders)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Library:
    ingest: Ingest
    store: EdgeStore
    folder: Path
    decoders: Sequence[Decoder]

    @property
    def processes(self) -> dict[str, int]:
        """By what they do; those that have not started yet are 0."""
        owner = EdgeStore.owner(self.folder)
        others = {f"decode {number}": one.pid or 0 for number, one in enumerate(self.decoders[1:], 2)}
        return {"main": os.getpid(), "decode": self.decoders[0].pid or 0, "store": owner or 0, **others}

    def add(self, video: Path) -> Outcome:
        """Raises RuntimeError where the video cannot be indexed."""
        [outcome] = self.ingest.run([video])
        if outcome.status != "indexed":
            raise RuntimeError(f"{video.name}: {outcome.status} {outcome.reason or ''}")
        return outcome


@contextmanager
def pipeline_of(settings: Settings, at_once: int = 1) -> Iterator[tuple[Pipeline, Models]]:
    models = models_of(settings)
    with ExitStack() as opened:
        decoders = [
            opened.enter_context(Decoder(settings.decode, settings.ingest)) for _ in range(at_once)
        ]
        yield Pipeline(settings, models, decoders), models
