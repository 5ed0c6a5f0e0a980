"""SFace's path with a real small network of the same input and output, written here as ONNX."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import ModelUnavailable
from core.settings import ModelsSettings
from core.types import Faces, Image
from embed.embedders.sface import SFaceEmbedder
from embed.models import FACE_EMBEDDERS

TEMPLATE_XY = [(38.29, 51.69), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20)]
"""Where OpenCV puts the five points in the 112 x 112 picture (ArcFace's template)."""


def field(number: int, value: int | bytes | str | Sequence[int]) -> bytes:
    """One field of a protocol buffer: numbers as varints, the rest as bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    if not isinstance(value, bytes):
        value = b"".join(varint(one) for one in value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def tensor_info(name: str, shape: Sequence[int]) -> bytes:
    dimensions = b"".join(field(1, field(1, side)) for side in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dimensions)))


def ints(name: str, values: Sequence[int]) -> bytes:
    return field(5, field(1, name) + b"".join(field(8, value) for value in values) + field(20, 7))


def small_network() -> bytes:
    """A convolution of 14 x 14 blocks with two filters, (1, 3, 112, 112) -> (1, 128): 8 x 8 means of red
    minus green, and of blue minus green. The numbers of the fields are those of onnx.proto."""
    kernel = np.zeros((2, 3, 14, 14), np.float32)
    kernel[0, 0], kernel[0, 1], kernel[1, 2], kernel[1, 1] = 1 / 196, -1 / 196, 1 / 196, -1 / 196
    weights = b"".join(field(1, side) for side in kernel.shape) + field(2, 1) + field(8, "kernel")
    weights += field(9, kernel.tobytes())
    convolution = field(1, "data") + field(1, "kernel") + field(2, "blocks") + field(4, "Conv")
    convolution += ints("kernel_shape", (14, 14)) + ints("strides", (14, 14))
    flatten = field(1, "blocks") + field(2, "fc1") + field(4, "Flatten")
    graph = field(1, convolution) + field(1, flatten) + field(2, "small") + field(5, weights)
    graph += field(11, tensor_info("data", (1, 3, 112, 112))) + field(12, tensor_info("fc1", (1, 128)))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> SFaceEmbedder:
    path = tmp_path_factory.mktemp("sface") / "small.onnx"
    path.write_bytes(small_network())
    return SFaceEmbedder(path)


def face_at(matrix: NDArray[np.float64], size_wh: tuple[int, int], seed: int = 0) -> tuple[Image, Faces]:
    """A 112 x 112 pattern moved into a picture by ``matrix`` (2, 3), and its five points there."""
    rng = np.random.default_rng(seed)
    pattern = cv2.resize(rng.integers(0, 256, (8, 8, 3), np.uint8), (112, 112), interpolation=cv2.INTER_CUBIC)
    image = np.asarray(cv2.warpAffine(pattern, matrix, size_wh, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    points = np.asarray(TEMPLATE_XY) @ matrix[:, :2].T + matrix[:, 2]
    low, high = points.min(0) / size_wh, points.max(0) / size_wh
    box = np.clip(np.concatenate([low, high]), 0, 1)[None].astype(np.float32)
    landmarks = (points / size_wh)[None].astype(np.float32)
    return image, Faces(box, np.ones(1, np.float32), landmarks)


def moved(angle_degrees: float, scale: float, to_xy: tuple[float, float]) -> NDArray[np.float64]:
    matrix = cv2.getRotationMatrix2D((56, 56), angle_degrees, scale)
    matrix[:, 2] += np.asarray(to_xy) - 56
    return np.asarray(matrix, np.float64)


UPRIGHT = moved(0, 1, (200, 150))


def test_the_five_points_come_to_their_places(embedder: SFaceEmbedder) -> None:
    image, faces = face_at(moved(25, 2.1, (260, 190)), (520, 400))
    marked = np.zeros_like(image)
    for number, (x, y) in enumerate(faces.landmarks_xy[0] * (520, 400)):
        cv2.circle(marked, (round(float(x)), round(float(y))), 4, (50 * (number + 1), 0, 0), -1)
    aligned = embedder.aligned(marked, faces)[0]
    assert aligned.shape == (112, 112, 3)
    for number, (x, y) in enumerate(TEMPLATE_XY):
        patch = aligned[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2, 0]
        assert abs(int(patch.max()) - 50 * (number + 1)) < 15


@pytest.mark.parametrize("move", [(0, 2.0, (300, 220)), (40, 1.5, (250, 200)), (-75, 1.0, (120, 180)),
                                  (180, 1.3, (310, 240))])
def test_a_face_keeps_its_vector_when_it_moves_turns_and_grows(
    embedder: SFaceEmbedder, move: tuple[float, float, tuple[float, float]]
) -> None:
    image, faces = face_at(UPRIGHT, (520, 400))
    again, there = face_at(moved(*move), (520, 400))
    other, elsewhere = face_at(UPRIGHT, (520, 400), seed=1)
    vector = embedder.describe(image, faces)[0]
    assert float(vector @ embedder.describe(again, there)[0]) > 0.98
    assert float(vector @ embedder.describe(other, elsewhere)[0]) < 0.5


def test_the_channels_are_in_the_order_that_the_network_wants(embedder: SFaceEmbedder) -> None:
    """The first 64 numbers are red minus green: on a red picture they are the only ones that are positive."""
    _, faces = face_at(UPRIGHT, (520, 400))
    red = np.zeros((400, 520, 3), np.uint8)
    red[..., 0] = 200
    vector = embedder.describe(red, faces)[0]
    assert (vector[:64] > 0.1).all()
    assert np.abs(vector[64:]).max() < 0.01


def test_vectors_are_unit_rows_and_none_is_an_ordinary_value(embedder: SFaceEmbedder) -> None:
    image, faces = face_at(UPRIGHT, (520, 400))
    both = faces[np.array([0, 0])]
    vectors = embedder.describe(image, both)
    assert vectors.shape == (2, 128) == (2, embedder.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert embedder.describe(image, Faces.empty()).shape == (0, 128)


def test_other_landmarks_are_refused(embedder: SFaceEmbedder) -> None:
    image, faces = face_at(UPRIGHT, (520, 400))
    four = Faces(faces.box_xyxy, faces.score, faces.landmarks_xy[:, :4])
    with pytest.raises(ValueError, match="aligns by 5 points; 4 were given"):
        embedder.describe(image, four)


@pytest.fixture
def quiet_stderr() -> Iterator[None]:
    """OpenCV writes to the process's own stderr what it also raises."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    yield
    os.dup2(kept, 2)
    os.close(kept)
    os.close(nowhere)


@pytest.mark.usefixtures("quiet_stderr")
def test_a_broken_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "sface.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelUnavailable, match="cannot be read as SFace") as refused:
        SFaceEmbedder(path)
    assert "\n" not in str(refused.value)


def test_without_a_network_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="momentseek models pull sface"):
        SFaceEmbedder.from_settings(tmp_path, ModelsSettings(offline=True))


def test_the_published_threshold_is_in_the_table() -> None:
    low, medium, high = FACE_EMBEDDERS["sface"].same_person
    assert low == 0.363 < medium < high
