"""The tiny YOLO: YOLO11 at half the width of its smallest size, trained by ultralytics' own trainer."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from bench.tiny import YOLO_WEIGHTS
from bench.tiny.pictures import SIZES_WH
from bench.tiny.scenes import HELD_OUT_PHOTOS, SHAPES, TRAIN_PHOTOS, Scene, make_scene
from detect.quiet_ultralytics import load_ultralytics


@dataclass(frozen=True, slots=True)
class DetectorRecipe:
    seed: int
    threads: int = 1
    train_scenes: int = 3000
    valid_scenes: int = 120
    epochs: int = 10
    image_size: int = 320
    batch: int = 16
    learning_rate: float = 0.004
    object_share: tuple[float, float] = (0.1, 0.6)


def train(recipe: DetectorRecipe, workdir: Path, out: Path) -> Path:
    """Train on scenes written to ``workdir`` and keep the best half-precision weights in ``out``.

    Returns the path of the weights; ``workdir/run/results.csv`` has the losses of each epoch.
    """
    quiet_ultralytics(workdir)
    from ultralytics import YOLO

    data = write_dataset(workdir / "data", recipe)
    model = YOLO(str(write_architecture(workdir / "yolo11-tiny.yaml")), task="detect", verbose=False)
    model.add_callback("on_pretrain_routine_start", lambda _: _set_threads(recipe.threads))
    model.train(data=str(data), project=str(workdir), name="run", **_trainer_settings(recipe))
    path = out / YOLO_WEIGHTS.name
    keep(workdir / "run" / "weights" / "best.pt", path)
    return path


def quiet_ultralytics(workdir: Path) -> None:
    """Keep ultralytics off the network and out of the home folder; to be called before it is imported.

    It asks for a font before training, even when nothing is plotted, and would fetch one.
    """
    folder = workdir / "Ultralytics"
    folder.mkdir(parents=True, exist_ok=True)
    load_ultralytics(workdir)
    from matplotlib import get_data_path
    from ultralytics.utils import USER_CONFIG_DIR

    font = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    if not (USER_CONFIG_DIR / "Arial.ttf").exists():
        shutil.copy(font, USER_CONFIG_DIR / "Arial.ttf")


def write_architecture(path: Path) -> Path:
    """YOLO11 with an eighth of its full width (the smallest published size has a quarter)."""
    import ultralytics

    original = Path(ultralytics.__file__).parent / "cfg" / "models" / "11" / "yolo11.yaml"
    layout: dict[str, Any] = yaml.safe_load(original.read_text())
    del layout["scales"]
    layout.update(nc=len(SHAPES), depth_multiple=0.33, width_multiple=0.125)
    path.write_text(yaml.safe_dump(layout))
    return path


def write_dataset(folder: Path, recipe: DetectorRecipe) -> Path:
    """Pictures and labels in YOLO's layout; the path of the data.yaml."""
    rng = np.random.default_rng(recipe.seed)
    splits = {"train": (recipe.train_scenes, TRAIN_PHOTOS), "val": (recipe.valid_scenes, HELD_OUT_PHOTOS)}
    for split, (count, photos) in splits.items():
        images, labels = folder / "images" / split, folder / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for number in range(count):
            size_wh = SIZES_WH[int(rng.integers(len(SIZES_WH)))]
            scene = make_scene(rng, size_wh, int(rng.integers(0, 6)), photos, recipe.object_share)
            cv2.imwrite(str(images / f"{number:05}.jpg"), scene.image[..., ::-1])
            (labels / f"{number:05}.txt").write_text(yolo_labels(scene))
    described = {"path": str(folder), "train": "images/train", "val": "images/val", "names": list(SHAPES)}
    (folder / "data.yaml").write_text(yaml.safe_dump(described))
    return folder / "data.yaml"


def yolo_labels(scene: Scene) -> str:
    """One line per object: class, centre x, centre y, width, height, all shares of the picture."""
    lines = []
    for box, shape in zip(scene.boxes_xyxy, scene.shapes, strict=True):
        centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        numbers = " ".join(f"{value:.6f}" for value in (*centre, *size))
        lines.append(f"{SHAPES.index(shape)} {numbers}")
    return "\n".join(lines)


def keep(checkpoint: Path, path: Path) -> None:
    """Write the stripped checkpoint without what it says about the machine it was trained on."""
    import torch
    from ultralytics import __version__
    from ultralytics.utils.torch_utils import strip_optimizer

    model = strip_optimizer(checkpoint)["model"]
    settings = {"task": "detect", "imgsz": int(model.args["imgsz"]), "single_cls": False}
    model.args = settings
    model.yaml = {key: value for key, value in model.yaml.items() if key != "yaml_file"}
    for name in ("pt_path", "yaml_file"):
        model.__dict__.pop(name, None)
    torch.save({"model": model, "train_args": settings, "epoch": -1, "version": __version__}, path)


def _trainer_settings(recipe: DetectorRecipe) -> dict[str, Any]:
    return {
        "imgsz": recipe.image_size,
        "epochs": recipe.epochs,
        "batch": recipe.batch,
        "nbs": recipe.batch,
        "seed": recipe.seed,
        "optimizer": "AdamW",
        "lr0": recipe.learning_rate,
        "cos_lr": True,
        "warmup_epochs": 0.5,
        "mosaic": 0.0,
        "scale": 0.3,
        "degrees": 0.0,
        "erasing": 0.0,
        "hsv_h": 0.5,
        "cache": False,
        "pretrained": False,
        "device": "cpu",
        "workers": 0,
        "amp": False,
        "plots": False,
        "verbose": False,
        "exist_ok": True,
        "deterministic": True,
    }


def _set_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
