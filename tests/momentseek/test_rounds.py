"""The loop that the worker, the follow-up and the webhooks share. Each test ends because its thread does."""

from __future__ import annotations

import threading
from collections.abc import Callable

from momentseek.rounds import Rounds

LONG_SECONDS = 60.0
"""Nothing here waits that long: who did would be missed by ``wait``."""


class Scripted(Rounds):
    """Does what is in ``script``, one after another, then asks itself to stop."""

    def __init__(self, script: list[Callable[[], bool]], trouble_seconds: float = 0.01) -> None:
        super().__init__("scripted", trouble_seconds)
        self.script, self.done, self.complaints = script, 0, list[str]()

    def _round(self) -> bool:
        if self.done == len(self.script):
            self.ask_to_stop()
            return False
        self.done += 1
        return self.script[self.done - 1]()

    def _complain(self, error: Exception) -> None:
        self.complaints.append(str(error))

    def _idle_seconds(self) -> float:
        return LONG_SECONDS

    def has_ended(self) -> bool:
        self._join(10)
        return not self.is_at_work


def failing() -> bool:
    raise ValueError("no disk")


def test_rounds_follow_one_another_and_errors_end_nothing() -> None:
    rounds = Scripted([lambda: True, failing, lambda: True])
    assert not rounds.is_at_work
    rounds.start()
    assert rounds.has_ended()
    assert (rounds.done, rounds.complaints) == (3, ["no disk"])


def test_waking() -> None:
    """While it waits, and during the round that finds nothing: no call is lost."""
    idle = threading.Event()

    def found_nothing_but_woken() -> bool:
        rounds.wake()
        return False

    def found_nothing() -> bool:
        idle.set()
        return False

    rounds = Scripted([found_nothing_but_woken, found_nothing, lambda: True])
    rounds.start()
    assert idle.wait(10)
    rounds.wake()
    assert rounds.has_ended() and rounds.done == 3


def test_once_ends_when_there_is_nothing_to_do() -> None:
    rounds = Scripted([lambda: True, lambda: False, lambda: True])
    rounds.start(once=True)
    assert rounds.has_ended() and rounds.done == 2


def test_trouble_waits_for_the_end_alone() -> None:
    """Waking does not make it try again at once; asking it to stop ends the wait."""
    failed = threading.Event()

    def fail() -> bool:
        failed.set()
        raise ValueError("no disk")

    rounds = Scripted([fail, lambda: True], LONG_SECONDS)
    rounds.start()
    assert failed.wait(10)
    rounds.wake()
    rounds._join(0.05)
    assert rounds.done == 1
    rounds.stop()
    assert rounds.done == 1 and not rounds.is_at_work


def test_stopping_what_was_never_started() -> None:
    rounds = Scripted([])
    rounds.stop()
    assert not rounds.is_at_work
