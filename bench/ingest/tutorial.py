"""The pipeline as tutorials teach it: OpenCV reads, ultralytics finds, open_clip describes, qdrant-client
keeps; frame by frame, crop by crop, in torch fp32, each step waiting for the one before.

It does less than ours: no tiles, no faces, no shots, no storyboard, and every n-th frame instead of
presentation times. Nothing in it is slower than its libraries make it, as far as one follows their examples.
"""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow

from core.types import Image

Boxes = Sequence[tuple[int, int, int, int]]
"""Pixels: left, top, right, bottom."""
CONFIDENCE = 0.25
"""ultralytics' own."""
CROPS_WITHOUT_A_DETECTOR = 4


class Tutorial:
    """``boxes`` says what a trained YOLO11n sees on frame number n: the network that runs here has random
    weights, takes the same time and sees nothing. Raises ImportError where a library is missing."""

    def __init__(self, model_dir: Path, boxes: Callable[[int, Image], Boxes]) -> None:
        from detect.quiet_ultralytics import load_ultralytics

        self._torch = importlib.import_module("torch")
        self._client = importlib.import_module("qdrant_client")
        open_clip = importlib.import_module("open_clip")
        load_ultralytics(model_dir)
        self._yolo = importlib.import_module("ultralytics").YOLO("yolo11n.yaml", task="detect")
        self._clip, _, self._preprocess = open_clip.create_model_and_transforms("ViT-B-32-256")
        self._clip.eval()
        self._boxes = boxes

    def run(self, video: Path, every_seconds: float) -> int:
        """Index ``video`` in memory; returns the number of points."""
        models = self._client.models
        client = self._client.QdrantClient(":memory:")
        size = self._clip.visual.output_dim
        client.create_collection(
            "frames", vectors_config=models.VectorParams(size=size, distance=models.Distance.COSINE)
        )
        count = 0
        for number, seconds, frame in every_nth(video, every_seconds):
            self._yolo.predict(frame, conf=CONFIDENCE, verbose=False)
            image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            height, width = image.shape[:2]
            for left, top, right, bottom in [(0, 0, width, height), *self._boxes(number, image)]:
                payload = {"seconds": seconds, "box": [left, top, right, bottom]}
                vector = self._describe(image[top:bottom, left:right])
                point = models.PointStruct(id=str(uuid.uuid4()), vector=vector, payload=payload)
                client.upsert("frames", [point])
                count += 1
        client.close()
        return count

    def _describe(self, crop: Image) -> list[float]:
        picture = self._preprocess(Pillow.fromarray(crop)).unsqueeze(0)
        with self._torch.no_grad():
            vector = self._clip.encode_image(picture)[0]
            return list((vector / vector.norm()).tolist())


def every_nth(video: Path, every_seconds: float) -> Iterator[tuple[int, float, Any]]:
    """Number, seconds and BGR picture of every n-th frame, read frame after frame."""
    capture = cv2.VideoCapture(str(video))
    fps = capture.get(cv2.CAP_PROP_FPS) or 30.0
    step, number = max(1, round(fps * every_seconds)), 0
    try:
        while True:
            there, frame = capture.read()
            if not there:
                return
            if number % step == 0:
                yield number, number / fps, frame
            number += 1
    finally:
        capture.release()


class SeenBoxes:
    """What a detector finds on the sampled frames, looked up before the clock starts."""

    def __init__(self, detector: Any | None, video: Path, every_seconds: float) -> None:
        self._found: dict[int, Boxes] = {}
        for number, _, frame in every_nth(video, every_seconds):
            image = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
            self._found[number] = _seen(detector, image)

    def __call__(self, number: int, _: Image) -> Boxes:
        return self._found[number]

    @property
    def per_frame(self) -> float:
        return sum(map(len, self._found.values())) / max(1, len(self._found))


def _seen(detector: Any | None, image: Image) -> Boxes:
    height, width = image.shape[:2]
    if detector is None:
        half = (width // 4, height // 4, width * 3 // 4, height * 3 // 4)
        return [half] * CROPS_WITHOUT_A_DETECTOR
    from core.boxes import to_pixels

    [regions] = detector.detect([image], [None])
    kept = regions[regions.score >= CONFIDENCE]
    return [to_pixels(box, width, height) for box in kept.box_xyxy.tolist()]
