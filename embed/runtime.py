"""OpenVINO on the CPU: models converted once, kept beside the weights, compiled with the machine's best precision."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import ModelUnavailable


def file_hash(path: Path) -> str:
    """sha256 of a weights file, hex. Raises ModelUnavailable when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailable(f"The weights {path} cannot be read: {error.strerror}.") from None


@cache
def _core() -> Any:
    import openvino as ov

    return ov.Core()


def converted(name: str, key: str, model_dir: Path, convert: Callable[[], Any]) -> Path:
    """Path of the converted model, made by ``convert`` (-> openvino.Model) when it is not there yet.

    ``key`` stands in the file's name, so other weights make another file; the rename is atomic, so a
    machine that dies half-way leaves nothing that looks like a model.
    """
    import openvino as ov

    path = model_dir / f"{name}-{key[:16]}.xml"
    if path.exists() and path.with_suffix(".bin").exists():
        return path
    model_dir.mkdir(parents=True, exist_ok=True)
    draft = model_dir / f"{path.stem}.{os.getpid()}.xml"
    ov.save_model(convert(), draft, compress_to_fp16=False)
    draft.with_suffix(".bin").replace(path.with_suffix(".bin"))
    draft.replace(path)
    return path


def compile_model(path: Path, precision: str, threads: int = 0) -> Any:
    """A compiled model for throughput of one process. ``precision`` is ``f32`` or ``bf16``."""
    options: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "CACHE_DIR": str(path.parent / "compiled"),
    }
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    try:
        return _core().compile_model(str(path), "CPU", options)
    except RuntimeError as error:
        raise ModelUnavailable(
            f"The converted model {path} cannot be loaded ({str(error).splitlines()[-1]}); delete it and run again."
        ) from None
