"""The recipe of embed/data/mobilenetv2_whitening.npz: ``python -m bench.whitening``.

PCA whitening of MobileNetV2's pooled features, learned on frames and tiles of the photographs that come
inside scikit-image, scikit-learn and matplotlib. The same packages give the same file (to rounding).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.boxes import WHOLE
from core.packaged import packaged_file
from core.pictures import read_picture
from detect.tiles import tile_boxes
from embed.embedders.mobilenet import MobileNetEmbedder
from embed.pooling import Whitening, unit

PHOTOGRAPHS = tuple(
    [
        ("skimage", f"data/{name}")
        for name in (
            "astronaut.png",
            "brick.png",
            "camera.png",
            "chelsea.png",
            "coffee.png",
            "coins.png",
            "grass.png",
            "gravel.png",
            "hubble_deep_field.jpg",
            "ihc.png",
            "motorcycle_left.png",
            "page.png",
            "retina.jpg",
            "rocket.jpg",
        )
    ]
    + [("sklearn", f"datasets/images/{name}") for name in ("china.jpg", "flower.jpg")]
    + [("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")]
)
LEVELS = ((1.0, 0.0), (0.5, 0.5), (0.33, 0.5), (0.25, 0.5))
SAMPLES_PER_PHOTOGRAPH = 400
DIMENSION = 256


def pooled_samples(embedder: MobileNetEmbedder, seed: int = 0) -> NDArray[np.float32]:
    """Pooled features of frames and tiles, upright and mirrored, shape (n, 1280)."""
    rng = np.random.default_rng(seed)
    parts = []
    for package, relative in PHOTOGRAPHS:
        image = read_picture(packaged_file(package, relative))
        boxes = np.concatenate(
            [np.array([WHOLE], np.float32), tile_boxes(image.shape[1], image.shape[0], LEVELS)]
        )
        encodings = embedder.encode([image, np.ascontiguousarray(image[:, ::-1])])
        rows = unit(np.concatenate(embedder.describe(encodings, [boxes, boxes])))
        parts.append(rows[rng.permutation(len(rows))[:SAMPLES_PER_PHOTOGRAPH]])
    return np.concatenate(parts)


def learn(model_dir: Path) -> Whitening:
    embedder = MobileNetEmbedder(model_dir, precision="fp32", whitening=False)
    return Whitening.learn(pooled_samples(embedder), DIMENSION)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-dir", type=Path, required=True, help="where converted models are kept")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "embed/data/mobilenetv2_whitening.npz"
    )
    arguments = parser.parse_args()
    whitening = learn(arguments.model_dir)
    np.savez_compressed(
        arguments.out,
        mean=whitening.mean.astype(np.float16),
        projection=whitening.projection.astype(np.float16),
    )
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
