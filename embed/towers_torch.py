"""Towers in torch: on a GPU in fp16, channels last, fed through pinned memory; on a CPU for comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import SettingsError
from core.types import Vectors
from embed.open_clip_torch import ImageTower, TextTower, load_model
from embed.sources import Source
from embed.tokens import Tokens

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_CPU_BATCH, _MOST_PER_BATCH, _PROBE = 8, 512, 8
_SHARE_OF_FREE_MEMORY = 0.6


class TorchTowers:
    """``device`` as torch writes it, or ``auto``: a GPU where there is one. ``batch`` 0: what fits."""

    def __init__(self, source: Source, precision: str = "auto", device: str = "auto", batch: int = 0):
        self._device = choose_device(device)
        self._on_gpu = self._device.type == "cuda"
        self.precision = choose_precision(precision, self._device)
        self._dtype = _DTYPES[self.precision]
        model = load_model(source).to(self._device, self._dtype)
        if self._on_gpu:
            model = model.to(memory_format=torch.channels_last)
        self._image = ImageTower(model, source.configuration.preprocess).to(self._device, self._dtype).eval()
        self._text = TextTower(model).eval()
        side = source.configuration.preprocess.side_px
        self.batch = batch or (self._measured_batch(side) if self._on_gpu else _CPU_BATCH)

    def pictures(self, pixels: NDArray[np.uint8]) -> Vectors:
        return self._compute(self._image, self._moved(pixels))

    def words(self, tokens: Tokens) -> Vectors:
        return self._compute(self._text, torch.from_numpy(tokens).to(self._device))

    def _compute(self, tower: Any, given: torch.Tensor) -> Vectors:
        with torch.inference_mode():
            result: Vectors = tower(given).float().cpu().numpy()
        return result

    def _moved(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        tensor = torch.from_numpy(pixels)
        if not self._on_gpu:
            return tensor
        # Pixels travel as bytes, a quarter of what floats would take, and the copy does not wait.
        return tensor.pin_memory().to(self._device, non_blocking=True)

    def _measured_batch(self, side: int) -> int:
        """From the memory that one probe takes beyond the weights."""
        torch.cuda.synchronize(self._device)
        before = torch.cuda.memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        self.pictures(np.zeros((_PROBE, side, side, 3), np.uint8))
        peak = torch.cuda.max_memory_allocated(self._device) - before
        free, _ = torch.cuda.mem_get_info(self._device)
        return batch_that_fits(free, peak / _PROBE)


def batch_that_fits(free_bytes: int, bytes_per_picture: float) -> int:
    """A power of two, so that few different shapes are seen.

    >>> batch_that_fits(2_000_000_000, 10_000_000)
    64
    """
    fits = int(free_bytes * _SHARE_OF_FREE_MEMORY / max(bytes_per_picture, 1.0))
    return int(min(_MOST_PER_BATCH, 1 << max(0, fits.bit_length() - 1)))


def choose_device(asked: str) -> torch.device:
    """Raises SettingsError for a device that this machine does not have."""
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(asked)
    except RuntimeError:
        raise SettingsError(f"embedder.device is {asked!r}; it may be auto, cpu, cuda or cuda:N.") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise SettingsError(f"embedder.device is {asked!r}, but torch sees {count} GPUs on this machine.")
    return device


def choose_precision(asked: str, device: torch.device) -> str:
    """fp16 on a GPU and fp32 elsewhere, unless told otherwise."""
    if asked == "auto":
        return "fp16" if device.type == "cuda" else "fp32"
    if asked == "fp16" and device.type == "cpu":
        raise SettingsError(
            "embedder.precision is 'fp16', which needs a GPU; on a CPU it may be auto, fp32 or bf16."
        )
    return asked
