"""Embedders as their users see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.boxes import Boxes
from core.types import Faces, Image, Vectors


@dataclass(frozen=True, slots=True)
class Encoding:
    """A picture on its way to vectors.

    ``feature_map`` (channels, rows, columns) and ``saliency`` (rows, columns), summed activation, are
    there when one forward pass describes every region of the picture; None when each region needs its own.
    """

    image: Image
    feature_map: NDArray[np.float32] | None = None
    saliency: NDArray[np.float32] | None = None


class Embedder(Protocol):
    """Pictures to unit vectors. ``fingerprint`` changes whenever the vectors would."""

    @property
    def dimension(self) -> int: ...

    @property
    def fingerprint(self) -> dict[str, str]:
        """Name, weights hash and preprocessing, as they stand in the catalogue."""

    def encode(self, images: Sequence[Image]) -> list[Encoding]:
        """The shared part of the work, once per picture."""

    def describe(self, encodings: Sequence[Encoding], boxes: Sequence[Boxes]) -> list[Vectors]:
        """Unit vectors of the boxes of each picture: shapes (n_i, 4) -> (n_i, dimension).

        The box 0,0,1,1 is the whole picture.
        """


@runtime_checkable
class TextEmbedder(Protocol):
    """An embedder that also knows words: their vectors lie in the space of its pictures' vectors."""

    def describe_words(self, texts: Sequence[str]) -> Vectors:
        """One unit vector per text, shape (n, dimension), averaged over the model's templates.

        Raises ModelUnavailable where this model's words cannot be tokenized.
        """


class FaceEmbedder(Protocol):
    """Faces to unit vectors."""

    @property
    def dimension(self) -> int: ...

    @property
    def fingerprint(self) -> dict[str, str]: ...

    def describe(self, image: Image, faces: Faces) -> Vectors:
        """One unit vector per face, shape (n, dimension), aligned by the faces' landmarks."""
