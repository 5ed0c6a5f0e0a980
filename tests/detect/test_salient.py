"""Salient regions and tiles."""

from __future__ import annotations

import numpy as np
import pytest

from core.boxes import iou
from detect.detectors.salient import SalientRegions
from detect.tiles import tile_boxes

PICTURE = np.zeros((120, 200, 3), np.uint8)


def bumps(*cells: tuple[int, int, int, int], rows: int = 12, columns: int = 20) -> np.ndarray:
    saliency = np.random.default_rng(0).random((rows, columns)).astype(np.float32) * 0.1
    for left, top, right, bottom in cells:
        saliency[top:bottom, left:right] += 5
    return saliency


def test_a_flat_map_has_no_regions() -> None:
    flat = np.full((12, 20), 3.0, np.float32)
    assert len(SalientRegions().detect([PICTURE], [flat])[0]) == 0


def test_two_things_are_two_regions() -> None:
    regions = SalientRegions().detect([PICTURE], [bumps((2, 2, 6, 6), (13, 5, 18, 10))])[0]
    truth = np.array([[2 / 20, 2 / 12, 6 / 20, 6 / 12], [13 / 20, 5 / 12, 18 / 20, 10 / 12]], np.float32)
    assert (iou(truth, regions.box_xyxy).max(axis=1) > 0.5).all()
    assert regions.label == (None,) * len(regions)
    assert ((regions.score > 0) & (regions.score <= 1)).all()


def test_at_most_as_many_as_asked_for_and_no_doubles() -> None:
    spots = [(x, y, x + 2, y + 2) for x in range(0, 19, 4) for y in range(0, 11, 4)]
    regions = SalientRegions(max_regions=5).detect([PICTURE], [bumps(*spots)])[0]
    assert len(regions) == 5
    pairs = iou(regions.box_xyxy, regions.box_xyxy) - np.eye(5)
    assert pairs.max() <= 0.6


def test_it_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="feature map"):
        SalientRegions().detect([PICTURE], [None])


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (500, 500), (640, 272), (64, 64), (3000, 100)])
def test_tiles_cover_the_frame(size: tuple[int, int]) -> None:
    width, height = size
    boxes = tile_boxes(width, height, ((0.5, 0.25),))
    grid = np.zeros((200, 200), bool)
    for x1, y1, x2, y2 in boxes:
        assert (x2 - x1) * width == pytest.approx((y2 - y1) * height, rel=0.01)
        grid[round(y1 * 200) : round(y2 * 200), round(x1 * 200) : round(x2 * 200)] = True
    assert grid.mean() > 0.97


def test_a_square_frame_needs_no_tile_of_its_own_size() -> None:
    assert len(tile_boxes(512, 512, ((1.0, 0.0),))) == 0
    assert len(tile_boxes(1024, 512, ((1.0, 0.0),))) == 2
