"""Canonical values: the first numbers of every embedder for a fixed picture, kept in tests/embed/canonical.

``python -m bench.canonical`` writes them again. Do so only after a change of preprocessing or weights that
was meant: indexes made before it are then of another kind, and the fingerprint must have changed too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.photographs import photograph
from bench.tiny import CLIP_FOLDER
from core.boxes import WHOLE, to_pixels
from core.settings import EmbedderSettings
from core.types import Image
from embed.embedder import Embedder

FOLDER = Path(__file__).parents[1] / "tests/embed/canonical"
PICTURE, BOX = "astronaut", (0.3, 0.05, 0.6, 0.45)
WORDS = "a red triangle"
VALUES = 16


def mobilenetv2(model_dir: Path) -> dict[str, Any]:
    from embed.embedders.mobilenet import MobileNetEmbedder

    return _of_pictures(MobileNetEmbedder(model_dir, precision="fp32"), picture())


def open_clip_tiny(model_dir: Path) -> dict[str, Any]:
    from embed.embedders.openclip import OpenClipEmbedder

    settings = EmbedderSettings(model=str(CLIP_FOLDER), engine="openvino", precision="fp32")
    embedder = OpenClipEmbedder.from_settings(settings, model_dir)
    # To the tiny model all photographs are much the same, so it gets something to see.
    seen = _of_pictures(embedder, with_triangle(picture()))
    return {**seen, "words": _first(embedder.describe_words([WORDS])[0])}


def dlib_face(_: Path) -> dict[str, Any]:
    from detect.detectors.dlib_faces import DlibFaceDetector
    from embed.embedders.dlib_face import DlibFaceEmbedder

    embedder, image = DlibFaceEmbedder(), picture()
    vectors = embedder.describe(image, DlibFaceDetector().detect(image))
    return {"fingerprint": embedder.fingerprint, "face": _first(vectors[0])}


CASES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "mobilenetv2": mobilenetv2, "open_clip_tiny": open_clip_tiny, "dlib_face": dlib_face,
}


def picture() -> Image:
    return np.asarray(photograph(PICTURE))


def with_triangle(image: Image) -> Image:
    """A red triangle in BOX."""
    height, width = image.shape[:2]
    left, top, right, bottom = to_pixels(BOX, width, height)
    corners = np.array([[[(left + right) // 2, top], [right, bottom], [left, bottom]]])
    return np.asarray(cv2.fillPoly(image.copy(), corners, (215, 30, 35), cv2.LINE_AA), np.uint8)


def _of_pictures(embedder: Embedder, image: Image) -> dict[str, Any]:
    boxes = np.array([WHOLE, BOX], np.float32)
    whole, part = embedder.describe(embedder.encode([image]), [boxes])[0]
    return {"fingerprint": embedder.fingerprint, "whole": _first(whole), "box": _first(part)}


def _first(vector: NDArray[np.float32]) -> list[float]:
    return [round(float(value), 5) for value in vector[:VALUES]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.canonical", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the files (default: the tests')")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as model_dir:
        for name, measure in CASES.items():
            given = {"picture": PICTURE, "box_xyxy": BOX, "text": WORDS}
            content = {"recipe": "python -m bench.canonical", **given, **measure(Path(model_dir))}
            path = arguments.out / f"{name}.json"
            path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
            print(path)


if __name__ == "__main__":
    main()
