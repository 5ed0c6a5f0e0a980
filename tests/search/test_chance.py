"""What chance looks like, and how far a hit must stand out of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from core.types import Vectors
from search.chance import Chance, Scale

PRIOR = Chance(0.15, 0.1)
TAIL = PRIOR.cosine(1.645)
SCALE = Scale(low=3.0, medium=4.0, high=6.0)


def cosines(centre: float, deviation: float, n: int = 4000) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(centre, deviation, n).astype(np.float32)


def things(shots: int, each: int, alike: float, seed: int = 0) -> tuple[Vectors, list[int]]:
    """Unit vectors of ``shots`` different things, ``each`` seen that often; ``alike`` is what all share."""
    rng = np.random.default_rng(seed)
    shared, own = rng.normal(size=64), rng.normal(size=(shots, 64))
    rows = alike * shared + (1 - alike) * np.repeat(own, each, axis=0)
    rows += 0.05 * rng.normal(size=rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), [shot for shot in range(shots) for _ in range(each)]


def test_an_empty_library_leaves_the_model() -> None:
    assert PRIOR.of_query(np.zeros(0, np.float32), 0) == PRIOR
    assert PRIOR.of_library(np.zeros((0, 64), np.float32), []) == PRIOR
    assert PRIOR.of_library(*things(1, 50, 0.5)) == PRIOR


def test_a_query_that_resembles_much_must_stand_out_further() -> None:
    usual, hub = PRIOR.of_query(cosines(0.1, 0.1), 1000), PRIOR.of_query(cosines(0.2, 0.1), 1000)
    assert usual == PRIOR
    assert hub.deviation == PRIOR.deviation
    assert hub.cosine(1.645) == pytest.approx(np.quantile(cosines(0.2, 0.1), 0.95), abs=0.01)


def test_a_narrow_library_is_no_reason_to_be_bold() -> None:
    assert PRIOR.of_query(cosines(-0.2, 0.02), 1000) == PRIOR


def test_the_thing_itself_in_the_sample_hides_itself_only_so_far() -> None:
    """A third of the library is what is looked for: it still stands out."""
    sample = np.concatenate([cosines(0.05, 0.1, 2000), cosines(0.9, 0.02, 1000)])
    assert PRIOR.of_query(sample, 1000).z(np.array([0.9], np.float32))[0] > 6


def test_few_shots_say_little() -> None:
    few, many = PRIOR.of_query(cosines(0.2, 0.1), 4), PRIOR.of_query(cosines(0.2, 0.1), 4000)
    assert TAIL < few.cosine(1.645) < many.cosine(1.645)


def test_a_library_corrects_a_model_that_was_only_guessed() -> None:
    vectors, shots = things(300, 4, alike=0.6)
    learned = PRIOR.of_library(vectors, shots)
    between = vectors[::4] @ vectors[::4].T
    unrelated = between[~np.eye(len(between), dtype=bool)]
    assert learned.cosine(1.645) == pytest.approx(float(np.quantile(unrelated, 0.95)), abs=0.08)
    assert learned.z(np.array([np.median(unrelated)], np.float32))[0] < 1.5


def test_how_often_a_thing_is_seen_does_not_enter_the_library() -> None:
    rare, often = PRIOR.of_library(*things(200, 2, 0.3)), PRIOR.of_library(*things(200, 20, 0.3))
    assert rare.cosine(3) == pytest.approx(often.cosine(3), abs=0.03)


def test_when_everything_looks_alike_a_hair_is_no_proof() -> None:
    vectors, shots = things(300, 2, alike=0.97)
    learned = PRIOR.of_library(vectors, shots).of_query((vectors @ vectors[0]), 300)
    others = np.sort(vectors @ vectors[0])[:-2]
    assert learned.z(others[-1:])[0] < 3


def test_the_best_of_many_chances_is_higher_than_that_of_few() -> None:
    hit = np.array([0.7], np.float32)
    z = [PRIOR.among(points).z(hit)[0] for points in (10, 3000, 100_000, 14_000_000)]
    assert z[0] == z[1] > z[2] > z[3]
    assert z[1] - z[3] == pytest.approx(1.86, abs=0.05)


def test_words_and_scores_keep_the_order() -> None:
    z = np.linspace(0, 12, 200)
    scores = [SCALE.score(float(one)) for one in z]
    assert all(low <= high for low, high in pairwise(scores))
    assert [SCALE.confidence(one) for one in (2.9, 3.0, 4.0, 6.0)] == ["none", "low", "medium", "high"]
    assert min(scores) >= 0 and max(scores) <= 100
