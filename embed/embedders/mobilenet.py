"""The offline embedder: one pass of MobileNetV2 describes the frame and every box in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from core.boxes import Boxes
from core.fetch import fetch
from core.types import Image, Vectors
from embed.embedder import Encoding
from embed.mobilenet_graph import STRIDE, build
from embed.models import EMBEDDERS, EmbedderModel
from embed.pooling import Whitening, pool, without_blas_threads
from embed.runtime import SizedModel, converted, openvino_precision
from embed.torch_file import read_state_dict

_WHITENING = "mobilenetv2_whitening.npz"
_PREPROCESSING = (
    "rgb, longer side to 640 (enlarged 1.5 times at most), sides to multiples of 32, mean pooling, "
    "whitening v1"
)

_LEAST_SIDE, _MOST_ENLARGED = 256, 1.5


class MobileNetEmbedder:
    """MobileNetV2 features through OpenVINO on the CPU, 256-d.

    ``whitening`` False gives the plain 1280-d pooled features (the whitening itself is learned on them).
    Raises ModelUnavailable when the packaged weights are missing or are not the known ones.
    """

    def __init__(self, model_dir: Path, precision: str = "auto", threads: int = 0, whitening: bool = True):
        self.model: EmbedderModel = EMBEDDERS["mobilenetv2"]
        weights = fetch(self.model.weights, model_dir)
        self._hash = str(self.model.weights.sha256)
        path = converted(self.model.name, self._hash, model_dir, lambda: build(read_state_dict(weights)))
        chosen = openvino_precision(precision) or self.model.precision
        self._network = SizedModel(path, chosen, threads)
        self._whitening = Whitening.load(_WHITENING) if whitening else None

    @property
    def dimension(self) -> int:
        return self.model.dimension if self._whitening else 1280

    @property
    def fingerprint(self) -> dict[str, str]:
        return {"name": self.model.name, "weights": self._hash[:16], "preprocessing": _PREPROCESSING}

    def encode(self, images: Sequence[Image]) -> list[Encoding]:
        return [self._encode_one(image) for image in images]

    def describe(self, encodings: Sequence[Encoding], boxes: Sequence[Boxes]) -> list[Vectors]:
        with without_blas_threads():
            return [self._describe_one(encoding, own) for encoding, own in zip(encodings, boxes, strict=True)]

    def _describe_one(self, encoding: Encoding, boxes: Boxes) -> Vectors:
        if encoding.feature_map is None:
            raise ValueError("this encoding comes from another embedder: it has no feature map")
        if not len(boxes):
            return np.zeros((0, self.dimension), np.float32)
        pooled = pool(encoding.feature_map, boxes)
        return self._whitening.apply(pooled) if self._whitening else pooled

    def _encode_one(self, image: Image) -> Encoding:
        feature_map = self._network.run(_fit(image, _input_size(image)))
        return Encoding(image, feature_map, feature_map.sum(0))


def _input_size(image: Image) -> tuple[int, int]:
    """(width, height) the network sees: longer side 640, aspect kept to the nearest multiple of 32.

    A small picture is enlarged 1.5 times at most (but to 256): blown up further it matches less well.
    """
    height, width = image.shape[:2]
    side = min(EMBEDDERS["mobilenetv2"].input_px, max(_LEAST_SIDE, max(width, height) * _MOST_ENLARGED))
    scale = side / max(width, height)
    return (
        max(STRIDE, round(width * scale / STRIDE) * STRIDE),
        max(STRIDE, round(height * scale / STRIDE) * STRIDE),
    )


def _fit(image: Image, size_wh: tuple[int, int]) -> Image:
    shrinks = size_wh[0] < image.shape[1]
    resized = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(resized, np.uint8)
