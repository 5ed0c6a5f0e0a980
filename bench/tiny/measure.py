"""What the tiny weights are worth on scenes they have not seen: other seeds, other photographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.tiny.captions import THINGS, named
from bench.tiny.pictures import object_crops
from bench.tiny.scenes import HELD_OUT_PHOTOS, SHAPES, Scene, make_scene
from core.boxes import iou
from core.types import Image

MIN_IOU = 0.5
MIN_SCORE = 0.5


def held_out_scenes(seed: int, count: int) -> list[Scene]:
    """Scenes of 2 to 4 objects on photographs that no training saw."""
    rng = np.random.default_rng(seed)
    return [make_scene(rng, photos=HELD_OUT_PHOTOS) for _ in range(count)]


def detector(weights: Path, seed: int, count: int) -> dict[str, float]:
    """Precision and recall of ``count`` scenes at score 0.5 and overlap 0.5, class included; mAP50."""
    from ultralytics import YOLO

    model = YOLO(str(weights), verbose=False)
    scenes = held_out_scenes(seed, count)
    found = [_detections(model, scene.image, 0.01) for scene in scenes]
    confident = [boxes[boxes[:, 4] >= MIN_SCORE] for boxes in found]
    right = sum(int(_matches(boxes, scene).sum()) for boxes, scene in zip(confident, scenes, strict=True))
    return {
        "scenes": count,
        "precision": round(right / max(sum(map(len, confident)), 1), 4),
        "recall": round(right / sum(map(len, scenes)), 4),
        "map50": round(mean_average_precision(found, scenes), 4),
    }


def clip(folder: Path, seed: int, count: int) -> dict[str, float]:
    """How often words and pictures of objects find the same colour and shape among crops of ``count`` scenes.

    ``zero_shot``: the right one of 36 names is nearest to the crop. ``words_find``: the crop nearest to a
    name is that thing. ``crops_find``: the crop nearest to a crop, of another scene, is the same thing (of
    those that another scene shows at all).
    """
    rng = np.random.default_rng(seed)
    crops, things, origins = [], [], []
    for number, scene in enumerate(held_out_scenes(seed, count)):
        for part in object_crops(rng, scene, (0.0, 0.3)):
            if len(part) == 1:
                crops.append(part.image)
                things.append(THINGS.index(part.objects[0]))
                origins.append(number)
    names = [named(colour, shape, "a photo of {a} {thing}") for colour, shape in THINGS]
    pictures, words = ClipVectors(folder)(crops, names)
    return {"crops": len(crops), **_retrieval(pictures, words, np.array(things), np.array(origins))}


class ClipVectors:
    """An open_clip folder, loaded as the big models are: unit vectors of pictures and of words."""

    def __init__(self, folder: Path) -> None:
        import open_clip

        name = f"local-dir:{folder}"
        self.model, _, self.transform = open_clip.create_model_and_transforms(name)
        self.tokens = open_clip.get_tokenizer(name)
        self.model.eval()

    def __call__(
        self, images: Sequence[Image], texts: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        import torch
        from PIL import Image as Pillow

        with torch.inference_mode():
            batch = torch.stack([self.transform(Pillow.fromarray(image)) for image in images])
            pictures = [self.model.encode_image(part, normalize=True) for part in batch.split(64)]
            words = self.model.encode_text(self.tokens(list(texts)), normalize=True)
        return torch.cat(pictures).numpy(), words.numpy()


def mean_average_precision(found: Sequence[NDArray[np.float32]], scenes: Sequence[Scene]) -> float:
    """Mean over the shapes of the area under precision against recall, at overlap 0.5."""
    values = []
    for number, shape in enumerate(SHAPES):
        of_shape = [boxes[boxes[:, 5] == number] for boxes in found]
        right = np.concatenate([_matches(*pair) for pair in zip(of_shape, scenes, strict=True)])
        scores = np.concatenate([boxes[:, 4] for boxes in of_shape])
        total = sum(scene.shapes.count(shape) for scene in scenes)
        if total:
            values.append(_average_precision(right[np.argsort(-scores, kind="stable")], total))
    return float(np.mean(values))


def _average_precision(right: NDArray[np.bool_], total: int) -> float:
    if not len(right):
        return 0.0
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    at_least = np.maximum.accumulate(precision[::-1])[::-1]
    return float((at_least * right).sum() / total)


def _matches(boxes: NDArray[np.float32], scene: Scene) -> NDArray[np.bool_]:
    """Which detections, best first, find an object of their class that none before them found."""
    overlap = iou(boxes[:, :4], scene.boxes_xyxy)
    free = np.ones(len(scene), bool)
    right = np.zeros(len(boxes), bool)
    classes = np.array([SHAPES.index(shape) for shape in scene.shapes], int)
    for row in range(len(boxes)):
        candidates = np.where(free & (classes == int(boxes[row, 5])), overlap[row], 0)
        if len(candidates) and candidates.max() >= MIN_IOU:
            free[candidates.argmax()] = False
            right[row] = True
    return right


def _detections(model: Any, image: Image, score: float) -> NDArray[np.float32]:
    """Rows x1, y1, x2, y2 (normalised), score, class; best first."""
    boxes = model.predict(np.ascontiguousarray(image[..., ::-1]), conf=score, verbose=False)[0].boxes
    rows = [boxes.xyxyn.numpy(), boxes.conf.numpy()[:, None], boxes.cls.numpy()[:, None]]
    return np.concatenate(rows, axis=1).astype(np.float32)


def _retrieval(
    pictures: NDArray[np.float32],
    words: NDArray[np.float32],
    things: NDArray[np.int_],
    origins: NDArray[np.int_],
) -> dict[str, float]:
    to_words = pictures @ words.T
    elsewhere = origins[:, None] != origins[None]
    answerable = (elsewhere & (things[:, None] == things[None])).any(axis=1)
    nearest_crop = np.where(elsewhere, pictures @ pictures.T, -2).argmax(axis=1)
    named_here = np.unique(things)
    first_crop = to_words.argmax(axis=0)[named_here]
    return {
        "zero_shot": round(float((to_words.argmax(axis=1) == things).mean()), 4),
        "words_find": round(float((things[first_crop] == named_here).mean()), 4),
        "crops_find": round(float((things[nearest_crop] == things)[answerable].mean()), 4),
    }
