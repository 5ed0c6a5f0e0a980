"""The models this room can load, as data."""

from __future__ import annotations

from dataclasses import dataclass

from core.fetch import Package, Url, Weights

_ULTRALYTICS_NOTE = (
    "Free to use, also commercially, if everything it is built into is published under the AGPL too, even "
    "when people only use it over a network; Ultralytics sells licences without that duty."
)
_ZOO = "https://media.githubusercontent.com/media/opencv/opencv_zoo"


@dataclass(frozen=True, slots=True)
class DetectorModel:
    """A YOLO of the table. ``revision`` is the release or commit that ``weights`` come from."""

    name: str
    good_for: str
    revision: str
    input_px: int
    classes: str
    weights: Weights


@dataclass(frozen=True, slots=True)
class FaceDetectorModel:
    """``landmarks`` names the scheme of the landmarks in LANDMARK_SCHEMES."""

    name: str
    good_for: str
    revision: str
    landmarks: str
    weights: Weights


@dataclass(frozen=True, slots=True)
class LandmarkModel:
    name: str
    points: int
    weights: Weights


@dataclass(frozen=True, slots=True)
class LandmarkScheme:
    """Rows of ``Faces.landmarks_xy``: those whose mean is the eye on the picture's left, the eye on its
    right, and the nose."""

    left_eye: tuple[int, ...]
    right_eye: tuple[int, ...]
    nose: int


def _yolo(name: str, release: str, sha256: str, size_mb: float, good_for: str) -> DetectorModel:
    return DetectorModel(
        name=name, good_for=good_for, revision=release, input_px=640, classes="the 80 things of COCO",
        weights=Weights(
            name=name,
            source=Url(f"https://github.com/ultralytics/assets/releases/download/{release}/{name}.pt"),
            sha256=sha256, size_mb=size_mb, licence="AGPL-3.0 (Ultralytics)", licence_note=_ULTRALYTICS_NOTE,
        ),
    )


DETECTORS: dict[str, DetectorModel] = {
    model.name: model
    for model in (
        _yolo("yolo11n", "v8.3.0", "0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1", 5.6,
              "everyday things on a laptop: the smallest and quickest"),
        _yolo("yolo11s", "v8.3.0", "85a76fe86dd8afe384648546b56a7a78580c7cb7b404fc595f97969322d502d5", 19.3,
              "smaller and rarer things than yolo11n finds, at two and a half times its time"),
        _yolo("yolo11m", "v8.3.0", "d5ffc1a674953a08e11a8d21e022781b1b23a19b730afc309290bd9fb5305b95", 40.7,
              "everyday things where there is a GPU"),
        _yolo("yolo26n", "v8.4.0", "9b09cc8bf347f0fc8a5f7657480587f25db09b34bf33b0652110fb03a8ad4fef", 5.5,
              "as yolo11n, of the generation after it"),
    )
}

FACE_DETECTORS: dict[str, FaceDetectorModel] = {
    "yunet": FaceDetectorModel(
        name="yunet",
        good_for="faces from every side, from 10 to 300 px on the frame it sees",
        revision="26cc381e4d2594bb9f47a26eb8fd96c94a13660d",
        landmarks="yunet5",
        weights=Weights(
            name="yunet",
            source=Url(f"{_ZOO}/26cc381e4d2594bb9f47a26eb8fd96c94a13660d/models/face_detection_yunet/"
                       "face_detection_yunet_2026may.onnx"),
            sha256="ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
            size_mb=0.23,
            licence="MIT (OpenCV Zoo)",
            licence_note="Free to use for any purpose, also commercially.",
        ),
    ),
}

LANDMARKS: dict[str, LandmarkModel] = {
    "dlib5": LandmarkModel(
        name="dlib5",
        points=5,
        weights=Weights(
            name="dlib5",
            source=Package("face_recognition_models", "models/shape_predictor_5_face_landmarks.dat"),
            sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
            size_mb=9.2,
            licence="CC0 (face_recognition_models)",
            licence_note="Free to use for any purpose, also commercially.",
        ),
    ),
}

LANDMARK_SCHEMES: dict[str, LandmarkScheme] = {
    # Right eye, left eye, nose, right and left corner of the mouth: the person's sides.
    "yunet5": LandmarkScheme(left_eye=(0,), right_eye=(1,), nose=2),
    # Outer and inner corner of the person's left eye, of the right eye, base of the nose.
    "dlib5": LandmarkScheme(left_eye=(2, 3), right_eye=(0, 1), nose=4),
}
