"""Letterboxing undone, thresholds, classes and batches, with a network that reads boxes off the pixels."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
if find_spec("ultralytics") is None:  # Importing it here would let it do what load_ultralytics prevents.
    pytest.skip("needs ultralytics", allow_module_level=True)

from core.errors import ModelUnavailable, SettingsError  # noqa: E402
from core.settings import DetectorSettings  # noqa: E402
from detect.detectors.yolo import YoloDetector  # noqa: E402
from detect.quiet_ultralytics import load_ultralytics  # noqa: E402

PAINT = {"red": (255, 0, 0), "green": (0, 255, 0)}
SIZES_WH = [(640, 640), (1280, 720), (720, 1280), (333, 500), (961, 541), (1000, 37), (97, 1001), (64, 48)]


@pytest.fixture(autouse=True, scope="module")
def ultralytics(model_dir: Path) -> None:
    load_ultralytics(model_dir)


class PaintReader:
    """Finds the pure red and the pure green patch of a canvas and reports each as YOLO would."""

    names = ("red", "green")
    stride = 32

    def __init__(
        self, fixed_hw: tuple[int, int] | None = None, end_to_end: bool = False,
        scores: tuple[float, float] = (0.9, 0.5), memory: int = 100,
    ):
        self.fixed_hw, self.end_to_end, self.batch = fixed_hw, end_to_end, 4
        self.seen: list[tuple[int, ...]] = []
        self._scores, self._memory = scores, memory

    def __call__(self, canvases: np.ndarray) -> Any:
        self.seen.append(canvases.shape)
        if len(canvases) > self._memory:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB")
        found = np.stack([self._boxes(canvas) for canvas in canvases])
        if self.end_to_end:
            numbers = np.broadcast_to(np.arange(2.0)[None, :, None], (len(found), 2, 1))
            scores = np.broadcast_to(np.array(self._scores)[None, :, None], (len(found), 2, 1))
            return torch.from_numpy(np.concatenate([found, scores, numbers], axis=2).astype(np.float32))
        centre, size = (found[..., :2] + found[..., 2:]) / 2, found[..., 2:] - found[..., :2]
        scores = np.broadcast_to(np.diag(self._scores), (len(found), 2, 2))
        return torch.from_numpy(
            np.concatenate([centre, size, scores], axis=2).transpose(0, 2, 1).astype(np.float32).copy())

    def _boxes(self, canvas: np.ndarray) -> np.ndarray:
        boxes = []
        for colour in PAINT.values():
            # Half the colour is where an edge between two pixels was, whatever the enlargement.
            like = np.abs(canvas.astype(int) - np.array(colour)).max(axis=2) < 128
            rows, columns = np.flatnonzero(like.any(axis=1)), np.flatnonzero(like.any(axis=0))
            boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if len(rows) else [0, 0, 1, 1])
        return np.array(boxes, float)


def painted(width: int, height: int, red: Any, green: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """A dark frame with patches at shares of its size, and their exact boxes."""
    image = np.full((height, width, 3), 20, np.uint8)
    boxes = []
    for colour, share in (("red", red), ("green", green)):
        if share is None:
            continue
        x1, y1, x2, y2 = (round(value * side) for value, side in zip(share, (width, height) * 2, strict=True))
        image[y1:y2, x1:x2] = PAINT[colour]
        boxes.append([x1 / width, y1 / height, x2 / width, y2 / height])
    return image, np.array(boxes)


def detector(network: Any = None, **settings: Any) -> YoloDetector:
    return YoloDetector(network or PaintReader(), DetectorSettings(**settings), "paint", "0" * 64)


def one_pixel_of_the_canvas(width: int, height: int, hw: tuple[int, int] = (640, 640)) -> np.ndarray:
    """What reading off whole pixels may be wrong by, as shares of the frame."""
    ratio = min(hw[0] / height, hw[1] / width)
    return np.array([1 / (ratio * width), 1 / (ratio * height)] * 2) * 1.01


RED, GREEN = (0.1, 0.25, 0.45, 0.8), (0.6, 0.1, 0.95, 0.9)


@pytest.mark.parametrize("fixed_hw", [None, (640, 640), (384, 640)])
@pytest.mark.parametrize("size", SIZES_WH)
def test_letterboxing_is_undone(size: tuple[int, int], fixed_hw: tuple[int, int] | None) -> None:
    image, truth = painted(*size, RED, GREEN)
    regions = detector(PaintReader(fixed_hw)).detect([image])[0]
    assert regions.label == ("red", "green")
    off = np.abs(regions.box_xyxy - truth)
    assert (off <= one_pixel_of_the_canvas(*size, fixed_hw or (640, 640))).all(), off


@pytest.mark.parametrize("size", [*SIZES_WH, (999, 600), (601, 1000), (1921, 1079)])
def test_the_way_back_is_exact(size: tuple[int, int]) -> None:
    """Of a box known in the canvas, where both sides of the frame were rounded to whole pixels."""
    width, height = size
    ratio = 640 / max(size)
    placed = np.array([max(round(width * ratio), 1), max(round(height * ratio), 1)])

    class Middle(PaintReader):
        def __call__(self, canvases: np.ndarray) -> Any:
            canvas_wh = np.array(canvases.shape[2:0:-1])
            assert (canvas_wh >= placed).all()
            before = np.round((canvas_wh - placed) / 2 - 0.1)
            box = [*(before + placed * 0.25), *(before + placed * 0.5), 0.9, 0]
            return torch.tensor([[box]], dtype=torch.float32)

    box = detector(Middle(end_to_end=True)).detect([np.zeros((height, width, 3), np.uint8)])[0].box_xyxy[0]
    assert box.tolist() == pytest.approx([0.25, 0.25, 0.5, 0.5], abs=1e-5)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_frame_has_turned_boxes(turns: int) -> None:
    image, _ = painted(960, 540, RED, GREEN)
    straight, turned = detector().detect([image, np.ascontiguousarray(np.rot90(image, turns))])
    expected = straight.box_xyxy
    for _ in range(turns):  # A quarter turn to the left: x' = y, y' = 1 - x.
        x1, y1, x2, y2 = expected.T
        expected = np.stack([y1, 1 - x2, y2, 1 - x1], axis=1)
    assert np.abs(turned.box_xyxy - expected).max() < 2 / 640


def test_boxes_stay_inside_the_frame() -> None:
    image, _ = painted(500, 200, (0, 0, 1, 1))
    box = detector().detect([image])[0].box_xyxy[0]
    assert box.tolist() == pytest.approx([0, 0, 1, 1], abs=0.01)
    assert box.min() >= 0 and box.max() <= 1


def test_the_grey_border_is_cut_to_whole_strides() -> None:
    network = PaintReader()
    detector(network).detect([painted(1280, 720, RED)[0], painted(720, 1280, RED)[0]])
    assert sorted(network.seen) == [(1, 384, 640, 3), (1, 640, 384, 3)]


def test_an_end_to_end_model_gets_as_many_anchors_as_it_takes() -> None:
    network = PaintReader(end_to_end=True)
    detector(network, input_px=320).detect([painted(1000, 37, RED)[0], painted(640, 480, RED)[0]])
    assert sorted(network.seen) == [(1, 256, 320, 3), (1, 320, 320, 3)]


def test_nothing_in_nothing_out() -> None:
    assert detector().detect([]) == []
    assert len(detector(max_regions=0).detect([painted(64, 64, RED)[0]])[0]) == 0
    assert len(detector(PaintReader(scores=(0.05, 0.05))).detect([painted(64, 64, RED)[0]])[0]) == 0


def test_an_uncertain_label_is_left_out_but_its_region_stays() -> None:
    image, truth = painted(640, 640, RED, GREEN)
    regions = detector(PaintReader(scores=(0.9, 0.2))).detect([image])[0]
    assert regions.label == ("red", None)
    assert regions.score.tolist() == pytest.approx([0.9, 0.2])
    assert np.abs(regions.box_xyxy - truth).max() < 0.01


@pytest.mark.parametrize("end_to_end", [False, True])
def test_boxes_of_two_classes_in_one_place(end_to_end: bool) -> None:
    image, _ = painted(640, 640, (0.2, 0.2, 0.6, 0.6))
    image[128:384, 128] = PAINT["green"]
    image[[128, 383], 128:384] = PAINT["green"]
    image[128:384, 383] = PAINT["green"]
    network = PaintReader(end_to_end=end_to_end)
    assert detector(network).detect([image])[0].label == ("red",)
    assert detector(network, class_agnostic=False).detect([image])[0].label == ("red", "green")


def test_doubles_do_not_take_the_place_of_other_regions() -> None:
    class Doubles(PaintReader):
        def __call__(self, canvases: np.ndarray) -> Any:
            rows = [[0, 0, 320, 320, 0.9, 0], [0, 0, 320, 319, 0.8, 1], [320, 320, 640, 640, 0.7, 0]]
            return torch.tensor([rows], dtype=torch.float32)

    regions = detector(Doubles(end_to_end=True), max_regions=2).detect([painted(640, 640, RED)[0]])[0]
    assert regions.score.tolist() == pytest.approx([0.9, 0.7])


@pytest.mark.parametrize("end_to_end", [False, True])
def test_only_the_classes_asked_for(end_to_end: bool) -> None:
    image, truth = painted(640, 640, RED, GREEN)
    regions = detector(PaintReader(end_to_end=end_to_end), classes=("Green",)).detect([image])[0]
    assert regions.label == ("green",)
    assert np.abs(regions.box_xyxy - truth[1:]).max() < 0.01


def test_an_unknown_class_is_answered_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"'gren'.*2 classes of paint; the nearest are green"):
        detector(classes=("gren",))


def test_the_strongest_regions_are_kept() -> None:
    image, _ = painted(640, 640, RED, GREEN)
    assert detector(PaintReader(scores=(0.4, 0.8)), max_regions=1).detect([image])[0].label == ("green",)


def test_a_mixed_batch_is_answered_in_its_order() -> None:
    sizes = [*SIZES_WH, *SIZES_WH[::-1]]
    images = [painted(*size, (0.1 + 0.02 * number, 0.25, 0.6, 0.8))[0] for number, size in enumerate(sizes)]
    together = detector(max_regions=1).detect(images)
    for image, regions in zip(images, together, strict=True):
        alone = detector(max_regions=1).detect([image])[0]
        assert regions.box_xyxy.tolist() == alone.box_xyxy.tolist()


def test_out_of_memory_halves_the_batch_and_goes_on() -> None:
    images = [painted(64, 64, (0.1 * number, 0.2, 0.9, 0.9))[0] for number in range(7)]
    network = PaintReader(memory=1)
    boxes = [one.box_xyxy.tolist() for one in detector(network, max_regions=1).detect(images)]
    assert boxes == [one.box_xyxy.tolist() for one in detector(max_regions=1).detect(images)]
    assert [shape[0] for shape in network.seen] == [4, 2, *[1] * 7]


def test_no_memory_for_one_picture_is_said() -> None:
    with pytest.raises(ModelUnavailable, match=r"out of memory on one picture; lower detector\.input_px"):
        detector(PaintReader(memory=0)).detect([painted(64, 64, RED)[0]])


def test_other_errors_are_not_taken_for_memory() -> None:
    class Broken(PaintReader):
        def __call__(self, canvases: np.ndarray) -> Any:
            raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        detector(Broken()).detect([painted(64, 64, RED)[0]])


def test_the_fingerprint_names_what_boxes_depend_on() -> None:
    base = detector().fingerprint
    assert base["name"] == "paint" and base["weights"] == "0" * 16
    changed: list[dict[str, Any]] = [
        {"proposal_score": 0.2}, {"label_score": 0.5}, {"input_px": 320}, {"overlap": 0.5},
        {"class_agnostic": False}, {"classes": ("red",)}, {"max_regions": 3},
    ]
    assert all(detector(**change).fingerprint != base for change in changed)
    assert detector(PaintReader((384, 512)), input_px=1280).fingerprint["input_px"] == "512"
