"""One call of the model for several who ask at the same time.

Whoever comes while the model is at work waits until it is done, and then all who wait are answered by one
call. Nobody waits for others to come: alone, a call goes through as it is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from core.boxes import Boxes
from core.types import Image, Vectors
from embed.embedder import Embedder, Encoding, TextEmbedder

T = TypeVar("T")
R = TypeVar("R")

_MOST_PICTURES = 16
"""In one call. A query is one or two; a model that splits larger batches anyway gains nothing from more."""


class JoinedEmbedder:
    """``embedder`` for many threads. ``most`` pictures at most are described by one call, or as many as one
    thread asks for by itself. Where somebody's pictures make the call fail, everybody's are tried alone.
    """

    def __init__(self, embedder: Embedder, most: int = _MOST_PICTURES):
        self._embedder = embedder
        self._encode: Joined[Image, Encoding] = Joined(embedder.encode, most)
        self._describe: Joined[tuple[Encoding, Boxes], Vectors] = Joined(self._describe_pairs, most)

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def fingerprint(self) -> dict[str, str]:
        return self._embedder.fingerprint

    def encode(self, images: Sequence[Image]) -> list[Encoding]:
        return self._encode(images)

    def describe(self, encodings: Sequence[Encoding], boxes: Sequence[Boxes]) -> list[Vectors]:
        return self._describe(list(zip(encodings, boxes, strict=True)))

    def _describe_pairs(self, pairs: Sequence[tuple[Encoding, Boxes]]) -> list[Vectors]:
        return self._embedder.describe([one for one, _ in pairs], [boxes for _, boxes in pairs])


class JoinedWords:
    """The words of ``embedder`` for many threads."""

    def __init__(self, embedder: TextEmbedder, most: int = _MOST_PICTURES):
        self._describe: Joined[str, Any] = Joined(lambda texts: list(embedder.describe_words(texts)), most)

    def describe_words(self, texts: Sequence[str]) -> Vectors:
        """One unit vector per text, shape (n, dimension); at least one text is needed."""
        return np.stack(self._describe(texts))


class Joined(Generic[T, R]):
    """``run`` turns a list into one of the same length, item by item; at most one call of it goes on at a
    time, of at most ``most`` items or those of one caller."""

    def __init__(self, run: Callable[[Sequence[T]], Sequence[R]], most: int):
        self._run, self._most = run, most
        self._lock = threading.Lock()
        self._waiting: deque[_Asked[T, R]] = deque()
        self._busy = False

    def __call__(self, items: Sequence[T]) -> list[R]:
        asked = _Asked[T, R](items)
        with self._lock:
            if self._busy:
                self._waiting.append(asked)
            leads = not self._busy
            self._busy = True
        if not leads:
            asked.woken.wait()
        if not asked.answered:
            # First in the line: what has come meanwhile goes with it.
            together = [asked, *self._next(len(items))]
            try:
                self._answer(together)
            finally:
                self._wake(together[1:])
        return asked.result()

    def _next(self, items: int) -> list[_Asked[T, R]]:
        """Who goes with a call that has so many items already."""
        taken: list[_Asked[T, R]] = []
        with self._lock:
            while self._waiting and items + len(self._waiting[0].items) <= self._most:
                taken.append(self._waiting.popleft())
                items += len(taken[-1].items)
        return taken

    def _answer(self, together: Sequence[_Asked[T, R]]) -> None:
        try:
            results = list(self._run([item for asked in together for item in asked.items]))
        except Exception as error:
            if len(together) == 1:
                together[0].fail(error)
                return
            for asked in together:
                self._answer([asked])
            return
        for asked in together:
            asked.succeed(results[: len(asked.items)])
            del results[: len(asked.items)]

    def _wake(self, answered: Sequence[_Asked[T, R]]) -> None:
        """Those who have their answer, and whoever is next to ask."""
        with self._lock:
            following = self._waiting.popleft() if self._waiting else None
            self._busy = following is not None
        for asked in (*answered, *filter(None, [following])):
            asked.woken.set()


class _Asked(Generic[T, R]):
    """What one caller wants, and what came of it. ``woken`` without an answer: it is its turn to ask."""

    def __init__(self, items: Sequence[T]):
        self.items = items
        self.woken = threading.Event()
        self.answered = False
        self._results: list[R] = []
        self._error: Exception | None = None

    def succeed(self, results: list[R]) -> None:
        self._results, self.answered = results, True

    def fail(self, error: Exception) -> None:
        self._error, self.answered = error, True

    def result(self) -> list[R]:
        if self._error is not None:
            raise self._error
        return self._results
