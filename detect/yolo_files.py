"""From the setting ``detector.model`` to a file that a network is made of."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.checksums import file_sha256
from core.errors import ModelUnavailable, SettingsError
from core.fetch import fetch, sha256_of
from core.quiet_openvino import load_openvino
from core.settings import DetectorSettings
from detect.models import DETECTORS

Format = Literal["torch", "openvino", "onnx"]
_FORMATS: dict[str, Format] = {".pt": "torch", ".xml": "openvino", ".onnx": "onnx"}


@dataclass(frozen=True, slots=True)
class YoloFile:
    """``sha256`` is of the weights as they came, so the same model has it in whatever folder it lies."""

    name: str
    path: Path
    format: Format
    sha256: str


def find_yolo(settings: DetectorSettings, model_dir: Path, mirror: Path | None = None) -> YoloFile:
    """The file behind ``settings.model``: a name of the table, fetched if need be, or a local path.

    Raises SettingsError for a path that leads nowhere or to a pickle without consent, ModelUnavailable for
    weights that cannot be brought.
    """
    known = DETECTORS.get(settings.model)
    if known is not None:
        path = fetch(known.weights, model_dir, mirror)
        return YoloFile(known.name, path, "torch", sha256_of(known.weights, model_dir))
    path = _single_file(Path(settings.model).expanduser(), settings.model)
    kind = _FORMATS[path.suffix.lower()]
    if kind == "torch" and not settings.trust_local_pickle:
        raise SettingsError(
            f"{path} can run any code its author put into it, because a .pt file is a Python pickle: set "
            "detector.trust_local_pickle: true if you trust its source, or export it to OpenVINO or ONNX."
        )
    return YoloFile(path.stem, path, kind, _hash(path))


def export_to_openvino(weights: YoloFile, model_dir: Path, input_px: int) -> Path:
    """The .xml made of a checkpoint for every batch and frame size; made once per machine and kept.

    It appears whole or not at all. Raises ModelUnavailable when ultralytics cannot read the checkpoint.
    """
    folder = model_dir / f"{weights.name}-{weights.sha256[:16]}-openvino"
    path = folder / f"{weights.name}.xml"
    if path.is_file():
        return path
    model_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="export-", dir=model_dir) as draft:
        # ultralytics writes beside the file it is given.
        copy = Path(draft) / f"{weights.name}.pt"
        shutil.copyfile(weights.path, copy)
        made = _export(copy, weights, input_px)
        try:
            made.rename(folder)
        except OSError:
            if not path.is_file():  # Else another process was quicker.
                raise
    return path


def _export(copy: Path, weights: YoloFile, input_px: int) -> Path:
    load_openvino(converting=True)
    from ultralytics import YOLO

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = YOLO(str(copy), task="detect", verbose=False)
            made = model.export(format="openvino", dynamic=True, imgsz=input_px, device="cpu", verbose=False)
    except (TypeError, RuntimeError, ValueError, AttributeError, AssertionError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ModelUnavailable(f"{weights.path} cannot be converted to OpenVINO: {reason[:300]}.") from None
    return Path(made)


def _single_file(path: Path, given: str) -> Path:
    """The one model file that ``path`` is or holds."""
    if path.is_dir():
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in (".xml", ".onnx"))
        if len(inside) != 1:
            found = ", ".join(file.name for file in inside) or "none"
            raise SettingsError(f"The folder {path} must hold one .xml or .onnx model; it holds {found}.")
        return inside[0]
    if not path.is_file():
        raise SettingsError(
            f"detector.model is {given!r}: there is no such path, and the names are salient, "
            f"{', '.join(DETECTORS)}."
        )
    if path.suffix.lower() not in _FORMATS:
        raise SettingsError(
            f"{path} is not a detector: give a folder with an OpenVINO model, or an .xml, .onnx or .pt file."
        )
    return path


def _hash(path: Path) -> str:
    if path.suffix.lower() != ".xml":
        return file_sha256(path)
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise ModelUnavailable(f"{weights} is missing; an OpenVINO model is an .xml and a .bin file.")
    return hashlib.sha256(f"{file_sha256(path)}{file_sha256(weights)}".encode()).hexdigest()
