"""What chance looks like, and how far a hit must stand out of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from search.chance import Chance, Scale, z_of_each

PRIOR = Chance(0.0, 0.1)
SCALE = Scale(low=3.0, medium=4.0, high=6.0)


def test_an_empty_library_leaves_the_prior() -> None:
    assert Chance.learn(np.zeros(0, np.float32), PRIOR) == PRIOR


def test_a_large_sample_overrules_the_prior() -> None:
    sample = np.random.default_rng(0).normal(0.4, 0.05, 5000).astype(np.float32)
    learned = Chance.learn(sample, PRIOR)
    assert learned.centre == pytest.approx(0.4, abs=0.01)
    assert learned.deviation == pytest.approx(0.05, abs=0.005)


def test_matches_in_the_sample_do_not_hide_themselves() -> None:
    """A tenth of the library is the thing itself: it still stands out."""
    rng = np.random.default_rng(0)
    sample = np.concatenate([rng.normal(0, 0.1, 900), rng.normal(0.9, 0.02, 100)]).astype(np.float32)
    assert Chance.learn(sample, PRIOR).z(np.array([0.9], np.float32))[0] > 6


def test_a_library_of_one_picture_rests_on_the_prior() -> None:
    learned = Chance.learn(np.array([0.95], np.float32), PRIOR)
    assert learned.z(np.array([0.95], np.float32))[0] > 6


def test_when_everything_looks_alike_a_hair_is_no_proof() -> None:
    alike = np.full(1000, 0.9, np.float32) + np.linspace(0, 1e-4, 1000).astype(np.float32)
    assert Chance.learn(alike, PRIOR).z(np.array([0.905], np.float32))[0] < 1


def test_a_thing_that_resembles_anything_proves_little() -> None:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.normal(0.0, 0.1, 1000), rng.normal(0.5, 0.1, 1000)]).astype(np.float32)
    plain, hub = z_of_each(rows, np.array([0.8, 0.8], np.float32), PRIOR)
    assert plain > 7 and hub < 4


def test_words_and_scores_keep_the_order() -> None:
    z = np.linspace(0, 12, 200)
    scores = [SCALE.score(float(one)) for one in z]
    assert all(low <= high for low, high in pairwise(scores))
    assert [SCALE.confidence(one) for one in (2.9, 3.0, 4.0, 6.0)] == [None, "low", "medium", "high"]
    assert min(scores) >= 0 and max(scores) <= 100
