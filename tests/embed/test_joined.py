"""Calls that come while the model is at work are answered together, each with its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.errors import InvalidRequest
from core.packaged import packaged_file
from core.pictures import read_picture, resize
from core.types import Image
from embed.embedders.mobilenet import MobileNetEmbedder
from embed.joined import Joined, JoinedEmbedder
from search.describe import describe_object, describe_scene

BOX = (0.3, 0.2, 0.7, 0.8)


class Doubling:
    """Doubles numbers; the first call of it goes on until ``go``. Refuses lists with a number below 0."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.calls.append(list(numbers))
        self.begun.set()
        assert self.go.wait(10)
        if min(numbers, default=0) < 0:
            raise InvalidRequest(f"{min(numbers)} is below 0.")
        return [2 * number for number in numbers]


def while_busy(
    model: Doubling, joined: Joined[int, int], lists: Sequence[list[int]]
) -> list[Future[list[int]]]:
    """Ask for ``lists`` in this order, all but the first while the model is at work for the first."""
    pool = ThreadPoolExecutor(len(lists))
    asked = [pool.submit(joined, lists[0])]
    assert model.begun.wait(10)
    for count, numbers in enumerate(lists[1:], start=1):
        asked.append(pool.submit(joined, numbers))
        deadline = time.monotonic() + 10
        while len(joined._waiting) < count:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    model.go.set()
    pool.shutdown()
    return asked


def test_alone_a_call_goes_through_as_it_is() -> None:
    model = Doubling()
    model.go.set()
    joined = Joined(model, 4)
    assert joined([1, 2]) == [2, 4]
    assert joined([]) == []
    assert joined([1, 2, 3, 4, 5, 6]) == [2, 4, 6, 8, 10, 12], "nobody is split"
    assert model.calls == [[1, 2], [], [1, 2, 3, 4, 5, 6]]


def test_who_waits_goes_together() -> None:
    model = Doubling()
    answers = while_busy(model, Joined(model, 10), [[1], [2, 3], [4], [], [5, 6]])
    assert [one.result() for one in answers] == [[2], [4, 6], [8], [], [10, 12]]
    assert model.calls == [[1], [2, 3, 4, 5, 6]]


def test_no_more_at_once_than_may_be() -> None:
    model = Doubling()
    answers = while_busy(model, Joined(model, 3), [[1], [2, 3], [4], [5, 6, 7, 8], [9], [10]])
    assert [one.result()[0] for one in answers] == [2, 4, 8, 10, 18, 20]
    assert model.calls == [[1], [2, 3, 4], [5, 6, 7, 8], [9, 10]]


def test_an_error_is_the_one_of_who_caused_it() -> None:
    model = Doubling()
    joined = Joined(model, 10)
    answers = while_busy(model, joined, [[1], [2], [-3], [4]])
    assert [answers[row].result() for row in (0, 1, 3)] == [[2], [4], [8]]
    with pytest.raises(InvalidRequest, match="-3 is below 0"):
        answers[2].result()
    with pytest.raises(InvalidRequest):
        joined([-1])
    assert joined([7]) == [14], "it goes on after errors"


def test_many_threads_each_get_their_own() -> None:
    """No list is lost, none is answered twice, and nobody waits for ever."""
    model = Doubling()
    model.go.set()
    joined = Joined(model, 8)
    with ThreadPoolExecutor(32) as pool:
        lists = [[number, number + 1] for number in range(2000)]
        assert list(pool.map(joined, lists)) == [[2 * one, 2 * one + 2] for one, _ in lists]
    everything = sorted([*range(2000), *range(1, 2001)])
    assert sorted(number for call in model.calls for number in call) == everything
    assert max(map(len, model.calls)) <= 8


def test_the_same_vectors_as_without(model_dir: Path) -> None:
    embedder = MobileNetEmbedder(model_dir)
    joined = JoinedEmbedder(embedder)
    assert (joined.dimension, joined.fingerprint) == (embedder.dimension, embedder.fingerprint)
    photographs = [
        read_picture(packaged_file("skimage", f"data/{name}")) for name in ("coffee.png", "chelsea.png")
    ]
    pictures: list[Image] = [*photographs, *(resize(one, 320, 240) for one in photographs)] * 2
    alone = [
        np.concatenate([describe_scene(embedder, one), describe_object(embedder, one, BOX)])
        for one in pictures
    ]
    with ThreadPoolExecutor(len(pictures)) as pool:
        together = list(pool.map(
            lambda one: np.concatenate([describe_scene(joined, one), describe_object(joined, one, BOX)]),
            pictures,
        ))  # fmt: skip
    for one, other in zip(alone, together, strict=True):
        assert one.shape == other.shape
        assert (one * other).sum(axis=1).min() >= 0.9999
