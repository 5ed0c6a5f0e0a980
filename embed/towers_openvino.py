"""Towers through OpenVINO on the CPU: converted from torch once per machine, then torch is not needed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelUnavailable
from core.quiet_openvino import load_openvino
from core.types import Vectors
from embed.check_pictures import check_pictures
from embed.runtime import bf16_holds, compile_model, converted, openvino_precision, run
from embed.sources import Source
from embed.tokens import Tokens

_BATCH = 8


class OpenVinoTowers:
    """The image tower in bf16 where it keeps its vectors; the text tower, one query at a time, in fp32."""

    def __init__(
        self, source: Source, model_dir: Path, precision: str = "auto", batch: int = 0, threads: int = 0
    ):
        asked = openvino_precision(precision)
        self.batch = batch or _BATCH
        image, text = convert(source, model_dir)
        if asked is None:
            preprocess = source.configuration.preprocess
            holds = bf16_holds(image, lambda: check_pictures(preprocess.apply), threads).bf16
            asked = "bf16" if holds else "f32"
        self.precision = {"f32": "fp32"}.get(asked, asked)
        self._image = compile_model(image, asked, threads)
        self._compile_text: Callable[[], Any] = lambda: compile_model(text, "f32", threads)

    @cached_property
    def _text(self) -> Any:
        # Ingest never asks for words, so it does not pay for them.
        return self._compile_text()

    def pictures(self, pixels: NDArray[np.uint8]) -> Vectors:
        return run(self._image, pixels)

    def words(self, tokens: Tokens) -> Vectors:
        return run(self._text, tokens)


def convert(source: Source, model_dir: Path) -> tuple[Path, Path]:
    """Paths of the converted image and text towers.

    Raises ModelUnavailable when they have yet to be made and torch is missing.
    """
    name, configuration = source.model.name.lower(), source.configuration
    side = configuration.preprocess.side_px
    loaded: list[Any] = []

    def model() -> Any:
        if not loaded:
            loaded.append(_load(source))
        return loaded[0]

    def image_tower() -> Any:
        from embed.open_clip_torch import ImageTower

        example = np.zeros((2, side, side, 3), np.uint8)
        return trace(ImageTower(model(), configuration.preprocess), example)

    def text_tower() -> Any:
        from embed.open_clip_torch import TextTower

        return trace(TextTower(model()), np.ones((2, configuration.context_length), np.int64))

    return (
        converted(f"{name}-image", source.key, model_dir, image_tower),
        converted(f"{name}-text", source.key, model_dir, text_tower),
    )


def _load(source: Source) -> Any:
    try:
        from embed.open_clip_torch import load_model
    except ImportError as error:
        raise ModelUnavailable(
            f"{source.model.name} must be converted once with torch and open_clip, and {error.name} is not "
            "installed: pip install 'momentseek[models]'."
        ) from None
    return load_model(source)


def trace(tower: Any, example: NDArray[Any]) -> Any:
    """``openvino.Model`` for any number of rows of the example's shape."""
    ov = load_openvino(converting=True)
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    # The fused attention of torch has no counterpart in OpenVINO; its parts have.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # torch would rather export; OpenVINO still reads traces best.
            warnings.simplefilter("ignore")
            model = ov.convert_model(tower.eval(), example_input=torch.from_numpy(example))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    model.reshape([-1, *example.shape[1:]])
    return model
