"""Which implementation a setting names. The engine asks here; nothing is imported before it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import SettingsError
from core.settings import Settings
from detect.detector import RegionDetector
from embed.embedder import Embedder
from embed.joined import JoinedWords
from embed.models import EmbedderModel, FaceModel
from ingest.analyze import FaceParts
from search.chance import Calibration, Chance, Scale
from search.describe import FaceSearch, WordSearch


@dataclass(frozen=True, slots=True)
class VisualPart:
    """An embedder with what search knows of it beforehand."""

    embedder: Embedder
    calibration: Calibration
    words: WordSearch | None


@dataclass(frozen=True, slots=True)
class FacePart:
    """Faces as ingest and as search use them."""

    indexing: FaceParts
    searching: FaceSearch


def visual_part(settings: Settings) -> VisualPart:
    """Raises ModelUnavailable and SettingsError."""
    if settings.embedder.model == "mobilenetv2":
        from embed.embedders.mobilenet import MobileNetEmbedder

        packaged = MobileNetEmbedder(settings.model_dir, settings.embedder.precision)
        return VisualPart(packaged, _pictures(packaged.model, settings), None)
    from embed.embedders.openclip import OpenClipEmbedder

    embedder = OpenClipEmbedder.from_settings(settings.embedder, settings.model_dir, settings.models)
    model = embedder.model
    scale = Scale(*(settings.search.words_thresholds or model.words_thresholds))
    words = WordSearch(JoinedWords(embedder), Calibration(Chance(*model.words_chance), scale))
    return VisualPart(embedder, _pictures(model, settings), words)


def _pictures(model: EmbedderModel, settings: Settings) -> Calibration:
    scale = Scale(*(settings.search.thresholds or model.thresholds))
    return Calibration(Chance(*model.chance), scale, measured=model.chance_measured)


def region_detector(settings: Settings) -> RegionDetector:
    """Raises ModelUnavailable and SettingsError."""
    if settings.detector.model == "salient":
        if settings.embedder.model != "mobilenetv2":
            raise SettingsError(
                "detector.model salient reads the feature map of embedder.model mobilenetv2, which is "
                f"{settings.embedder.model!r}; choose a YOLO detector, or mobilenetv2."
            )
        from detect.detectors.salient import SalientRegions

        return SalientRegions(settings.detector.max_regions)
    from detect.detectors.yolo import load_yolo

    return load_yolo(settings.detector, settings.model_dir, settings.models.mirror)


def face_part(settings: Settings) -> FacePart | None:
    """None for ``faces.model: none``. Raises ModelUnavailable and SettingsError."""
    name = settings.faces.model
    if name not in _FACES:
        raise SettingsError(f"faces.model is {name!r}; this build has {', '.join(sorted(_FACES))}.")
    return _FACES[name](settings)


def _dlib(settings: Settings) -> FacePart:
    from detect.detectors.dlib_faces import DlibFaceDetector
    from embed.embedders.dlib_face import DlibFaceEmbedder

    embedder = DlibFaceEmbedder()
    side = settings.ingest.max_side_px
    return FacePart(
        FaceParts(DlibFaceDetector(side), embedder, settings.faces),
        # A query is one picture: a closer look costs little.
        FaceSearch(DlibFaceDetector(side, upsample=1), embedder, _same_person(embedder.model)),
    )


def _sface(settings: Settings) -> FacePart:
    from detect.detectors.yunet import load_yunet
    from embed.embedders.sface import SFaceEmbedder

    detector = load_yunet(settings.faces, settings.model_dir, settings.models.mirror)
    embedder = SFaceEmbedder.from_settings(settings.model_dir, settings.models)
    return FacePart(
        FaceParts(detector, embedder, settings.faces),
        FaceSearch(detector, embedder, _same_person(embedder.model)),
    )


_FACES: dict[str, Callable[[Settings], FacePart | None]] = {
    "dlib": _dlib, "sface": _sface, "none": lambda _: None,
}  # fmt: skip


def _same_person(model: FaceModel) -> Calibration:
    centre, deviation = model.strangers
    low, medium, high = ((cosine - centre) / deviation for cosine in model.same_person)
    return Calibration(Chance(centre, deviation), Scale(low, medium, high), learns=False)

