"""The tiny weights load as the big ones do, are as good as they say, and their recipes still learn."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.tiny import CLIP_CONFIG, CLIP_FOLDER, CLIP_NAME, CLIP_WEIGHTS, RECIPE, WEIGHTS, YOLO_WEIGHTS
from bench.tiny.scenes import SHAPES
from bench.tiny.train import sha256

NEEDED = ("torch", "ultralytics", "open_clip", "skimage", "sklearn")
# Looked for, not imported: ultralytics reads where it may write on import, before a test can say so.
needs_models = pytest.mark.skipif(
    any(find_spec(name) is None for name in NEEDED), reason=f"one of {', '.join(NEEDED)} is not installed"
)

FRESH_SEED = 77
SAMPLING_SLACK = 0.06
"""Three standard deviations of a share near 0.95 over the hundred objects of 40 scenes."""


@pytest.fixture(scope="session")
def ultralytics_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ultralytics")


@pytest.fixture
def quiet(ultralytics_folder: Path) -> None:
    from bench.tiny.detector import quiet_ultralytics

    quiet_ultralytics(ultralytics_folder)


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(RECIPE.read_text())
    return loaded


def test_the_files_are_those_that_the_recipe_measured(recipe: dict[str, Any]) -> None:
    stated = {name: digest for part in recipe.values() for name, digest in part["files"].items()}
    assert {WEIGHTS / name for name in stated} == {YOLO_WEIGHTS, CLIP_CONFIG, CLIP_WEIGHTS}
    assert {name: sha256(WEIGHTS / name) for name in stated} == stated


def test_together_they_are_a_few_megabytes(recipe: dict[str, Any]) -> None:
    assert sum(path.stat().st_size for path in (YOLO_WEIGHTS, CLIP_WEIGHTS)) < 9e6


def test_the_stated_accuracy_is_what_the_tests_of_search_rely_on(recipe: dict[str, Any]) -> None:
    assert recipe["yolo"]["accuracy"]["map50"] >= 0.9
    assert recipe["clip"]["accuracy"]["zero_shot"] >= 0.95
    assert recipe["clip"]["accuracy"]["words_find"] >= 0.95
    assert recipe["clip"]["accuracy"]["crops_find"] >= 0.95


@needs_models
def test_the_detector_is_as_good_as_stated(quiet: None, recipe: dict[str, Any]) -> None:
    from bench.tiny import measure

    stated, fresh = recipe["yolo"]["accuracy"], measure.detector(YOLO_WEIGHTS, FRESH_SEED, count=40)
    for name in ("precision", "recall", "map50"):
        assert fresh[name] >= stated[name] - SAMPLING_SLACK, (name, fresh)


@needs_models
def test_the_detector_is_a_whole_checkpoint_of_nothing_but_known_classes(quiet: None) -> None:
    import torch
    from ultralytics import YOLO
    from ultralytics.nn.tasks import torch_safe_load

    torch_safe_load(str(YOLO_WEIGHTS), safe_only=True)
    model = YOLO(str(YOLO_WEIGHTS), verbose=False)
    assert tuple(model.names[number] for number in range(len(SHAPES))) == SHAPES
    assert model.overrides["imgsz"] == 320
    assert next(model.model.parameters()).dtype == torch.float32


def test_the_weights_say_nothing_about_the_machine_they_were_made_on() -> None:
    for path in (YOLO_WEIGHTS, CLIP_WEIGHTS, CLIP_CONFIG, RECIPE):
        content = path.read_bytes()
        for sign in (b"/tmp/", b"/home/", b"/root/", b"/work/"):
            assert sign not in content, (path.name, sign)


@needs_models
def test_words_and_pictures_are_as_good_as_stated(recipe: dict[str, Any]) -> None:
    from bench.tiny import measure

    stated, fresh = recipe["clip"]["accuracy"], measure.clip(CLIP_FOLDER, FRESH_SEED, count=80)
    for name in ("zero_shot", "words_find", "crops_find"):
        assert fresh[name] >= stated[name] - SAMPLING_SLACK, (name, fresh)


@needs_models
def test_a_registered_configuration_and_a_weights_file_give_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import open_clip
    import torch
    from open_clip import factory

    monkeypatch.setattr(factory, "_MODEL_CONFIG_PATHS", list(factory._MODEL_CONFIG_PATHS))
    monkeypatch.setattr(factory, "_MODEL_CONFIGS", dict(factory._MODEL_CONFIGS))
    config = tmp_path / "clip-tiny.json"
    config.write_text(json.dumps(json.loads(CLIP_CONFIG.read_text())["model_cfg"]))
    open_clip.add_model_config(config)
    named, _, _ = open_clip.create_model_and_transforms("clip-tiny", pretrained=str(CLIP_WEIGHTS))
    folder, _, _ = open_clip.create_model_and_transforms(CLIP_NAME)
    tokens = open_clip.get_tokenizer("clip-tiny")(["a red triangle"])
    assert torch.equal(tokens, open_clip.get_tokenizer(CLIP_NAME)(["a red triangle"]))
    with torch.inference_mode():
        assert torch.equal(named.eval().encode_text(tokens), folder.eval().encode_text(tokens))


@needs_models
def test_words_that_the_grammar_lacks_weigh_little() -> None:
    from bench.tiny.measure import ClipVectors

    texts = ["a red triangle", "a shiny red triangle", "a blue triangle", "a red circle"]
    _, words = ClipVectors(CLIP_FOLDER)([np.zeros((8, 8, 3), np.uint8)], texts)
    similarity = words @ words[0]
    assert similarity[1] > max(similarity[2:])


@pytest.mark.long
@needs_models
def test_a_shortened_recipe_still_teaches_words_and_pictures(tmp_path: Path) -> None:
    from bench.tiny import clip_model, measure

    short = clip_model.ClipRecipe(seed=1, steps=50, batch=64, easy_share=1.0)
    trained = clip_model.train(short, tmp_path)
    assert np.mean(trained.losses[-10:]) < 0.8 * np.mean(trained.losses[:5])
    # Chance is 1 in 36; in so few steps it learns the six colours, not the six shapes: about 1 in 6.
    assert measure.clip(tmp_path, FRESH_SEED, count=30)["zero_shot"] > 3 / 36


@pytest.mark.long
@needs_models
def test_a_shortened_recipe_still_teaches_the_detector(quiet: None, tmp_path: Path) -> None:
    from bench.tiny import detector

    short = detector.DetectorRecipe(
        seed=1,
        train_scenes=192,
        valid_scenes=32,
        epochs=8,
        image_size=128,
        learning_rate=0.01,
        object_share=(0.3, 0.6),
    )
    detector.train(short, tmp_path, tmp_path)
    with (tmp_path / "run" / "results.csv").open() as file:
        epochs = [{key.strip(): float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    first, last = epochs[0], epochs[-1]
    for loss in ("train/box_loss", "train/cls_loss"):
        assert last[loss] < 0.8 * first[loss], loss
    # Untrained it finds nothing; right boxes with the right one of six names are rare by chance.
    assert first["metrics/mAP50(B)"] < 0.01 < 0.04 < last["metrics/mAP50(B)"]
