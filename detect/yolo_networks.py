"""YOLO as a function from letterboxed pictures to its raw predictions, on OpenVINO or on torch."""

from __future__ import annotations

import ast
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import yaml
from numpy.typing import NDArray

from core.errors import ModelUnavailable, SettingsError
from core.quiet_openvino import load_openvino

Canvases = NDArray[np.uint8]
"""Letterboxed RGB pictures, shape (n, height, width, 3)."""


class YoloNetwork(Protocol):
    names: tuple[str, ...]
    stride: int
    fixed_hw: tuple[int, int] | None
    """The one input size of a model that was exported without free sizes."""
    batch: int
    """Pictures it should be given at once."""
    end_to_end: bool
    """Its predictions are boxes already, one per thing and class."""

    def __call__(self, canvases: Canvases) -> Any:
        """A float32 tensor of shape (n, 4 + classes, anchors), or (n, boxes, 6) from an end-to-end model."""


class OpenVinoYolo:
    """An .xml or .onnx file on the CPU. Bytes go in as they are: OpenVINO scales them faster."""

    def __init__(self, path: Path, precision: str, cache_dir: Path):
        core = load_openvino().Core()
        try:
            model = core.read_model(str(path))
        except RuntimeError as error:
            raise ModelUnavailable(f"{path} cannot be read as a model: {_last_line(error)}.") from None
        about = _metadata(model, path)
        self.names = _names(about, path)
        self.stride = int(about.get("stride", 32))
        self.end_to_end = str(about.get("end2end", False)) == "True"
        self.fixed_hw, self.batch, self._fixed_batch = _input_size(model, path)
        options = {
            "INFERENCE_PRECISION_HINT": _openvino_precision(core, model, precision),
            "PERFORMANCE_HINT": "LATENCY",
            "CACHE_DIR": str(cache_dir),
        }
        self._compiled = core.compile_model(_from_bytes(model), "CPU", options)
        self._alone = threading.Lock()

    def __call__(self, canvases: Canvases) -> Any:
        import torch

        if self._fixed_batch and len(canvases) < self.batch:
            short = self.batch - len(canvases)
            return self(np.concatenate([canvases, np.repeat(canvases[-1:], short, axis=0)]))[: len(canvases)]
        with self._alone:
            return torch.from_numpy(np.array(self._compiled(canvases)[0], np.float32))


class TorchYolo:
    """A checkpoint on ``device``, in half precision where that is a GPU."""

    def __init__(self, path: Path, precision: str, device: str):
        import torch
        from ultralytics.nn.tasks import load_checkpoint

        try:
            model, _ = load_checkpoint(str(path), fuse=True)
        except (TypeError, RuntimeError, ValueError, AttributeError, OSError) as error:
            raise ModelUnavailable(f"{path} is no readable YOLO checkpoint: {_last_line(error)}.") from None
        _require_detection(getattr(model, "task", "detect"), path)
        self.names = tuple(model.names[index] for index in sorted(model.names))
        self.stride = int(max(model.stride))
        self.fixed_hw: tuple[int, int] | None = None
        self.end_to_end = bool(getattr(model, "end2end", False))
        self._device, self._dtype = torch.device(device), _dtype(precision, device)
        self._model: Any = model.to(self._device, self._dtype, memory_format=torch.channels_last).eval()
        self.batch = _batch_for(self._device)

    def __call__(self, canvases: Canvases) -> Any:
        import torch

        with torch.inference_mode():
            pictures = torch.from_numpy(canvases).permute(0, 3, 1, 2)  # NHWC in memory is channels_last.
            if self._device.type == "cuda":
                pictures = pictures.pin_memory().to(self._device, non_blocking=True)
            raw = self._model(pictures.to(self._dtype) / 255)
            return (raw[0] if isinstance(raw, tuple | list) else raw).float()


def _openvino_precision(core: Any, model: Any, precision: str) -> str:
    """OpenVINO's name for a setting; ``auto`` is bf16 where the processor has it.

    A model of 8-bit weights gains nothing from bf16 (measured: 12.9 and 12.7 ms a picture) and keeps fp32.
    """
    if precision == "fp16":
        raise SettingsError("detector.precision fp16 needs a GPU; on a processor choose auto, bf16 or fp32.")
    if precision != "auto":
        return {"bf16": "bf16", "fp32": "f32"}[precision]
    capable = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    eight_bit = any(operation.get_type_name() == "FakeQuantize" for operation in model.get_ops())
    return "bf16" if capable and not eight_bit else "f32"


def _from_bytes(model: Any) -> Any:
    ov = load_openvino()
    from openvino.preprocess import PrePostProcessor

    wrap = PrePostProcessor(model)
    wrap.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    wrap.input().model().set_layout(ov.Layout("NCHW"))
    wrap.input().preprocess().convert_element_type(ov.Type.f32).scale(255.0)
    return wrap.build()


def _input_size(model: Any, path: Path) -> tuple[tuple[int, int] | None, int, bool]:
    """Fixed height and width or None, the batch to use, and whether it must be exactly that."""
    shape = model.inputs[0].get_partial_shape() if len(model.inputs) == 1 else []
    if len(shape) != 4 or (shape[1].is_static and shape[1].get_length() != 3):
        raise SettingsError(f"{path} is no detector for colour pictures: its input is {shape}.")
    fixed = None
    if shape[2].is_static and shape[3].is_static:
        fixed = (shape[2].get_length(), shape[3].get_length())
    return (fixed, shape[0].get_length(), True) if shape[0].is_static else (fixed, 4, False)


def _metadata(model: Any, path: Path) -> dict[str, Any]:
    """What ultralytics wrote beside an OpenVINO model or into an ONNX file."""
    beside = path.with_name("metadata.yaml")
    if path.suffix.lower() == ".xml" and beside.is_file():
        about = yaml.safe_load(beside.read_text("utf-8"))
    else:
        about = model.get_rt_info(["framework"]).value if "framework" in model.get_rt_info() else {}
    if not isinstance(about, dict):
        about = {}
    _require_detection(about.get("task", "detect"), path)
    return about


def _names(about: dict[str, Any], path: Path) -> tuple[str, ...]:
    names = about.get("names")
    if isinstance(names, str):
        names = ast.literal_eval(names)
    if not names:
        raise ModelUnavailable(
            f"{path} does not say what its classes are called; export it again with ultralytics, which does."
        )
    return tuple(str(names[index]) for index in sorted(names)) if isinstance(names, dict) else tuple(names)


def _require_detection(task: Any, path: Path) -> None:
    if task != "detect":
        raise SettingsError(f"{path} is a model for {task!r}; a detector of boxes ('detect') is needed.")


def _dtype(precision: str, device: str) -> Any:
    import torch

    named = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    return named["fp16" if device.startswith("cuda") else "fp32"] if precision == "auto" else named[precision]


def _batch_for(device: Any) -> int:
    """As many as fit, with room for the embedder: YOLO11m takes about 0.1 GB a picture in half precision."""
    import torch

    if device.type != "cuda":
        return 4
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return int(min(64, max(1, free_bytes / 4 // 100e6)))


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")[:300]
