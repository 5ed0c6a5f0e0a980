"""A thread of its own for what comes up again and again: indexing, following up, sending webhooks."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

LOOK_EVERY_SECONDS = 5.0
"""Other processes may leave something to do; our own wake the thread."""


class Rounds(ABC):
    """A thread that does one round after another until it is asked to stop.

    After a round without anything to do it waits to be woken or for ``_idle_seconds``; after one that failed
    for ``trouble_seconds``, whoever wakes it. No error ends it: that would never be noticed.
    """

    def __init__(self, name: str, trouble_seconds: float) -> None:
        self._name, self._trouble_seconds = name, trouble_seconds
        self._ending, self._wake = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def _round(self) -> bool:
        """Whether there was anything to do. May raise anything."""

    @abstractmethod
    def _complain(self, error: Exception) -> None:
        """Log what ``_round`` or ``_idle_seconds`` raised."""

    def _idle_seconds(self) -> float:
        return LOOK_EVERY_SECONDS

    def start(self, once: bool = False) -> None:
        """``once``: until there is nothing to do any more."""
        self._thread = threading.Thread(target=self._work, args=(once,), name=self._name)
        self._thread.start()

    @property
    def is_at_work(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    def ask_to_stop(self) -> None:
        self._ending.set()
        self._wake.set()

    def stop(self) -> None:
        """Returns when the thread has ended, with its round; what is left waits for the next start."""
        self.ask_to_stop()
        self._join()

    def _join(self, seconds: float | None = None) -> None:
        if self._thread is not None:
            self._thread.join(seconds)

    def _work(self, once: bool) -> None:
        while not self._ending.is_set():
            self._wake.clear()
            try:
                if self._round():
                    continue
                if once:
                    return
                self._wake.wait(self._idle_seconds())
            except Exception as error:
                self._complain(error)
                self._ending.wait(self._trouble_seconds)
