"""From a name or a path in the settings to weights on this machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from core.checksums import file_sha256
from core.errors import ModelUnavailable, SettingsError
from core.fetch import OnProgress, Url, Weights, fetch, no_progress, sha256_of
from core.settings import EmbedderSettings, ModelsSettings
from embed.models import EMBEDDERS, EmbedderModel, find
from embed.open_clip_config import FOLDER_CONFIG, Configuration, of_architecture, of_folder

_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")
_PREFERRED = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_UNKNOWN_CHANCE = (0.3, 0.15)


@dataclass(frozen=True, slots=True)
class Source:
    """An open_clip model that can be loaded. ``weights`` None: random numbers of the right shape.

    ``architecture`` is open_clip's name, or ``local-dir:FOLDER``; ``key`` is the weights' sha256; ``seed`` is
    where random numbers begin.
    """

    model: EmbedderModel
    architecture: str
    configuration: Configuration
    weights: Path | None
    key: str
    tokenizer: Path | None = None
    seed: int = 0


def resolve(
    embedder: EmbedderSettings,
    model_dir: Path,
    models: ModelsSettings | None = None,
    on_progress: OnProgress = no_progress,
) -> Source:
    """Raises SettingsError for a name that is neither in the table nor a path, ModelUnavailable when the
    weights cannot be had."""
    models, known, path = models or ModelsSettings(), find(embedder.model), Path(embedder.model).expanduser()
    if known and known.tag:
        return _from_table(known, model_dir, models, on_progress)
    if path.is_dir():
        return _from_folder(path)
    if path.is_file():
        return _from_file(path, embedder.architecture)
    names = ", ".join(sorted(name for name, model in EMBEDDERS.items() if model.tag))
    raise SettingsError(
        f"embedder.model is {embedder.model!r}: neither a file or folder here nor one of {names}."
    )


def untrained(architecture: str, seed: int) -> Source:
    """Random weights: for measuring speed, and for tests."""
    known = find(architecture)
    configuration = of_architecture(architecture, known.tag if known else "")
    model = _own(architecture, configuration, None)
    key = hashlib.sha256(f"untrained {architecture} {seed}".encode()).hexdigest()
    return Source(model, architecture, configuration, None, key, seed=seed)


def _from_table(
    model: EmbedderModel, model_dir: Path, models: ModelsSettings, on_progress: OnProgress
) -> Source:
    configuration = of_architecture(model.name, model.tag)
    paths = [fetch(file, model_dir, models.mirror, models.offline, on_progress) for file in model.files]
    tokenizer = next((path for path in paths[1:] if path.name == "tokenizer.json"), None)
    return Source(model, model.name, configuration, paths[0], sha256_of(model.weights, model_dir), tokenizer)


def _from_folder(folder: Path) -> Source:
    configuration, weights = of_folder(folder), _weights_in(folder)
    tokenizer = folder / "tokenizer.json"
    # The configuration decides over the vectors as the weights do.
    key = hashlib.sha256(
        (file_sha256(weights) + file_sha256(folder / FOLDER_CONFIG)).encode()
    ).hexdigest()
    return Source(
        _own("open_clip", configuration, weights), f"local-dir:{folder.absolute()}", configuration, weights,
        key, tokenizer if tokenizer.is_file() else None,
    )


def _weights_in(folder: Path) -> Path:
    found = [folder / name for name in _PREFERRED if (folder / name).is_file()]
    found += sorted(file for file in folder.iterdir() if file.suffix in _WEIGHT_SUFFIXES)
    if not found:
        raise ModelUnavailable(f"{folder} holds no weights: a file ending in {', '.join(_WEIGHT_SUFFIXES)}.")
    return found[0]


def _from_file(path: Path, architecture: str | None) -> Source:
    if path.suffix not in _WEIGHT_SUFFIXES:
        raise SettingsError(
            f"embedder.model is {path}: a weights file ends in {', '.join(_WEIGHT_SUFFIXES)}."
        )
    if not architecture:
        raise SettingsError(
            f"embedder.model is the file {path}, which does not say what it is: give embedder.architecture, "
            "open_clip's name for it, such as ViT-B-32-256."
        )
    known = find(architecture)
    configuration = of_architecture(architecture, known.tag if known else "")
    tokenizer = path.with_name("tokenizer.json")
    return Source(
        _own(architecture, configuration, path), architecture, configuration, path, file_sha256(path),
        tokenizer if tokenizer.is_file() else None,
    )


def _own(name: str, configuration: Configuration, weights: Path | None) -> EmbedderModel:
    """A table entry for weights that are not in the table."""
    size_mb = weights.stat().st_size / 1e6 if weights else 0.0
    file = Weights(name, Url(str(weights or "untrained")), None, size_mb, "unknown", "ask who made it")
    known = find(name)
    return EmbedderModel(
        name=name, good_for="your own weights", dimension=configuration.dimension,
        input_px=configuration.preprocess.side_px, files=(file,), words=configuration.words,
        chance=known.chance if known else _UNKNOWN_CHANCE,
        words_chance=known.words_chance if known else _UNKNOWN_CHANCE,
        templates=known.templates if known else ("{}",),
    )
