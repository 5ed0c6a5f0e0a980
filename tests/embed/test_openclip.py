"""The open_clip embedder on the tiny model of bench/tiny: the code that the big ones take."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.tiny import CLIP_FOLDER, CLIP_WEIGHTS
from core.boxes import WHOLE
from core.errors import ModelUnavailable, SettingsError
from core.settings import EmbedderSettings, ModelsSettings
from core.types import Image, Vectors
from embed.embedder import TextEmbedder
from embed.embedders.mobilenet import MobileNetEmbedder
from embed.embedders.openclip import OpenClipEmbedder, choose_engine

pytest.importorskip("open_clip")

FRAME = np.array([WHOLE], np.float32)
COLOURS = {"red": (220, 40, 40), "green": (40, 180, 60), "blue": (40, 70, 220)}
NAMES = [f"{colour} {shape}" for colour in COLOURS for shape in ("circle", "square", "triangle")]


def settings(**given: Any) -> EmbedderSettings:
    return EmbedderSettings(**{"model": str(CLIP_FOLDER), "device": "cpu", **given})


def loaded(model_dir: Path, **given: Any) -> OpenClipEmbedder:
    return OpenClipEmbedder.from_settings(settings(**given), model_dir)


@pytest.fixture(scope="module")
def through_openvino(model_dir: Path) -> OpenClipEmbedder:
    return loaded(model_dir, engine="openvino", precision="fp32")


@pytest.fixture(scope="module")
def through_torch(model_dir: Path) -> OpenClipEmbedder:
    return loaded(model_dir, engine="torch", precision="fp32")


def of_frames(embedder: OpenClipEmbedder, images: list[Image]) -> Vectors:
    return np.concatenate(embedder.describe(embedder.encode(images), [FRAME] * len(images)))


def least_cosine(first: Vectors, second: Vectors) -> float:
    return float((first * second).sum(1).min())


def shape_picture(name: str, seed: int = 0) -> Image:
    """A shape on noise, drawn here rather than by the code that the model was trained with."""
    import cv2

    colour, shape = name.split()
    rgb = COLOURS[colour]
    noise = np.random.default_rng(seed).integers(90, 160, (12, 12, 3), np.uint8)
    image = cv2.resize(noise, (96, 96), interpolation=cv2.INTER_CUBIC)
    if shape == "circle":
        cv2.circle(image, (48, 48), 32, rgb, -1, cv2.LINE_AA)
    elif shape == "square":
        cv2.rectangle(image, (20, 20), (76, 76), rgb, -1)
    else:
        cv2.fillPoly(image, [np.array([[48, 16], [80, 74], [16, 74]])], rgb, cv2.LINE_AA)
    return np.asarray(image, np.uint8)


@pytest.fixture(scope="module")
def images(photographs: dict[str, Image]) -> list[Image]:
    """Shapes, which the tiny model tells apart, and photographs, which are all much the same to it."""
    return [*(shape_picture(name) for name in NAMES), *photographs.values()]


def test_the_pictures_differ_enough_to_show_a_mistake(
    through_torch: OpenClipEmbedder, images: list[Image]
) -> None:
    vectors = of_frames(through_torch, images[: len(NAMES)])
    assert np.median(vectors @ vectors.T) < 0.6


def test_both_engines_give_the_same_vectors(
    through_openvino: OpenClipEmbedder, through_torch: OpenClipEmbedder, images: list[Image]
) -> None:
    assert least_cosine(of_frames(through_openvino, images), of_frames(through_torch, images)) > 0.9999
    words = ["a red star", "two dogs, one cat & a 寿司", ""]
    assert least_cosine(
        through_openvino.describe_words(words), through_torch.describe_words(words)
    ) > 0.9999
    assert through_openvino.fingerprint == through_torch.fingerprint


def test_they_are_the_vectors_that_open_clip_itself_gives(
    through_openvino: OpenClipEmbedder, images: list[Image]
) -> None:
    import open_clip
    import torch
    from PIL import Image as Pillow

    from bench.tiny import CLIP_NAME

    model, _, transform = open_clip.create_model_and_transforms(CLIP_NAME)
    model.eval()
    words = ["a red star", "a photo of a blue ring"]
    with torch.no_grad():
        batch = torch.stack([transform(Pillow.fromarray(image)) for image in images])
        pictures = model.encode_image(batch, normalize=True).numpy()
        texts = model.encode_text(open_clip.get_tokenizer(CLIP_NAME)(words), normalize=True).numpy()
    assert least_cosine(of_frames(through_openvino, images), pictures) > 0.9999
    assert least_cosine(through_openvino.describe_words(words), texts) > 0.9999


def test_vectors_are_unit_and_the_batch_does_not_matter(
    model_dir: Path, through_openvino: OpenClipEmbedder, images: list[Image]
) -> None:
    both = np.array([WHOLE, (0.1, 0.2, 0.6, 0.9)], np.float32)
    boxes = [both[: number % 3] for number in range(len(images))]
    together = through_openvino.describe(through_openvino.encode(images), boxes)
    assert [rows.shape for rows in together] == [(number % 3, 128) for number in range(len(images))]
    one_by_one = loaded(model_dir, engine="openvino", precision="fp32", batch=1)
    for image, own, rows in zip(images, boxes, together, strict=True):
        alone = one_by_one.describe(one_by_one.encode([image]), [own])[0]
        assert rows == pytest.approx(alone, abs=1e-5)
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


def test_nothing_to_describe(through_openvino: OpenClipEmbedder, photographs: dict[str, Image]) -> None:
    assert through_openvino.describe([], []) == []
    none = through_openvino.describe(through_openvino.encode([photographs["coffee"]]), [FRAME[:0]])
    assert none[0].shape == (0, 128)
    assert through_openvino.describe_words([]).shape == (0, 128)


def test_a_box_is_described_by_the_pixels_in_it(through_openvino: OpenClipEmbedder) -> None:
    """Four shapes on one picture, boxes given in another order."""
    names = ["red circle", "blue square", "green triangle", "blue circle"]
    pieces = [shape_picture(name) for name in names]
    upper, lower = np.concatenate(pieces[:2], 1), np.concatenate(pieces[2:], 1)
    quarters = [(0.5, 0.5, 1, 1), (0, 0, 0.5, 0.5), (0, 0.5, 0.5, 1), (0.5, 0, 1, 0.5)]
    encodings = through_openvino.encode([np.concatenate([upper, lower])])
    boxed = through_openvino.describe(encodings, [np.array(quarters, np.float32)])[0]
    cut = of_frames(through_openvino, [pieces[place] for place in (3, 0, 2, 1)])
    assert least_cosine(boxed, cut) > 0.9999


def test_words_find_pictures_and_pictures_find_words(through_openvino: OpenClipEmbedder) -> None:
    pictures = of_frames(through_openvino, [shape_picture(name) for name in NAMES])
    words = through_openvino.describe_words([f"a {name}" for name in NAMES])
    found = (words @ pictures.T).argmax(1)
    assert (found == np.arange(len(NAMES))).mean() >= 0.85
    assert ((pictures @ words.T).argmax(1) == np.arange(len(NAMES))).mean() >= 0.85


def test_templates_are_averaged(model_dir: Path) -> None:
    plain = loaded(model_dir, engine="openvino", precision="fp32")
    both = loaded(model_dir, engine="openvino", precision="fp32", templates=("{}", "a photo of {}"))
    apart = plain.describe_words(["a red star", "a photo of a red star"])
    mean = apart.mean(0) / np.linalg.norm(apart.mean(0))
    assert both.describe_words(["a red star"])[0] == pytest.approx(mean, abs=1e-5)


def test_a_template_needs_a_place_for_the_words() -> None:
    with pytest.raises(ValueError, match=r"needs \{\} once"):
        settings(templates=("a photo",))


def test_the_automatic_precision_is_checked_once_and_keeps_the_vectors(
    model_dir: Path, tmp_path: Path, through_openvino: OpenClipEmbedder, images: list[Image]
) -> None:
    from embed.runtime import has_bf16

    key = through_openvino.fingerprint["weights"]
    for file in (*model_dir.glob(f"open_clip-*-{key}.xml"), *model_dir.glob(f"open_clip-*-{key}.bin")):
        shutil.copy(file, tmp_path)
    automatic = loaded(tmp_path, engine="openvino", precision="auto")
    assert least_cosine(of_frames(automatic, images), of_frames(through_openvino, images)) >= 0.995
    record = next(tmp_path.glob("*.precision.json"))
    verdict = json.loads(record.read_text())
    assert verdict["bf16"] == (automatic.precision == "bf16")
    if has_bf16():
        assert verdict["pictures"] >= 24
        assert (verdict["least_cosine"] >= 0.995) == verdict["bf16"]
    record.write_text(json.dumps({**verdict, "bf16": False}))
    assert loaded(tmp_path, engine="openvino", precision="auto").precision == "fp32"
    record.write_text(json.dumps({**verdict, "processor": "another", "bf16": not verdict["bf16"]}))
    assert loaded(tmp_path, engine="openvino", precision="auto").precision == automatic.precision


def test_torch_computes_in_bf16_too(
    model_dir: Path, through_torch: OpenClipEmbedder, images: list[Image]
) -> None:
    half = loaded(model_dir, engine="torch", precision="bf16")
    assert least_cosine(of_frames(half, images), of_frames(through_torch, images)) > 0.99
    assert half.fingerprint == through_torch.fingerprint


def test_once_converted_neither_torch_nor_open_clip_is_imported(
    through_openvino: OpenClipEmbedder, model_dir: Path, repository: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from core.settings import EmbedderSettings\n"
        "from embed.embedders.openclip import OpenClipEmbedder\n"
        "chosen = EmbedderSettings(model=sys.argv[1], device='cpu', precision='fp32')\n"
        "embedder = OpenClipEmbedder.from_settings(chosen, Path(sys.argv[2]))\n"
        "image = np.zeros((80, 90, 3), np.uint8)\n"
        "embedder.describe(embedder.encode([image]), [np.float32([[0, 0, 1, 1]])])\n"
        "words = embedder.describe_words(['a red star'])\n"
        "print(words.shape, 'torch' in sys.modules, 'open_clip' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(CLIP_FOLDER), str(model_dir)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-2] == "(1, 128) False False"


def test_weights_are_recognised_wherever_they_lie(
    through_openvino: OpenClipEmbedder, model_dir: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(CLIP_FOLDER, tmp_path / "moved")
    again = loaded(model_dir, model=str(moved), engine="openvino", precision="fp32")
    assert again.fingerprint == through_openvino.fingerprint
    config = moved / "open_clip_config.json"
    config.write_text(config.read_text().replace("bicubic", "bilinear"))
    other = loaded(model_dir, model=str(moved), engine="torch", precision="fp32")
    assert other.fingerprint["weights"] != through_openvino.fingerprint["weights"]
    assert other.fingerprint["preprocessing"] != through_openvino.fingerprint["preprocessing"]


@pytest.mark.long
def test_a_weights_file_with_its_architecture(tmp_path: Path) -> None:
    """RN50's shape with random numbers, saved as a file of one's own."""
    import torch

    from embed.open_clip_torch import load_model
    from embed.sources import untrained

    torch.save(load_model(untrained("RN50", seed=3)).state_dict(), tmp_path / "mine.pt")
    given = {"model": str(tmp_path / "mine.pt"), "engine": "torch", "precision": "fp32"}
    with pytest.raises(SettingsError, match=r"give embedder\.architecture"):
        loaded(tmp_path, **given)
    embedder = loaded(tmp_path, **given, architecture="RN50")
    expected, other = (
        OpenClipEmbedder.untrained("RN50", tmp_path, settings(engine="torch", precision="fp32"), seed)
        for seed in (3, 4)
    )
    image = [shape_picture("red circle")]
    assert embedder.dimension == 1024
    assert least_cosine(of_frames(embedder, image), of_frames(expected, image)) > 0.99999
    assert least_cosine(of_frames(embedder, image), of_frames(other, image)) < 0.9


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"model": "no-such-model"}, SettingsError, "neither a file or folder here nor one of"),
        ({"engine": "openvino", "precision": "fp16"}, SettingsError, "fp16 needs engine: torch"),
        ({"engine": "torch", "precision": "fp16"}, SettingsError, "which needs a GPU"),
        ({"engine": "torch", "device": "nonsense"}, SettingsError, "it may be auto, cpu, cuda"),
        ({"engine": "torch", "device": "cuda:99"}, SettingsError, "GPUs on this machine"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    model_dir: Path, given: dict[str, str], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as refused:
        loaded(model_dir, **given)
    assert "\n" not in str(refused.value)


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="is no open_clip model"):
        loaded(tmp_path, model=str(tmp_path))
    shutil.copy(CLIP_FOLDER / "open_clip_config.json", tmp_path)
    with pytest.raises(ModelUnavailable, match="holds no weights"):
        loaded(tmp_path, model=str(tmp_path))


def test_weights_of_the_table_come_from_a_mirror_or_say_where_they_come_from(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="momentseek models pull ViT-B-32-256"):
        OpenClipEmbedder.from_settings(
            EmbedderSettings(model="vit-b-32-256"), tmp_path, ModelsSettings(offline=True)
        )


def test_only_open_clip_knows_words(through_openvino: OpenClipEmbedder, model_dir: Path) -> None:
    assert isinstance(through_openvino, TextEmbedder)
    assert not isinstance(MobileNetEmbedder(model_dir), TextEmbedder)


def test_the_engine_follows_the_device() -> None:
    assert choose_engine("torch", "cpu") == "torch"
    assert choose_engine("auto", "cuda:0") == "torch"
    assert choose_engine("auto", "cpu") == "openvino"


def test_a_batch_that_memory_allows() -> None:
    from embed.towers_torch import batch_that_fits

    assert batch_that_fits(140_000_000_000, 20_000_000) == 512
    assert batch_that_fits(1_000_000_000, 20_000_000) == 16
    assert batch_that_fits(1_000, 20_000_000) == 1


def test_the_tiny_weights_are_there() -> None:
    assert CLIP_WEIGHTS.is_file()
