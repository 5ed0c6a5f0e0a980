"""The models this room can load, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LandmarkModel:
    name: str
    points: int
    package: str
    file: str
    licence: str


LANDMARKS: dict[str, LandmarkModel] = {
    "dlib5": LandmarkModel(
        "dlib5", 5, "face_recognition_models", "models/shape_predictor_5_face_landmarks.dat",
        "CC0 (face_recognition_models)",
    ),
}
