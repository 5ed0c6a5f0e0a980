"""open_clip models: pictures and words in one space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.boxes import Boxes, to_pixels
from core.errors import ModelUnavailable
from core.fetch import OnProgress, no_progress
from core.settings import EmbedderSettings, ModelsSettings
from core.types import Image, Vectors
from embed.batches import Batches
from embed.embedder import Encoding
from embed.models import EmbedderModel
from embed.pooling import unit
from embed.sources import Source, resolve, untrained
from embed.tokens import ClipTokenizer, FileTokenizer, Tokens
from embed.towers import Towers

_PREPARING_THREADS = 4
_VERSION = "v1"


class OpenClipEmbedder:
    """Every box is cut out and looked at on its own, so ``encode`` does no work.

    Raises ModelUnavailable when weights or packages are missing, SettingsError for what does not go together.
    """

    def __init__(
        self, source: Source, model_dir: Path, settings: EmbedderSettings | None = None, threads: int = 0
    ):
        chosen = settings or EmbedderSettings(model=source.model.name)
        self._source = source
        self.model: EmbedderModel = source.model
        self.engine = choose_engine(chosen.engine, chosen.device)
        self._towers = _towers(source, model_dir, self.engine, chosen, threads)
        self._batches = Batches(self._towers.pictures, self._towers.batch)
        self._templates = chosen.templates or self.model.templates
        self._workers = ThreadPoolExecutor(_PREPARING_THREADS, thread_name_prefix="prepare")

    @classmethod
    def from_settings(
        cls,
        settings: EmbedderSettings,
        model_dir: Path,
        models: ModelsSettings | None = None,
        on_progress: OnProgress = no_progress,
    ) -> Self:
        """By a name of the table, fetched when needed, or by a path to weights of your own."""
        return cls(resolve(settings, model_dir, models, on_progress), model_dir, settings)

    @classmethod
    def untrained(
        cls, architecture: str, model_dir: Path, settings: EmbedderSettings | None = None, seed: int = 0
    ) -> Self:
        """Random weights in the shape of ``architecture``: for measuring speed."""
        return cls(untrained(architecture, seed), model_dir, settings)

    @property
    def dimension(self) -> int:
        return self._source.configuration.dimension

    @property
    def precision(self) -> str:
        return self._towers.precision

    @property
    def fingerprint(self) -> dict[str, str]:
        return {
            "name": self.model.name, "weights": self._source.key[:16],
            "preprocessing": f"{self._source.configuration.preprocess}, {_VERSION}",
        }

    def encode(self, images: Sequence[Image]) -> list[Encoding]:
        return [Encoding(image) for image in images]

    def describe(self, encodings: Sequence[Encoding], boxes: Sequence[Boxes]) -> list[Vectors]:
        crops = [
            (encoding.image, box)
            for encoding, own in zip(encodings, boxes, strict=True) for box in own.tolist()
        ]
        empty = np.zeros((0, self.dimension), np.float32)
        rows = np.concatenate([empty, *self._batches.over(crops, self._prepared)])
        ends = np.cumsum([len(own) for own in boxes])
        return np.split(rows, ends[:-1]) if len(boxes) else []

    def describe_words(self, texts: Sequence[str]) -> Vectors:
        """Each text in every template, averaged: (texts, dimension).

        Raises ModelUnavailable where this model's words cannot be tokenized.
        """
        if not len(texts):
            return np.zeros((0, self.dimension), np.float32)
        said = [template.replace("{}", text) for text in texts for template in self._templates]
        vectors = self._towers.words(self._tokenize(said))
        return unit(vectors.reshape(len(texts), len(self._templates), -1).mean(1))

    def _prepared(self, crops: Sequence[tuple[Image, list[float]]]) -> NDArray[np.uint8]:
        return np.stack(list(self._workers.map(self._prepare, crops)))

    def _prepare(self, crop: tuple[Image, list[float]]) -> Image:
        image, box = crop
        left, top, right, bottom = to_pixels(box, image.shape[1], image.shape[0])
        return self._source.configuration.preprocess.apply(image[top:bottom, left:right])

    @cached_property
    def _tokenize(self) -> Callable[[Sequence[str]], Tokens]:
        text, name = self._source.configuration, self.model.name
        if not text.words:
            raise ModelUnavailable(f"Words cannot be searched with {name}: its tokenizer is not supported.")
        if not text.tokenizer_file:
            return ClipTokenizer(text.context_length, text.clean)
        if self._source.tokenizer is None:
            raise ModelUnavailable(
                f"Words cannot be searched with {name}: put its tokenizer.json beside the weights."
            )
        return FileTokenizer(self._source.tokenizer, text.context_length, text.clean)


def choose_engine(asked: str, device: str) -> str:
    """``torch`` where there is a GPU or one was asked for, else ``openvino``."""
    if asked != "auto":
        return asked
    if device.startswith("cuda"):
        return "torch"
    # Asking torch takes seconds; without a driver there is nothing to ask.
    if device == "cpu" or not any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")):
        return "openvino"
    import torch

    return "torch" if torch.cuda.is_available() else "openvino"


def _towers(
    source: Source, model_dir: Path, engine: str, settings: EmbedderSettings, threads: int
) -> Towers:
    if engine == "openvino":
        from embed.towers_openvino import OpenVinoTowers

        return OpenVinoTowers(source, model_dir, settings.precision, settings.batch, threads)
    try:
        from embed.towers_torch import TorchTowers
    except ImportError as error:
        raise ModelUnavailable(
            f"embedder.engine torch needs {error.name}, which is not installed: "
            "pip install 'momentseek[models]'."
        ) from None
    return TorchTowers(source, settings.precision, settings.device, settings.batch)
