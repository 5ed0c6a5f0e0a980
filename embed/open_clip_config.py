"""What an open_clip model looks like, read from its JSON: neither open_clip nor torch is imported for it."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelUnavailable, SettingsError
from core.packaged import packaged_file
from embed.preprocess import Preprocess

FOLDER_CONFIG = "open_clip_config.json"
_SIGLIP_SCALING = {"mean": 0.5, "std": 0.5, "resize_mode": "squash"}


@dataclass(frozen=True, slots=True)
class Configuration:
    """``tokenizer_file`` True when words need a ``tokenizer.json`` beside the weights; ``clean`` is how
    open_clip tidies words for this model; ``words`` False when we cannot tokenize for it."""

    dimension: int
    preprocess: Preprocess
    context_length: int
    tokenizer_file: bool
    clean: str
    words: bool = True


def of_architecture(architecture: str, tag: str = "") -> Configuration:
    """From open_clip's own table. Raises SettingsError for a name that it does not have, ModelUnavailable
    where it is not installed."""
    content = _packaged(architecture)
    siglip = "siglip" in architecture.lower()
    if tag.startswith("dfndr"):
        given: dict[str, Any] = {"mean": 0.0, "std": 1.0, "interpolation": "bilinear"}
    else:
        given = dict(_SIGLIP_SCALING) if siglip else {}
    return _of(content, given)


def of_folder(folder: Path) -> Configuration:
    """From the ``open_clip_config.json`` of a folder. Raises ModelUnavailable."""
    path = folder / FOLDER_CONFIG
    try:
        content = json.loads(path.read_text("utf-8"))
        return _of(content["model_cfg"], content.get("preprocess_cfg") or {})
    except OSError as error:
        reason = f"{FOLDER_CONFIG}: {error.strerror}"
        raise ModelUnavailable(f"{folder} is no open_clip model: {reason}.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"{path} does not describe an open_clip model: {error!r}.") from None


def _packaged(architecture: str) -> dict[str, Any]:
    try:
        anchor = packaged_file("open_clip", "model_configs/ViT-B-32.json")
    except ModelUnavailable:
        raise ModelUnavailable(
            f"{architecture} needs open_clip, which is not installed: pip install 'momentseek[models]'."
        ) from None
    path = anchor.with_name(f"{architecture}.json")
    if Path(architecture).name != architecture or not path.is_file():
        names = sorted(file.stem for file in anchor.parent.glob("*.json"))
        near = difflib.get_close_matches(architecture, names, 3, 0.3)
        raise SettingsError(f"open_clip has no architecture {architecture!r}; near it: {', '.join(near)}.")
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def _of(content: dict[str, Any], preprocess: dict[str, Any]) -> Configuration:
    text = content["text_cfg"]
    options = text.get("tokenizer_kwargs") or {}
    from_file = bool(text.get("hf_tokenizer_name"))
    # Towers from elsewhere put special tokens round the words in ways of their own.
    known = not text.get("hf_model_name") and not options.get("strip_sep_token")
    return Configuration(
        dimension=int(content["embed_dim"]),
        preprocess=Preprocess.of(content["vision_cfg"].get("image_size", 224), preprocess),
        context_length=int(text.get("context_length") or 77),
        tokenizer_file=from_file,
        clean=str(options.get("clean") or ("whitespace" if from_file else "lower")),
        words=known and not text.get("tokenizer_mode"),
    )
