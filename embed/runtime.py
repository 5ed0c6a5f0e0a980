"""OpenVINO on the CPU: models converted once, kept beside the weights, run in the precision that holds."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.checksums import file_sha256 as file_hash
from core.errors import ModelUnavailable, SettingsError
from core.quiet_openvino import load_openvino

__all__ = [
    "LEAST_COSINE", "SizedModel", "Verdict", "bf16_holds", "compile_model", "converted", "file_hash",
    "has_bf16", "openvino_precision", "run",
]

LEAST_COSINE = 0.995
"""bf16 is used where every checked vector keeps at least this cosine to its fp32 one."""

_OFTEN = 4
"""Pictures of one size, after which it gets a model of its own: to make one takes as long as some five."""

_MOST_SIZES = 4
"""That have a model of their own, some 35 MB each."""

_PRECISIONS = {"fp32": "f32", "f32": "f32", "bf16": "bf16"}


@cache
def _core() -> Any:
    ov = load_openvino()

    return ov.Core()


def has_bf16() -> bool:
    """Whether this processor computes in bf16, rather than only imitating it."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def openvino_precision(asked: str) -> str | None:
    """OpenVINO's name; None for ``auto``. Raises SettingsError for fp16, which CPUs do not compute in."""
    if asked == "auto":
        return None
    if asked not in _PRECISIONS:
        raise SettingsError(
            f"embedder.precision is {asked!r}; with OpenVINO on a CPU it may be auto, fp32 or bf16 "
            "(fp16 needs engine: torch and a GPU)."
        )
    return _PRECISIONS[asked]


def converted(name: str, key: str, model_dir: Path, convert: Callable[[], Any]) -> Path:
    """Path of the converted model, made by ``convert`` (-> openvino.Model) when it is not there yet.

    ``key`` stands in the file's name, so other weights make another file; the rename is atomic, so a
    machine that dies half-way leaves nothing that looks like a model.
    """
    ov = load_openvino()

    path = model_dir / f"{name}-{key[:16]}.xml"
    if path.exists() and path.with_suffix(".bin").exists():
        return path
    model_dir.mkdir(parents=True, exist_ok=True)
    draft = model_dir / f"{path.stem}.{os.getpid()}.xml"
    ov.save_model(convert(), draft, compress_to_fp16=False)
    draft.with_suffix(".bin").replace(path.with_suffix(".bin"))
    draft.replace(path)
    return path


def compile_model(
    path: Path, precision: str, threads: int = 0, keep: bool = True, shape: Sequence[int] | None = None
) -> Any:
    """A compiled model for throughput of one process. ``precision`` is ``f32`` or ``bf16``.

    ``keep`` stores the compiled form, which is as large as the weights, for a quick start next time.
    ``shape`` of the input, where it takes no other.
    """
    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    if keep:
        options["CACHE_DIR"] = str(path.parent / "compiled")
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    try:
        if shape is None:
            return _core().compile_model(str(path), "CPU", options)
        model = _core().read_model(str(path))
        model.reshape(list(shape))
        return _core().compile_model(model, "CPU", options)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1]
        raise ModelUnavailable(
            f"The converted model {path} cannot be loaded ({reason}); delete it and run again."
        ) from None


def run(network: Any, batch: NDArray[Any]) -> NDArray[np.float32]:
    """The first output; each call has a request of its own, so threads do not meet in it."""
    result: NDArray[np.float32] = network.create_infer_request().infer(batch)[0]
    return result.copy()


class SizedModel:
    """A model of pictures (height, width, 3) of any size, one at a time. Threads may share it.

    OpenVINO is quicker at what was compiled for one size alone: sizes that come often get a model of their
    own, which is made beside. What it computes differs by rounding. Two pictures at once take longer than one
    after the other: their maps do not fit into the processor's cache (docs/speed.md).
    """

    def __init__(self, path: Path, precision: str, threads: int = 0):
        self._path, self._precision, self._threads = path, precision, threads
        self._of_any_size = compile_model(path, precision, threads)
        self._of_size: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._seen: Counter[tuple[int, ...]] = Counter()
        self._lock = threading.Lock()

    def run(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The first output for this picture."""
        result: NDArray[np.float32] = run(self._best(picture.shape), picture[None])[0]
        return result

    def _best(self, shape: tuple[int, ...]) -> Any:
        with self._lock:
            if shape in self._of_size:
                self._of_size.move_to_end(shape)
                return self._of_size[shape]
            self._seen[shape] += 1
            if self._seen[shape] == _OFTEN:
                threading.Thread(target=self._make, args=(shape,)).start()
        return self._of_any_size

    def _make(self, shape: tuple[int, ...]) -> None:
        made = compile_model(self._path, self._precision, self._threads, keep=False, shape=(1, *shape))
        with self._lock:
            self._of_size[shape] = made
            if len(self._of_size) > _MOST_SIZES:
                least_used, _ = self._of_size.popitem(last=False)
                del self._seen[least_used]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check of bf16 found, kept beside the converted model."""

    bf16: bool
    least_cosine: float
    pictures: int
    processor: str
    openvino: str


def bf16_holds(path: Path, batch: Callable[[], NDArray[Any]], threads: int = 0) -> Verdict:
    """Whether ``path`` may run in bf16 here: checked once on real pictures and remembered.

    ``batch`` gives the pictures as the model takes them; none at all means no.
    """
    ov = load_openvino()

    here = (str(_core().get_property("CPU", "FULL_DEVICE_NAME")), str(ov.__version__))
    record = path.with_suffix(".precision.json")
    known = _read_verdict(record)
    if known and (known.processor, known.openvino) == here:
        return known
    pictures = batch() if has_bf16() else np.zeros((0,))
    cosine = _least_cosine(path, pictures, threads) if len(pictures) else 0.0
    verdict = Verdict(cosine >= LEAST_COSINE, round(cosine, 6), len(pictures), *here)
    draft = record.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(asdict(verdict), indent=2) + "\n", "utf-8")
    draft.replace(record)
    return verdict


def _read_verdict(record: Path) -> Verdict | None:
    try:
        return Verdict(**json.loads(record.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _least_cosine(path: Path, pictures: NDArray[Any], threads: int) -> float:
    full, half = (
        run(compile_model(path, precision, threads, keep=False), pictures) for precision in ("f32", "bf16")
    )
    lengths = np.linalg.norm(full, axis=1) * np.linalg.norm(half, axis=1)
    return float(((full * half).sum(1) / np.maximum(lengths, 1e-12)).min())
