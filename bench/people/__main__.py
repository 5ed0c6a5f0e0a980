"""Grouping of labelled faces, by threshold and by linkage.

The faces are those of the photographs inside packages: four heads, and the hundred small ones (25 x 25
pixels) of scikit-image's LFW subset, each taken for a person of its own. Each is shown eight times, in
another size, light, turn and compression, and found and described as ingest does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.labelled.light import Light, lit
from bench.labelled.things import portraits
from bench.photographs import photograph
from core.settings import load
from core.types import Image, Vectors
from detect.detectors.dlib_faces import DlibFaceDetector
from embed.embedders.dlib_face import DlibFaceEmbedder
from ingest.analyze import FaceParts
from search.face_groups import group

_HEADS = {
    "astronaut": ("astronaut", (0.28, 0.02, 0.61, 0.40)),
    "admiral": ("grace_hopper", (0.27, 0.03, 0.76, 0.56)),
    "shouting": ("zidane", (0.33, 0.27, 0.54, 0.68)),
    "pointing": ("zidane", (0.68, 0.04, 0.86, 0.38)),
}
_SIGHTS = 8

Labels = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Figures:
    """B-cubed (Bagga and Baldwin 1998) and of pairs; ``groups`` is how many came out."""

    precision: float
    recall: float
    pair_precision: float
    pair_recall: float
    groups: int


def figures(truth: Labels, found: Labels) -> Figures:
    """
    >>> figures(np.array([0, 0, 1]), np.array([5, 5, 5])).precision.__round__(3)
    0.556
    """
    same, together = truth[:, None] == truth, found[:, None] == found
    both = (same & together).sum(axis=1)
    pairs = np.triu_indices(len(truth), 1)
    hits = int((same & together)[pairs].sum())
    return Figures(
        float((both / together.sum(axis=1)).mean()), float((both / same.sum(axis=1)).mean()),
        hits / max(int(together[pairs].sum()), 1), hits / max(int(same[pairs].sum()), 1), len(set(found)),
    )  # fmt: skip


def sights(seed: int = 0) -> tuple[Labels, Vectors]:
    """Who, and the vectors of their faces as they were found."""
    settings = load(None, {"profile": "offline"})
    parts = FaceParts(DlibFaceDetector(settings.ingest.max_side_px), DlibFaceEmbedder(), settings.faces)
    rng = np.random.default_rng(seed)
    who: list[int] = []
    vectors: list[Vectors] = []
    for number, head in enumerate(_people()):
        for sight in range(_SIGHTS):
            faces, described = parts.find(_shown(rng, head, sight))
            if len(faces) == 1:
                who.append(number)
                vectors.append(described)
    return np.array(who, np.intp), np.concatenate(vectors)


def _people() -> list[Image]:
    heads = []
    for name, (x1, y1, x2, y2) in _HEADS.values():
        whole = np.asarray(photograph(name), np.uint8)
        height, width = whole.shape[:2]
        heads.append(whole[int(y1 * height) : int(y2 * height), int(x1 * width) : int(x2 * width)])
    return heads + [np.repeat(small[:, :, None], 3, axis=2) for small in portraits()]


def _shown(rng: np.random.Generator, head: Image, sight: int) -> Image:
    scale = int(rng.integers(90, 260)) / max(head.shape[:2])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    face = cv2.resize(head, None, fx=scale, fy=scale, interpolation=way)
    if rng.random() < 0.5:
        face = face[:, ::-1]
    canvas = np.full((360, 480, 3), 110, np.uint8)
    top, left = (360 - face.shape[0]) // 2, (480 - face.shape[1]) // 2
    canvas[top : top + face.shape[0], left : left + face.shape[1]] = face
    turn = cv2.getRotationMatrix2D((240, 180), rng.uniform(-12, 12), 1.0)
    turned = np.asarray(cv2.warpAffine(canvas, turn, (480, 360), borderValue=(110, 110, 110)), np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))]
    data = cv2.imencode(".jpg", lit(turned, Light.random(rng), sight)[:, :, ::-1], quality)[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1])


def _linkage(method: str) -> Callable[[Vectors, float], Labels]:
    def link(vectors: Vectors, likeness: float) -> Labels:
        from scipy.cluster.hierarchy import fcluster, linkage
        from scipy.spatial.distance import squareform

        distances = np.maximum(1 - vectors @ vectors.T, 0).astype(np.float64)
        np.fill_diagonal(distances, 0)
        tree = linkage(squareform(distances, checks=False), method)
        return np.asarray(fcluster(tree, 1 - likeness, "distance"), np.intp)

    return link


def main() -> None:
    who, vectors = sights()
    print(f"{len(who)} faces of {len(set(who.tolist()))} people\n")
    print("| linkage | likeness | B3 precision | B3 recall | pair precision | pair recall | groups |")
    print("|---|---|---|---|---|---|---|")
    ways = {"average": group, "single": _linkage("single"), "complete": _linkage("complete")}
    for name, link in ways.items():
        for likeness in (0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97):
            one = figures(who, link(vectors, likeness))
            shares = (one.precision, one.recall, one.pair_precision, one.pair_recall)
            shown = " | ".join(f"{share:.3f}" for share in shares)
            print(f"| {name} | {likeness} | {shown} | {one.groups} |")


if __name__ == "__main__":
    main()
