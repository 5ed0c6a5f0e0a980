"""The tiny YOLO, trained on coloured shapes, through the code that runs the big ones."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
if find_spec("ultralytics") is None:  # Importing it here would let it do what load_ultralytics prevents.
    pytest.skip("needs ultralytics", allow_module_level=True)

from bench.tiny import YOLO_WEIGHTS  # noqa: E402
from bench.tiny.scenes import HELD_OUT_PHOTOS, Scene, make_scene  # noqa: E402
from core.boxes import iou  # noqa: E402
from core.errors import ModelUnavailable, SettingsError  # noqa: E402
from core.settings import DetectorSettings  # noqa: E402
from core.types import Image, Regions  # noqa: E402
from detect.detectors.yolo import YoloDetector, load_yolo  # noqa: E402

SIZES_WH = [(320, 320), (320, 180), (180, 320), (427, 240), (640, 480), (301, 333)]


def load(model_dir: Path, model: Path = YOLO_WEIGHTS, **settings: Any) -> YoloDetector:
    chosen = DetectorSettings(
        **{"model": str(model), "trust_local_pickle": True, "input_px": 320, **settings})
    return load_yolo(chosen, model_dir)


@pytest.fixture(scope="module")
def tiny(model_dir: Path) -> YoloDetector:
    return load(model_dir)


def scenes(count: int, sizes: Sequence[tuple[int, int]] = SIZES_WH) -> list[Scene]:
    rng = np.random.default_rng(7)
    return [make_scene(rng, sizes[i % len(sizes)], photos=HELD_OUT_PHOTOS) for i in range(count)]


def overlap_with_truth(found: list[Regions], truth: list[Scene]) -> np.ndarray:
    """Of each painted object: the best IoU of a region with the right label."""
    best = []
    for regions, scene in zip(found, truth, strict=True):
        for box, shape in zip(scene.boxes_xyxy, scene.shapes, strict=True):
            right = regions[np.array([label == shape for label in regions.label], bool)]
            best.append(iou(box[None], right.box_xyxy).max() if len(right) else 0.0)
    return np.array(best)


def test_it_knows_what_its_classes_are_called(tiny: YoloDetector) -> None:
    assert tiny.names == ("circle", "square", "triangle", "star", "cross", "ring")


def test_painted_shapes_are_found_named_and_placed(tiny: YoloDetector) -> None:
    """Frames of many proportions, most of them not square, on photographs it was not trained on."""
    made = scenes(48)
    best = overlap_with_truth(tiny.detect([scene.image for scene in made], []), made)
    assert len(best) > 100
    # Its recall on the square frames of its training is 0.97; things in narrower frames come out smaller.
    assert (best > 0.5).mean() > 0.75
    assert np.median(best[best > 0]) > 0.88


def test_regions_are_those_of_ultralytics_own_predict(tiny: YoloDetector, model_dir: Path) -> None:
    """Another way through the same library: letterbox, network, suppression and the way back must agree."""
    from ultralytics import YOLO

    theirs = YOLO(str(YOLO_WEIGHTS), task="detect", verbose=False)
    ours = load(model_dir, engine="torch", precision="fp32")
    for scene in scenes(12):
        answer = theirs.predict(
            scene.image[..., ::-1], imgsz=320, conf=0.1, iou=0.6, agnostic_nms=True, max_det=12,
            verbose=False, save=False, device="cpu",
        )[0].boxes
        regions = ours.detect([scene.image])[0]
        assert np.abs(regions.box_xyxy - np.clip(answer.xyxyn.numpy(), 0, 1)).max(initial=0) < 1e-4
        assert np.abs(regions.score - answer.conf.numpy()).max(initial=0) < 1e-4
        shown = [name for name, score in zip(answer.cls, answer.conf, strict=True) if score >= 0.35]
        assert [label for label in regions.label if label] == [tiny.names[int(number)] for number in shown]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_frames_that_were_turned(tiny: YoloDetector, turns: int) -> None:
    made = scenes(16, [(480, 270)])
    turned = [np.ascontiguousarray(np.rot90(scene.image, turns)) for scene in made]
    expected = []
    for scene in made:
        boxes = scene.boxes_xyxy
        for _ in range(turns):
            boxes = np.stack([boxes[:, 1], 1 - boxes[:, 2], boxes[:, 3], 1 - boxes[:, 0]], axis=1)
        expected.append(boxes)
    best = [
        iou(box[None], regions.box_xyxy).max() if len(regions) else 0.0
        for regions, boxes in zip(tiny.detect(turned), expected, strict=True) for box in boxes
    ]
    assert np.mean(np.array(best) > 0.7) > 0.75


def test_a_larger_frame_of_the_same_scene_has_the_same_boxes(tiny: YoloDetector) -> None:
    image = scenes(1, [(320, 180)])[0].image
    large = cv2.resize(image, (960, 540), interpolation=cv2.INTER_CUBIC)
    small_regions, large_regions = tiny.detect([image, large])
    sure = small_regions[small_regions.score > 0.5]
    assert len(sure) >= 2
    assert iou(sure.box_xyxy, large_regions.box_xyxy).max(axis=1).min() > 0.85


def test_a_plain_wall_has_no_regions(tiny: YoloDetector) -> None:
    assert len(tiny.detect([np.full((240, 320, 3), 120, np.uint8)])[0]) == 0


@pytest.mark.parametrize(
    ("engine", "precision"), [("torch", "fp32"), ("openvino", "fp32"), ("openvino", "auto")]
)
def test_every_engine_gives_the_same_boxes(
    engine: str, precision: str, tiny: YoloDetector, model_dir: Path
) -> None:
    images = [scene.image for scene in scenes(12)]
    other = load(model_dir, engine=engine, precision=precision).detect(images)
    compare(tiny.detect(images), other, least_iou=0.93, score=0.06)


def compare(first: list[Regions], second: list[Regions], least_iou: float, score: float) -> None:
    """What one of them is sure of, the other has too. bf16 keeps 8 bits of a number: 0.4 % of a side,
    more of a score near the middle of the sigmoid."""
    for one, other in ((first, second), (second, first)):
        for mine, theirs in zip(one, other, strict=True):
            for row in np.flatnonzero(mine.score > 0.5):
                pairs = iou(mine.box_xyxy[row][None], theirs.box_xyxy)[0]
                match = int(pairs.argmax())
                assert pairs[match] > least_iou
                assert abs(mine.score[row] - theirs.score[match]) < score


def test_thresholds_and_classes_come_from_the_settings(tiny: YoloDetector, model_dir: Path) -> None:
    images = [scene.image for scene in scenes(8)]
    shown = load(model_dir, label_score=0.9).detect(images)
    plain = tiny.detect(images)
    assert [one.box_xyxy.tolist() for one in shown] == [one.box_xyxy.tolist() for one in plain]
    labels = [pair for one in shown for pair in zip(one.label, one.score, strict=True)]
    assert {label is None for label, score in labels if score < 0.9} == {True}
    assert {label is None for label, score in labels if score >= 0.9} == {False}
    rings = load(model_dir, classes=("ring", "star")).detect(images)
    assert {label for one in rings for label in one.label} <= {"ring", "star", None}
    with pytest.raises(SettingsError, match="the nearest are circle"):
        load(model_dir, classes=("circles",))


def test_converted_once_and_kept(tmp_path: Path) -> None:
    load(tmp_path)
    made = sorted(path for path in tmp_path.glob("yolo-tiny-*-openvino/*"))
    assert {path.suffix for path in made} == {".xml", ".bin", ".yaml"}
    times = [path.stat().st_mtime_ns for path in made]
    load(tmp_path)
    assert [path.stat().st_mtime_ns for path in made] == times
    assert not list(tmp_path.glob("export-*"))


def test_an_openvino_folder_runs_as_its_checkpoint_does(tiny: YoloDetector, model_dir: Path) -> None:
    folder = next(model_dir.glob("yolo-tiny-*-openvino"))
    images = [scene.image for scene in scenes(6)]
    other = load(model_dir, model=folder, trust_local_pickle=False)
    assert other.names == tiny.names
    compare(tiny.detect(images), other.detect(images), 0.999, 1e-4)
    with pytest.raises(SettingsError, match="engine torch cannot run"):
        load(model_dir, model=folder, engine="torch")


def test_an_onnx_file_runs_as_its_checkpoint_does(
    tiny: YoloDetector, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(as_onnx(tiny.names, monkeypatch))
    images = [scene.image for scene in scenes(6)]
    other = load(model_dir, model=path, trust_local_pickle=False, precision="fp32")
    assert other.names == tiny.names
    compare(load(model_dir, precision="fp32").detect(images), other.detect(images), 0.99, 1e-3)


def as_onnx(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The tiny YOLO as an ONNX file with ultralytics' metadata, without the package onnx."""
    exporter = pytest.importorskip("torch.onnx._internal.torchscript_exporter.onnx_proto_utils")
    monkeypatch.setattr(exporter, "_add_onnxscript_fn", lambda graph, _: graph)
    from io import BytesIO

    from ultralytics.nn.tasks import load_checkpoint

    model, _ = load_checkpoint(str(YOLO_WEIGHTS), fuse=True)
    model.model[-1].export, model.model[-1].format, model.model[-1].dynamic = True, "onnx", True
    free = {0: "batch", 2: "height", 3: "width"}
    file = BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (torch.zeros(1, 3, 320, 320),), file, dynamo=False, input_names=["images"],
            output_names=["output0"], dynamic_axes={"images": free, "output0": {0: "batch", 2: "anchors"}})
    # Field 14 of the message is one pair of key and value of the metadata.
    about = {"names": str(dict(enumerate(names))), "task": "detect", "stride": "32"}
    pairs = [_field(1, key.encode()) + _field(2, value.encode()) for key, value in about.items()]
    return file.getvalue() + b"".join(_field(14, pair) for pair in pairs)


