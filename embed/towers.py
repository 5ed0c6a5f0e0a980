"""The two halves of an image-text model, as the embedder uses them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.types import Vectors
from embed.tokens import Tokens


class Towers(Protocol):
    @property
    def batch(self) -> int:
        """How many pictures to show it at a time."""

    @property
    def precision(self) -> str:
        """``fp32``, ``bf16`` or ``fp16``: what the image tower computes in."""

    def pictures(self, pixels: NDArray[np.uint8]) -> Vectors:
        """Pixels (n, side, side, 3) to unit vectors (n, dimension)."""

    def words(self, tokens: Tokens) -> Vectors:
        """Tokens (n, context length) to unit vectors (n, dimension)."""
