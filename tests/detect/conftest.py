"""Pictures with people, and the real weights that lie beside the checkout on some machines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.packaged import packaged_file
from core.pictures import read_picture
from core.types import Image


@pytest.fixture(scope="session")
def collins() -> Image:
    return read_picture(packaged_file("skimage", "data/astronaut.png"))


@pytest.fixture(scope="session")
def hopper() -> Image:
    return read_picture(packaged_file("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"))


@pytest.fixture(scope="session")
def collins_face() -> np.ndarray:
    """The box of the face, read off the photograph by eye."""
    return np.array([[0.345, 0.13, 0.53, 0.36]], np.float32)


def _beside_the_checkout(name: str) -> Path:
    path = Path(__file__).resolve().parents[3] / "shared" / "models" / name
    if not path.exists():
        pytest.skip(f"the real weights {name} are not on this machine")
    return path


@pytest.fixture(scope="session")
def yunet_file() -> Path:
    return _beside_the_checkout("face_detection_yunet_2026may.onnx")


@pytest.fixture(scope="session")
def real_yolo() -> Path:
    return _beside_the_checkout("yolo11n_int8_openvino_model")
