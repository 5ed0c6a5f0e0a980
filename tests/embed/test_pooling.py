"""Pooling and whitening against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from embed.pooling import Whitening, pool, unit, without_blas_threads


def slow_pool(feature_map: np.ndarray, box: np.ndarray, steps: int = 400) -> np.ndarray:
    """Mean over a fine grid of points in the box: what it must agree with."""
    channels, rows, columns = feature_map.shape
    x = (box[0] + (np.arange(steps) + 0.5) / steps * (box[2] - box[0])) * columns
    y = (box[1] + (np.arange(steps) + 0.5) / steps * (box[3] - box[1])) * rows
    cells = feature_map[:, np.floor(y).astype(int)[:, None], np.floor(x).astype(int)[None, :]]
    return cells.reshape(channels, -1).mean(1)


def test_no_boxes_give_no_rows() -> None:
    assert pool(np.ones((4, 3, 5), np.float32), np.zeros((0, 4), np.float32)).shape == (0, 4)


@pytest.mark.parametrize(
    "box", [(0, 0, 1, 1), (0.1, 0.2, 0.35, 0.9), (0.62, 0.41, 0.63, 0.42), (0.9, 0.9, 1, 1)]
)
def test_pool_is_the_mean_over_the_box(box: tuple[float, ...]) -> None:
    feature_map = np.random.default_rng(0).random((6, 7, 11)).astype(np.float32)
    row = np.array([box], np.float32)
    assert pool(feature_map, row)[0] == pytest.approx(slow_pool(feature_map, row[0]), abs=0.01)


def test_whitening_spreads_what_varies_together() -> None:
    rng = np.random.default_rng(1)
    common = rng.normal(size=(3000, 1))
    alike, others = common + 0.1 * rng.normal(size=(3000, 1)), rng.normal(size=(3000, 6)) * 0.3
    samples = np.concatenate([common, alike, others], axis=1)
    whitening = Whitening.learn(np.abs(samples).astype(np.float32) + 1, dimension=4)
    white = whitening.apply(np.abs(samples).astype(np.float32) + 1)
    assert white.shape == (3000, 4)
    assert np.linalg.norm(white, axis=1) == pytest.approx(np.ones(3000), abs=1e-5)
    correlation = np.corrcoef(white.T)
    assert np.abs(correlation - np.eye(4)).max() < 0.35


def test_unit_leaves_a_zero_row_alone() -> None:
    assert unit(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0.0, 0.0], pytest.approx([0.6, 0.8])]


def test_the_threads_of_products_come_back_when_the_last_one_leaves() -> None:
    def threads() -> list[int]:
        return [one["num_threads"] for one in threadpool_info() if "numpy" in one["filepath"]]

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        assert before == [2]
        first, second = without_blas_threads(), without_blas_threads()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert threads() == [1]
        second.__exit__(None, None, None)
        assert threads() == before
