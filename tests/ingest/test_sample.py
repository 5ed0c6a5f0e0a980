from __future__ import annotations

import numpy as np
import pytest

from ingest.sample import GridSampler, choose_frames


def chosen_times(times: list[float], rate: float, starts: tuple[float, ...] = ()) -> list[float]:
    return [times[i] for i in choose_frames(times, rate, starts)]


def test_no_frames_give_no_samples() -> None:
    assert choose_frames([], 2) == []


@pytest.mark.parametrize(("fps", "frames"), [(30, 300), (24, 240), (60, 600), (10, 100), (2, 20)])
def test_constant_rates_hit_the_grid_exactly(fps: int, frames: int) -> None:
    times = chosen_times([i / fps for i in range(frames)], 2)
    assert times == pytest.approx([k / 2 for k in range(20)])


@pytest.mark.parametrize("fps", [30000 / 1001, 24000 / 1001, 25, 50, 12.5])
def test_other_rates_take_the_frame_on_screen_at_the_grid_time(fps: float) -> None:
    all_times = [i / fps for i in range(500)]
    for k, time in enumerate(chosen_times(all_times, 2)):
        assert k / 2 - 1 / fps < time <= k / 2 + 0.5 / fps + 1e-6


def test_variable_rate_with_a_long_hold() -> None:
    times = [0.0, 0.1, 0.2, 3.0, 3.1, 3.6]
    # The frame at 0.2 is what was on screen at 0.5, 1.0 ... 2.5: a slide that stays must not be missed.
    assert chosen_times(times, 2) == [0.0, 0.2, 3.0, 3.1, 3.6]


def test_shot_starts_are_added_once() -> None:
    times = [i / 10 for i in range(11)]
    assert chosen_times(times, 2, (0.0, 0.3, 0.5)) == pytest.approx([0.0, 0.3, 0.5, 1.0])


def test_a_rate_above_the_frames_takes_each_frame_once() -> None:
    times = [i / 25 for i in range(50)]
    assert choose_frames(times, 60) == list(range(50))


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_shown_for_a_grid_step_is_sampled(seed: int) -> None:
    gaps = np.random.default_rng(seed).choice([0.005, 0.04, 0.3, 0.5, 0.53, 2.0], 60)
    times = [0.0, *np.cumsum(gaps).tolist()]
    chosen = set(choose_frames(times, 2))
    assert {i for i, gap in enumerate(gaps) if gap > 0.52} <= chosen
    assert len(chosen) <= times[-1] * 2 + 2


def test_a_lone_frame_is_sampled_whatever_its_length() -> None:
    assert GridSampler(2).wants(0.0, 0.0)
    assert GridSampler(0.1).wants(0.0, 100.0)


def test_indices_ascend_without_doubles() -> None:
    times = [0.0, 0.0001, 0.4999, 0.5, 0.5001, 1.49]
    indices = choose_frames(times, 2, (0.5,))
    assert indices == sorted(set(indices))
