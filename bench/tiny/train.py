"""python -m bench.tiny.train: makes the tiny weights again, measures them and writes the recipe down."""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench.tiny import CLIP_FOLDER, WEIGHTS, YOLO_WEIGHTS, clip_model, detector, measure

SEED = 20
MEASURE_SEED = 1_000_003
PACKAGES = ("torch", "ultralytics", "open_clip_torch", "numpy", "opencv-python")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    steps = {"yolo": (train_detector, assess_detector), "clip": (train_clip, assess_clip)}
    for name in steps if options.only is None else (options.only,):
        train, assess = steps[name]
        made: dict[str, object] = {}
        if not options.measure_only:
            started = time.monotonic()
            train(options.out, options.seed, options.threads)
            made = how_made(name, options.seed, time.monotonic() - started)
        entry = record(options.out, name, made | assess(options.out))
        print(json.dumps({name: entry}, indent=2))
    return 0


def train_detector(out: Path, seed: int, threads: int) -> None:
    with tempfile.TemporaryDirectory() as workdir:
        detector.train(detector.DetectorRecipe(seed=seed, threads=threads), Path(workdir), out)


def train_clip(out: Path, seed: int, threads: int) -> None:
    clip_model.train(clip_model.ClipRecipe(seed=seed, threads=threads), out / CLIP_FOLDER.name)


def assess_detector(out: Path) -> dict[str, object]:
    """What the recipe says about the detector in ``out``."""
    path = out / YOLO_WEIGHTS.name
    with tempfile.TemporaryDirectory() as workdir:
        detector.quiet_ultralytics(Path(workdir))
        accuracy = measure.detector(path, MEASURE_SEED, count=300)
    return {"files": {path.name: sha256(path)}, "accuracy": accuracy}


def assess_clip(out: Path) -> dict[str, object]:
    """What the recipe says about the image-text model in ``out``."""
    folder = out / CLIP_FOLDER.name
    files = {f"{folder.name}/{path.name}": sha256(path) for path in sorted(folder.iterdir())}
    return {"files": files, "accuracy": measure.clip(folder, MEASURE_SEED, count=300)}


def how_made(name: str, seed: int, seconds: float) -> dict[str, object]:
    return {
        "command": f"python -m bench.tiny.train --only {name} --seed {seed}",
        "seed": seed,
        "minutes": round(seconds / 60, 1),
        "python": platform.python_version(),
        "packages": {package: version(package) for package in PACKAGES},
    }


def record(out: Path, name: str, entry: dict[str, object]) -> dict[str, object]:
    """Put the entry into recipe.json, over what an earlier run said; its whole entry."""
    path = out / "recipe.json"
    recipe: dict[str, dict[str, object]] = json.loads(path.read_text()) if path.exists() else {}
    recipe[name] = recipe.get(name, {}) | {"measured_on_seed": MEASURE_SEED} | entry
    path.write_text(json.dumps(recipe, indent=2, sort_keys=True) + "\n")
    return recipe[name]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.tiny.train", description=__doc__)
    parser.add_argument("--only", choices=("yolo", "clip"), help="train one of the two (default: both)")
    parser.add_argument(
        "--out", type=Path, default=WEIGHTS, help="folder for the weights (default: in the tree)"
    )
    parser.add_argument(
        "--measure-only", action="store_true", help="do not train: measure what lies in --out"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--threads", type=int, default=1, help="processor threads (default: %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
