"""``momentseek worker``: a worker on its own, beside a server or without one."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from api.redact import OneLine
from core.settings import Settings
from core.time import clock
from index.jobs import worker_name
from index.rows import StretchRow
from ingest.lease import reserving_owner
from ingest.progress import Outcome
from momentseek.engine import Engine
from momentseek.show import name as shown
from momentseek.workers import Workers

_LOOK_EVERY_SECONDS = 1.0


def run_worker(settings: Settings, once: bool, drain_seconds: float) -> None:
    """Until SIGTERM or Ctrl-C, or with ``once`` until nothing waits any more. Then the file under way has
    ``drain_seconds`` to its end, or is handed back; the second signal hands it back at once."""
    working = Working()
    with signals(working.stop):
        working.run(settings, once, drain_seconds)


class Working:
    """A worker that can be asked to stop from another thread; twice: at once."""

    def __init__(self) -> None:
        self._asked_to_stop = threading.Event()
        self._worker: Workers | None = None

    def stop(self) -> None:
        if self._asked_to_stop.is_set() and self._worker is not None:
            self._worker.ask_to_stop()
        self._asked_to_stop.set()

    def run(self, settings: Settings, once: bool, drain_seconds: float) -> None:
        name = worker_name(reserving_owner())
        asked = self._asked_to_stop
        # Unchecked: whether the index is whole is for servers and `momentseek doctor` to say.
        with _log_to_stderr(name), Engine(settings, check=False) as engine:
            self._worker = engine.make_worker(_report, on_stretch=_report_stretch)
            engine.load_for_work()
            _say(f"{name} works on {_place(settings)}. Stop it with Ctrl-C.")
            self._worker.start(once)
            while self._worker.is_at_work and not asked.is_set():
                asked.wait(_LOOK_EVERY_SECONDS)
            self._worker.finish(drain_seconds)
        _say(f"{name} has ended: {'stopped' if asked.is_set() else 'nothing waits any more'}.")


@contextmanager
def signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and Ctrl-C call ``stop`` in the block."""
    before = {
        number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report(outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        length = f", {clock(one.media_seconds)} of video" if one.media_seconds else ""
        points = f", {one.points} points" if one.points else ""
        said = f": {shown(one.reason).plain}" if one.reason else ""
        _say(f"{one.status} {shown(one.path.name).plain}{length}{points}{said}")


def _report_stretch(path: Path, one: StretchRow) -> None:
    end = "the end" if one.end_seconds is None else clock(one.end_seconds)
    _say(f"indexed {clock(one.start_seconds)} to {end} of {shown(path.name).plain}")


def _say(what: str) -> None:
    """At once, also where it is no terminal that listens, and in one piece: several threads say something."""
    print(f"{what}\n", end="", flush=True)


def _place(settings: Settings) -> str:
    return f"{settings.data_dir}" if settings.catalogue.url is None else "the library of its database"


@contextmanager
def _log_to_stderr(name: str) -> Iterator[None]:
    """Warnings, each with the time and this worker's name: many may write into one place."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(f"%(asctime)s {name} %(levelname)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
