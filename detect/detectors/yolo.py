"""YOLO through ultralytics: its letterbox and its non-maximum suppression round a network of our choice.

Its own ``predict`` gives the same boxes and takes longer (two cores, 4 frames of 960 x 540: YOLO11n int8 12.9
ms a frame against 10.6, bf16 9.5 against 7.9), because it scales pixels in torch and wraps every answer.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelUnavailable, SettingsError
from core.settings import DetectorSettings
from core.types import Image, Regions
from detect.quiet_ultralytics import load_ultralytics
from detect.yolo_files import YoloFile, export_to_openvino, find_yolo
from detect.yolo_networks import OpenVinoYolo, TorchYolo, YoloNetwork

_END_TO_END_BOXES = 300
"""An end-to-end export asks for this many of its anchors, and fails on pictures that have fewer."""


def load_yolo(settings: DetectorSettings, model_dir: Path, mirror: Path | None = None) -> YoloDetector:
    """The detector that ``settings.model`` names. Raises SettingsError and ModelUnavailable."""
    file = find_yolo(settings, model_dir, mirror)
    load_ultralytics(model_dir)
    return YoloDetector(_network(file, settings, model_dir), settings, file.name, file.sha256)


def _network(file: YoloFile, settings: DetectorSettings, model_dir: Path) -> YoloNetwork:
    import torch

    on_gpu = torch.cuda.is_available()
    if settings.engine == "torch" and file.format != "torch":
        raise SettingsError(f"detector.engine torch cannot run {file.path}; choose auto or openvino.")
    if file.format == "torch" and (settings.engine == "torch" or (settings.engine == "auto" and on_gpu)):
        return TorchYolo(file.path, settings.precision, "cuda" if on_gpu else "cpu")
    path = file.path
    if file.format == "torch":
        path = export_to_openvino(file, model_dir, settings.input_px)
    return OpenVinoYolo(path, settings.precision, model_dir / "compiled")


class YoloDetector:
    """Regions with the names of their classes; a name is left out below ``settings.label_score``."""

    def __init__(self, network: YoloNetwork, settings: DetectorSettings, name: str, weights_sha256: str):
        self._network, self._settings = network, settings
        self._name, self._sha256 = name, weights_sha256
        self._classes = _class_numbers(settings.classes, network.names, name)
        self._batch = network.batch

    @property
    def names(self) -> tuple[str, ...]:
        """Every label this model can give, in the order of its classes."""
        return self._network.names

    @property
    def fingerprint(self) -> dict[str, str]:
        settings = self._settings
        return {
            "name": self._name, "weights": self._sha256[:16], "input_px": str(self._input_px),
            "max_regions": str(settings.max_regions), "proposal_score": f"{settings.proposal_score:g}",
            "label_score": f"{settings.label_score:g}", "overlap": f"{settings.overlap:g}",
            "class_agnostic": str(settings.class_agnostic), "classes": ",".join(settings.classes) or "all",
        }

    @property
    def _input_px(self) -> int:
        return max(self._network.fixed_hw) if self._network.fixed_hw else self._settings.input_px

    def detect(
        self, images: Sequence[Image], saliency: Sequence[NDArray[np.float32] | None] = ()
    ) -> list[Regions]:
        """One Regions per picture, strongest first; pictures of one shape share a batch."""
        found: list[Regions] = [Regions.empty()] * len(images)
        if not self._settings.max_regions:
            return found
        canvases = [_Canvas(image, *self._fit(image), self._network.stride) for image in images]
        alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for number, canvas in enumerate(canvases):
            alike[canvas.pixels.shape].append(number)
        for numbers in alike.values():
            predicted = self._predict(np.stack([canvases[number].pixels for number in numbers]))
            for number, rows in zip(numbers, predicted, strict=True):
                found[number] = self._regions(rows, canvases[number])
        return found

    def _fit(self, image: Image) -> tuple[tuple[int, int], bool]:
        """Height and width to letterbox into, and whether the grey may be cut down to whole strides."""
        if self._network.fixed_hw:
            return self._network.fixed_hw, False
        stride, side = self._network.stride, self._settings.input_px
        side = -(-side // stride) * stride
        short = side * min(image.shape[:2]) / max(image.shape[:2])
        anchors = (side / stride) * np.ceil(short / stride) * (16 + 4 + 1)
        return (side, side), not (self._network.end_to_end and anchors < _END_TO_END_BOXES)

    def _predict(self, canvases: NDArray[np.uint8]) -> list[Any]:
        """Boxes of each canvas as a (n, 6) array of x1, y1, x2, y2 in its pixels, score and class."""
        rows: list[Any] = []
        while len(rows) < len(canvases):
            part = canvases[len(rows) : len(rows) + self._batch]
            try:
                rows += self._suppress(self._network(part))
            except (MemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise ModelUnavailable(
                        f"{self._name} runs out of memory on one picture; lower detector.input_px or "
                        "choose a smaller model."
                    ) from None
                self._batch = len(part) // 2
        return rows

    def _suppress(self, raw: Any) -> list[Any]:
        from ultralytics.utils.nms import TorchNMS, non_max_suppression

        settings, end_to_end = self._settings, self._network.end_to_end
        kept = non_max_suppression(
            raw, conf_thres=settings.proposal_score, iou_thres=settings.overlap, classes=self._classes,
            agnostic=settings.class_agnostic, nc=len(self.names), end2end=end_to_end,
            max_det=_END_TO_END_BOXES if end_to_end else settings.max_regions,
        )
        if end_to_end and settings.class_agnostic:
            kept = [rows[TorchNMS.nms(rows[:, :4], rows[:, 4], settings.overlap)] for rows in kept]
        return [rows[: settings.max_regions].cpu() for rows in kept]

    def _regions(self, rows: Any, canvas: _Canvas) -> Regions:
        from ultralytics.utils.ops import scale_boxes

        height, width = canvas.image_hw
        scale_boxes(canvas.pixels.shape[:2], rows[:, :4], canvas.image_hw, ratio_pad=canvas.ratio_pad)
        table = rows.numpy().astype(np.float32)
        box_xyxy = np.clip(table[:, :4] / np.array([width, height, width, height], np.float32), 0, 1)
        score, number = np.clip(table[:, 4], 0, 1), table[:, 5].astype(int)
        label = tuple(
            self.names[one] if sure >= self._settings.label_score else None
            for one, sure in zip(number, score, strict=True)
        )
        has_area = (box_xyxy[:, 0] < box_xyxy[:, 2]) & (box_xyxy[:, 1] < box_xyxy[:, 3])
        if has_area.all():
            return Regions(box_xyxy, score, label)
        return Regions(box_xyxy[has_area], score[has_area], tuple(np.array(label, object)[has_area]))


class _Canvas:
    """A picture fitted into the network's input, and the way back."""

    def __init__(self, image: Image, hw: tuple[int, int], cut: bool, stride: int):
        from ultralytics.data.augment import LetterBox

        box = LetterBox(hw, auto=cut, stride=stride)
        placed = box.get_params({"img": image})
        self.pixels: NDArray[np.uint8] = box(image=image)
        self.image_hw = (image.shape[0], image.shape[1])
        width, height = placed["new_unpad"]
        # Both sides are rounded to whole pixels, so each has a ratio of its own.
        self.ratio_pad = (height / image.shape[0], width / image.shape[1]), (placed["left"], placed["top"])


def _class_numbers(wanted: Sequence[str], names: Sequence[str], model: str) -> list[int] | None:
    """Numbers of the classes, None for all. Raises SettingsError with the nearest names."""
    if not wanted:
        return None
    known = {name.lower(): number for number, name in enumerate(names)}
    for name in wanted:
        if name.lower() not in known:
            near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5) or list(known)[:10]
            raise SettingsError(
                f"detector.classes has {name!r}, which is not among the {len(names)} classes of {model}; "
                f"the nearest are {', '.join(near)}."
            )
    return [known[name.lower()] for name in wanted]


def _out_of_memory(error: Exception) -> bool:
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        torch.cuda.empty_cache()
        return True
    return isinstance(error, MemoryError) or "allocate memory" in str(error)
