"""``momentseek worker``: a worker on its own, beside a server or without one."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from api.redact import OneLine
from core.settings import Settings
from core.time import clock
from index.jobs import worker_name
from ingest.lease import reserving_owner
from ingest.progress import Outcome
from momentseek.engine import Engine
from momentseek.jobs import Worker
from momentseek.show import name as shown

_LOOK_EVERY_SECONDS = 1.0


def run_worker(settings: Settings, once: bool, drain_seconds: float) -> None:
    """Until SIGTERM or Ctrl-C, or with ``once`` until nothing waits any more. Then the file under way has
    ``drain_seconds`` to its end, or is handed back; the second signal hands it back at once."""
    name = worker_name(reserving_owner())
    # Unchecked: whether the index is whole is for servers and `momentseek doctor` to say.
    with _log_to_stderr(name), Engine(settings, check=False) as engine:
        worker = engine.make_worker(_report)
        asked_to_stop = threading.Event()
        with _signals(asked_to_stop, worker):
            engine.load_for_work()
            typer.echo(f"{name} works on {_place(settings)}. Stop it with Ctrl-C.")
            worker.start(once)
            while worker.is_at_work and not asked_to_stop.is_set():
                asked_to_stop.wait(_LOOK_EVERY_SECONDS)
            worker.finish(drain_seconds)
    typer.echo(f"{name} has ended: {'stopped' if asked_to_stop.is_set() else 'nothing waits any more'}.")


@contextmanager
def _signals(asked_to_stop: threading.Event, worker: Worker) -> Iterator[None]:
    def stop(*_: object) -> None:
        if asked_to_stop.is_set():
            worker.ask_to_stop()
        asked_to_stop.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
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
        typer.echo(f"{one.status} {shown(one.path.name).plain}{length}{points}{said}")


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
