"""A silent change of preprocessing or weights moves these numbers; bench/canonical.py is their recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.canonical import CASES, FOLDER

NEEDS = {"open_clip_tiny": "open_clip"}


def nearly(expected: list[float]) -> Any:
    """Processors add up in another order; a changed preprocessing moves numbers by hundredths."""
    return pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("name", CASES)
def test_the_first_values_are_the_canonical_ones(name: str, model_dir: Path) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    kept, now = json.loads((FOLDER / f"{name}.json").read_text("utf-8")), CASES[name](model_dir)
    for key, value in now.items():
        assert kept[key] == (value if key == "fingerprint" else nearly(value)), key


def test_every_file_has_its_recipe() -> None:
    assert sorted(file.stem for file in FOLDER.iterdir()) == sorted(CASES)


def test_a_shift_of_a_pixel_would_be_noticed(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tolerance is narrow enough: it tells the picture from its neighbour."""
    from bench import canonical

    whole = json.loads((FOLDER / "mobilenetv2.json").read_text("utf-8"))["whole"]
    shifted = canonical.picture()[4:, 4:]
    monkeypatch.setattr(canonical, "picture", lambda: shifted)
    assert CASES["mobilenetv2"](model_dir)["whole"] != nearly(whole)
