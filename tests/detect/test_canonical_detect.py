"""Every detector still finds what it found when its values were written down."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.canonical_detect import FOLDER, RECIPES, main, measure


def canonical(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return content


def needed(name: str, request: pytest.FixtureRequest) -> Path:
    if "ultralytics" in RECIPES[name].packages and not (find_spec("torch") and find_spec("ultralytics")):
        pytest.skip("needs torch and ultralytics")
    fixtures = {"yunet": "yunet_file", "yolo11n-int8": "real_yolo"}
    return Path(request.getfixturevalue(fixtures[name])) if name in fixtures else Path()


def test_every_detector_has_its_values() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(RECIPES)
    for name in RECIPES:
        assert len(canonical(name)["score"]) >= 1
        assert set(canonical(name)["packages"]) == set(RECIPES[name].packages)


@pytest.mark.parametrize("name", RECIPES)
def test_the_values_are_still_the_same(name: str, model_dir: Path, request: pytest.FixtureRequest) -> None:
    now, then, recipe = measure(name, model_dir, needed(name, request)), canonical(name), RECIPES[name]
    same = now["picture_sha256"] == then["picture_sha256"]
    where = "" if same else " (of another picture: look there first)"
    assert now.get("label") == then.get("label"), f"label{where}"
    for key, tolerance in (("box_xyxy", recipe.box), ("score", recipe.score), ("landmarks_xy", recipe.box)):
        first, second = np.array(now.get(key, [])), np.array(then.get(key, []))
        assert first.shape == second.shape, f"{key}{where}"
        assert np.abs(first - second).max(initial=0) <= tolerance, f"{key}{where}"


@pytest.mark.long
def test_the_recipe_writes_what_the_test_reads(tmp_path: Path) -> None:
    if not (find_spec("torch") and find_spec("ultralytics")):
        pytest.skip("needs torch and ultralytics")
    assert main(["--out", str(tmp_path)]) == 0
    assert {path.stem for path in tmp_path.glob("*.json")} == {"salient", "dlib", "yolo-tiny"}
    for path in tmp_path.glob("*.json"):
        assert json.loads(path.read_text("utf-8")).keys() == canonical(path.stem).keys()
