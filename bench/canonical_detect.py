"""python -m bench.canonical_detect: what every detector of ``detect`` finds on one fixed picture.

The values lie in tests/detect/canonical and a test asks for them again: a silent change of a resize, a colour
order, a threshold or a package shows there first. After a change that is meant, run this and read the diff.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.tiny import YOLO_WEIGHTS
from bench.tiny.scenes import HELD_OUT_PHOTOS, make_scene
from core.packaged import packaged_file
from core.pictures import read_picture, resize
from core.settings import DetectorSettings
from core.types import Faces, Image, Regions

Values = dict[str, Any]
FOLDER = Path(__file__).resolve().parents[1] / "tests" / "detect" / "canonical"
YUNET, YOLO = "face_detection_yunet_2026may.onnx", "yolo11n_int8_openvino_model"


@dataclass(frozen=True, slots=True)
class Recipe:
    """``run`` gets the picture, the real weights (None where ``weights`` is None) and a model folder.

    ``box`` and ``score`` are how far values may move: rounding differs between processors and threads.
    """

    picture: Callable[[], Image]
    run: Callable[[Image, Path, Path], Values]
    packages: tuple[str, ...]
    box: float
    score: float
    weights: str | None = None


def measure(name: str, model_dir: Path, real_weights: Path = Path()) -> Values:
    """What the detector ``name`` finds now, and on which pixels. ``real_weights`` is the file it needs."""
    recipe = RECIPES[name]
    image = recipe.picture()
    pixels = hashlib.sha256(image.tobytes()).hexdigest()
    return {"picture_sha256": pixels, **recipe.run(image, real_weights, model_dir)}


def collins() -> Image:
    return read_picture(packaged_file("skimage", "data/astronaut.png"))


def collins_wide() -> Image:
    """Not square and larger than what detectors look at, so that scaling and placing count."""
    image = np.full((768, 1280, 3), 114, np.uint8)
    image[:, 300:1068] = resize(collins(), 768, 768)
    return image


def tiny_scene() -> Image:
    return make_scene(np.random.default_rng(11), (427, 240), 4, HELD_OUT_PHOTOS).image


def contrast_map(image: Image) -> NDArray[np.float32]:
    """Stands for an embedder's activation: how lively each cell of a 16 x 16 grid is."""
    edges = np.abs(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
    return np.asarray(cv2.resize(edges, (16, 16), interpolation=cv2.INTER_AREA), np.float32)


def _salient(image: Image, weights: Path, model_dir: Path) -> Values:
    from detect.detectors.salient import SalientRegions

    return _regions(SalientRegions().detect([image], [contrast_map(image)])[0])


def _dlib(image: Image, weights: Path, model_dir: Path) -> Values:
    from detect.detectors.dlib_faces import DlibFaceDetector

    return _faces(DlibFaceDetector().detect(image))


def _yunet(image: Image, weights: Path, model_dir: Path) -> Values:
    from detect.detectors.yunet import YuNetFaceDetector

    return _faces(YuNetFaceDetector(weights).detect(image))


def _tiny_yolo(image: Image, weights: Path, model_dir: Path) -> Values:
    return _yolo(image, YOLO_WEIGHTS, model_dir, input_px=320)


def _real_yolo(image: Image, weights: Path, model_dir: Path) -> Values:
    return _yolo(image, weights, model_dir)


def _yolo(image: Image, weights: Path, model_dir: Path, **settings: Any) -> Values:
    from detect.detectors.yolo import load_yolo

    # One engine and precision on every machine: "auto" follows the processor.
    chosen = DetectorSettings(
        model=str(weights), trust_local_pickle=True, engine="openvino", precision="fp32", **settings
    )
    return _regions(load_yolo(chosen, model_dir).detect([image], [None])[0])


def _regions(regions: Regions) -> Values:
    # The weakest come and go with the rounding of a score at the threshold.
    sure = regions[regions.score >= 0.3]
    return {"box_xyxy": _rounded(sure.box_xyxy), "score": _rounded(sure.score), "label": list(sure.label)}


def _faces(faces: Faces) -> Values:
    return {
        "box_xyxy": _rounded(faces.box_xyxy), "score": _rounded(faces.score),
        "landmarks_xy": _rounded(faces.landmarks_xy),
    }


def _rounded(values: NDArray[np.float32]) -> Any:
    return np.round(values.astype(float), 5).tolist()


_ULTRALYTICS = ("ultralytics", "torch", "openvino", "opencv-python", "numpy")
RECIPES: dict[str, Recipe] = {
    "salient": Recipe(collins, _salient, ("opencv-python", "numpy"), box=1e-4, score=1e-3),
    # dlib counts in whole pixels.
    "dlib": Recipe(collins_wide, _dlib, ("dlib-bin", "opencv-python"), box=2e-3, score=0.01),
    "yunet": Recipe(collins_wide, _yunet, ("opencv-python",), box=2e-3, score=0.01, weights=YUNET),
    "yolo-tiny": Recipe(tiny_scene, _tiny_yolo, _ULTRALYTICS, box=2e-3, score=0.01),
    # Eight-bit sums saturate differently on processors without VNNI.
    "yolo11n-int8": Recipe(collins_wide, _real_yolo, _ULTRALYTICS, box=0.01, score=0.05, weights=YOLO),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.canonical_detect", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--models", type=Path, help=f"folder that holds {YUNET} and {YOLO}")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, recipe in RECIPES.items():
        if recipe.weights and not (options.models and (options.models / recipe.weights).exists()):
            print(f"{name}: left as it is, {recipe.weights} is not in --models")
            continue
        with tempfile.TemporaryDirectory() as folder:
            values = measure(name, Path(folder), (options.models or Path()) / (recipe.weights or ""))
        content = {
            "recipe": f"python -m bench.canonical_detect, {recipe.picture.__name__}",
            "packages": {package: version(package) for package in recipe.packages}, **values,
        }
        path = options.out / f"{name}.json"
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        print(f"{name}: {len(values['score'])} values in {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
