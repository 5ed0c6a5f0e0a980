"""open_clip models in torch. Importing this imports torch: only what computes with it does."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import open_clip
import torch
from torch import Tensor, nn

from embed.preprocess import Preprocess
from embed.sources import Source


def load_model(source: Source) -> Any:
    """The model in evaluation mode, the branches that only training needs folded away.

    A pickle is read as tensors only: nothing in it runs. Without weights the numbers are random.
    """
    from_folder = source.architecture.startswith("local-dir:")
    pretrained = None if from_folder or source.weights is None else str(source.weights)
    with _quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(source.seed)
        model = open_clip.create_model(source.architecture, pretrained=pretrained, weights_only=True)
    model = model.float().eval().requires_grad_(False)
    if any(hasattr(module, "reparameterize") for module in model.modules()):
        from timm.utils import reparameterize_model  # type: ignore[attr-defined,unused-ignore]

        model = reparameterize_model(model)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip tells the root logger each step, and warns of random weights that were asked for."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


class ImageTower(nn.Module):  # type: ignore[misc]
    """uint8 pixels (n, side, side, 3) to unit vectors in float32; scaling happens in here."""

    def __init__(self, model: Any, preprocess: Preprocess):
        super().__init__()
        self.model = model
        mean = torch.tensor(preprocess.mean).view(1, 3, 1, 1)
        std = torch.tensor(preprocess.std).view(1, 3, 1, 1)
        self.register_buffer("gain", 1 / (255 * std))
        self.register_buffer("shift", -mean / std)

    def forward(self, pixels: Tensor) -> Tensor:
        scaled = pixels.permute(0, 3, 1, 2).to(self.gain.dtype) * self.gain + self.shift
        return nn.functional.normalize(self.model.encode_image(scaled).float(), dim=-1)


class TextTower(nn.Module):  # type: ignore[misc]
    """int64 tokens (n, context length) to unit vectors in float32."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return nn.functional.normalize(self.model.encode_text(tokens).float(), dim=-1)
