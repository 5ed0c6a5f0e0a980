"""Small real weights for tests: a YOLO and an open_clip model that know coloured shapes.

Both load through the code that loads the big ones::

    ultralytics.YOLO(YOLO_WEIGHTS)
    open_clip.create_model_and_transforms(CLIP_NAME)   # "local-dir:..." needs no registration
    open_clip.get_tokenizer(CLIP_NAME)

``python -m bench.tiny.train`` makes them again; README.md beside this file has the recipe.
"""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
YOLO_WEIGHTS = WEIGHTS / "yolo-tiny.pt"
CLIP_FOLDER = WEIGHTS / "clip-tiny"
CLIP_CONFIG = CLIP_FOLDER / "open_clip_config.json"
CLIP_WEIGHTS = CLIP_FOLDER / "open_clip_model.safetensors"
CLIP_NAME = f"local-dir:{CLIP_FOLDER}"
RECIPE = WEIGHTS / "recipe.json"