def _field(number: int, content: bytes) -> bytes:
    size, length = b"", len(content)
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


def test_what_is_no_checkpoint_is_said_in_a_sentence(model_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.pt"
    path.write_bytes(YOLO_WEIGHTS.read_bytes()[:50_000])
    for engine in ("openvino", "torch"):
        with pytest.raises(ModelUnavailable, match=r"broken\.pt"):
            load(model_dir, model=path, engine=engine)


def test_half_precision_needs_a_gpu_on_openvino(model_dir: Path) -> None:
    with pytest.raises(SettingsError, match="fp16 needs a GPU"):
        load(model_dir, engine="openvino", precision="fp16")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_boxes_of_the_cpu(model_dir: Path) -> None:
    images = [scene.image for scene in scenes(24)]
    cpu = load(model_dir, engine="openvino", precision="fp32").detect(images)
    compare(cpu, load(model_dir).detect(images), 0.93, 0.06)


QUIET = """
import os, sys
from pathlib import Path
model_dir = Path(sys.argv[2]).resolve()
asked, written = [], []
def watch(event, values):
    if event in ("socket.connect", "socket.getaddrinfo"):
        asked.append((event, values[1:]))
    if event == "open" and isinstance(values[1], str) and set(values[1]) & set("wax+"):
        written.append(Path(os.fsdecode(values[0])).resolve())
sys.addaudithook(watch)
import cv2
import numpy as np
from core.settings import DetectorSettings
from detect.detectors.yolo import load_yolo
threads = cv2.getNumThreads()
settings = DetectorSettings(model=sys.argv[1], trust_local_pickle=True, input_px=320)
load_yolo(settings, model_dir).detect([np.full((90, 160, 3), 120, np.uint8)])
assert cv2.getNumThreads() == threads, cv2.getNumThreads()
assert "OMP_NUM_THREADS" not in os.environ
assert not asked, asked
outside = [path for path in written if not path.is_relative_to(model_dir) and not path.is_relative_to("/dev")]
assert not outside, outside
home = sorted(str(path) for path in Path.home().rglob("*"))
assert not home, home
"""


@pytest.mark.long
def test_it_stays_off_the_network_out_of_the_home_and_quiet(tmp_path: Path, repository: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("YOLO", "OMP"))}
    done = subprocess.run(
        [sys.executable, "-B", "-c", QUIET, str(YOLO_WEIGHTS), str(tmp_path / "models")],
        cwd=repository, env=environment, capture_output=True, text=True, timeout=300,
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_real_weights_name_what_is_in_a_photograph(real_yolo: Path, model_dir: Path, hopper: Image) -> None:
    regions = load(model_dir, model=real_yolo, trust_local_pickle=False).detect([hopper])[0]
    people = [box for box, label in zip(regions.box_xyxy, regions.label, strict=True) if label == "person"]
    assert len(people) == 1
    assert iou(people[0][None], np.array([[0.05, 0.03, 1, 1]], np.float32))[0, 0] > 0.8
    assert {"person", "tie"} <= set(regions.label)


def test_real_weights_see_the_same_in_any_frame(real_yolo: Path, model_dir: Path, collins: Image) -> None:
    """The same photograph in the middle of wide, tall and square frames: its person is where it was put."""
    detector = load(model_dir, model=real_yolo, trust_local_pickle=False)
    alone = detector.detect([collins])[0]
    person = alone.box_xyxy[alone.label.index("person")]
    for width, height in ((512, 512), (1400, 512), (512, 1100), (900, 600)):
        frame = np.full((height, width, 3), 114, np.uint8)
        x, y = (width - 512) // 2, (height - 512) // 2
        frame[y : y + 512, x : x + 512] = collins
        expected = (person * 512 + [x, y, x, y]) / [width, height, width, height]
        found = detector.detect([frame])[0]
        assert iou(expected[None].astype(np.float32), found.box_xyxy).max() > 0.85
