"""Groups of faces: average linkage, whole or in parts."""

from __future__ import annotations

import numpy as np
import pytest

import search.face_groups as face_groups
from core.types import Vectors
from embed.models import FACE_EMBEDDERS
from search.face_groups import GROUPINGS, group, join, means_of


def faces(people: int, each: int, spread: float = 0.25, seed: int = 0) -> tuple[list[int], Vectors]:
    """Who, and unit vectors that lie round those of their people."""
    rng = np.random.default_rng(seed)
    who = [number % people for number in range(people * each)]
    centres = rng.normal(size=(people, 64))
    vectors = centres[who] + spread * rng.normal(size=(len(who), 64))
    return who, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def same_groups(one: object, other: object) -> bool:
    first, second = np.asarray(one), np.asarray(other)
    return bool(((first[:, None] == first) == (second[:, None] == second)).all())


def test_everybody_is_a_group_of_their_own() -> None:
    assert group(np.zeros((0, 8), np.float32), 0.5).tolist() == []
    assert group(np.eye(1, 8, dtype=np.float32), 0.5).tolist() == [0]
    who, vectors = faces(40, 12)
    assert same_groups(group(vectors, 0.7), who)
    assert len(set(group(vectors, 0.9999).tolist())) == len(who)


def test_a_chain_of_likenesses_is_not_one_person() -> None:
    """Single linkage would walk along it; the mean of all pairs says no."""
    angles = np.arange(12) * 0.2
    chain = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    labels = group(chain, 0.95)
    assert len(set(labels.tolist())) > 2
    means = means_of(chain, labels)
    for label in set(labels.tolist()):
        assert (chain[labels == label] @ means[label]).mean() >= 0.95 - 0.03


def test_parts_give_what_all_together_give() -> None:
    from scipy.cluster.hierarchy import fcluster, linkage

    _, vectors = faces(15, 10, spread=0.7)
    tree = linkage(vectors.astype(np.float64), "average", metric="cosine")
    assert same_groups(group(vectors, 0.5), fcluster(tree, 0.5, "distance"))


def test_too_many_at_once_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    who, vectors = faces(3, 60)
    monkeypatch.setattr(face_groups, "_AT_ONCE", 25)
    assert same_groups(group(vectors, 0.7), who)


def test_groups_join_the_nearest_person_who_does_not_refuse() -> None:
    people = np.float32([[1, 0, 0], [0.96, 0.28, 0]])
    groups = np.float32([[1, 0, 0], [1, 0, 0], [0, 0, 1]])
    refused = [frozenset[int](), frozenset({0}), frozenset[int]()]
    assert join(groups, people, 0.9, refused) == [0, 1, None]
    assert join(groups, people[:0], 0.9, [frozenset[int]()] * 3) == [None] * 3


def test_every_face_model_has_a_likeness() -> None:
    assert GROUPINGS.keys() == FACE_EMBEDDERS.keys()
    for name, grouping in GROUPINGS.items():
        assert FACE_EMBEDDERS[name].strangers[0] < grouping.likeness < 1 and grouping.source
