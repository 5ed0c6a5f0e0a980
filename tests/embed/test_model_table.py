"""The table, held against what open_clip says of the same weights."""

from __future__ import annotations

import re

import pytest

from core.fetch import HuggingFace, Package, Url
from core.settings import load
from embed.models import EMBEDDERS, FACE_EMBEDDERS, find
from embed.open_clip_config import of_architecture

OPEN_CLIP = [model for model in EMBEDDERS.values() if model.tag]


def test_the_promised_models_are_there() -> None:
    assert {model.name for model in OPEN_CLIP} >= {
        "ViT-B-32-256", "ViT-B-32-SigLIP2-256", "ViT-B-16-SigLIP2", "MobileCLIP2-S0", "MobileCLIP2-S2",
        "ViT-L-14",
    }


@pytest.mark.parametrize("model", OPEN_CLIP, ids=lambda model: model.name)
def test_open_clip_knows_the_same_weights(model: object) -> None:
    open_clip = pytest.importorskip("open_clip")
    entry = EMBEDDERS[model.name]  # type: ignore[attr-defined]
    theirs = open_clip.get_pretrained_cfg(entry.name, entry.tag)
    source = entry.weights.source
    assert isinstance(source, HuggingFace)
    assert theirs["hf_hub"].rstrip("/") == source.repository
    ours = of_architecture(entry.name, entry.tag)
    config = open_clip.get_model_config(entry.name)
    assert entry.dimension == ours.dimension == config["embed_dim"]
    assert entry.input_px == ours.preprocess.side_px == config["vision_cfg"]["image_size"]
    for field in ("mean", "std", "interpolation", "resize_mode"):
        assert getattr(ours.preprocess, field) == theirs[field], field
    assert ours.context_length == config["text_cfg"]["context_length"]
    assert ours.tokenizer_file == any(file.file == "tokenizer.json" for file in entry.files)


def test_every_file_says_where_it_comes_from_and_what_its_licence_allows() -> None:
    files = [file for model in (*EMBEDDERS.values(), *FACE_EMBEDDERS.values()) for file in model.files]
    assert len({file.key for file in files}) == len(files)
    for file in files:
        assert isinstance(file.source, HuggingFace | Url | Package)
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256), file.key
        assert "commercial" in file.licence_note, file.key
        assert file.size_mb > 0


def test_models_for_research_only_say_so_and_are_in_no_profile() -> None:
    forbidden = {model.name for model in EMBEDDERS.values() if "forbids" in model.weights.licence_note}
    assert forbidden == {"MobileCLIP2-S0", "MobileCLIP2-S2"}
    for profile in ("offline", "default", "gpu"):
        assert load(overrides={"profile": profile}).embedder.model not in forbidden


def test_profiles_name_models_of_the_table() -> None:
    for profile in ("default", "gpu"):
        settings = load(overrides={"profile": profile})
        found = find(settings.embedder.model)
        assert found is not None and found.words
        assert settings.faces.model in FACE_EMBEDDERS


def test_names_are_found_in_any_case() -> None:
    assert find("vit-b-32-256") is EMBEDDERS["ViT-B-32-256"]
    assert find("nothing") is None
