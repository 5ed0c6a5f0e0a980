"""Work on a thread of its own: one at a time, told to end, its troubles told."""

from __future__ import annotations

import threading

import pytest

from core.background import Background, Task
from core.errors import StoreError


def test_one_run_at_a_time_and_how_far_it_is() -> None:
    background, go = Background("test"), threading.Event()
    reached = threading.Event()

    def work(task: Task) -> None:
        task.check(0.25)
        reached.set()
        go.wait(30)

    assert background.start(work)
    assert reached.wait(30)
    assert background.doing.running and background.doing.progress == 0.25
    assert not background.start(work)
    go.set()
    background.wait(30)
    assert not background.doing.running and background.doing.progress == 1
    assert background.doing.message is None and background.doing.ended_at is not None
    assert background.start(lambda _: None)
    background.close()
    assert not background.start(work), "closed"


def test_closing_ends_it() -> None:
    background, begun = Background("test"), threading.Event()

    def work(task: Task) -> None:
        while True:
            task.check(0.5)
            begun.set()

    background.start(work)
    assert begun.wait(30)
    background.close()
    assert (background.doing.running, background.doing.message) == (False, "Interrupted.")


def test_trouble_is_told_and_the_next_run_forgets_it() -> None:
    background = Background("test")

    def work(_: Task) -> None:
        raise StoreError("The store is away.")

    background.start(work)
    background.wait(30)
    assert background.doing.message == "The store is away."
    background.start(lambda _: None)
    background.wait(30)
    assert background.doing.message is None


@pytest.mark.logs_errors
def test_what_nobody_has_foreseen_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    background = Background("test")
    background.start(lambda _: [][0])
    background.wait(30)
    assert "log says what" in str(background.doing.message) and "IndexError" in caplog.text
