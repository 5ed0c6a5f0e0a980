"""Weights without torch: the packaged file, both layouts, and pickles that want more than tensors."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelUnavailable
from core.fetch import fetch
from embed.models import EMBEDDERS
from embed.torch_file import read_state_dict


def packaged_weights() -> Path:
    return fetch(EMBEDDERS["mobilenetv2"].weights, Path())


def test_the_packaged_weights_are_all_there() -> None:
    weights = read_state_dict(packaged_weights())
    assert weights["features.0.0.weight"].shape == (32, 3, 3, 3)
    assert weights["features.18.0.weight"].shape == (1280, 320, 1, 1)
    assert len(weights) == 312
    assert all(np.isfinite(array).all() for array in weights.values())


def test_the_same_as_torch_reads(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    expected = torch.load(packaged_weights(), weights_only=True)
    again = tmp_path / "zip_layout.pt"
    torch.save(expected, again)
    for path in (packaged_weights(), again):
        weights = read_state_dict(path)
        assert weights.keys() == expected.keys()
        for name, tensor in expected.items():
            assert np.array_equal(weights[name], tensor.numpy()), name


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch hostile-was-here",)


@pytest.mark.parametrize("layout", ["zip", "legacy"])
def test_a_pickle_that_runs_things_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.pt"
    if layout == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps({"a": Hostile()}))
    else:
        path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(ModelUnavailable, match="only plain tensors"):
        read_state_dict(path)
    assert not (tmp_path / "hostile-was-here").exists()


@pytest.mark.parametrize("content", [b"", b"not weights at all", pickle.dumps(7)])
def test_anything_else_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pt"
    path.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"broken\.pt is not a readable weights file"):
        read_state_dict(path)
